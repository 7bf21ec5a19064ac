"""Which events of a series: of a range, of some channels, of an index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphpool.errors import TimeSeriesError
from graphpool.timeseries import TSEvent


def pairs(series: TSEvent) -> list[tuple[float, int]]:
    return list(series)


def test_a_call_gives_events_from_start_to_before_stop(events):
    times, channels = events(0.2, 0.5)
    assert (times.tolist(), channels.tolist()) == ([0.2, 0.2], [2, 1])
    assert events(0.5, 0.2)[0].tolist() == [0.2, 0.2]
    assert events(t_stop=0.2)[0].tolist() == [0.1]
    assert events(t_start=0.2)[0].tolist() == [0.2, 0.2, 0.5]
    assert events(-9, 9)[0].tolist() == [0.1, 0.2, 0.2, 0.5]
    assert events(5.0)[0].tolist() == []
    assert events(channels=[2, 0])[0].tolist() == [0.1, 0.2, 0.5]
    assert events(channels=np.int64(1))[1].tolist() == [1]
    assert events(channels=[])[1].tolist() == []
    times[:] = 0
    assert events.times.tolist() == [0.1, 0.2, 0.2, 0.5]


def test_a_periodic_series_is_unrolled_both_ways():
    series = TSEvent([0.25, 0.75], [0, 1], t_start=0.0, t_stop=1.0, periodic=True)
    times, channels = series(-1.25, 1.75)
    assert times.tolist() == [-1.25, -0.75, -0.25, 0.25, 0.75, 1.25]
    assert channels.tolist() == [1, 0, 1, 0, 1, 0]
    assert series(10.0, 10.75)[0].tolist() == [10.25]
    shifted = TSEvent([5.5], t_start=5.0, t_stop=6.0, periodic=True)
    assert shifted(0.0, 3.0)[0].tolist() == [0.5, 1.5, 2.5]


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 99), min_size=1, max_size=9).map(sorted))
def test_adjacent_ranges_of_a_periodic_series_share_no_event(period, hundredths):
    series = TSEvent([k / 100 for k in hundredths], t_start=0.0, t_stop=1.0, periodic=True)
    edges = [period + part / 10 for part in range(11)]
    parts = [series(a, b)[0] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    assert np.array_equal(np.concatenate(parts), series(edges[0], edges[-1])[0])
    assert np.all(np.diff(np.concatenate(parts)) >= 0)
    assert abs(sum(map(len, parts)) - len(series)) <= 2 * hundredths.count(0) + 2 * hundredths.count(99)


def test_an_event_that_starts_a_period_is_found_by_its_time():
    series = TSEvent([0.1, 0.2], t_start=0.1, t_stop=0.4, periodic=True)
    for period in range(-2000, 2000):
        for stored in (0.1, 0.2):
            time = stored + period * series.duration
            assert series(time, time + 1e-6)[0].tolist() == [time]


def test_repetitions_are_in_order_although_their_times_are_rounded():
    series = TSEvent([0.1, np.nextafter(0.8, 0)], t_stop=0.8, periodic=True)
    times, _ = series(0.0, 5000.0)
    assert np.all(np.diff(times) >= 0)
    assert len(series.clip(0.0, 5000.0)) == len(times) > 14000


@pytest.mark.parametrize("series", [TSEvent(periodic=True), TSEvent(periodic=True, t_stop=1.0, num_channels=2)])
def test_a_periodic_series_without_events_has_none_anywhere(series):
    assert [part.tolist() for part in series(-10.0, 10.0)] == [[], []]
    assert series.raster(0.5, t_start=-1.0, t_stop=1.0).shape == (4, series.num_channels)
    assert not series.raster(0.5, num_timesteps=3).any()


def test_absurd_ranges_are_refused_at_once():
    periodic = TSEvent([0.0], t_stop=1e-3, periodic=True)
    for ask in (lambda: periodic(0, 1e15), lambda: periodic(0, 1e300), lambda: periodic.clip(1e300, 1.1e300)):
        with pytest.raises(TimeSeriesError, match="too many events"):
            ask()
    long = TSEvent([0.0], t_stop=1e15)
    with pytest.raises(TimeSeriesError, match=r"1e\+15 s in steps of dt=0.001 s"):
        long.raster(1e-3)
    with pytest.raises(TimeSeriesError, match="dt=5e-324 s"):
        long.raster(5e-324)
    with pytest.raises(TimeSeriesError, match="1e\\+12 s in steps of dt=1.0 s"):
        long.raster(1, num_timesteps=10**12)


def test_clip(events):
    part = events.clip(0.15, 0.5)
    assert pairs(part) == [(0.2, 2), (0.2, 1)]
    assert (part.t_start, part.t_stop, part.num_channels, part.name) == (0.15, 0.5, 4, "spikes")
    assert (events.clip(t_start=0.2).t_stop, events.clip(t_stop=0.2).t_start) == (1.0, 0.0)
    assert (events.clip(-1.0, 3.0).t_start, events.clip(-1.0, 3.0).t_stop) == (-1.0, 3.0)
    assert pairs(events.clip(channels=[2, 0])) == [(0.1, 0), (0.2, 2), (0.5, 2)]
    remapped = events.clip(channels=[2, 1, 3, 2], remap_channels=True)
    assert pairs(remapped) == [(0.2, 1), (0.2, 0), (0.5, 1)]
    assert remapped.num_channels == 3
    assert events.clip(remap_channels=True).num_channels == 4
    assert events.clip(0.15, 0.5, inplace=True) is events
    assert pairs(events) == pairs(part)


def test_clip_of_a_range_outside_changes_nothing(events):
    with pytest.raises(TimeSeriesError, match="earlier than t_start=2"):
        events.clip(t_start=2.0, inplace=True)
    with pytest.raises(TimeSeriesError, match="finite"):
        events.clip(t_start=np.nan, inplace=True)
    assert len(events) == 4


@pytest.mark.parametrize("start, dt", [(0.0, 0.1), (-0.7, 1e-6), (1000.1, 0.02), (3.7, 1 / 44100)])
def test_a_limit_that_means_the_end_leaves_nothing(start, dt):
    missed = 0
    for count in range(1, 60):
        series = TSEvent.from_raster(np.ones((count, 2)), dt, start)
        for limit in (start + count * dt, float(np.nextafter(series.t_stop, np.inf))):
            part = series.clip(t_start=limit)
            assert (len(part), part.duration, part.num_channels) == (0, 0.0, 2)
            assert series.raster(dt, t_start=limit).shape == (0, 2)
            missed += limit > series.t_stop
        part = series.clip(t_stop=float(np.nextafter(series.t_start, -np.inf)))
        assert (len(part), part.duration) == (0, 0.0)
        with pytest.raises(TimeSeriesError, match="is earlier than t_start"):
            series.clip(t_start=series.t_stop + dt / 2)
        with pytest.raises(TimeSeriesError, match="is earlier than t_start"):
            series.raster(dt, t_start=series.t_stop + dt / 2)
    assert missed >= 59


def test_a_clipped_periodic_series_is_unrolled():
    series = TSEvent([0.25], t_start=0.0, t_stop=1.0, periodic=True).clip(-1.0, 2.0)
    assert pairs(series) == [(-0.75, 0), (0.25, 0), (1.25, 0)]
    assert (series.t_start, series.t_stop, series.periodic) == (-1.0, 2.0, True)


def test_remap_channels(events):
    mapped = events.remap_channels([5, 0, 1, 0])
    assert (mapped.channels.tolist(), mapped.num_channels) == ([5, 1, 0, 1], 6)
    assert events.remap_channels(np.zeros(4)).num_channels == 4
    assert events.remap_channels([1, 0, 3, 2], inplace=True) is events
    assert events.channels.tolist() == [1, 3, 0, 3]
    with pytest.raises(TimeSeriesError, match=r"shape \(3,\) for 4 channels"):
        events.remap_channels([0, 1, 2])
    for wrong in (-1, 0.5):
        with pytest.raises(TimeSeriesError, match=f"channel 2 becomes {wrong}"):
            events.remap_channels([0, 1, wrong, 2])
    assert TSEvent().remap_channels([]).num_channels == 0


def test_indexing_keeps_range_and_channels(events):
    assert pairs(events[1]) == [(0.2, 2)]
    assert pairs(events[-1]) == [(0.5, 2)]
    assert pairs(events[1:3]) == [(0.2, 2), (0.2, 1)]
    assert pairs(events[[3, 0]]) == [(0.1, 0), (0.5, 2)]
    assert pairs(events[::-1]) == pairs(events)
    assert pairs(events[events.channels == 2]) == [(0.2, 2), (0.5, 2)]
    part = events[0]
    assert (part.t_start, part.t_stop, part.num_channels, part.name) == (0.0, 1.0, 4, "spikes")
    for wrong in (4, [0, 9], (0, 0)):
        with pytest.raises(IndexError):
            events[wrong]
    with pytest.raises(TimeSeriesError, match="2 dimensions"):
        events[np.zeros((2, 2), dtype=int)]
