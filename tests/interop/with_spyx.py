"""Networks of Spyx: its layers and its exporter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import spyx.nn
from flax import nnx
from spyx.nir import to_nir

from tests.interop.draws import Array, Draws
from tests.interop.runs import Run

RNGS = nnx.Rngs(0)
"""Its layers draw weights, which are replaced."""

FLATTEN = "Flatten runs over (H, W, C), and is written as one over (C, H, W): weights after it are reordered here"
RECURRENT = 'the input leads through the recurrent weights: like="spyx" reads it as Spyx runs it'


def runs(seed: int) -> Iterator[Run]:
    """Everything that its exporter writes."""
    for exact in (True, False):
        for number, (kind, (make, mended)) in enumerate(KINDS.items()):
            layers, x = make(Draws(seed + 2000 + 10 * number + exact, exact))
            yield run(layers, x, kind, exact, mended)


def run(layers: list[Any], x: Array, kind: str, exact: bool, mended: str) -> Run:
    """Run a network, and export it. Inputs of pictures are ``(T, C, H, W)``; Spyx has the channels last."""
    network = spyx.nn.Sequential(*layers)
    last = np.moveaxis(x, 1, -1) if x.ndim == 4 else x
    outputs = np.asarray(spyx.nn.run(network, jnp.asarray(last[:, None]))[0])[:, 0]
    shapes = {"input": np.array(x.shape[1:])}, {"output": np.array(outputs.shape[1:])}
    graph = to_nir(network, *shapes, dt=1)
    if mended == FLATTEN:
        reorder(graph)
    return Run("spyx", kind, "spyx", graph, 1.0, x, outputs, exact, mended)


def reorder(graph: Any) -> None:
    """Give the weights behind a Flatten the order of channels first."""
    names = dict(graph.edges)
    for name, node in graph.nodes.items():
        if type(node).__name__ == "Flatten":
            channels, height, width = (int(n) for n in node.input_type["input"])
            weights = graph.nodes[names[name]].weight.reshape(-1, height, width, channels)
            graph.nodes[names[name]].weight = np.moveaxis(weights, -1, 1).reshape(len(weights), -1)


def linear(draws: Draws, inputs: int, outputs: int, bias: bool = True) -> nnx.Linear:
    layer = nnx.Linear(inputs, outputs, use_bias=bias, rngs=RNGS)
    layer.kernel[...] = jnp.asarray(draws.weights(inputs, outputs))
    if bias:
        layer.bias[...] = jnp.asarray(draws.weights(outputs, low=-0.5, high=0.5))
    return layer


def neurons(draws: Draws, kind: Any, shape: tuple[int, ...]) -> Any:
    """Neurons with a decay each, where they have one, and a threshold for all."""
    layer = kind(shape, threshold=float(draws.thresholds(1)[0]), rngs=RNGS)
    for name in ("alpha", "beta"):
        if hasattr(layer, name):
            getattr(layer, name)[...] = jnp.asarray(draws.decays(int(np.prod(shape))).reshape(shape))
    if hasattr(layer, "recurrent_w"):
        layer.recurrent_w[...] = jnp.asarray(draws.weights(*shape, *shape, low=-1.0, high=0.5))
    return layer


def chain(kind: Any) -> Any:
    """Two layers of a kind of neurons."""

    def make(draws: Draws) -> tuple[list[Any], Array]:
        layers = [linear(draws, 4, 6), neurons(draws, kind, (6,)), linear(draws, 6, 3, bias=False)]
        return [*layers, neurons(draws, kind, (3,))], draws.spikes(4)

    return make


def pictures(draws: Draws) -> tuple[list[Any], Array]:
    convolution = nnx.Conv(2, 3, (3, 3), padding="VALID", rngs=RNGS)
    convolution.kernel[...] = jnp.asarray(draws.weights(3, 3, 2, 3, low=-0.5, high=1.0))
    convolution.bias[...] = jnp.asarray(draws.weights(3, low=-0.5, high=0.5))
    layers = [
        convolution,
        neurons(draws, spyx.nn.LIF, (4, 4, 3)),
        spyx.nn.SumPool((2, 2), (2, 2), "VALID", channel_axis=-1),
    ]
    return [*layers, spyx.nn.Flatten(), linear(draws, 12, 3), neurons(draws, spyx.nn.IF, (3,))], draws.spikes(2, 6, 6)


KINDS: dict[str, tuple[Any, str]] = {
    "Linear, IF": (chain(spyx.nn.IF), ""),
    "Linear, LIF": (chain(spyx.nn.LIF), ""),
    "Linear, CuBaLIF": (chain(spyx.nn.CuBaLIF), ""),
    "Linear, PSU_LIF": (chain(spyx.nn.PSU_LIF), ""),
    "RIF": (chain(spyx.nn.RIF), RECURRENT),
    "RLIF": (chain(spyx.nn.RLIF), RECURRENT),
    "RCuBaLIF": (chain(spyx.nn.RCuBaLIF), RECURRENT),
    "Conv, LIF, SumPool, Flatten": (pictures, FLATTEN),
}
