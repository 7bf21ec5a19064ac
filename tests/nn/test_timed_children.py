"""Timed modules in timed modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphpool import TSEvent
from graphpool.errors import ClockError, ModuleError, TimeSeriesError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Rate, TimedModule, TimedModuleWrapper
from tests.nn.timed_models import RAMP, Accumulate, Network, Raster, frozen, ramp


# --- children ---------------------------------------------------------------------------------------------------------
def test_children_follow_the_clock() -> None:
    network = Network()
    network(ramp(), duration=0.3)
    assert (network.t, network.first.t, network.second.t) == (0.3, 0.3, 0.3)
    whole, chunks = Network(), Network()
    expected, _, _ = whole(ramp())
    parts = [chunks(ramp(), num_timesteps=n)[0].samples for n in (3, 1, 6)]
    np.testing.assert_array_equal(np.concatenate(parts), expected.samples)
    np.testing.assert_array_equal(expected.samples, RAMP.cumsum(0).cumsum(0))


def test_a_span_bounds_what_children_read_of_a_periodic_series() -> None:
    network = Network()
    output, _, _ = network(ramp(periodic=True), num_timesteps=13)
    assert len(output) == 13
    assert network.first.t == network.t == 1.3


def test_a_child_that_was_elsewhere_comes_along() -> None:
    network = Network()
    network.first(ramp())
    assert network.first.t == 1.0
    network(ramp())
    assert network.first.t == network.t == 1.0


def test_a_child_that_joins_takes_the_time() -> None:
    network = Network()
    network.t = 3.0
    network.third = Accumulate().timed()
    assert network.third.t == 3.0


def test_clocks_stay_where_a_child_does_not_follow() -> None:
    class Pair(TimedModule):
        def __init__(self) -> None:
            super().__init__(0.1, shape=3)
            self.first, self.second = Nested(), Nested()

        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return ts_input, {}, {}

    class Nested(TimedModule):
        def __init__(self) -> None:
            super().__init__(0.1, shape=3)
            self.inner = Raster()

    pair = Pair()
    pair.t = 1.0
    pair.second.inner.reset_time()
    pair.second.inner.dt = 0.03
    for moves in (lambda: setattr(pair, "t", 3.0), pair.reset_time, lambda: pair(num_timesteps=2)):
        with pytest.raises(ClockError, match="'inner' steps 0.03 s, which does not divide dt=0.1 s"):
            moves()
        assert (pair.t, pair.first.t, pair.first.inner.t, pair.second.t, pair.second.inner.t) == (1, 1, 1, 1, 0)


def test_a_child_of_a_smaller_dt_takes_sub_steps() -> None:
    network = Network(0.1, inner=0.025)
    output, _, _ = network(ramp(), num_timesteps=2)
    first = np.repeat(RAMP[:2].cumsum(0), 4, axis=0)
    np.testing.assert_array_equal(output.samples, first.cumsum(0))
    assert (len(output), output.t_stop, network.second.t) == (8, 0.2, 0.2)
    network(ramp())
    assert network.second.t == network.t == 1.0


def test_a_dt_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ClockError, match=r"steps 0\.03 s, which does not divide dt=0\.1 s"):
        Network(0.1, inner=0.03)
    with pytest.raises(ClockError, match=r"steps 0\.2 s"):
        Network(0.1, inner=0.2)
    network = Network()
    with pytest.raises(ClockError, match="does not divide dt=0.25"):
        network.dt = 0.25
    with pytest.raises(ClockError, match="does not divide dt=0.25"):
        network.set_attributes({"dt": 0.25, "weight": np.zeros((3, 3))})
    assert network.dt == 0.1 and network.weight.any()
    network.dt = 0.2
    output, _, _ = network(ramp())
    assert (network.t, network.first.t) == (1.0, 1.0)
    assert len(output) == 10
    with pytest.raises(ClockError, match=r"reset_time\(\) first"):
        network.dt = 0.1


@pytest.mark.parametrize("dt", [0, -1e-3, np.nan, np.inf, "fast", None, True])
def test_a_dt_is_a_positive_number(dt: Any) -> None:
    with pytest.raises(TimeSeriesError, match="dt="):
        Raster(dt)


def test_low_level_children_take_one_step_a_row() -> None:
    class Low(TimedModule):
        def __init__(self) -> None:
            super().__init__(0.1, shape=3)
            self.inner = Accumulate(dt=1e-5)

        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            _, raster, _ = self._prepare_input(ts_input, duration, num_timesteps)
            output, state, recorded = self.inner(raster, record)
            return self._gen_timeseries(output), {"inner": state}, {"inner": recorded}

    module = Low()
    output, state, recorded = module(ramp(), record=True)
    np.testing.assert_array_equal(output.samples, RAMP.cumsum(0))
    assert recorded["inner"]["total"].shape == (1, 10, 3)
    module.reset_state()
    module.set_attributes(state)
    np.testing.assert_array_equal(module.inner.total, RAMP.sum(0))


def test_a_child_evolves_once_in_an_evolution() -> None:
    class Twice(Network):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            self.first(ts_input)
            return self.first(ts_input)

    module = Twice()
    before = frozen(module)
    with pytest.raises(ClockError, match="stands at t=1.0 s already"):
        module(ramp())
    assert frozen(module) == before


def test_children_may_go_in_pieces_but_not_too_far() -> None:
    class Pieces(Network):
        length = 0.5

        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            head, _, _ = self.first(ts_input, duration=self.length)
            tail, _, _ = self.first(ts_input, duration=self.length)
            return head.append_t(tail), {}, {}

    module = Pieces()
    output, _, _ = module(ramp())
    np.testing.assert_array_equal(output.samples, RAMP.cumsum(0))
    module = Pieces()
    module.length = 0.6
    with pytest.raises(ClockError, match=r"6 steps from t=0\.6 s go beyond t=1\.0 s"):
        module(ramp())


def test_an_evolve_may_call_that_of_its_base() -> None:
    class Louder(Network):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            output, state, recorded = super().evolve(ts_input * 2.0, duration, num_timesteps, record)
            return output, state, recorded

    module = Louder()
    output, _, _ = module(ramp())
    np.testing.assert_array_equal(output.samples, 2 * RAMP.cumsum(0).cumsum(0))
    assert module.t == 1.0, "one evolution moves the clock once"


def test_nested_networks_follow_to_the_last() -> None:
    class Outer(TimedModule):
        def __init__(self) -> None:
            super().__init__(0.2, shape=3)
            self.network = Network(0.1, inner=0.05)

        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return self.network(ts_input)

    module = Outer()
    output, _, _ = module(ramp(), duration=0.4)
    assert len(output) == 8
    assert {module.t, module.network.t, module.network.first.t, module.network.second.t} == {0.4}
    module.reset_time()
    assert {module.t, module.network.t, module.network.first.t, module.network.second.t} == {0}


# --- what a careful reader found --------------------------------------------------------------------------------------
class Loud(Network):
    """Calls the evolve of its base without saying for how long."""

    def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
        return super().evolve(ts_input * 2.0)


def test_the_evolve_of_a_base_runs_for_the_settled_span() -> None:
    module = Loud()
    output, _, _ = module(ramp(periodic=True), num_timesteps=4)
    assert len(output) == 4 and module.t == 0.4
    np.testing.assert_array_equal(output.samples, 2 * RAMP[:4].cumsum(0).cumsum(0))

    class Wrapped(TimedModuleWrapper):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return super().evolve(2 * ts_input.samples[:num_timesteps])

    module = Wrapped(Accumulate())
    output, _, _ = module(ramp(periodic=True), num_timesteps=4)
    np.testing.assert_array_equal(output.samples, 2 * RAMP[:4].cumsum(0))


def test_the_evolve_of_a_base_does_not_run_for_another_span() -> None:
    class Longer(Network):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return super().evolve(ts_input, num_timesteps=num_timesteps + self.more)

    module = Longer()
    before = frozen(module)
    for module.more, message in (
        (-1, "asked for 3 steps, this evolution has 4"),
        (1, "5 steps from t=0.0 s go beyond"),
    ):
        with pytest.raises(ClockError, match=message):
            module(ramp(), num_timesteps=4)
        assert frozen(module) == before


@pytest.mark.parametrize("make", [Network, Raster, lambda: Accumulate().timed()])
@pytest.mark.parametrize("series", [ramp(), RAMP])
def test_an_input_that_ends_before_the_span_is_refused(make: Any, series: Any) -> None:
    module = make()
    before = frozen(module)
    for span in ({"duration": 1.1}, {"num_timesteps": 11}, {"duration": 5.0}):
        with pytest.raises(TimeSeriesError, match="ends at t=1.0 s"):
            module(series, **span)
    assert frozen(module) == before


def test_a_child_that_is_given_too_little_is_refused() -> None:
    class Half(Network):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return self.first(ts_input.clip(0, 0.5))

    module = Half()
    before = frozen(module)
    with pytest.raises(ClockError, match="has run to t=0.5 s only"):
        module(ramp())
    assert frozen(module) == before


def test_events_that_ended_before_are_refused_and_later_silence_is_not() -> None:
    module = Raster(spiking_input=True)
    series = TSEvent([0.1], [2], t_start=0, t_stop=0.2, name="old")
    module(series, duration=0.5)
    np.testing.assert_array_equal(module.raster.sum(axis=0), [0, 0, 1])
    with pytest.raises(ClockError, match="'old' ended at t=0.2 s"):
        module(series, duration=0.1)
    assert module.t == 0.5


def test_a_duration_shorter_than_a_step_is_refused() -> None:
    module = Raster()
    with pytest.raises(ClockError, match="shorter than dt=0.1 s"):
        module(ramp(), duration=0.05)
    module(ramp(), duration=0)
    assert module.t == 0


def test_grandchildren_are_bounded_too() -> None:
    class Outer(TimedModule):
        def __init__(self) -> None:
            super().__init__(0.1, shape=3)
            self.network = Network()

        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return self.network.first(ts_input)

    module = Outer()
    output, _, _ = module(ramp(periodic=True), num_timesteps=3)
    assert len(output) == 3 and module.network.first.t == 0.3
    module.network.first(ramp(periodic=True), num_timesteps=20)
    assert module.network.first.t == pytest.approx(2.3), "free again afterwards"


def test_dt_is_not_set_from_inside() -> None:
    class Changes(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            self.dt = 0.2
            return ts_input, {}, {}

    module = Changes(0.1, shape=3)
    with pytest.raises(ClockError, match="dt is assigned while the module evolves"):
        module(ramp())
    assert module.dt == 0.1 and module.t == 0


@pytest.mark.parametrize("output", [np.zeros((10, 3)), None, [1.0]])
def test_an_evolve_returns_a_series(output: Any) -> None:
    class Arrays(TimedModule):
        def evolve(self, ts_input: Any, duration: Any, num_timesteps: Any, record: bool = False) -> Any:
            return output, {}, {}

    module = Arrays(0.1, shape=3)
    with pytest.raises(ModuleError, match="return a series"):
        module(ramp())
    assert module.t == 0


def test_an_evolve_takes_a_series_and_both_spans() -> None:
    with pytest.raises(ModuleError, match="evolve: too many positional arguments"):

        class Short(TimedModule):
            def evolve(self, ts_input: Any) -> Any:
                return ts_input, {}, {}


def test_attributes_of_the_output_need_an_evolve_that_takes_them() -> None:
    with pytest.raises(ModuleError, match="kwargs_timeseries is given"):
        Raster()(ramp(), kwargs_timeseries={"name": "mine"})


def test_timed_modules_are_no_chain() -> None:
    with pytest.raises(ModuleError, match="is timed"):
        Sequential(Rate(2).timed(), Rate(2))
