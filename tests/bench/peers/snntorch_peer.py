"""snnTorch: a loop in Python over PyTorch, as its tutorials write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import snntorch
import torch

from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear
from tests.bench.networks import Floats, SpikingLayer
from tests.bench.peers.modules import SnnTorchSynaptic


def module(layers: list[SpikingLayer]) -> Any:
    """The network in graphpool."""
    found: list[Any] = []
    for layer in layers:
        if layer.weight is not None:
            found.append(Linear(layer.weight.shape, weight=layer.weight))
        found.append(SnnTorchSynaptic(layer.size, layer.threshold, float(layer.decay), layer.w_rec))
    return Sequential(*found)


def _linear(weight: Floats) -> Any:
    linear = torch.nn.Linear(*weight.shape, bias=False)
    linear.weight.data = torch.tensor(weight.T.copy())
    return linear


def contestants(layers: list[SpikingLayer], x: Floats) -> dict[str, Callable[[], Any]]:
    """The network in snnTorch."""
    found = []
    for layer in layers:
        shared = {"alpha": float(layer.decay), "beta": float(layer.decay), "threshold": layer.threshold}
        if layer.weight is not None:
            found.append((_linear(layer.weight), snntorch.Synaptic(**shared)))
        else:
            neurons = snntorch.RSynaptic(**shared, all_to_all=True, linear_features=layer.size)
            neurons.recurrent = _linear(layer.w_rec)
            found.append((None, neurons))

    def run() -> Any:
        with torch.no_grad():
            states = [neurons.reset_mem() for _, neurons in found]
            rows = []
            for row in torch.from_numpy(x).unbind(1):
                for k, (linear, neurons) in enumerate(found):
                    current = row if linear is None else linear(row)
                    left = neurons(current, *states[k])
                    row, states[k] = left[0], left if linear is None else left[1:]  # recurrent ones take their spikes
                rows.append(row)
            return torch.stack(rows, dim=1).numpy()

    return {"snnTorch": run}
