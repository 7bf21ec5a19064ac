"""Networks of Rockpool: its torch modules and its exporter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
import torch
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import ExpSynTorch, LIFNeuronTorch, LIFTorch, LinearTorch
from rockpool.nn.modules.torch.nir import to_nir

from tests.interop.draws import Array, Draws
from tests.interop.runs import Run

DT = 1e-3

LOST = "biases of neurons are not written"
RECURRENT = "recurrent weights are not written: put into the graph here"


def runs(seed: int) -> Iterator[Run]:
    """Everything that its exporter writes; decays are exponentials, which are not exact."""
    for number, (kind, (make, mended)) in enumerate(KINDS.items()):
        layers, x = make(Draws(seed + 4000 + 10 * number, False))
        yield run(layers, x, kind, mended)


def run(layers: list[Any], x: Array, kind: str, mended: str) -> Run:
    """Run a network over all steps, and export it."""
    network = Sequential(*layers)
    with torch.no_grad():
        outputs = network(torch.from_numpy(x[None]))[0][0].numpy().copy()
        graph = to_nir(network)
    for node in graph.nodes.values():
        if isinstance(node, nir.LI):
            node.tau = node.tau.detach().numpy()  # with a gradient nir cannot write it
    if mended == RECURRENT:
        add_recurrence(graph, layers)
    return Run("rockpool", kind, "rockpool", graph, DT, x, outputs, False, mended)


def add_recurrence(graph: nir.NIRGraph, layers: list[Any]) -> None:
    """The recurrent weights of the only recurrent layer."""
    neuron = next(name for name, node in graph.nodes.items() if isinstance(node, nir.CubaLIF))
    weights = next(layer.w_rec for layer in layers if hasattr(layer, "w_rec"))
    graph.nodes["w_rec"] = nir.Linear(weights.detach().numpy().T)
    graph.edges += [(neuron, "w_rec"), ("w_rec", neuron)]


def tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))


def taus(draws: Draws, count: int) -> torch.Tensor:
    return tensor(-DT / np.log(draws.decays(count)))


def linear(draws: Draws, inputs: int, outputs: int, bias: bool = True) -> Any:
    given = {"bias": tensor(draws.weights(outputs, low=-0.5, high=0.5))} if bias else {}
    return LinearTorch((inputs, outputs), weight=tensor(draws.weights(inputs, outputs)), has_bias=bias, **given)


def neurons(draws: Draws, count: int, **options: Any) -> Any:
    given = {"tau_mem": taus(draws, count), "tau_syn": taus(draws, count)[:, None]}
    return LIFTorch(
        count, **given, threshold=tensor(draws.thresholds(count)), bias=torch.zeros(count), dt=DT, **options
    )


def membranes(draws: Draws, count: int) -> Any:
    given = {"tau_mem": taus(draws, count), "threshold": tensor(draws.thresholds(count))}
    return LIFNeuronTorch((count,), **given, bias=torch.zeros(count), dt=DT)


def synaptic(draws: Draws) -> tuple[list[Any], Array]:
    return [linear(draws, 4, 6), neurons(draws, 6), linear(draws, 6, 3, bias=False), neurons(draws, 3)], draws.spikes(4)


def leaky(draws: Draws) -> tuple[list[Any], Array]:
    return [linear(draws, 4, 6), membranes(draws, 6), linear(draws, 6, 3), membranes(draws, 3)], draws.spikes(4)


def readout(draws: Draws) -> tuple[list[Any], Array]:
    last = ExpSynTorch((3,), tau=taus(draws, 3), dt=DT)
    return [linear(draws, 4, 6), neurons(draws, 6), linear(draws, 6, 3), last], draws.spikes(4)


def recurrent(draws: Draws) -> tuple[list[Any], Array]:
    weights = tensor(draws.weights(6, 6, low=-1.0, high=0.5))
    return [linear(draws, 4, 6), neurons(draws, 6, has_rec=True, w_rec=weights), linear(draws, 6, 3)], draws.spikes(4)


KINDS: dict[str, tuple[Any, str]] = {
    "Linear, LIF": (synaptic, LOST),
    "Linear, LIFNeuron": (leaky, LOST),
    "LIF, ExpSyn": (readout, LOST),
    "LIF, recurrent": (recurrent, RECURRENT),
}
