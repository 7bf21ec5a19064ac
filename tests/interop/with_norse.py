"""Networks of Norse: its cells, its exporter, and for recurrence its importer, since it exports none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import nir
import norse.torch as norse
import numpy as np
import torch
from norse.torch.functional.leaky_integrator_box import LIBoxParameters
from torch import nn

from tests.interop.draws import Array, Draws
from tests.interop.runs import Run
from tests.interop.with_snntorch import linear

DT = 2.0**-10
"""A step with which its decays are exact."""

UNITS = "taus are written as dt tau: read here with dt^2"
BIAS = "a convolution without a bias fails"


def runs(seed: int) -> Iterator[Run]:
    """Everything that its exporter knows, and recurrence that its importer knows."""
    for exact in (True, False):
        for number, (kind, make) in enumerate(CHAINS.items()):
            layers, x = make(Draws(seed + 1000 + 10 * number + exact, exact))
            yield exported(norse.SequentialState(*layers), x, kind, exact)
        for number, (kind, make_graph) in enumerate(GRAPHS.items()):
            graph, x = make_graph(Draws(seed + 1100 + 10 * number + exact, exact))
            yield imported(graph, x, kind, exact)


def exported(network: nn.Module, x: Array, kind: str, exact: bool) -> Run:
    """Export a network, then run it step by step."""
    with torch.no_grad():
        graph = norse.to_nir(network, torch.from_numpy(x[0]), dt=DT)
        run = Run("norse", kind, "norse", graph, DT**2, x, evolve(network, x), exact, mended=UNITS)
    return run if "LIF" in kind or "LI" in kind else replace(run, mended="")


def imported(graph: nir.NIRGraph, x: Array, kind: str, exact: bool) -> Run:
    """Let Norse read a graph that was written here, and run it."""
    network = norse.from_nir(graph, dt=DT, ignore_warnings=True)
    switches = {"gain": "file"} if "Cuba" in kind else {}  # where its own LIFCell takes an input whole
    return Run("norse", kind, "norse", graph, DT, x, evolve(network, x), exact, switches=switches)


def evolve(network: nn.Module, x: Array) -> Array:
    """The outputs of all steps."""
    outputs, state = [], None
    with torch.no_grad():
        for row in torch.from_numpy(x)[:, None]:
            output, state = network(row, state)
            outputs.append(output[0].numpy().copy())
    return np.stack(outputs)


def inverse_tau(draws: Draws, count: int) -> torch.Tensor:
    """Per second."""
    return torch.from_numpy(((1 - draws.decays(count)) / DT).astype(np.float32))


def box(draws: Draws, count: int) -> nn.Module:
    leaks = draws.weights(count, low=-0.5, high=0.5)
    given = {"tau_mem_inv": inverse_tau(draws, count), "v_th": torch.from_numpy(draws.thresholds(count))}
    return norse.LIFBoxCell(norse.LIFBoxParameters(**given, v_leak=torch.from_numpy(leaks)), dt=DT)


def synaptic_cell(draws: Draws, count: int) -> nn.Module:
    given = {"tau_mem_inv": inverse_tau(draws, count), "v_th": torch.from_numpy(draws.thresholds(count))}
    leaks = torch.from_numpy(draws.weights(count, low=-0.5, high=0.5))
    return norse.LIFCell(norse.LIFParameters(**given, tau_syn_inv=inverse_tau(draws, count), v_leak=leaks), dt=DT)


def leaky(draws: Draws, count: int) -> nn.Module:
    leaks = draws.weights(count, low=-0.5, high=0.5)
    parameters = LIBoxParameters(tau_mem_inv=inverse_tau(draws, count), v_leak=torch.from_numpy(leaks))
    return norse.LIBoxCell(parameters, dt=DT)


def spiking(draws: Draws) -> tuple[list[nn.Module], Array]:
    return [linear(draws, 4, 6), box(draws, 6), linear(draws, 6, 3), box(draws, 3)], 4 * draws.spikes(4)


def readout(draws: Draws) -> tuple[list[nn.Module], Array]:
    return [linear(draws, 4, 6), box(draws, 6), linear(draws, 6, 3), leaky(draws, 3)], 4 * draws.spikes(4)


def jumping(draws: Draws) -> tuple[list[nn.Module], Array]:
    return [linear(draws, 4, 6), synaptic_cell(draws, 6), linear(draws, 6, 3), synaptic_cell(draws, 3)], draws.spikes(4)


def integrating(draws: Draws) -> tuple[list[nn.Module], Array]:
    thresholds = torch.from_numpy(draws.thresholds(6))
    cell = norse.IAFCell(norse.IAFParameters(v_th=thresholds), dt=DT)
    return [linear(draws, 4, 6), cell, linear(draws, 6, 3)], draws.spikes(4)


CHAINS = {
    "Linear, LIFBoxCell": spiking,
    "Linear, LIFCell": jumping,
    "LIFBoxCell, LIBoxCell": readout,
    "Linear, IAFCell": integrating,
}


def cuba(draws: Draws, count: int) -> nir.CubaLIF:
    taus = [(DT / (1 - draws.decays(count))).astype(np.float32) for _ in range(2)]
    ones = np.ones(count, np.float32)
    gains = {"r": 2 * ones, "w_in": 2 * ones}
    threshold = draws.thresholds(count)
    return nir.CubaLIF(
        tau_syn=taus[0], tau_mem=taus[1], v_leak=0 * ones, v_threshold=threshold, v_reset=0 * ones, **gains
    )


def lif(draws: Draws, count: int) -> nir.LIF:
    ones = np.ones(count, np.float32)
    taus = (DT / (1 - draws.decays(count))).astype(np.float32)
    return nir.LIF(tau=taus, r=ones, v_leak=0 * ones, v_threshold=draws.thresholds(count), v_reset=0 * ones)


def affine(draws: Draws, inputs: int, outputs: int) -> nir.Affine:
    return nir.Affine(draws.weights(outputs, inputs), draws.weights(outputs, low=-0.5, high=0.5))


def ring(draws: Draws, neuron: nir.NIRNode) -> tuple[nir.NIRGraph, Array]:
    """A layer that feeds itself through weights, with a bias on them."""
    nodes = {
        "input": nir.Input(np.array([4])),
        "affine": affine(draws, 4, 5),
        "neuron": neuron,
        "recurrent": affine(draws, 5, 5),
        "output": nir.Output(np.array([5])),
    }
    edges = [("input", "affine"), ("affine", "neuron"), ("neuron", "recurrent"), ("recurrent", "neuron")]
    return nir.NIRGraph(nodes, [*edges, ("neuron", "output")]), 4 * draws.spikes(4)


def recurrent(draws: Draws) -> tuple[nir.NIRGraph, Array]:
    return ring(draws, lif(draws, 5))


def recurrent_synaptic(draws: Draws) -> tuple[nir.NIRGraph, Array]:
    return ring(draws, cuba(draws, 5))


def synaptic(draws: Draws) -> tuple[nir.NIRGraph, Array]:
    nodes = {
        "input": nir.Input(np.array([4])),
        "affine": affine(draws, 4, 5),
        "neuron": cuba(draws, 5),
        "output": nir.Output(np.array([5])),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False))), 4 * draws.spikes(4)


GRAPHS = {"LIF, recurrent": recurrent, "CubaLIF, recurrent": recurrent_synaptic, "CubaLIF": synaptic}
