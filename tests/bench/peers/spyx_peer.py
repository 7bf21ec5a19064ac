"""Spyx: a scan in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import spyx
from flax import nnx

from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear
from tests.bench.networks import Floats, SpikingLayer
from tests.bench.peers.modules import SpyxCuBaLIF


def module(layers: list[SpikingLayer]) -> Any:
    """The network in graphpool."""
    found: list[Any] = []
    for layer in layers:
        if layer.weight is not None:
            found.append(Linear(layer.weight.shape, weight=layer.weight))
        found.append(SpyxCuBaLIF(layer.size, layer.threshold, float(layer.decay), layer.w_rec))
    return Sequential(*found)


def contestants(layers: list[SpikingLayer], x: Floats) -> dict[str, Callable[[], Any]]:
    """The network in Spyx, jitted."""
    rngs, found = nnx.Rngs(0), []
    for layer in layers:
        shared = {"alpha": float(layer.decay), "beta": float(layer.decay), "threshold": layer.threshold, "rngs": rngs}
        if layer.weight is not None:
            found.append(nnx.Linear(*layer.weight.shape, use_bias=False, rngs=rngs))
            found[-1].kernel[...] = layer.weight
        found.append((spyx.nn.CuBaLIF if layer.w_rec is None else spyx.nn.RCuBaLIF)((layer.size,), **shared))
        if layer.w_rec is not None:
            found[-1].recurrent_w[...] = layer.w_rec
    definition, params = nnx.split(spyx.nn.Sequential(*found))

    @jax.jit
    def program(params: Any, x: Any) -> Any:
        return spyx.nn.run(nnx.merge(definition, params), x, batch_major=True)

    return {"Spyx": lambda: np.array(program(params, x)[0])}
