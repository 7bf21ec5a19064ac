"""Rasters of events against rational arithmetic."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphpool.timeseries import TSEvent
from graphpool.timeseries.clock import Clock

STEPS = [Fraction(text) for text in ("1/1000", "1/10", "3/10", "1/3", "1/44100", "7/1000", "1/128", "1", "2/7", "60")]
STARTS = [Fraction(text) for text in ("0", "1", "-0.7", "1000.1", "12345.678", "-98.76", "1/3")]

steps_of_clocks = st.sampled_from(STEPS)
starts_of_clocks = st.sampled_from(STARTS)


def margin(dt: Fraction, start: Fraction, count: int) -> float:
    """How near to an edge, in steps, a float may lie and be meant to be on it."""
    return 1e-6 + 64 * 2.0**-52 * float((abs(start) + count * dt) / dt)


def rows_with_events(series: TSEvent, dt: float, t_start: float, count: int) -> list[int]:
    counts = series.raster(dt, t_start=t_start, num_timesteps=count, add_events=True)[:, 0]
    return np.repeat(np.arange(count), counts).tolist()


# --- events at known places -------------------------------------------------------------------------------------------
@given(steps_of_clocks, starts_of_clocks, st.lists(st.integers(0, 3000), min_size=1, max_size=50).map(sorted))
def test_an_event_on_an_edge_is_in_the_bin_that_starts_there(dt, start, steps):
    times = [float(start + k * dt) for k in steps]
    series = TSEvent(times, t_start=min(times[0], float(start)), t_stop=times[-1] + 1)
    assert rows_with_events(series, float(dt), float(start), 3001) == steps


@given(steps_of_clocks, starts_of_clocks, st.integers(1, 3000))
def test_an_event_at_a_product_of_floats_is_in_the_bin_that_starts_there(dt, start, count):
    times = np.arange(count) * float(dt) + float(start)
    series = TSEvent(times, t_start=float(start), t_stop=times[-1] + float(dt))
    assert rows_with_events(series, float(dt), float(start), count) == list(range(count))


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("start", ["0", "1", "-0.7"])
def test_events_of_arange_are_one_in_each_bin(dt, start):
    step, begin = float(dt), float(start)
    times = np.arange(begin, begin + 999.5 * step, step)
    series = TSEvent(times, t_stop=begin + 1000 * step)
    assert rows_with_events(series, step, begin, 1000) == list(range(1000))
    assert series.raster(step).sum() == 1000


def test_the_thousand_events_from_one_second_on():
    series = TSEvent(np.arange(1.0, 2.0, 1e-3), t_stop=2.0)
    assert np.array_equal(series.raster(1e-3), np.ones((1000, 1), dtype=bool))


@settings(deadline=None)
@given(
    steps_of_clocks,
    starts_of_clocks,
    st.lists(st.tuples(st.integers(0, 500), st.fractions(0, 1, max_denominator=10**7)), min_size=1, max_size=50),
)
def test_an_event_inside_of_a_bin_is_in_that_bin(dt, start, places):
    near = margin(dt, start, 500)
    exact = sorted(start + (k + inside) * dt for k, inside in places if near < inside < 1 - near)
    assume(exact)
    times = [float(time) for time in exact]
    series = TSEvent(times, t_start=min(float(start), times[0]), t_stop=times[-1] + 1)
    assert rows_with_events(series, float(dt), float(start), 501) == [floor((time - start) / dt) for time in exact]


@given(steps_of_clocks, starts_of_clocks, st.integers(-500, 500), st.integers(0, 400), st.data())
def test_a_raster_from_any_bin_on_is_a_part_of_the_whole(dt, start, first, count, data):
    drawn = data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=60).map(sorted))
    times = [float(start) + share * 300 * float(dt) for share in drawn]
    begin = min(times[0], float(start))
    periodic = data.draw(st.booleans())
    series = TSEvent(times, t_start=begin, t_stop=times[-1] + float(dt) * 7 / 3, periodic=periodic)
    clock = Clock(float(dt), float(start))
    whole = series._raster(clock, -500, 1500, True)
    assert np.array_equal(series._raster(clock, first, count, True), whole[first + 500 : first + 500 + count])


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("start", STARTS)
def test_bins_read_one_by_one_have_all_events_on_edges(dt, start):
    step, begin = float(dt), float(start)
    edges = np.arange(300) * step + begin
    times = np.sort(np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)]))
    series = TSEvent(times, t_stop=times[-1] + step)
    counts = [series._raster(Clock(step, begin), k, 1, True).item() for k in range(-1, 301)]
    assert counts == [0] + [3] * 300 + [0]


def test_the_bin_of_an_event_does_not_depend_on_other_events():
    early = 1 - 5e-12  # a 200 millionth of a step before an edge: in the bin before, as near to zero as it is
    series = TSEvent([early, 5000.0], [0, 1], t_start=0.0, t_stop=5001.0)
    whole = series.raster(1e-3)
    assert np.flatnonzero(whole[:, 0]).tolist() == [999]
    assert np.array_equal(series.raster(1e-3, num_timesteps=2000), whole[:2000])


def test_every_number_of_bins_is_kept():
    series = TSEvent([0.05, 1.0], [0, 1], t_start=0.0, t_stop=2.0)
    for dt in (0.1, 1e-3, 0.3, 1 / 3, 1 / 44100, 0.007):
        for count in range(1, 2001):
            assert series.raster(dt, num_timesteps=count).shape == (count, 2)
            assert series.raster(dt, t_start=1000.1, num_timesteps=np.int64(count)).shape == (count, 2)


@given(steps_of_clocks, starts_of_clocks, st.integers(0, 3000))
def test_whole_steps_make_as_many_bins(dt, start, count):
    series = TSEvent(t_start=float(start), t_stop=float(start + count * dt), num_channels=1)
    assert series.raster(float(dt)).shape == (count, 1)


@given(steps_of_clocks, starts_of_clocks, st.integers(0, 3000), st.fractions("1/1000", "999/1000"))
def test_a_part_of_a_step_makes_one_bin_more(dt, start, count, part):
    series = TSEvent(t_start=float(start), t_stop=float(start + (count + part) * dt), num_channels=1)
    assert series.raster(float(dt)).shape == (count + 1, 1)


# --- back and forth ---------------------------------------------------------------------------------------------------
@st.composite
def rasters(draw):
    rows, columns = draw(st.integers(0, 30)), draw(st.integers(0, 4))
    largest = draw(st.sampled_from([1, 3]))
    seed = draw(st.integers(0, 2**32 - 1))
    drawn = np.random.default_rng(seed).integers(0, largest + 1, (rows, columns))
    return drawn.astype(draw(st.sampled_from([np.int64, np.float32, np.uint8, np.float64])))


any_dt = st.floats(1e-6, 1e3) | steps_of_clocks.map(float)
any_start = st.floats(-1e6, 1e6) | starts_of_clocks.map(float)


@settings(max_examples=300)
@given(rasters(), any_dt, any_start, st.booleans())
def test_a_raster_comes_back_as_it_went(raster, dt, t_start, at_start):
    series = TSEvent.from_raster(raster, dt, t_start, spikes_at_bin_start=at_start)
    back = series.raster(dt, add_events=True)
    assert back.dtype == np.int64
    assert np.array_equal(back, raster)
    assert np.array_equal(series.raster(dt), raster > 0)
    assert series.raster(dt).dtype == np.bool_


@pytest.mark.parametrize("dt", [1e-3, 0.1, 1.0, 1 / 3])
@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_raster_far_from_zero_comes_back_or_is_refused(dt, at_start, sign):
    raster = np.random.default_rng(5).integers(0, 3, (20, 3))
    for factor in np.geomspace(1e9, 1e16, 300):
        t_start = sign * factor * dt
        try:
            series = TSEvent.from_raster(raster, dt, t_start, spikes_at_bin_start=at_start)
        except ValueError:
            assert np.spacing(abs(t_start)) > dt / 64
        else:
            assert np.array_equal(series.raster(dt, add_events=True), raster), t_start


@given(rasters(), steps_of_clocks, st.integers(-(10**6), 10**6))
def test_a_raster_on_the_steps_of_a_module_comes_back(raster, dt, step):
    clock = Clock(float(dt))
    series = TSEvent._from_raster(raster, clock.started_at(step), "out", add_events=True)
    assert np.array_equal(series._raster(clock, step, len(raster), True), raster)
    once = TSEvent._from_raster(raster, clock.started_at(step), "out", add_events=False)
    assert np.array_equal(once._raster(clock, step, len(raster), True), np.minimum(raster, 1))


def test_events_are_sorted_by_time_then_channel():
    raster = np.array([[0, 2, 1], [1, 0, 1]])
    series = TSEvent.from_raster(raster, 0.1)
    assert series.channels.tolist() == [1, 1, 2, 0, 2]
    assert series.times.tolist() == [0.05, 0.05, 0.05, 0.15, 0.15]
    assert TSEvent.from_raster(raster, 0.1, spikes_at_bin_start=True).times.tolist() == [0.0, 0.0, 0.0, 0.1, 0.1]
    assert TSEvent.from_raster(np.asfortranarray(raster), 0.1).channels.tolist() == [1, 1, 2, 0, 2]


# --- periodic series --------------------------------------------------------------------------------------------------
@given(rasters(), steps_of_clocks, starts_of_clocks, st.integers(-2000, 2000), st.integers(0, 200))
def test_a_periodic_raster_repeats_itself_both_ways(raster, dt, start, first, count):
    series = TSEvent.from_raster(raster, float(dt), float(start), periodic=True)
    clock = Clock(float(dt), float(start))
    expected = np.zeros((count, raster.shape[1]), dtype=np.int64)
    if len(raster):
        expected[:] = raster[(first + np.arange(count)) % len(raster)]
    assert np.array_equal(series._raster(clock, first, count, True), expected)


@pytest.mark.parametrize("start", [float(start) for start in STARTS])
def test_thousands_of_periods_are_as_the_first(start):
    raster = np.random.default_rng(1).integers(0, 2, (700, 3))
    series = TSEvent.from_raster(raster, 1e-3, start, periodic=True, spikes_at_bin_start=True)
    clock = Clock(1e-3, start)
    for period in (-(10**6), -1000, -1, 1, 2, 3, 999, 10**6):
        assert np.array_equal(series._raster(clock, period * 700, 700, True), raster), period


@settings(deadline=None)  # counts in fractions, which is slow
@given(st.lists(st.integers(0, 99), min_size=1, max_size=20).map(sorted), st.integers(1, 99), st.integers(-300, 300))
def test_a_period_of_any_length_is_unrolled_exactly(hundredths, dt, first):
    """Times in hundredths of a second, in the middle of each, so that no bin edge is hit."""
    times = [Fraction(2 * k + 1, 200) for k in hundredths]
    series = TSEvent([float(time) for time in times], t_start=0.0, t_stop=1.0, periodic=True)
    expected = np.zeros(50, dtype=np.int64)
    for period in range(-301, 301 + 100):
        for time in times:
            row = floor((time + period) / Fraction(dt, 100)) - first
            if 0 <= row < 50:
                expected[row] += 1
    assert np.array_equal(series._raster(Clock(dt / 100), first, 50, True)[:, 0], expected)


def test_a_periodic_raster_stops_in_the_middle_of_a_bin():
    series = TSEvent([0.0, 0.7], [0, 1], t_start=0.0, t_stop=1.0, periodic=True)
    counts = series.raster(0.4, t_start=-1.0, t_stop=1.5, add_events=True)
    # The last bin ends at 1.8 s, but what comes from 1.5 s on does not count, as the event at 1.7 s.
    assert counts.tolist() == [[1, 0], [0, 1], [1, 0], [0, 0], [0, 1], [1, 0], [0, 0]]
