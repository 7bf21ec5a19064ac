"""Series of events that are cut at the edges of steps, where floats and people write an edge in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpool.timeseries import TSContinuous, TSEvent
from graphpool.timeseries.clock import Clock

STEPS = [Fraction(text) for text in ("1/1000", "1/10", "3/10", "1/3", "1/44100", "7/1000", "1/128", "1", "2/7", "60")]
STARTS = [Fraction(text) for text in ("0", "1", "-0.7", "1000.1", "12345.678", "-98.76", "1/3")]

WAYS = {
    "a product": lambda dt, start, steps: steps * float(dt) + float(start),
    "exact": lambda dt, start, steps: np.array([float(start + int(k) * dt) for k in steps]),
    "a range": lambda dt, start, steps: float(start) + np.arange(0, (steps[-1] + 0.5) * float(dt), float(dt))[steps],
    "a clock": lambda dt, start, steps: Clock(float(dt), float(start)).times(0, steps[-1] + 1)[steps],
}
"""How people compute when steps start."""

ways = st.sampled_from(list(WAYS))


def check_blocks(series: TSEvent, clock: Clock, edges: Sequence[float], steps: Sequence[int]) -> None:
    """Cut a series at edges, which are when some steps of a clock start, and compare the blocks with the whole."""
    blocks = [series.clip(start, stop) for start, stop in pairwise(edges)]
    for block, start, stop in zip(blocks, edges[:-1], edges[1:], strict=True):
        times, channels = series(start, stop)
        assert (block.times.tolist(), block.channels.tolist()) == (times.tolist(), channels.tolist())
        assert block.t_start <= start
        assert abs(block.t_start - start) < 1e-9 * clock.dt + 1e-14 * (abs(start) + abs(clock.origin))
        assert block.t_stop == stop
        assert all(block.t_start <= time < block.t_stop for time in times)
    assert [pair for block in blocks for pair in block] == list(series)
    rasters = [
        block._raster(clock, clock.step(edge), stop - step, True)
        for block, edge, (step, stop) in zip(blocks, edges[:-1], pairwise(steps), strict=True)
    ]
    assert [clock.step(edge) for edge in edges] == list(steps)
    whole = series._raster(clock, steps[0], steps[-1] - steps[0], True)
    assert np.array_equal(np.concatenate(rasters), whole)
    assert whole.sum() == len(series)


# --- the cases of the reviewer ----------------------------------------------------------------------------------------
def test_blocks_of_a_step_have_all_events():
    series = TSEvent([0.1, 0.2, 0.3, 0.6, 0.7], 0, t_start=0, t_stop=1.0)
    check_blocks(series, Clock(0.1), [k * 0.1 for k in range(11)], range(11))


@pytest.mark.parametrize("edges", [[k * 0.1 for k in range(11)], np.arange(0, 1.05, 0.1)])
def test_blocks_of_a_full_raster_have_all_events(edges):
    series = TSEvent.from_raster(np.ones((10, 1)), dt=0.1, spikes_at_bin_start=True)
    check_blocks(series, Clock(0.1), edges, range(11))


def test_a_thousand_events_in_a_hundred_blocks():
    full = TSEvent.from_raster(np.ones((1000, 1)), dt=1e-3, spikes_at_bin_start=True)
    for series in (full, TSEvent(np.arange(1000) * 1e-3, t_stop=1.0), TSEvent(full.times, t_stop=1.0)):
        check_blocks(series, Clock(1e-3), [k * 0.01 for k in range(101)], range(0, 1001, 10))


def test_a_periodic_series_has_each_event_once_a_period():
    series = TSEvent.from_raster(np.ones((3, 1)), dt=0.1, periodic=True, spikes_at_bin_start=True)
    assert len(series(0, 3 * 0.1)[0]) == 3
    edges = [k * 0.1 for k in range(-300, 301)]
    assert all(len(series(start, stop)[0]) == 1 for start, stop in pairwise(edges))
    for way in ((k * 3 * 0.1 for k in range(-99, 99)), (k * 3 / 10 for k in range(-99, 99))):
        for start, stop in pairwise(way):
            block = series.clip(start, stop)
            assert (len(block), series.raster(0.1, start, stop).sum()) == (3, 3)
            assert block.t_start <= block.times[0] <= block.times[-1] < block.t_stop


# --- any step, any start ----------------------------------------------------------------------------------------------
@settings(max_examples=400, deadline=None)
@given(st.sampled_from(STEPS), st.sampled_from(STARTS), ways, ways, st.data())
def test_blocks_have_every_event_once(dt, start, way, edge_way, data):
    count = data.draw(st.integers(1, 200))
    on_edges = data.draw(st.lists(st.integers(0, count - 1), max_size=30))
    inside = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.floats(0.01, 0.99)), max_size=30))
    cuts = data.draw(st.lists(st.integers(1, count), max_size=10, unique=True))
    grid, clock = np.arange(count + 1), Clock(float(dt), float(start))
    times = np.concatenate(
        [WAYS[way](dt, start, grid)[on_edges], [clock.time(k) + share * float(dt) for k, share in inside]]
    )
    times = np.sort(times.astype(float))
    edges = WAYS[edge_way](dt, start, grid)
    steps = [0, *sorted({*cuts, count})]
    series = TSEvent(
        times, np.arange(len(times)) % 3, t_start=min([float(start), *times[:1]]), t_stop=edges[-1] + float(dt)
    )
    check_blocks(series, clock, edges[steps].tolist(), steps)


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("edge_way", WAYS)
def test_events_beside_edges_are_in_one_block_each(dt, start, edge_way):
    exact = WAYS["exact"](dt, start, np.arange(1, 100))
    times = np.sort(np.concatenate([exact, np.nextafter(exact, -np.inf), np.nextafter(exact, np.inf)]))
    series = TSEvent(times, t_start=float(start), t_stop=exact[-1] + float(dt))
    edges = WAYS[edge_way](dt, start, np.arange(101))
    check_blocks(series, Clock(float(dt), float(start)), edges.tolist(), range(101))


@pytest.mark.parametrize("start", [Fraction(1), Fraction(7, 10)])
@pytest.mark.parametrize("at_start", [True, False])
def test_events_of_a_raster_know_their_edges(start, at_start):
    """The error of a range of floats that does not start at zero adds up, step by step."""
    dt, begin = 1e-3, float(start)
    series = TSEvent.from_raster(np.ones((1000, 1)), dt, begin, spikes_at_bin_start=at_start)
    for offset in np.linspace(-2e-13, 2e-13, 5):
        edges = [begin, *(begin + np.arange(10, 1001, 10) * (dt + offset / 1000))]
        check_blocks(series, Clock(dt, begin), edges, range(0, 1001, 10))


@settings(deadline=None)
@given(st.sampled_from(STEPS), st.sampled_from(STARTS), ways, st.integers(1, 12), st.integers(-40, 40), st.data())
def test_blocks_of_a_periodic_series(dt, start, way, count, first, data):
    raster = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    at_start = data.draw(st.booleans())
    series = TSEvent.from_raster(raster, float(dt), float(start), periodic=True, spikes_at_bin_start=at_start)
    edges = WAYS[way](dt, start + first * dt, np.arange(3 * count + 1))
    found = [len(series(*edge)[0]) for edge in pairwise(edges)]
    assert found == raster[(first + np.arange(3 * count)) % count].tolist()


# --- the ends of a series ---------------------------------------------------------------------------------------------
def test_the_range_of_a_series_cuts_nothing_off_it():
    series = TSEvent([0.0, 2.0], t_stop=np.nextafter(2.0, 3.0))
    for part in (series.clip(), series.clip(0.0), series.clip(0.0, series.t_stop), series.clip(-1.0, 9.0)):
        assert part.times.tolist() == [0.0, 2.0]
    assert series.clip(0.0, 2.0).times.tolist() == [0.0]
    assert series.clip(2.0, 3.0).times.tolist() == [2.0]
    assert len(series.clip(series.t_stop, 3.0)) == 0


def test_a_part_may_start_an_ulp_early():
    series = TSEvent([0.3], t_start=0.0, t_stop=1.0)
    part = series.clip(3 * 0.1, 0.5)
    assert (part.t_start, part.t_stop, part.times.tolist()) == (0.3, 0.5, [0.3])
    assert series.clip(0.3 + 1e-12, 0.5).times.tolist() == []


def test_a_raster_that_stops_in_a_bin_counts_until_there():
    series = TSEvent([0.3, 0.5], t_start=0.0, t_stop=1.0)
    # 3 * 0.1 is larger than 0.3, which it means.
    assert series.raster(0.2, t_stop=3 * 0.1).ravel().tolist() == [False, False]
    assert series.raster(0.2, t_stop=0.3 + 1e-9).ravel().tolist() == [False, True]
    assert series.raster(0.1, t_stop=3 * 0.1).shape == (3, 1)
    beat = TSEvent([0.1], t_start=0.0, t_stop=0.2, periodic=True)
    assert beat.raster(0.2, t_stop=3 * 0.1).ravel().tolist() == [True, False]


# --- signals ----------------------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(st.sampled_from(STEPS), st.sampled_from(STARTS), ways, ways, st.booleans(), st.data())
def test_blocks_of_a_signal_have_every_sample_once(dt, start, way, edge_way, clocked, data):
    count = data.draw(st.integers(1, 100))
    grid = np.arange(count + 1)
    edges = WAYS[edge_way](dt, start, grid)
    series = TSContinuous.from_clocked(np.arange(count), float(dt), float(start))
    if not clocked:
        series = TSContinuous(WAYS[way](dt, start, grid)[:-1], np.arange(count), t_stop=edges[-1])
    cuts = [0, *sorted({*data.draw(st.lists(st.integers(1, count), max_size=10)), count})]
    clock = Clock(float(dt), float(start))
    blocks = [series.clip(edges[a], edges[b], include_stop=False) for a, b in pairwise(cuts)]
    assert np.concatenate([block.samples for block in blocks]).ravel().tolist() == list(range(count))
    rows = [block._rows(clock, a, b - a) for block, (a, b) in zip(blocks, pairwise(cuts), strict=True)]
    assert np.array_equal(np.concatenate(rows), series._rows(clock, 0, count))


def test_a_sample_beside_a_limit_is_in_one_part_only():
    """However far away the other limit is, and so however large its rounding."""
    for ulps in range(1, 60):
        near = 1 - ulps * 1e-13
        series = TSContinuous([0.0, near, 1000.0], [0, 1, 2])
        before = series.clip(0.0, 1.0, include_stop=False, sample_limits=False)
        after = series.clip(1.0, 1000.0, sample_limits=False)
        assert before.samples.ravel().tolist() + after.samples.ravel().tolist() == [0, 1, 2], near
