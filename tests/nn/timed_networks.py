"""Networks of timed modules that compile, each with a series to run it on."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, SimulationParameter, State, TimeSeries, TSContinuous, TSEvent
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate, RateJax, TimedModule
from tests.nn.timed_models import Accumulate

DT = 2.0**-10


def weights(shape: Any) -> Any:
    """Multiples of 1/64: their products and sums are exact in any order."""
    return np.random.default_rng(sum(shape)).integers(-40, 64, size=shape) / 64


class OnSeries(TimedModule):
    """The first network of the introduction."""

    def __init__(self, shape: Any, dt: float = 1.0, *args: Any, **kwargs: Any) -> None:
        super().__init__(shape=shape, dt=dt, *args, **kwargs)  # noqa: B026
        self.w_0 = Parameter(shape=self.shape[0:2], init_func=weights, family="weights")
        self.w_1 = Parameter(shape=self.shape[1:3], init_func=weights, family="weights")
        self.w_2 = Parameter(shape=self.shape[2:4], init_func=weights, family="weights")
        self.neurons1 = Rate(self.shape[1], tau=16 * dt, dt=dt).timed()
        self.neurons2 = Rate(self.shape[2], tau=16 * dt, dt=dt).timed()

    def evolve(
        self, ts_input: TimeSeries, duration: float, num_timesteps: int, record: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        x = ts_input @ self.w_0
        x, _, _ = self.neurons1(x)
        x = x @ self.w_1
        x, _, _ = self.neurons2(x)
        x = x @ self.w_2
        return x, {}, {}


class OnRasters(TimedModule):
    """The second one."""

    def __init__(self, shape: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(shape=shape, *args, **kwargs)  # noqa: B026
        self.w0 = Parameter(shape=self.shape[0:2], init_func=weights, family="weights")
        self.w1 = Parameter(shape=self.shape[1:3], init_func=weights, family="weights")
        self.neurons0 = RateJax(self.shape[1])
        self.neurons1 = RateJax(self.shape[2])

    def evolve(
        self, ts_input: TimeSeries, duration: float, num_timesteps: int, record: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        time_base, input_raster, num_timesteps = self._prepare_input(ts_input, duration, num_timesteps)
        x0 = input_raster @ self.w0
        x1, _, _ = self.neurons0(x0)
        x2 = x1 @ self.w1
        x3, _, _ = self.neurons1(x2)
        output_ts = self._gen_timeseries(x3)
        return output_ts, {}, {}


class MixedSteps(TimedModule):
    """Continuous children of three time steps, read by each other."""

    def __init__(self, dt: float = DT) -> None:
        super().__init__(dt, shape=(3, 3))
        self.gain = Parameter(np.array([0.5, 1.0, 2.0]))
        self.halves = Accumulate(dt=dt / 2).timed()
        self.whole = Accumulate(dt=dt).timed()
        self.quarters = Accumulate(dt=dt / 4).timed()

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        fast, _, _ = self.halves(ts_input * self.gain)
        slow, _, _ = self.whole(fast)
        output, _, _ = self.quarters(2 * fast - slow)
        return slow + output, {}, {}


class Finer(MixedSteps):
    """Gives what its fastest child gives: four samples a step."""

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        fast, _, _ = self.halves(ts_input)
        return self.quarters(fast)[0], {}, {}


class Spiking(TimedModule):
    """Events between neurons of different time steps, and events out; ``last`` has the step of the output."""

    def __init__(self, first: int = 2, last: int = 1, dt: float = DT) -> None:
        super().__init__(dt, spiking_input=True, spiking_output=True, shape=(3, 3))
        self.cells = self.neurons(dt / first)
        self.readout = self.neurons(dt / last)

    def neurons(self, dt: float) -> Any:
        return LIF(3, leak_mode="decays", dt=dt, spiking_input=True, bias=0.25).timed()

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        spikes, _, _ = self.cells(ts_input)
        return self.readout(spikes.merge(ts_input))


class Both(TimedModule):
    """Signals and events side by side: a signal drives spikes, spikes drive a signal, in other time steps."""

    def __init__(self, dt: float = DT) -> None:
        super().__init__(dt, shape=3)
        self.weight = Parameter(weights((3, 3)))
        self.spiking = LIF(3, leak_mode="decays", dt=dt / 4).timed()
        self.signal = Rate(3, tau=16 * dt, dt=dt / 2, spiking_input=True).timed(add_events=False)
        self.chosen = TwoOutputs(dt / 2).timed(output_num=1)

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        spikes, _, _ = self.spiking(ts_input @ self.weight)
        rates, _, _ = self.signal(spikes)
        rates -= 0.25
        rates = 1.0 / (1.0 + rates**2)
        return self.chosen(rates - ts_input)


class Noisy(TimedModule):
    """Noise in a child of sub-steps, and in a low-level module."""

    def __init__(self, dt: float = DT) -> None:
        super().__init__(dt, shape=3)
        self.first = Rate(3, tau=16 * dt, dt=dt / 2, noise_std=0.5, seed=1).timed()
        self.second = Sequential(Rate(3, tau=16 * dt, dt=dt, noise_std=0.5, seed=2))

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        _, raster, _ = self._prepare_input(self.first(ts_input)[0], duration, num_timesteps)
        return self._gen_timeseries(self.second(raster)[0]), {}, {}


class TwoOutputs(Module):
    """A step with two outputs."""

    def __init__(self, dt: float) -> None:
        super().__init__(3)
        self.dt = SimulationParameter(dt)
        self.v = State(np.zeros(3))

    def step(self, x: Any) -> Any:
        self.v = self.v * 0.5 + x
        return x, self.v


class Inner(TimedModule):
    """Works on rasters, with the time base; a child of a smaller time step than the network's."""

    def __init__(self, dt: float) -> None:
        super().__init__(dt, shape=3)
        self.sums = Accumulate(dt=dt)

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        times, raster, steps = self._prepare_input(ts_input, duration, num_timesteps)
        raster[:, 0] += times
        raster[raster > 1] -= 0.5
        sums, state, recorded = self.sums(np.where(raster > 0, raster, times[:, None]), True)
        rows = np.clip(sums[0], 0, 64) + recorded["total"][0][:, ::-1].sum(axis=1, keepdims=True)
        return self._gen_timeseries(rows), {"sums": state}, {}


