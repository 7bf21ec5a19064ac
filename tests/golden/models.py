"""Small modules whose graphs, passes and plans are kept as text."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.functional import spike
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate
from graphpool.parameters import Parameter, SimulationParameter, State


class Leaky(Module):
    """The README's neuron."""

    def __init__(self, n: int, tau: float = 20e-3, dt: float = 1e-3) -> None:
        super().__init__(shape=n)
        self.tau = Parameter(tau, family="taus", shape=[(n,), ()])
        self.dt = SimulationParameter(dt)
        self.v = State(shape=n, init_func=np.zeros)

    def step(self, i: Any) -> Any:
        decay = np.exp(-self.dt / self.tau)
        self.v = decay * self.v + (1 - decay) * i
        return self.v


class Wasteful(Module):
    """Gives every pass something to do."""

    def __init__(self) -> None:
        super().__init__(shape=(2, 3))
        self.weight = Parameter(np.arange(6.0).reshape(2, 3))
        self.scale = SimulationParameter(2.0)
        self.v = State(shape=3, init_func=np.zeros)

    def step(self, x: Any) -> Any:
        unused = np.tanh(x)
        del unused
        first = x @ self.weight * 1.0
        second = x @ self.weight
        gain = np.exp(-1 / self.scale) * np.ones(3)
        self.v = self.v * gain + (first + second)
        return np.negative(np.negative(self.v))


class InPlace(Module):
    """In-place lines, a mask, views and a record."""

    def __init__(self) -> None:
        super().__init__(shape=4)
        self.trace = State(shape=4, init_func=np.zeros)
        self.count = State(np.zeros(4, dtype=np.int64))

    def step(self, x: Any) -> Any:
        trace = self.trace
        trace *= 0.5
        trace[1:] += x[:-1]
        trace[trace > 1] -= 1
        self.record("largest", trace.max())
        self.count += spike(trace, 0.5, max_spikes=1) > 0
        return trace[::-1], self.count


class Delayed(Module):
    """A state on no cycle: a delay of one step."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.before = State(shape=2, init_func=np.ones)

    def step(self, x: Any) -> Any:
        before = self.before
        self.before = np.tanh(x)
        return before * 2


def weights(*shape: int) -> Any:
    """Multiples of 1/8."""
    return (np.arange(np.prod(shape)).reshape(shape) % 7 - 3) / 8


MODELS: dict[str, Any] = {
    "leaky": lambda: Leaky(3),
    "wasteful": Wasteful,
    "in_place": InPlace,
    "delayed": Delayed,
    "rate": lambda: Rate(3),
    "spiking": lambda: Sequential(
        Linear((2, 3), weight=weights(2, 3)), LIF(3), Linear((3, 3), weight=weights(3, 3)),
        LIF(3, has_rec=True, w_rec=weights(3, 3)),
    ),
}  # fmt: skip
