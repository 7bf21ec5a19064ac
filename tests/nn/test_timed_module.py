"""Timed modules: the clock, spans, series in and out."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from graphpool import TSContinuous, TSEvent
from graphpool.errors import ClockError, ModuleError, StateError, TimeSeriesError, TraceError
from graphpool.nn.modules import LIF, Linear, Module, Rate
from tests.nn.timed_models import RAMP, Accumulate, Network, Raster, ramp


# --- the clock --------------------------------------------------------------------------------------------------------
def test_the_clock_counts_steps() -> None:
    module = Raster()
    for k in range(1, 12):
        module(num_timesteps=1)
        assert module.t == k / 10, "as people write it: 0.3, not 3 * 0.1"
    module.t = 0.5
    assert module.t == 0.5
    module.t = 0.77
    assert module.t == 0.7, "the step of that time"
    assert module.reset_time() is module
    assert module.t == 0


def test_time_and_state_are_reset_separately_and_together() -> None:
    network = Network()

    def run() -> None:
        network(ramp(), duration=0.3)

    run()
    network.reset_time()
    assert (network.t, network.first.t, network.second.t) == (0, 0, 0)
    assert network.state()["first"]["_module"]["total"].any(), "the state stays"
    run()
    network.reset_state()
    assert (network.t, network.first.t) == (0.3, 0.3), "the time stays"
    assert not network.state()["first"]["_module"]["total"].any()
    run()
    assert network.reset_all() is network
    assert (network.t, network.second.t) == (0, 0)
    assert not network.state()["second"]["_module"]["total"].any()


def test_time_is_assigned_to_the_children_too() -> None:
    network = Network(inner=0.05)
    network.t = 2.3
    assert (network.t, network.first.t, network.second.t) == (2.3, 2.3, 2.3)
    for wrong in (np.nan, np.inf, "now", None):
        with pytest.raises(TimeSeriesError, match="t is"):
            network.t = wrong
    assert network.t == 2.3


def test_a_thousand_periods_of_a_periodic_ramp_are_read_without_one_wrong_sample() -> None:
    module = Raster(1e-3, shape=1)
    series = TSContinuous.from_clocked(np.arange(1000.0), dt=1e-3, periodic=True)
    for start in (0, 1, 333, 999):
        module.t = float(start)
        output, _, _ = module(series)
        np.testing.assert_array_equal(output.samples[:, 0], np.arange(1000.0))
        assert output.t_start == start
        assert module.t == start + 1


# --- how long ---------------------------------------------------------------------------------------------------------
def test_steps_go_before_duration_and_duration_before_the_series() -> None:
    def steps(*args: Any, **kwargs: Any) -> int:
        module = Raster()
        module(*args, **kwargs)
        return int(module.steps)

    assert steps(ramp()) == 10
    assert steps(ramp(), 0.5) == 5
    assert steps(ramp(), 0.5, 2) == 2
    assert steps(ramp(), duration=0.3) == 3, "although 3 * 0.1 > 0.3"
    assert steps(ramp(), num_timesteps=np.int64(4)) == 4
    assert steps(ramp(periodic=True)) == 10
    assert steps(ramp(periodic=True), duration=2.5) == 25
    assert steps(duration=0.7) == 7


def test_a_tiny_dt_counts_as_well() -> None:
    module = Raster(1e-7, shape=1)
    module(duration=1e-6)
    assert module.steps == 10


@pytest.mark.parametrize("span", [{"duration": 1e12}, {"num_timesteps": 2**40}])
def test_a_span_that_no_memory_holds_is_refused(span: dict[str, Any]) -> None:
    for module in (Raster(), Accumulate().timed(), LIF(3, dt=0.1).timed()):
        with pytest.raises(TimeSeriesError, match=r"rows of 3 channels are too large: .* s in steps of dt=0.1 s"):
            module(**span)
        assert module.t == 0


@pytest.mark.parametrize("given", [{"foo": 1}, {"dt": 1.0}, {"t_start": 1.0}, {"name": "x", 3: 1}, ["name"], "name"])
def test_attributes_that_the_output_has_not_are_refused(given: Any) -> None:
    module = Accumulate().timed()
    with pytest.raises(ModuleError, match=r"(?s)kwargs_timeseries=.*hint: a dict of periodic, name, interp_kind"):
        module(ramp(), kwargs_timeseries=given)
    assert (module.t, module.total.sum()) == (0, 0)
    spiking = LIF(3).timed()
    assert spiking(num_timesteps=4, kwargs_timeseries={"periodic": True})[0].periodic
    with pytest.raises(ModuleError, match="t_stop"):
        spiking(num_timesteps=4, kwargs_timeseries={"t_stop": 1.0})


# --- single steps -----------------------------------------------------------------------------------------------------
NO_STEPS = r"a timed module runs spans of time, not single steps\n    hint: "


def test_a_timed_module_runs_no_single_steps() -> None:
    for given in (np.ones(3), ramp(), "text"):
        with pytest.raises(ModuleError, match=f"Raster: {NO_STEPS}call it with num_timesteps=1$"):
            Raster().step(given)
        with pytest.raises(ModuleError, match=rf"{NO_STEPS}call it with num_timesteps=1, or \.module\.step\(x\)"):
            Accumulate().timed().step(given)


def test_a_step_holds_no_timed_modules() -> None:
    class Holds(Module):
        def __init__(self) -> None:
            super().__init__(3)
            self.child = Accumulate().timed()

        def step(self, x: Any) -> Any:
            return self.child.step(x)

    with pytest.raises(ModuleError, match=f"'child': {NO_STEPS}hold the module itself, without timed"):
        Holds().step(np.ones(3))
    with pytest.raises(TraceError, match="a timed module runs spans of time(?s:.*)hold the module itself"):
        Holds()(np.ones((2, 3)))


def test_no_steps_give_an_empty_series() -> None:
    for module in (Raster(), Accumulate().timed(), LIF(3).timed()):
        output, _, _ = module(num_timesteps=0)
        assert (len(output), output.num_channels, module.t) == (0, 3, 0)
    module = Raster()
    output, _, _ = module(np.zeros((0, 3)))
    assert (len(output), output.num_channels) == (0, 3)


def test_the_second_call_goes_on_in_the_series() -> None:
    module = Raster()
    first, _, _ = module(ramp(), duration=0.4)
    second, _, _ = module(ramp())
    np.testing.assert_array_equal(first.samples, RAMP[:4])
    np.testing.assert_array_equal(second.samples, RAMP[4:])
    assert (second.t_start, second.t_stop, module.t) == (0.4, 1.0, 1.0)


@pytest.mark.parametrize("span", [{"num_timesteps": -1}, {"num_timesteps": 1.5}, {"num_timesteps": True}])
def test_a_wrong_number_of_steps_is_refused(span: Any) -> None:
    with pytest.raises(ClockError, match="num_timesteps="):
        Raster()(ramp(), **span)


@pytest.mark.parametrize("duration", [-0.1, np.nan, "long"])
def test_a_wrong_duration_is_refused(duration: Any) -> None:
    with pytest.raises((ClockError, TimeSeriesError), match="duration"):
        Raster()(ramp(), duration=duration)


# --- series in --------------------------------------------------------------------------------------------------------
def test_arrays_are_clocked_input_from_now_on() -> None:
    for array in (RAMP, RAMP[None], RAMP.tolist(), RAMP.astype(int)):
        module = Raster()
        module.t = 5.0
        output, _, _ = module(array)
        np.testing.assert_array_equal(output.samples, RAMP)
        assert (output.t_start, output.t_stop) == (5.0, 6.0)
    module = Raster(shape=1)
    assert module(RAMP[:, 0])[0].num_channels == 1
    events = Raster(spiking_input=True)
    events(np.array([[0, 2, 0], [1, 0, 0]]))
    np.testing.assert_array_equal(events.raster, [[0, 2, 0], [1, 0, 0]])


def test_nothing_is_silence() -> None:
    module, events = Raster(), Raster(spiking_input=True)
    for each in (module, events):
        each(duration=0.3)
        np.testing.assert_array_equal(each.raster, np.zeros((3, 3)))


def test_a_network_is_handed_both_spans_and_a_series() -> None:
    network = Network()
    network(RAMP, num_timesteps=4)
    series, duration, steps = network.calls[0]
    assert isinstance(series, TSContinuous)
    assert (duration, steps) == (pytest.approx(0.4), 4)


def test_the_raster_of_a_user_is_the_user_s() -> None:
    series = ramp()
    module = Raster()
    _, raster, _ = module._prepare_input(series)
    raster[:] = 7
    np.testing.assert_array_equal(series.samples, RAMP)


def test_series_of_another_dt_are_read_at_the_steps() -> None:
    module = Raster(0.3, shape=1)
    output, _, _ = module(TSContinuous.from_clocked(np.arange(10.0), dt=0.1))
    np.testing.assert_array_equal(output.samples[:, 0], [0, 3, 6])
    module = Raster(0.1, shape=1)
    output, _, _ = module(TSContinuous.from_clocked(np.arange(3.0), dt=0.3))
    np.testing.assert_array_equal(output.samples[:, 0], [0, 0, 0, 1, 1, 1, 2, 2, 2])


def test_one_channel_drives_all_inputs() -> None:
    module = Raster()
    module(TSContinuous.from_clocked([1.0, 2.0], dt=0.1))
    np.testing.assert_array_equal(module.raster, [[1, 1, 1], [2, 2, 2]])


def test_events_fall_into_the_bins_of_the_clock() -> None:
    series = TSEvent([0.1, 0.15, 0.3, 0.3, 0.39], [0, 0, 1, 1, 2], t_start=0, t_stop=0.5, num_channels=3)
    module = Raster(spiking_input=True)
    module(series)
    np.testing.assert_array_equal(module.raster, [[0, 0, 0], [2, 0, 0], [0, 0, 0], [0, 2, 1], [0, 0, 0]])
    once = Raster(spiking_input=True, add_events=False)
    once(series)
    np.testing.assert_array_equal(once.raster, module.raster > 0)


def test_the_time_trace_starts_where_it_is_told() -> None:
    np.testing.assert_array_equal(Raster()._gen_time_trace(0.2, 3), [0.2, 0.3, 0.4])


# --- series out -------------------------------------------------------------------------------------------------------
def test_outputs_are_named_by_the_module() -> None:
    module = Raster()
    assert module(ramp())[0].name == "Output samples"
    network = Network()
    assert network(ramp())[0].name == "Output samples 'second'"
    events = Raster(spiking_input=True, spiking_output=True)
    assert events(np.eye(3))[0].name == "Output events"
    named, _, _ = Accumulate().timed()(ramp(), kwargs_timeseries={"name": "sum", "interp_kind": "linear"})
    assert (named.name, named.interp_kind) == ("sum", "linear")


def test_events_come_out_in_the_middle_of_their_step() -> None:
    module = Raster(spiking_input=True, spiking_output=True)
    module.t = 0.5
    output, _, _ = module(np.array([[0, 2, 0], [1, 0, 0]]))
    np.testing.assert_allclose(output.times, [0.55, 0.55, 0.65])
    np.testing.assert_array_equal(output.channels, [1, 1, 0])
    assert (output.t_start, output.t_stop, output.num_channels) == (0.5, 0.7, 3)
    once = Raster(spiking_output=True, add_events=False)
    assert len(once(np.array([[0, 2, 0], [1, 0, 0]]))[0]) == 2


def test_an_output_of_many_batches_is_no_series() -> None:
    with pytest.raises(ModuleError, match=r"an output of shape \(2, 10, 3\)"):
        Raster()._gen_timeseries(np.zeros((2, 10, 3)))


# --- copies -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_keep_clock_and_state_and_live_apart(duplicate: Any) -> None:
    network = Network()
    network(ramp(), duration=0.4)
    other = duplicate(network)
    expected, _, _ = network(ramp())
    assert (other.t, other.first.t) == (0.4, 0.4)
    found, _, _ = other(ramp())
    np.testing.assert_array_equal(found.samples, expected.samples)


def test_evolving_is_the_same_as_calling() -> None:
    network = Network()
    output, _, _ = network.evolve(ramp())
    assert len(output) == 10 and network.t == 1.0


def test_states_that_a_batch_left_are_named() -> None:
    module = Accumulate()
    module(np.zeros((2, 4, 3)))
    timed = module.timed()
    with pytest.raises(StateError, match="2 samples"):
        timed(ramp())
    assert timed.t == 0


@pytest.mark.parametrize("module", [Rate(3).timed(), Linear((3, 2)).timed(dt=1e-3), LIF(3).timed()])
def test_kinds_of_series_follow_the_module(module: Any) -> None:
    assert module.input_type is TSContinuous
    assert module.output_type is (TSEvent if isinstance(module.module, LIF) else TSContinuous)