class Nested(TimedModule):
    """Timed networks in timed networks, to the third level; two outputs."""

    def __init__(self, dt: float = DT) -> None:
        super().__init__(dt, shape=3)
        self.first = Inner(dt / 2)
        self.mixed = MixedSteps(dt / 2)

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        assert isinstance(ts_input, TSContinuous)
        one, _, _ = self.first(ts_input, duration=duration)
        two, _, _ = self.mixed(abs(one[:, [2, 0]].append_c(ts_input[:, 1])) + 1)
        return (two, -one), {}, {}


class Relay(TimedModule):
    """Hands its input on, as it is and beside a signal of its own time step."""

    def __init__(self, dt: float) -> None:
        super().__init__(dt, shape=3)
        self.sums = Accumulate(dt=dt).timed()

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        sums, state, _ = self.sums(ts_input)
        return (ts_input * 2.0, ts_input - sums, sums[:, 0].append_c(ts_input)), state, {}


class Relayed(TimedModule):
    """Children of sub-steps, two levels of them, which give samples of a coarser signal as well as of their own."""

    def __init__(self, dt: float = DT) -> None:
        super().__init__(dt, shape=3)
        self.thirds = Accumulate(dt=dt / 3).timed()
        self.first = Relay(dt / 2)
        self.second = Deeper(dt / 2)

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        finer, _, _ = self.thirds(ts_input)
        return (*self.first(finer)[0], *self.second(ts_input)[0]), {}, {}


class Deeper(TimedModule):
    """A relay within a child of sub-steps."""

    def __init__(self, dt: float) -> None:
        super().__init__(dt, shape=3)
        self.relay = Relay(dt / 2)

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        return self.relay(ts_input)[0], self.state(), {}


class Louder(OnSeries):
    """Calls the evolve of its base."""

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False, **kwargs: Any) -> Any:
        return super().evolve(ts_input * 2.0, duration, num_timesteps, record)


class Scaled(Module):
    """A low-level module that works on rasters, as people write it without a step."""

    def __init__(self) -> None:
        super().__init__(shape=(3, 2))
        self.weight = Parameter(weights((3, 2)))
        self.sums = Accumulate(2, DT)

    def evolve(self, input_data: Any, record: bool = False) -> Any:
        x, _ = self._auto_batch(input_data)
        x = np.maximum(x, 0) @ self.weight
        x -= x.mean(axis=-1, keepdims=True)
        output, state, _ = self.sums(x)
        return output, {"sums": state}, {}


def rows(size: int = 3, count: int = 24) -> Any:
    return np.random.default_rng(size).integers(-64, 128, size=(count, size)) / 64


def signal(dt: float = DT, **kwargs: Any) -> TSContinuous:
    return TSContinuous.from_clocked(rows(), dt, name="signal", **kwargs)


def events() -> TSEvent:
    return TSEvent.from_raster(np.random.default_rng(4).poisson(0.7, size=(24, 3)), DT, name="events")


def chain() -> Any:
    return Sequential(Linear((3, 4), weight=weights((3, 4))), Rate(4, tau=16 * DT, dt=DT))


NETWORKS: dict[str, Any] = {
    "on series": (lambda: OnSeries((3, 5, 7, 1), DT), signal),
    "on rasters": (lambda: OnRasters((3, 5, 7, 1), dt=DT), signal),
    "mixed": (MixedSteps, signal),
    "finer": (Finer, signal),
    "spiking": (Spiking, events),
    "spiking, finer": (lambda: Spiking(1, 3), events),
    "spiking, all finer": (lambda: Spiking(4, 2), events),
    "signals and events": (Both, signal),
    "nested": (Nested, signal),
    "relayed": (Relayed, signal),
    "wrapper": (lambda: chain().timed(), signal),
    "noise": (Noisy, signal),
    "louder": (lambda: Louder((3, 5, 7, 1), DT), signal),
    "wrapped rasters": (lambda: Scaled().timed(dt=DT), signal),
}
"""How to make each network, and the series to run it on."""
