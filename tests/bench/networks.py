"""The networks of the benchmark as plain numbers, which graphpool and its opponents are given alike.

Weights, biases and inputs of the spiking networks are multiples of 1/64 and their decays are powers of two: every
product is exact, and the sums of a matrix product are exact in any order. So all contestants spike alike, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate

Floats = NDArray[np.float32]

DT = 1e-3
HALVING = DT / np.log(2)
"""The time constant in seconds of what halves at every step."""


@dataclass(frozen=True)
class SpikingLayer:
    """LIF neurons that spike at most once a step, behind weights or not.

    Attributes:
        weight: ``(inputs, neurons)``, or None where the neurons take the input as it is.
        bias: ``(neurons,)``, added to the membrane.
        w_rec: ``(neurons, neurons)``, or None.
        threshold: of all neurons.
        tau: time constant of membranes and synapses in seconds.
    """

    weight: Floats | None
    bias: Floats
    w_rec: Floats | None = None
    threshold: float = 2.0
    tau: float = HALVING

    @property
    def size(self) -> int:
        """How many neurons."""
        return self.bias.size

    @property
    def decay(self) -> np.float32:
        """What is left of a membrane or a synaptic current after a step."""
        return np.float32(np.exp(-DT / self.tau))


@dataclass(frozen=True)
class RateLayer:
    """Rectified rate neurons behind weights.

    Attributes:
        weight: ``(inputs, neurons)``.
        w_rec: ``(neurons, neurons)``, or None.
        tau: time constant of all neurons in seconds.
        bias: ``(neurons,)``.
        threshold: ``(neurons,)``.
    """

    weight: Floats
    w_rec: Floats | None = None
    tau: float = 20e-3
    bias: Floats = field(default_factory=lambda: np.zeros(5, np.float32))
    threshold: Floats = field(default_factory=lambda: np.zeros(5, np.float32))

    @property
    def alpha(self) -> np.float32:
        """The share of its drive that a neuron takes in a step."""
        return np.float32(DT / self.tau)


def _grid(values: Any) -> Floats:
    """The nearest multiples of 1/64."""
    return (np.rint(64 * values) / 64).astype(np.float32)


def random_input(batch: int, steps: int, channels: int) -> Floats:
    """Normal numbers ``(batch, steps, channels)`` on the grid."""
    return _grid(np.random.default_rng(1).normal(size=(batch, steps, channels)))


def stack(*sizes: int, gains: tuple[float, ...]) -> list[SpikingLayer]:
    """Layers of weights and neurons; ``gains`` scale the weights so that some 5 to 10 % of the neurons spike."""
    rng = np.random.default_rng(0)
    return [
        SpikingLayer(
            _grid(rng.normal(size=(inputs, neurons)) * gain / np.sqrt(inputs)), _grid(rng.normal(size=neurons) / 8)
        )
        for inputs, neurons, gain in zip(sizes, sizes[1:], gains, strict=False)
    ]


def recurrent_layer(neurons: int, gain: float, threshold: float) -> list[SpikingLayer]:
    """Neurons that take the input as it is, and their own spikes."""
    rng = np.random.default_rng(0)
    w_rec = _grid(rng.normal(size=(neurons, neurons)) * gain / np.sqrt(neurons))
    return [SpikingLayer(None, _grid(rng.normal(size=neurons) / 8), w_rec, threshold)]


def rate_layer(recurrent: bool) -> RateLayer:
    """One input, five rate neurons."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(1, 5)).astype(np.float32)
    w_rec = (rng.normal(size=(5, 5)) / 5).astype(np.float32) if recurrent else None
    bias, threshold = rng.normal(size=(2, 5)).astype(np.float32) / 10
    return RateLayer(weight, w_rec, bias=bias, threshold=threshold)


def spiking_module(layers: list[SpikingLayer]) -> Any:
    """The layers as a module."""
    modules: list[Any] = []
    for layer in layers:
        if layer.weight is not None:
            modules.append(Linear(layer.weight.shape, weight=layer.weight))
        recurrent = {} if layer.w_rec is None else {"has_rec": True, "w_rec": layer.w_rec}
        leaks = {"tau_mem": layer.tau, "tau_syn": layer.tau, "dt": DT}
        neurons = {"bias": layer.bias, "threshold": layer.threshold, "max_spikes_per_dt": 1}
        modules.append(LIF(layer.size, **leaks, **neurons, **recurrent))
    return Sequential(*modules) if len(modules) > 1 else modules[0]


def rate_module(layer: RateLayer) -> Any:
    """The layer as a module."""
    recurrent = {} if layer.w_rec is None else {"has_rec": True, "w_rec": layer.w_rec}
    rest = {"tau": layer.tau, "bias": layer.bias, "threshold": layer.threshold, "dt": DT}
    return Sequential(Linear(layer.weight.shape, weight=layer.weight), Rate(layer.bias.size, **rest, **recurrent))
