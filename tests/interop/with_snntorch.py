"""Networks of snnTorch: its modules, its exporter, its four kinds of reset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import snntorch
import torch
from snntorch import utils
from snntorch.export_nir import export_to_nir
from torch import nn

from tests.interop.draws import Array, Draws
from tests.interop.runs import Run

DT = 1e-4
"""The step that its exporter assumes."""

RESETS: dict[tuple[str, bool], tuple[str, dict[str, Any]]] = {
    ("zero", False): ("snntorch", {}),
    ("subtract", True): ("snntorch-subtract", {}),
    ("subtract", False): ("snntorch", {"reset": "snntorch-subtract"}),
    ("zero", True): ("snntorch", {"reset": "value-late"}),
}
"""By ``reset_mechanism`` and ``reset_delay``: the preset, and an option beside it."""


class Chain(nn.Module):
    """Layers in a row; those that keep their state themselves return spikes alone."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        for number, layer in enumerate(layers):
            self.add_module(f"layer{number}", layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = layer(x)
        return x


def runs(seed: int) -> Iterator[Run]:
    """Every reset with every kind of network."""
    for number, (mechanism, reset) in enumerate(RESETS.items()):
        for exact in (True, False):
            for offset, (kind, make) in enumerate(KINDS.items()):
                if kind == "RSynaptic" and not mechanism[1]:
                    continue  # snnTorch 1.0.0 fails in its own forward pass
                draws = Draws(seed + 100 * number + 10 * offset + exact, exact)
                like, switches = reset
                if ", Leaky" in kind and mechanism == ("zero", True):
                    switches = {}  # where the others lose the input of the step after a spike, Leaky does not
                options = {"reset_mechanism": mechanism[0], "reset_delay": mechanism[1], "init_hidden": True}
                network, x = make(draws, options)
                yield run(network, x, kind, exact, like, switches)


def run(network: nn.Module, x: Array, kind: str, exact: bool, like: str, switches: dict[str, Any]) -> Run:
    """Export a network, then run it step by step."""
    with torch.no_grad():
        graph = export_to_nir(network, torch.zeros(1, *x.shape[1:]), ignore_dims=[0])
        utils.reset(network)
        outputs = torch.cat([network(row) for row in torch.from_numpy(x)[:, None]]).numpy()
    return Run("snntorch", kind, like, graph, DT, x, outputs, exact, switches=switches)


def linear(draws: Draws, inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias)
    layer.weight.data = torch.from_numpy(draws.weights(outputs, inputs))
    if bias:
        layer.bias.data = torch.from_numpy(draws.weights(outputs, low=-0.5, high=0.5))
    return layer


def neurons(draws: Draws, count: int, options: dict[str, Any], kind: Any = snntorch.Leaky) -> nn.Module:
    given = {"beta": torch.from_numpy(draws.decays(count)), "threshold": torch.from_numpy(draws.thresholds(count))}
    if kind in (snntorch.Synaptic, snntorch.RSynaptic):
        given["alpha"] = torch.from_numpy(draws.decays(count))
    return kind(**given, **options)


def feed_forward(draws: Draws, options: dict[str, Any]) -> tuple[nn.Module, Array]:
    layers = [linear(draws, 4, 6), neurons(draws, 6, options), linear(draws, 6, 3, bias=False)]
    return Chain(*layers, neurons(draws, 3, options)), draws.spikes(4)


def synaptic(draws: Draws, options: dict[str, Any]) -> tuple[nn.Module, Array]:
    layers = [linear(draws, 4, 5), neurons(draws, 5, options, snntorch.Synaptic), linear(draws, 5, 3)]
    return Chain(*layers, neurons(draws, 3, options, snntorch.Synaptic)), draws.spikes(4)


def recurrent(draws: Draws, options: dict[str, Any], kind: Any = snntorch.RLeaky) -> tuple[nn.Module, Array]:
    layer = neurons(draws, 5, {**options, "linear_features": 5}, kind)
    layer.recurrent.weight.data = torch.from_numpy(draws.weights(5, 5, low=-1.0, high=0.5))
    layer.recurrent.bias.data = torch.from_numpy(draws.weights(5, low=-0.5, high=0.5))
    return Chain(linear(draws, 4, 5), layer, linear(draws, 5, 2)), draws.spikes(4)


def recurrent_synaptic(draws: Draws, options: dict[str, Any]) -> tuple[nn.Module, Array]:
    return recurrent(draws, options, snntorch.RSynaptic)


def one_to_one(draws: Draws, options: dict[str, Any]) -> tuple[nn.Module, Array]:
    """Each neuron feeds itself."""
    own = torch.from_numpy(draws.weights(5, low=-1.0, high=0.5))
    layer = neurons(draws, 5, {**options, "all_to_all": False, "V": own}, snntorch.RLeaky)
    return Chain(linear(draws, 4, 5), layer), draws.spikes(4)


def pictures(draws: Draws, options: dict[str, Any]) -> tuple[nn.Module, Array]:
    convolution = nn.Conv2d(2, 3, 3)
    convolution.weight.data = torch.from_numpy(draws.weights(3, 2, 3, 3, low=-0.5, high=1.0))
    convolution.bias.data = torch.from_numpy(draws.weights(3, low=-0.5, high=0.5))
    shape = (3, 4, 4)
    given = {"beta": torch.from_numpy(draws.decays(48)), "threshold": torch.from_numpy(draws.thresholds(48))}
    first = snntorch.Leaky(**{name: array.reshape(shape) for name, array in given.items()}, **options)
    layers = [convolution, first, nn.AvgPool2d(2), nn.Flatten(), linear(draws, 12, 3), neurons(draws, 3, options)]
    return Chain(*layers), draws.spikes(2, 6, 6)


KINDS = {
    "Linear, Leaky": feed_forward,
    "Linear, Synaptic": synaptic,
    "RLeaky": recurrent,
    "RSynaptic": recurrent_synaptic,
    "RLeaky, one to one": one_to_one,
    "Conv2d, Leaky, AvgPool2d, Flatten": pictures,
}
