"""Timed modules that the tests run."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State, TSContinuous
from graphpool.nn.modules import Module, TimedModule

RAMP = np.arange(30.0).reshape(10, 3)


class Accumulate(Module):
    """Adds up its input; exact, and sensitive to every row."""

    def __init__(self, size: int = 3, dt: float = 0.1, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)
        self.total = State(shape=size, init_func=np.zeros)
        self.dt = SimulationParameter(dt)

    def step(self, x: Any) -> Any:
        self.total = self.total + x
        return self.total


class Network(TimedModule):
    """Two timed children, and what its evolve was called with."""

    def __init__(self, dt: float = 0.1, inner: float = 0.1) -> None:
        super().__init__(dt, shape=(3, 3))
        self.weight = Parameter(np.eye(3))
        self.first = Accumulate(dt=dt).timed()
        self.second = Accumulate(dt=inner).timed()
        self.calls: list[Any] = []

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False, **kwargs: Any) -> Any:
        self.calls.append((ts_input, duration, num_timesteps))
        x, _, _ = self.first(ts_input @ self.weight)
        x, _, _ = self.second(x)
        return x, {}, {}


class Raster(TimedModule):
    """Gives what it reads."""

    def __init__(self, dt: float = 0.1, shape: Any = (3, 3), **kwargs: Any) -> None:
        super().__init__(dt, shape=shape, **kwargs)

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        self.times, self.raster, self.steps = self._prepare_input(ts_input, duration, num_timesteps)
        return self._gen_timeseries(self.raster), {}, {}


def ramp(dt: float = 0.1, **kwargs: Any) -> TSContinuous:
    return TSContinuous.from_clocked(RAMP, dt, name="ramp", **kwargs)


def frozen(module: Any) -> Any:
    """Everything that bad input must not change."""
    return module.t, [child.t for child in module.modules().values() if hasattr(child, "t")], repr(module.state())
