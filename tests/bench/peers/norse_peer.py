"""Norse: a loop in Python over PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import norse.torch as norse
import numpy as np
import torch

from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear
from tests.bench.networks import DT, Floats, SpikingLayer
from tests.bench.peers.modules import NorseLIF


def _weight(layer: SpikingLayer) -> Floats:
    """Norse's recurrent layer always has weights for its input; graphpool is given them, too."""
    return np.eye(layer.size, dtype=np.float32) if layer.weight is None else layer.weight


def module(layers: list[SpikingLayer]) -> Any:
    """The network in graphpool."""
    found = []
    for layer in layers:
        weight = _weight(layer)
        neurons = NorseLIF(layer.size, layer.threshold, float(layer.decay), layer.w_rec)
        found += [Linear(weight.shape, weight=weight), neurons]
    return Sequential(*found)


def contestants(layers: list[SpikingLayer], x: Floats) -> dict[str, Callable[[], Any]]:
    """The network in Norse."""
    found = []
    for layer in layers:
        rate = torch.tensor((1 - layer.decay) / DT)
        parameters = norse.LIFParameters(
            tau_syn_inv=rate, tau_mem_inv=rate, v_th=torch.tensor(layer.threshold), v_reset=torch.tensor(0.0)
        )
        weight = torch.tensor(_weight(layer).T.copy())
        if layer.w_rec is not None:
            weights = {"input_weights": weight, "recurrent_weights": torch.tensor(layer.w_rec.T.copy())}
            found.append(norse.LIFRecurrent(*weight.shape[::-1], parameters, autapses=True, dt=DT, **weights))
        else:
            linear = torch.nn.Linear(*weight.shape[::-1], bias=False)
            linear.weight.data = weight
            found += [linear, norse.LIF(parameters, dt=DT)]
    net = norse.SequentialState(*found)

    def run() -> Any:
        with torch.no_grad():
            spikes, _ = net(torch.from_numpy(x).transpose(0, 1))
            return np.ascontiguousarray(spikes.transpose(0, 1).numpy())

    return {"Norse": run}
