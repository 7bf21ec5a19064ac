"""Times and sizes that nobody means: errors that name the series, before memory is asked for."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from graphpool.errors import TimeSeriesError
from graphpool.timeseries import TSContinuous, TSEvent
from graphpool.timeseries.clock import Clock

FAR = TSContinuous([0.0, 1e300], [1, 2], name="mine")


def clocked(**switches) -> TSContinuous:
    return TSContinuous.from_clocked(np.ones(1000), 1e-3, name="mine", **switches)


def stretched() -> TSContinuous:
    series = clocked()
    series.t_stop = 1e300
    return series


PLAIN = TSContinuous([0.0, 0.5], [1, 2], t_stop=1.0, periodic=True, name="mine")
SPIKES = TSEvent([0.0, 1e300], t_stop=2e300, name="mine")
HUGE = {
    "a clock that ends too early": (lambda: stretched()(1e300), "t=1e+300 s is no time on a clock with dt=0.001 s"),
    "a clock, by step": (lambda: clocked(periodic=True)(1e300), "t=1e+300 s is no time on a clock with dt=0.001 s"),
    "a part by step": (lambda: stretched().clip(0.0, 1e299), "t=1e+299 s is no time on a clock"),
    "a small dt": (lambda: clocked().to_clocked(1e-12), "1e+12 rows of 1 channels .* in steps of dt=1e-12 s"),
    "the smallest dt": (lambda: clocked().to_clocked(5e-324), "inf rows .* in steps of dt=5e-324 s"),
    "a long time": (lambda: FAR.to_clocked(1.0), "1e+300 rows of 1 channels"),
    "many periods by step": (lambda: clocked(periodic=True).clip(0, 1e12), "1e+15 rows .* with a period of 1.0 s"),
    "many periods": (lambda: PLAIN.clip(0, 1e12), "2e+12 rows of 1 channels .* from t=0.0 s to 1000000000000.0 s"),
    "more periods": (lambda: PLAIN.clip(0, 1e300), "2e+300 rows of 1 channels .* with a period of 1.0 s"),
    "rows": (lambda: PLAIN._rows(Clock(1e-3), 0, 10**15), "1e+15 rows .* 1e+12 s in steps of dt=0.001 s"),
    "own rows": (lambda: clocked(periodic=True)._rows(Clock(1e-3), 0, 10**15), "1e+15 rows"),
    "a slice": (lambda: PLAIN[0:1e300:1.0], "1e+300 rows .* in steps of dt=1.0 s"),
    "a fine slice": (lambda: PLAIN[0:1:1e-20], "1e+20 rows"),
    "the finest slice": (lambda: PLAIN[0:1:5e-324], "1.0 s cannot be counted in steps of dt=5e-324 s"),
    "a raster": (lambda: SPIKES.raster(1.0), "2e+300 rows of 1 channels"),
    "a raster far away": (lambda: SPIKES.raster(1.0, 1e300, num_timesteps=3), "cannot be told apart at t=1e+300 s"),
    "no end": (
        lambda: TSContinuous.from_clocked([1], 1e308, 1e308, name="mine"),
        "1 steps of dt=1e+308 s from t=1e+308",
    ),
    "no end of events": (lambda: TSEvent.from_raster([1], 1e308, 1e308, name="mine"), "1 steps of dt=1e+308 s"),
}


@pytest.mark.parametrize("case", HUGE)
def test_what_is_too_large_is_refused_at_once(case):
    ask, what = HUGE[case]
    with pytest.raises(TimeSeriesError, match=f"'mine'.*{what}".replace("+", r"\+")):
        ask()


def test_far_away_times_are_times():
    assert FAR(1e300).tolist() == [[2]]
    assert TSContinuous.from_clocked([1, 2], 1e-3, 1e308).t_start == 1e308


@pytest.mark.parametrize("inplace", [True, False])
def test_nothing_is_moved_to_where_floats_end(inplace):
    for series in (
        TSContinuous.from_clocked([1.0], 1e-3, 1e308, name="mine"),
        TSContinuous([1e308], [1.0], name="mine"),
        TSEvent([1e308], t_stop=1.1e308, name="mine"),
    ):
        before = repr(series), series.times.tolist()
        with pytest.raises(TimeSeriesError, match=r"'mine'.*cannot be moved by 1e\+308 s, from t=1e\+308"):
            series.delay(1e308, inplace)
        with pytest.raises(TimeSeriesError, match=r"'mine'.*cannot be moved by -inf s"):
            series.start_at(-1e308, inplace)
        assert (repr(series), series.times.tolist()) == before
        assert series.start_at(-7.0).t_start == -7.0
    wide = TSEvent([-1.0, 1e308], t_stop=1.5e308)
    with pytest.raises(TimeSeriesError, match="cannot be moved by 1e"):
        wide.start_at(1e308)


def test_a_clock_names_whose_times_it_cannot_place():
    clock = Clock(1e-3)
    for place in (clock.steps, clock.step, clock.positions):
        with pytest.raises(TimeSeriesError, match=r"^a module: t=1e\+300 s is no time on a clock with dt=0.001 s"):
            place(1e300, "a module")
    for count in (clock.whole_steps, clock.covering_steps):
        with pytest.raises(TimeSeriesError, match=r"^a module: 1e\+308 s cannot be counted in steps of dt=0.001 s"):
            count(1e308, "a module")
    assert not clock.on_grid(1e308)


# --- times that are no numbers ----------------------------------------------------------------------------------------
NO_TIMES = {
    "complex": [0.5 + 1j],
    "complex without": [0.5 + 0j],
    "text": ["0.5"],
    "bytes": [b"0.5"],
    "text among others": np.array(["0.5", 1.0], dtype=object),
    "complex among others": np.array([np.complex128(0.5), None], dtype=object),
    "durations": [np.timedelta64(1, "s")],
    "ragged": [[0.5], [1, 2]],
}


@pytest.mark.parametrize("times", NO_TIMES.values(), ids=NO_TIMES)
def test_times_are_real_numbers(times):
    series = TSContinuous([0.0, 1.0], [1, 2], name="mine")
    spikes = TSEvent([0.0], t_stop=1.0, name="mine")
    for take in (
        lambda: TSContinuous(times, np.ones(len(times)), name="mine"),
        lambda: TSEvent(times, t_stop=9.0, name="mine"),
        lambda: setattr(spikes, "times", times),
        lambda: series(times),
        lambda: series.resample(times),
    ):
        with pytest.raises(TimeSeriesError, match="'mine': the times are no numbers"):
            take()
    assert spikes.times.tolist() == [0.0]


@pytest.mark.parametrize("time", ["0.5", b"0.5", 0.5 + 1j, np.complex128(0.5), 10**400, [0.5, 1]])
def test_a_time_is_a_real_number(time):
    spikes = TSEvent([0.0], t_stop=1.0, name="mine")
    for take in (spikes.delay, spikes.start_at, lambda time: setattr(spikes, "t_stop", time)):
        with pytest.raises(TimeSeriesError, match="'mine': .* is " + re.escape(repr(time)[:9])):
            take(time)


def test_numbers_of_other_kinds_are_times():
    for times in ([Fraction(1, 2), 1], [Decimal("0.5"), 1], np.array([0.5, 1], dtype=object), np.float32([0.5, 1])):
        assert TSEvent(times, t_stop=2).times.tolist() == [0.5, 1.0]
    assert len(TSEvent(np.array([], dtype=object))) == len(TSEvent(())) == 0


@pytest.mark.parametrize("offset", [np.array(0.5), 0.5, [0.5], np.array([0.5]), (np.float32(0.5),)])
def test_an_offset_is_a_number_or_one_for_each_series(offset):
    spikes, signal = TSEvent([0.0], t_stop=1.0), TSContinuous.from_clocked([1.0], 1.0)
    assert spikes.append_t(spikes, offset).times.tolist() == [0.0, 1.5]
    assert signal.append_t(signal, offset).times.tolist() == [0.0, 1.5]
    assert spikes.append_t([spikes, spikes], [None, 0.5]).times.tolist() == [0.0, 1.0, 2.5]
    for series in (spikes, signal):
        with pytest.raises(TimeSeriesError, match="3 offsets for 1 series"):
            series.append_t(series, [1, 2, 3])
