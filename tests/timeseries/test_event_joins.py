"""Several series of events made into one."""

import numpy as np
import pytest

from graphpool.errors import SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSContinuous, TSEvent


def pairs(series: TSEvent) -> list[tuple[float, int]]:
    return list(series)


def test_merge(events):
    other = TSEvent([0.15, 0.2, 1.5], [5, 2, 0], t_start=-1.0, t_stop=2.0)
    merged = events.merge(other)
    assert pairs(merged) == [(0.1, 0), (0.15, 5), (0.2, 2), (0.2, 1), (0.2, 2), (0.5, 2), (1.5, 0)]
    assert (merged.t_start, merged.t_stop, merged.num_channels, merged.name) == (-1.0, 2.0, 6, "spikes")
    once = events.merge([other, events], remove_duplicates=True)
    assert pairs(once) == [(0.1, 0), (0.15, 5), (0.2, 1), (0.2, 2), (0.5, 2), (1.5, 0)]
    late = events.merge(other, delay=1.0)
    assert pairs(late)[-3:] == [(1.15, 5), (1.2, 2), (2.5, 0)]
    assert (late.t_start, late.t_stop) == (0.0, 3.0)
    assert pairs(events.merge([])) == pairs(events)
    assert len(events) == 4
    assert events.merge(other, inplace=True) is events
    assert pairs(events) == pairs(merged)


def test_append_c(events):
    other = TSEvent([0.3], [1], t_stop=3.0)
    side = events.append_c([other, other])
    assert pairs(side) == [(0.1, 0), (0.2, 2), (0.2, 1), (0.3, 5), (0.3, 7), (0.5, 2)]
    assert (side.num_channels, side.t_start, side.t_stop) == (8, 0.0, 3.0)
    assert (len(other), other.num_channels) == (1, 2)
    assert events.append_c(other, inplace=True).num_channels == events.num_channels == 6


def test_append_t(events):
    other = TSEvent([5.0, 5.5], [7, 0], t_start=4.75, t_stop=6.0)
    longer = events.append_t(other)
    assert pairs(longer)[4:] == [(1.25, 7), (1.75, 0)]
    assert (longer.t_start, longer.t_stop, longer.num_channels) == (0.0, 2.25, 8)
    assert pairs(events.append_t([other, other], offset=[0.5, 0.25]))[4:] == [
        (1.75, 7),
        (2.25, 0),
        (3.25, 7),
        (3.75, 0),
    ]
    assert np.all(np.diff(events.append_t(other, offset=-1.0).times) >= 0)
    twice = events.append_t(events, offset=-1.0, remove_duplicates=True)
    assert sorted(pairs(twice)) == sorted(pairs(events))
    with pytest.raises(TimeSeriesError, match="1 offsets for 2 series"):
        events.append_t([other, other], offset=[1.0])
    with pytest.raises(TimeSeriesError, match="offset is nan"):
        events.append_t(other, offset=np.nan, inplace=True)
    assert len(events) == 4
    assert events.append_t(other, inplace=True) is events
    assert len(events) == 6


def test_chunks_of_a_clock_append_to_the_whole():
    raster = np.random.default_rng(3).integers(0, 2, (1000, 3))
    whole = TSEvent.from_raster(raster[:100], 1e-3, 0.7)
    for first in range(100, 1000, 100):
        whole.append_t(TSEvent.from_raster(raster[first : first + 100], 1e-3), inplace=True)
    assert np.array_equal(whole.raster(1e-3, add_events=True), raster)


def test_a_periodic_series_is_joined_with_its_repetitions(events):
    beat = TSEvent([0.0], t_start=0.0, t_stop=0.4, periodic=True)
    assert pairs(events.merge(beat)) == [
        (0.0, 0),
        (0.1, 0),
        (0.2, 2),
        (0.2, 1),
        (0.4, 0),
        (0.5, 2),
        (0.8, 0),
    ]
    assert events.append_c(beat).channels.tolist() == [4, 0, 2, 1, 4, 2, 4]
    assert events.append_c(beat).t_stop == 1.0


@pytest.mark.parametrize("method", ["merge", "append_c", "append_t"])
@pytest.mark.parametrize("other", [3, None, "ab", TSContinuous([0.0], [1.0], t_stop=1.0), [TSEvent(), 3]])
def test_only_events_are_joined(events, method, other):
    with pytest.raises(SeriesTypeError, match=f"{method} takes TSEvent"):
        getattr(events, method)(other, inplace=True)
    assert len(events) == 4


def test_duplicates_are_found_through_rounding():
    exact = TSEvent([0.1, 0.3, 0.3, 0.6], [1, 0, 1, 0], t_stop=1.0)
    products = TSEvent([3 * 0.1, 3 * 0.1, 6 * 0.1], [0, 2, 0], t_stop=1.0)
    assert 3 * 0.1 != 0.3 and 6 * 0.1 != 0.6
    once = exact.merge(products, remove_duplicates=True)
    assert pairs(once) == [(0.1, 1), (0.3, 0), (0.3, 1), (3 * 0.1, 2), (0.6, 0)]
    assert len(exact.merge(products)) == 7
    apart = TSEvent([0.3, 0.3 + 1e-12], t_stop=1.0)
    assert len(apart.merge(apart, remove_duplicates=True)) == 2
