"""Networks of Sinabs: its layers and its exporter. Time constants are steps, so that a step takes 1 s here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
import sinabs.layers as sl
import sinabs.nir
import torch
from torch import nn

from tests.interop.draws import Array, Draws
from tests.interop.runs import Run
from tests.interop.with_snntorch import linear

SHAPES = "shapes of a convolution and behind it are missing, without which nir writes no file: put in here"


def runs(seed: int) -> Iterator[Run]:
    """Everything that its exporter writes; decays are exponentials, which are not exact."""
    for number, (kind, (make, is_exact)) in enumerate(KINDS.items()):
        for exact in (True, False)[not is_exact :]:
            made, x = make(Draws(seed + 3000 + 10 * number + exact, exact))
            yield run(nn.Sequential(*made), x, kind, exact)


def run(network: nn.Module, x: Array, kind: str, exact: bool) -> Run:
    """Run a network over all steps, and export it."""
    with torch.no_grad():
        outputs = network(torch.from_numpy(x)).numpy().copy()
        graph = sinabs.nir.to_nir(network, torch.from_numpy(x))
        mended = [add_shape(node, network[: int(name)](torch.from_numpy(x)).shape[1:]) for name, node in layers(graph)]
    return Run("sinabs", kind, "sinabs", graph, 1.0, x, outputs, exact, SHAPES if any(mended) else "")


def layers(graph: nir.NIRGraph) -> list[tuple[str, Any]]:
    """The nodes that are called after the places of their layers."""
    return [(name, node) for name, node in graph.nodes.items() if name.isdigit()]


def add_shape(node: Any, shape: Any) -> bool:
    """Give a node the shape of its input, if it lacks that."""
    if isinstance(node, (nir.Conv1d, nir.Conv2d)):
        node.input_shape = shape[-1] if isinstance(node, nir.Conv1d) else tuple(shape[-2:])
    elif isinstance(node, nir.Flatten):
        node.input_type = {"input": np.array(shape)}
    return isinstance(node, (nir.Conv1d, nir.Conv2d, nir.Flatten))


def taus(draws: Draws, count: int) -> Any:
    return torch.from_numpy(-1 / torch.log(torch.from_numpy(draws.decays(count))).numpy())


def leaky(draws: Draws, count: int, kind: Any = sl.LIFSqueeze) -> nn.Module:
    options = {} if kind is sl.ExpLeakSqueeze else {"spike_threshold": torch.from_numpy(draws.thresholds(count))}
    return kind(tau_mem=taus(draws, count), norm_input=False, batch_size=1, **options)


def integrating(draws: Draws, count: int | None = None) -> nn.Module:
    threshold = torch.tensor(1.5) if count is None else torch.from_numpy(draws.thresholds(count))
    return sl.IAFSqueeze(spike_threshold=threshold, min_v_mem=None, batch_size=1)


def spiking(draws: Draws) -> tuple[list[nn.Module], Array]:
    return [linear(draws, 4, 6), leaky(draws, 6), linear(draws, 6, 3, bias=False), leaky(draws, 3)], draws.spikes(4)


def readout(draws: Draws) -> tuple[list[nn.Module], Array]:
    return [
        linear(draws, 4, 6),
        leaky(draws, 6),
        linear(draws, 6, 3),
        leaky(draws, 3, sl.ExpLeakSqueeze),
    ], draws.spikes(4)


def integrators(draws: Draws) -> tuple[list[nn.Module], Array]:
    return [linear(draws, 4, 6), integrating(draws, 6), linear(draws, 6, 3), integrating(draws, 3)], draws.spikes(4)


def pictures(draws: Draws) -> tuple[list[nn.Module], Array]:
    convolution = nn.Conv2d(2, 4, 3, stride=1, padding=1, groups=2)
    convolution.weight.data = torch.from_numpy(draws.weights(4, 1, 3, 3, low=-0.5, high=1.0))
    convolution.bias.data = torch.from_numpy(draws.weights(4, low=-0.5, high=0.5))
    layers = [
        convolution,
        integrating(draws),
        sl.SumPool2d(2),
        nn.Flatten(),
        linear(draws, 36, 3),
        integrating(draws, 3),
    ]
    return layers, draws.spikes(2, 6, 6)


def signals(draws: Draws) -> tuple[list[nn.Module], Array]:
    convolution = nn.Conv1d(2, 3, 3, stride=2, dilation=2)
    convolution.weight.data = torch.from_numpy(draws.weights(3, 2, 3, low=-0.5, high=1.0))
    convolution.bias.data = torch.from_numpy(draws.weights(3, low=-0.5, high=0.5))
    return [convolution, integrating(draws)], draws.spikes(2, 11)


KINDS: dict[str, tuple[Any, bool]] = {
    "Linear, IAF": (integrators, True),
    "Linear, LIF": (spiking, False),
    "LIF, ExpLeak": (readout, False),
    "Conv1d, IAF": (signals, True),
    "Conv2d, IAF, SumPool2d, Flatten": (pictures, True),
}
