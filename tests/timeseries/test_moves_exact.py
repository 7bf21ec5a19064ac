"""Parts, joins and moves of series on a clock, against rational arithmetic: each entry has a step, a whole number."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpool.timeseries import TSContinuous, TSEvent

DTS = [Fraction(text) for text in ("1/1000", "1/10", "3/10", "1/3", "1/44100", "7/1000", "1")]
STARTS = [Fraction(text) for text in ("0", "1", "-0.7", "1000.1", "1/3", "-98.76")]

EPS = float(np.finfo(np.float64).eps)

few = settings(max_examples=40, deadline=None)
steps_of_time = st.sampled_from(DTS)
starts = st.sampled_from(STARTS)
lengths = st.integers(1, 30)
widths = st.integers(1, 3)


def seconds(start: Fraction, dt: Fraction, step: Fraction | int) -> float:
    """The float nearest to the start of a step."""
    return float(start + step * dt)


def signal(length: int, width: int, dt: Fraction, start: Fraction, **switches: Any) -> TSContinuous:
    samples = np.arange(float(length * width)).reshape(length, width)
    return TSContinuous.from_clocked(samples, float(dt), float(start), **switches)


@st.composite
def rasters(draw: st.DrawFn, length: int | None = None, width: int | None = None) -> np.ndarray[Any, Any]:
    length, width = length or draw(lengths), width or draw(widths)
    counts = draw(st.lists(st.integers(0, 2), min_size=length * width, max_size=length * width))
    return np.reshape(counts, (length, width))


def counted(series: TSEvent, dt: Fraction, start: Fraction, first: int, count: int) -> list[list[int]]:
    """The events of each step of a clock from a step on."""
    found = series.raster(float(dt), t_start=seconds(start, dt, first), num_timesteps=count, add_events=True)
    return found.astype(int).tolist()


def periods(raster: np.ndarray[Any, Any], first: int, count: int) -> list[list[int]]:
    return raster[np.arange(first, first + count) % len(raster)].tolist()


# --- clip, then append ------------------------------------------------------------------------------------------------
@few
@given(rasters(), steps_of_time, starts, st.booleans(), st.booleans(), st.data())
def test_parts_of_events_joined_are_the_whole(
    raster: Any, dt: Fraction, start: Fraction, periodic: bool, at_start: bool, data: st.DataObject
) -> None:
    length = len(raster)
    series = TSEvent.from_raster(raster, float(dt), float(start), periodic=periodic, spikes_at_bin_start=at_start)
    low, high = (-2 * length, 3 * length) if periodic else (0, length)
    first, middle, last = sorted(data.draw(st.lists(st.integers(low, high), min_size=3, max_size=3)))
    parts = [
        series.clip(seconds(start, dt, one), seconds(start, dt, other))
        for one, other in ((first, middle), (middle, last))
    ]
    for part in parts:
        part.periodic = False
    joined = parts[0].append_t(parts[1])
    expected = periods(raster, first, last - first)
    assert counted(joined, dt, start, first, last - first) == expected
    assert len(joined) == sum(map(sum, expected)) and joined.num_channels == raster.shape[1]


@few
@given(lengths, widths, steps_of_time, starts, st.booleans(), st.data())
def test_parts_of_signals_joined_are_the_whole(
    length: int, width: int, dt: Fraction, start: Fraction, periodic: bool, data: st.DataObject
) -> None:
    series = signal(length, width, dt, start, periodic=periodic)
    low, high = (-2 * length, 3 * length) if periodic else (0, length)
    first, last = sorted(data.draw(st.lists(st.integers(low, high), min_size=2, max_size=2, unique=True)))
    middle = data.draw(st.integers(first, last - 1))
    whole = series.clip(seconds(start, dt, first), seconds(start, dt, middle), include_stop=False).append_t(
        series.clip(seconds(start, dt, middle), seconds(start, dt, last), include_stop=False)
    )
    steps = np.arange(first, last)
    np.testing.assert_array_equal(whole.samples, series.samples[steps % length])
    times = [seconds(start, dt, int(step)) for step in steps]
    # Each time may be off by a few roundings of the largest number on its way.
    np.testing.assert_allclose(whole.times, times, rtol=0, atol=8 * EPS * float(abs(start) + 3 * length * dt))


# --- merge ------------------------------------------------------------------------------------------------------------
@few
@given(st.data(), lengths, steps_of_time, starts, st.booleans(), st.booleans())
def test_merged_events_add_up(
    data: st.DataObject, length: int, dt: Fraction, start: Fraction, once: bool, later: bool
) -> None:
    width = data.draw(widths)
    one, other = (data.draw(rasters(length, width)) for _ in range(2))
    delay = data.draw(st.integers(0, 40)) if later else 0
    series = [TSEvent.from_raster(raster, float(dt), float(start)) for raster in (one, other)]
    merged = series[0].merge(series[1], delay=float(delay * dt), remove_duplicates=once)
    expected = np.zeros((length + delay, width), dtype=int)
    expected[:length] += one
    expected[delay:] += other
    if once:
        expected = np.minimum(expected, 1)
    assert counted(merged, dt, start, 0, length + delay) == expected.tolist()
    assert Counter(merged.channels.tolist()) == {
        channel: total for channel, total in enumerate(expected.sum(axis=0).tolist()) if total
    }


@few
@given(lengths, widths, steps_of_time, st.sampled_from([start for start in STARTS if start >= 0]), st.data())
def test_signals_merge_in_order_of_time(
    length: int, width: int, dt: Fraction, start: Fraction, data: st.DataObject
) -> None:
    series = signal(length, width, dt, start)
    owners = np.array(data.draw(st.lists(st.integers(0, 2), min_size=length, max_size=length)))
    # One series has the times that floats make of products. From 0 s on their errors are small against them.
    times = [seconds(start, dt, step) for step in range(length)]
    written = [times, times, (np.arange(length) * float(dt) + float(start)).tolist()]
    parts = [
        TSContinuous(np.array(written[owner])[owners == owner], series.samples[owners == owner], width)
        for owner in range(3)
    ]
    # The last one has a wrong value at each of them.
    again = TSContinuous(times, np.full((length, width), -1.0))
    merged = parts[0].merge([*parts[1:], again])
    np.testing.assert_array_equal(merged.samples, series.samples)
    assert len(parts[0].merge([*parts[1:], again], remove_duplicates=False)) == 2 * length


# --- delay ------------------------------------------------------------------------------------------------------------
@few
@given(rasters(), steps_of_time, starts, st.lists(st.integers(-500, 500), min_size=1, max_size=4), st.booleans())
def test_delays_by_steps_add_up(raster: Any, dt: Fraction, start: Fraction, moves: list[int], periodic: bool) -> None:
    length, total = len(raster), sum(moves)
    events = TSEvent.from_raster(raster, float(dt), float(start), periodic=periodic)
    samples = TSContinuous.from_clocked(raster, float(dt), float(start), periodic=periodic)
    for step in moves:
        events.delay(float(step * dt), inplace=True)
        samples = samples.delay(float(step * dt))
    assert counted(events, dt, start, total, length) == raster.tolist()
    np.testing.assert_array_equal(samples([seconds(start, dt, total + step) for step in range(length)]), raster)
    for series in (events.start_at(float(start)), samples.start_at(float(start))):
        assert series.t_start == float(start)
        found = series.raster(float(dt), add_events=True) if isinstance(series, TSEvent) else series.samples
        np.testing.assert_array_equal(found, raster)


# --- raster and back --------------------------------------------------------------------------------------------------
@few
@given(rasters(), steps_of_time, starts, st.booleans(), st.integers(-100, 100), st.data())
def test_any_window_of_a_raster_comes_back(
    raster: Any, dt: Fraction, start: Fraction, periodic: bool, first: int, data: st.DataObject
) -> None:
    channels = data.draw(st.permutations(range(raster.shape[1])))
    series = TSEvent.from_raster(raster, float(dt), float(start), periodic=periodic)
    begin = seconds(start, dt, first)
    window = series.raster(float(dt), t_start=begin, num_timesteps=50, channels=channels, add_events=True)
    steps = np.arange(first, first + 50)
    inside = np.ones(50, bool) if periodic else (steps >= 0) & (steps < len(raster))
    expected = np.where(inside[:, np.newaxis], raster[steps % len(raster)][:, channels], 0)
    np.testing.assert_array_equal(window, expected)
    again = TSEvent.from_raster(window, float(dt), begin)
    assert counted(again, dt, start, first, 50) == expected.tolist()


# --- resample ---------------------------------------------------------------------------------------------------------
@few
@given(lengths, widths, steps_of_time, starts, st.booleans(), st.data())
def test_resampled_signals_have_the_sample_of_each_time(
    length: int, width: int, dt: Fraction, start: Fraction, periodic: bool, data: st.DataObject
) -> None:
    series = signal(length, width, dt, start, periodic=periodic)
    low, high = (-4 * length, 8 * length) if periodic else (0, 4 * length - 1)
    quarters = sorted(data.draw(st.lists(st.integers(low, high), min_size=1, max_size=20)))
    channels = data.draw(st.permutations(range(width)))
    times = [seconds(start, dt, Fraction(quarter, 4)) for quarter in quarters]
    found = series.resample(times, channels)
    steps = np.array([quarter // 4 % length for quarter in quarters])
    np.testing.assert_array_equal(found.samples, series.samples[steps][:, channels])
    assert (found.t_start, found.t_stop, found.clock) == (times[0], times[-1], None)
    # What was resampled is read at those times as itself.
    found.periodic = False
    last = [len(times) - 1 - times[::-1].index(time) for time in times]
    np.testing.assert_array_equal(found(times), found.samples[last])
