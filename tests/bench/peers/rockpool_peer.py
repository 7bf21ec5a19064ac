"""Rockpool on its JAX and on its PyTorch back end; its LIF has the equations of graphpool's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import LIFJax, LIFTorch, LinearJax, LinearTorch, RateJax

from tests.bench.networks import DT, Floats, RateLayer, SpikingLayer, spiking_module

module = spiking_module


def contestants(layers: list[SpikingLayer], x: Floats) -> dict[str, Callable[[], Any]]:
    """The network in Rockpool."""

    def stack(linear: Any, lif: Any, convert: Callable[[Any], Any]) -> Any:
        found = []
        for layer in layers:
            if layer.weight is not None:
                found.append(linear(layer.weight.shape, weight=convert(layer.weight), has_bias=False))
            leaks = {name: convert(np.full(layer.size, layer.tau, np.float32)) for name in ("tau_mem", "tau_syn")}
            leaks["tau_syn"] = leaks["tau_syn"][:, None]
            rest = {"bias": convert(layer.bias), "threshold": convert(np.full(layer.size, layer.threshold, np.float32))}
            if layer.w_rec is not None:
                rest |= {"has_rec": True, "w_rec": convert(layer.w_rec)}
            found.append(lif(layer.size, **leaks, **rest, max_spikes_per_dt=1, dt=DT))
        return Sequential(*found) if len(found) > 1 else found[0]

    in_jax, in_torch = stack(LinearJax, LIFJax, np.array), stack(LinearTorch, LIFTorch, torch.tensor)
    program = jax.jit(lambda net, x: net.evolve(x)[0])

    def run_torch() -> Any:
        with torch.no_grad():
            in_torch.reset_state()
            return in_torch(torch.from_numpy(x))[0].numpy()

    return {"Rockpool, JAX": lambda: np.array(program(in_jax, x)), "Rockpool, PyTorch": run_torch}


def rate_contestants(layer: RateLayer, x: Floats) -> dict[str, Callable[[], Any]]:
    """The rate network in Rockpool, jitted."""
    size, recurrent = layer.bias.size, {} if layer.w_rec is None else {"has_rec": True, "w_rec": layer.w_rec}
    rest = {"tau": np.full(size, layer.tau, np.float32), "bias": layer.bias, "threshold": layer.threshold, "dt": DT}
    linear = LinearJax(layer.weight.shape, weight=layer.weight, has_bias=False)
    net = Sequential(linear, RateJax(size, **rest, **recurrent))
    # As an argument of a jitted function, a feed-forward RateJax would come back with random recurrent weights.
    program = jax.jit(lambda x: net.evolve(x)[0])
    return {"Rockpool, JAX": lambda: np.array(program(x))}
