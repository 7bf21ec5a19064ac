"""Rasters of events, and events of rasters: what is counted, what is refused."""

import re

import numpy as np
import pytest

from graphpool.errors import SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSEvent


def test_raster_counts_or_says_whether(events):
    double = events.merge(events)
    counts = double.raster(0.25, add_events=True)
    assert counts.dtype == np.int64
    assert counts.tolist() == [[2, 2, 2, 0], [0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    said = double.raster(0.25)
    assert said.dtype == np.bool_
    assert np.array_equal(said, counts > 0)


def test_columns_are_the_channels_asked_for(events):
    whole = events.raster(0.1, add_events=True)
    for asked in ([2], [2, 0], [0, 1, 2, 3], [3, 1, 1, 2], np.array([1, 2]), (3, 0), []):
        columns = np.array(asked, dtype=int)
        for add_events in (True, False):
            raster = events.raster(0.1, channels=asked, add_events=add_events)
            assert np.array_equal(raster, whole[:, columns] if add_events else whole[:, columns] > 0)
    assert np.array_equal(events.raster(0.1, channels=2)[:, 0], whole[:, 2] > 0)


def test_a_few_of_very_many_channels_are_rastered():
    series = TSEvent([0.0, 1.0], [0, 10**15], t_stop=2.0)
    assert series.raster(1.0, channels=[10**15, 5]).tolist() == [[False, False], [True, False]]
    with pytest.raises(TimeSeriesError, match="1000000000000001 channels"):
        series.raster(1.0)


def test_what_is_outside_of_the_range_does_not_count():
    series = TSEvent(np.arange(10) + 0.5, t_start=0.0, t_stop=10.0)
    assert series.raster(1.0, t_start=2.0, t_stop=4.6, add_events=True).ravel().tolist() == [1, 1, 1]
    assert series.raster(1.0, t_start=2.0, t_stop=4.5, add_events=True).ravel().tolist() == [1, 1, 0]
    assert series.raster(1.0, t_start=-1.0, t_stop=2.0, add_events=True).ravel().tolist() == [0, 1, 1]
    assert series.raster(1.0, t_start=8.0, num_timesteps=4, add_events=True).ravel().tolist() == [1, 1, 0, 0]
    assert series.raster(1.0, t_start=3.0, t_stop=3.0).shape == (0, 1)
    assert series.raster(1.0, num_timesteps=0).shape == (0, 1)


def test_bad_rasters_are_not_asked_for(events):
    with pytest.raises(TimeSeriesError, match="both t_stop=1.0 and num_timesteps=3"):
        events.raster(0.1, t_stop=1.0, num_timesteps=3)
    for count in (-1, 2.5, True, "3"):
        with pytest.raises(TimeSeriesError, match=re.escape(f"num_timesteps={count!r}")):
            events.raster(0.1, num_timesteps=count)
    for dt in (0, -1, np.nan, None, "a"):
        with pytest.raises(TimeSeriesError, match="dt="):
            events.raster(dt)
    with pytest.raises(TimeSeriesError, match="t_stop=0.5 s is earlier than t_start=0.7 s"):
        events.raster(0.1, t_start=0.7, t_stop=0.5)
    with pytest.raises(TimeSeriesError, match="t_stop=1.0 s is earlier than t_start=3.0 s"):
        events.raster(0.1, t_start=3.0)


def test_from_raster_range_and_channels():
    series = TSEvent.from_raster([[1, 0], [0, 1]], 0.1, 0.2, name="a", periodic=True, num_channels=5)
    assert (series.t_start, series.t_stop, series.name, series.periodic) == (0.2, 0.4, "a", True)
    assert series.num_channels == 5
    assert TSEvent.from_raster([1, 0, 2]).times.tolist() == [0.5, 2.5, 2.5]
    assert TSEvent.from_raster([1, 0, 2], t_stop=9.0).t_stop == 9.0
    empty = TSEvent.from_raster(np.zeros((0, 7)))
    assert (len(empty), empty.num_channels, empty.duration) == (0, 7, 0.0)
    assert TSEvent.from_raster(np.zeros((5, 0))).duration == 5.0
    assert TSEvent.from_raster([0.9, 1.9, 2.0]).times.tolist() == [1.5, 2.5, 2.5]
    assert TSEvent.from_raster(np.array([True, False])).channels.dtype == np.int64
    with pytest.raises(TimeSeriesError, match="last event, at t=2.5 s"):
        TSEvent.from_raster([1, 0, 2], t_stop=2.5)
    with pytest.raises(TimeSeriesError, match="num_channels"):
        TSEvent.from_raster([[0, 1]], num_channels=1)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, -0.5])
def test_a_raster_holds_numbers_of_events(value):
    raster = np.zeros((4, 3))
    raster[2, 1] = value
    with pytest.raises(TimeSeriesError, match=rf"'a': entry {value} in bin 2, t=1.2 s, channel 1"):
        TSEvent.from_raster(raster, 0.1, 1.0, name="a")


def test_what_is_no_raster_is_refused():
    for wrong in (None, "ab", [["a"]], [[1], [1, 2]], 3, np.zeros(3, dtype=complex)):
        with pytest.raises(SeriesTypeError):
            TSEvent.from_raster(wrong)
    with pytest.raises(TimeSeriesError, match=r"shape \(1, 2, 3\)"):
        TSEvent.from_raster(np.zeros((1, 2, 3)))
    with pytest.raises(TimeSeriesError, match="1e\\+18 events"):
        TSEvent.from_raster([10**18])
    with pytest.raises(TimeSeriesError, match="told apart"):
        TSEvent.from_raster([1, 1], dt=1e-3, t_start=1e14)
