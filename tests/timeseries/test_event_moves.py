"""Events that are moved in time stay in the steps of the raster that they come from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphpool.timeseries import TSEvent

RASTER = np.random.default_rng(2).integers(0, 3, (40, 2))


@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize(
    ("dt", "far"), [(2.5e-4, 1e5), (1e-3, 1e6), (1 / 44100, -12345.678), (0.1, 1.7e9), (0.3, -0.7)]
)
def test_a_raster_from_far_away_comes_back(dt, far, at_start):
    series = TSEvent.from_raster(RASTER, dt, far, spikes_at_bin_start=at_start)
    near = series.start_at_zero()
    assert (near.t_start, near.t_stop) == (0.0, TSEvent.from_raster(RASTER, dt).t_stop)
    assert near.times.tolist() == TSEvent.from_raster(RASTER, dt, spikes_at_bin_start=at_start).times.tolist()
    for moved in (near, series.delay(-far), near.start_at(far), series.start_at(0.7).delay(3e3).delay(-3e3)):
        assert np.array_equal(moved.raster(dt, add_events=True), RASTER)
    assert series.start_at(0.0, inplace=True) is series
    assert np.array_equal(series.raster(dt, add_events=True), RASTER)


@given(st.floats(1e-5, 1e2), st.floats(-1e5, 1e5), st.lists(st.floats(-1e5, 1e5), max_size=5), st.booleans())
def test_a_raster_comes_back_from_a_journey(dt, t_start, stops, at_start):
    series = TSEvent.from_raster(RASTER, dt, t_start, spikes_at_bin_start=at_start)
    for index, stop in enumerate(stops):
        series = series.delay(stop) if index % 2 else series.start_at(stop)
        assert series.t_start <= series.times[0] <= series.times[-1] < series.t_stop
    assert np.array_equal(series.raster(dt, add_events=True), RASTER)


@given(st.integers(0, 39), st.integers(0, 39), st.floats(-1e4, 1e4))
def test_a_part_of_a_raster_is_moved_by_step(first, second, t_start):
    start, stop = min(first, second), max(first, second) + 1
    series = TSEvent.from_raster(RASTER, 1e-3, 5e4, spikes_at_bin_start=True)
    part = series.clip(5e4 + start * 1e-3, 5e4 + stop * 1e-3).start_at(t_start)
    assert np.array_equal(part.raster(1e-3, add_events=True), RASTER[start:stop])
    assert np.array_equal(series[:].start_at(t_start).raster(1e-3, add_events=True), RASTER)


def test_joined_rasters_are_moved_by_step():
    pieces = [TSEvent.from_raster(RASTER[k : k + 10], 1e-3, 1e5, spikes_at_bin_start=True) for k in range(0, 40, 10)]
    whole = pieces[0].append_t(pieces[1:])
    assert np.array_equal(whole.raster(1e-3, add_events=True), RASTER)
    assert np.array_equal(whole.start_at(0.1).raster(1e-3, add_events=True), RASTER)
    both = whole.merge(whole)
    assert np.array_equal(both.start_at(0.1).raster(1e-3, add_events=True), 2 * RASTER)


def test_other_events_are_moved_by_their_times():
    raster = TSEvent.from_raster(RASTER, 1e-3, 0.0)
    odd = TSEvent([0.00033], t_start=0.0, t_stop=0.04, num_channels=2)
    for series in (odd.merge(raster), raster.merge(odd), raster.append_c(odd)):
        assert 0.25033 in series.delay(0.25).times.tolist()
    raster.times = raster.times + 1e-5
    assert raster.delay(1.0).times.tolist() == (raster.times + 1.0).tolist()
    period = TSEvent.from_raster([1, 0, 1], 0.1, t_stop=0.37, periodic=True, spikes_at_bin_start=True)
    unrolled = period.clip(0.0, 1.0)
    assert unrolled.delay(1.0).times.tolist() == (unrolled.times + 1.0).tolist()


def test_steps_are_forgotten_where_floats_do_not_hold_them():
    series = TSEvent.from_raster([1, 1, 1], 1e-3)
    far = series.delay(1e15)
    assert far.t_start <= far.times[0] <= far.times[-1] < far.t_stop
    assert far.times.tolist() == [1e15] * 3
    back = far.delay(-1e15)
    assert back.times.tolist() == [0.0] * 3


def test_the_range_moves_as_the_events_do():
    series = TSEvent.from_raster([1, 1], 0.1, t_stop=0.55)
    series.t_start = -0.03
    late = series.delay(10.0)
    assert (late.t_start, late.t_stop) == (10.0 - 0.03, 10.0 + 0.55)
    assert late.times.tolist() == pytest.approx([10.05, 10.15])
    empty = TSEvent(t_start=1e9, t_stop=1e9).start_at(0.3)
    assert empty.t_start == 0.3 <= empty.t_stop
