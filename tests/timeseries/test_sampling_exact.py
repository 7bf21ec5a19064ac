"""Values of continuous series at times, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d

from graphpool.errors import TimeSeriesError
from graphpool.timeseries import TSContinuous
from graphpool.timeseries.clock import Clock
from graphpool.timeseries.sampling import wrap

DTS = [Fraction(text) for text in ("1/1000", "1/10", "3/10", "1/3", "1/44100", "0.025", "7/1000", "1", "2.5")]
STARTS = [Fraction(text) for text in ("0", "1", "-0.7", "1000.1", "12345.678", "1/3", "-0.0123")]
EPS = float(np.finfo(np.float64).eps)

steps_of_time = st.sampled_from(DTS)
starts = st.sampled_from(STARTS)
lengths = st.integers(1, 60)
kinds = st.sampled_from(["previous", "linear", "next", "nearest", "zero", "cubic"])


def ramp(length: int, channels: int = 1) -> np.ndarray[Any, Any]:
    return np.arange(length * channels, dtype=np.float64).reshape(length, channels)


def clocked(length: int, dt: Fraction, start: Fraction, **switches: Any) -> TSContinuous:
    return TSContinuous.from_clocked(ramp(length), float(dt), float(start), **switches)


def ways_to_write(steps: list[int], dt: Fraction, start: Fraction) -> dict[str, np.ndarray[Any, Any]]:
    whole = np.array(steps, dtype=np.int64)
    return {
        "exact": np.array([float(start + step * dt) for step in steps]),
        "product": whole * float(dt) + float(start),
        "quotient": whole / float(1 / dt) + float(start),
        "from the end": float(start) - (-whole * float(dt)),
    }


# --- series with a clock ----------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(steps_of_time, starts, lengths, st.integers(1, 3), st.data())
def test_each_sample_is_found_at_its_time(
    dt: Fraction, start: Fraction, length: int, channels: int, data: st.DataObject
) -> None:
    periodic = data.draw(st.booleans())
    far = 20 * length if periodic else 0
    steps = data.draw(st.lists(st.integers(-far, length - 1 + far), min_size=1, max_size=20))
    samples = ramp(length, channels)
    series = TSContinuous.from_clocked(samples, float(dt), float(start), periodic=periodic)
    for way, times in ways_to_write(steps, dt, start).items():
        np.testing.assert_array_equal(series(times), samples[np.array(steps) % length], err_msg=way)


@settings(deadline=None)
@given(steps_of_time, starts, lengths, st.booleans(), st.data())
def test_inside_of_a_bin_the_sample_of_exact_arithmetic_is_found(
    dt: Fraction, start: Fraction, length: int, periodic: bool, data: st.DataObject
) -> None:
    far = 20 * length if periodic else 0
    step = data.draw(st.integers(-far, length - 1 + far))
    share = data.draw(st.floats(0, 1, exclude_max=True))
    time = float(start + (step + Fraction(share)) * dt)
    position = (Fraction(time) - start) / dt
    margin = 1e-6 + 32 * EPS * float((abs(Fraction(time)) + abs(start)) / dt)
    if margin < position - step < 1 - margin:
        series = clocked(length, dt, start, periodic=periodic)
        assert series(time)[0, 0] == (position // 1) % length


@settings(deadline=None)
@given(st.sampled_from([dt for dt in DTS if dt >= Fraction(1, 1000)]), st.sampled_from(STARTS[:3]), lengths)
def test_a_range_of_floats_finds_each_sample_once(dt: Fraction, start: Fraction, length: int) -> None:
    series = clocked(length, dt, start)
    times = np.arange(float(start), float(start + (length - Fraction(1, 2)) * dt), float(dt))
    np.testing.assert_array_equal(series(times), ramp(length))


@pytest.mark.parametrize("start", ["0", "1", "0.1", "-0.7"])
def test_a_thousand_periods_have_no_wrong_sample(start: str) -> None:
    dt, origin = 1e-3, float(start)
    series = TSContinuous.from_clocked(ramp(1000), dt, origin, periodic=True)
    steps = np.arange(-500_000, 500_000)
    expected = (steps % 1000).astype(np.float64)[:, np.newaxis]
    for times in (steps * dt + origin, (steps + round(origin * 1000)) / 1000, (steps + 0.5) * dt + origin):
        np.testing.assert_array_equal(series(times), expected)
    positive = np.arange(0, 1000, dt)
    np.testing.assert_array_equal(series(positive + origin)[:, 0], np.arange(len(positive)) % 1000)


@settings(deadline=None)
@given(steps_of_time, starts, lengths, kinds)
def test_every_kind_gives_the_samples_at_their_times_and_holds_the_last(
    dt: Fraction, start: Fraction, length: int, kind: str
) -> None:
    series = clocked(length, dt, start, interp_kind=kind)
    np.testing.assert_array_equal(series(series.times), ramp(length))
    last = [float(start + (length - 1 + share) * dt) for share in (Fraction(1, 4), Fraction(9, 10), Fraction(1))]
    np.testing.assert_array_equal(series(last), np.full((3, 1), length - 1.0))


@settings(deadline=None)
@given(steps_of_time, starts, st.integers(4, 40), st.booleans(), st.data())
def test_linear_values_lie_on_the_line(
    dt: Fraction, start: Fraction, length: int, periodic: bool, data: st.DataObject
) -> None:
    period = data.draw(st.integers(-5, 5)) if periodic else 0
    position = data.draw(st.floats(0, length - 1))
    time = float(start + (period * length + Fraction(position)) * dt)
    series = clocked(length, dt, start, periodic=periodic, interp_kind="linear")
    within = float((Fraction(time) - start) / dt) - period * length
    if 0 <= within <= length - 1:
        slack = 1e-9 + 32 * EPS * float((abs(Fraction(time)) + abs(start)) / dt)
        assert series(time)[0, 0] == pytest.approx(within, abs=slack)


# --- on other clocks --------------------------------------------------------------------------------------------------
def outcome(call: Any) -> Any:
    try:
        return np.array(call())
    except TimeSeriesError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(steps_of_time, steps_of_time, starts, lengths, kinds, st.booleans(), st.booleans(), st.data())
def test_rows_are_what_a_call_gives(
    dt: Fraction,
    other: Fraction,
    start: Fraction,
    length: int,
    kind: str,
    periodic: bool,
    same: bool,
    data: st.DataObject,
) -> None:
    series = clocked(max(length, 4), dt, start, periodic=periodic, interp_kind=kind)
    if data.draw(st.booleans()):
        series = series.clip(t_stop=float(series.times[-1]))
    inner = dt if same else other
    offset = data.draw(st.sampled_from([0, 3 * dt, -2 * dt, dt / 2, 70 * dt]))
    clock = Clock(float(inner), float(start + offset))
    first, count = data.draw(st.integers(-3, 80)), data.draw(st.integers(0, 130))
    rows = outcome(lambda: series._rows(clock, first, count))
    np.testing.assert_array_equal(rows, outcome(lambda: series(clock.times(first, count))))


def test_rows_of_a_period_that_is_not_the_steps() -> None:
    closed = clocked(10, Fraction(1, 10), Fraction(0), periodic=True).clip(t_stop=0.9)
    assert closed.t_stop == closed.times[-1]
    np.testing.assert_array_equal(closed._rows(Clock(0.1), 5, 5)[:, 0], [5, 6, 7, 8, 0])


def test_rows_of_a_clock_that_drifts_away() -> None:
    series = clocked(10, Fraction(1, 1000), Fraction(0), periodic=True)
    clock = Clock(1e-3 * (1 - 5e-13))
    np.testing.assert_array_equal(series._rows(clock, 10, 3)[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(series._rows(clock, 10_000_000, 3)[:, 0], [9, 0, 1])


def test_rows_of_the_own_clock_are_a_view() -> None:
    for periodic in (False, True):
        series = TSContinuous.from_clocked(ramp(50, 2), 1e-3, 0.1, periodic=periodic)
        rows = series._rows(Clock(1e-3, 0.0), 110, 20)
        assert np.shares_memory(rows, series.samples)
        np.testing.assert_array_equal(rows, series.samples[10:30])


@settings(deadline=None)
@given(st.sampled_from([("3/10", "1/10"), ("1/10", "1/10"), ("7/1000", "1/1000"), ("1", "1/3")]), lengths, starts)
def test_to_clocked_takes_whole_steps(steps: tuple[str, str], length: int, start: Fraction) -> None:
    coarse, fine = (Fraction(step) for step in steps)
    ratio = int(coarse / fine)
    rows = clocked(length, fine, start).to_clocked(float(coarse))
    np.testing.assert_array_equal(rows, ramp(length)[::ratio])


# --- parts and joins --------------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(steps_of_time, starts, lengths, st.booleans(), st.data())
def test_two_parts_joined_are_the_whole_part(
    dt: Fraction, start: Fraction, length: int, periodic: bool, data: st.DataObject
) -> None:
    series = clocked(length, dt, start, periodic=periodic)
    low, high = (-3 * length, 3 * length) if periodic else (0, length)
    edges = sorted(data.draw(st.lists(st.integers(low, high), min_size=3, max_size=3)))
    include_stop = data.draw(st.booleans())
    if edges[1] == length and not periodic:
        return  # what starts at the end of the last bin is a sample without a clock
    first, middle, last = (float(start + edge * dt) for edge in edges)
    # A sample at the end of the left part gives way to the right part's first, so there has to be one.
    left = series.clip(first, middle, include_stop=data.draw(st.booleans()) and (include_stop or last > middle))
    joined = left.append_t(series.clip(middle, last, include_stop=include_stop))
    whole = series.clip(first, last, include_stop=include_stop)
    np.testing.assert_array_equal(joined.samples, whole.samples)
    np.testing.assert_array_equal(joined.times, whole.times)
    assert joined.clock == whole.clock is not None
    assert (joined.t_start, joined.t_stop) == (whole.t_start, pytest.approx(whole.t_stop, rel=4 * EPS))


@settings(deadline=None)
@given(steps_of_time, starts, lengths, st.booleans(), st.data())
def test_a_part_has_the_values_of_the_whole(
    dt: Fraction, start: Fraction, length: int, periodic: bool, data: st.DataObject
) -> None:
    series = clocked(length, dt, start, periodic=periodic)
    positions = st.integers(-4 * length if periodic else 0, 4 * (length if not periodic else 2 * length))
    quarters = sorted(data.draw(st.lists(positions, min_size=2, max_size=2)))
    first, last = (float(start + Fraction(quarter, 4) * dt) for quarter in quarters)
    part = series.clip(first, last)
    part.periodic = False
    assert not len(part) or part.t_start <= part.times[0] <= part.times[-1] <= part.t_stop
    assert (part.t_start, part.t_stop) == pytest.approx((first, last), rel=8 * EPS, abs=0)
    centres = [quarter for quarter in range(*quarters) if quarter % 4 in (1, 2, 3)]
    times = np.array([float(start + Fraction(quarter, 4) * dt) for quarter in centres])
    np.testing.assert_array_equal(part(times), series(times))
    on_grid = quarters[0] % 4 == 0 and quarters[1] % 4 == 0
    assert (part.clock is not None) == (on_grid and (periodic or quarters[0] < 4 * length))


# --- series without a clock -------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(st.sampled_from(DTS), st.lists(st.integers(0, 200), min_size=1, max_size=30), st.data())
def test_irregular_times_are_found_however_they_are_written(
    dt: Fraction, numbers: list[int], data: st.DataObject
) -> None:
    numbers = sorted(numbers)
    asked = data.draw(st.lists(st.integers(numbers[0], 250), min_size=1, max_size=20))
    times = np.array([float(number * dt) for number in numbers])
    series = TSContinuous(times, np.arange(len(numbers)), t_stop=float(250 * dt))
    # At repeated times the last sample counts.
    expected = [max(index for index, number in enumerate(numbers) if number <= one) for one in asked]
    for way, written in ways_to_write(asked, dt, Fraction(0)).items():
        np.testing.assert_array_equal(series(written)[:, 0], expected, err_msg=way)


@settings(deadline=None)
@given(st.sampled_from(DTS), starts, st.lists(st.integers(0, 99), min_size=1, max_size=30, unique=True), st.data())
def test_irregular_periodic_times_are_wrapped_exactly(
    dt: Fraction, start: Fraction, numbers: list[int], data: st.DataObject
) -> None:
    numbers = sorted(numbers)
    times = np.array([float(start + number * dt) for number in numbers])
    stop = float(start + 100 * dt)
    series = TSContinuous(times, np.arange(len(numbers)), periodic=True, t_start=float(start), t_stop=stop)
    within = st.sampled_from(numbers) | st.integers(numbers[0], 99)
    asked = data.draw(st.lists(st.tuples(st.integers(-20, 20), within), min_size=1, max_size=20))
    expected = [max(index for index, number in enumerate(numbers) if number <= step) for _, step in asked]
    # The period itself is a float; its error counts once a period.
    error = abs(Fraction(stop) - Fraction(float(start)) - 100 * dt) * 20
    if error < Fraction(4 * EPS) * (abs(start) + 100 * dt):
        written = [float(start + (100 * period + step) * dt) for period, step in asked]
        np.testing.assert_array_equal(series(written)[:, 0], expected)


def test_a_time_next_to_another_one_stays_where_it_is() -> None:
    near = float(np.nextafter(1.0, 2.0))
    series = TSContinuous([0.0, 1.0, near, 2.0], [0, 1, 2, 3])
    np.testing.assert_array_equal(series([1.0, near, 1.5])[:, 0], [1, 2, 2])


def test_a_far_time_does_not_blur_near_ones() -> None:
    series = TSContinuous([0.0, 1.0, 1.0 + 1e-7, 2.0], [0, 1, 2, 3])
    series.beyond_range_exception = False
    with pytest.warns(UserWarning, match="no value at t=1000000000000.0 s"):
        values = series([1.0 + 5e-8, 1e12])
    np.testing.assert_array_equal(values[:, 0], [1, np.nan])


def test_a_clocked_series_whose_range_was_widened_repeats_with_it() -> None:
    series = TSContinuous.from_clocked(ramp(10), 0.1, periodic=True)
    series.t_stop = 1.2
    steps = np.arange(-48, 48)
    expected = np.minimum(steps % 12, 9).astype(np.float64)
    np.testing.assert_array_equal(series(steps / 10)[:, 0], expected)
    np.testing.assert_array_equal(series(steps * 0.1)[:, 0], expected)


def test_a_billion_steps_later() -> None:
    samples, steps = np.arange(10.0), 12 * 10**8 + np.arange(48)
    wide = TSContinuous.from_clocked(samples, 1e-3, periodic=True)
    wide.t_stop = 0.012
    expected = np.minimum(steps % 12, 9).astype(np.float64)
    for series in (wide, TSContinuous(np.arange(10) / 1000, samples, periodic=True, t_stop=0.012)):
        np.testing.assert_array_equal(series(steps / 1000)[:, 0], expected)
    # With the first sample after the start of the period.
    late = TSContinuous(np.arange(1, 10) / 1000, samples[1:], periodic=True, t_start=0.0, t_stop=0.012)
    has_value = steps % 12 > 0
    np.testing.assert_array_equal(late(steps[has_value] / 1000)[:, 0], expected[has_value])


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.lists(st.integers(-(10**6), 10**6), min_size=1))
def test_wrapped_times_lie_in_the_period(start: float, duration: float, periods: list[int]) -> None:
    wrapped = wrap(start + np.array(periods) * duration, start, duration)
    assert np.all((wrapped >= start) & (wrapped <= start + duration))


@settings(deadline=None)
@given(kinds, st.integers(4, 20), st.data())
def test_other_kinds_are_those_of_scipy(kind: str, length: int, data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(1, 9), min_size=length, max_size=length))
    times = np.cumsum(gaps) * 0.1
    samples = np.random.default_rng(length).normal(size=(length, 2))
    asked = (times[:-1, np.newaxis] + np.diff(times)[:, np.newaxis] * [0.1, 0.37, 0.81]).ravel()
    values = TSContinuous(times, samples, interp_kind=kind)(asked)
    np.testing.assert_allclose(values, interp1d(times, samples, kind=kind, axis=0)(asked), rtol=1e-12, atol=1e-12)
