"""Parts of continuous series, their values at other times, and several series made into one."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from graphpool.errors import ChannelError, SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSContinuous
from graphpool.timeseries.clock import Clock


def clocked(length: int = 10, channels: int = 1, dt: float = 0.1, **switches: Any) -> TSContinuous:
    samples = np.arange(length * channels, dtype=np.float64).reshape(length, channels)
    return TSContinuous.from_clocked(samples, dt, **switches)


def values(series: TSContinuous) -> list[float]:
    return series.samples[:, 0].tolist()


# --- parts ------------------------------------------------------------------------------------------------------------
def test_clip_on_the_grid_keeps_the_clock() -> None:
    part = clocked(10, 2).clip(0.2, 0.5)
    assert (part.t_start, part.t_stop, part.clock) == (0.2, 0.5, Clock(0.1, 0.2))
    assert values(part) == [4, 6, 8, 10]
    assert values(clocked(10).clip(0.5, 0.2, include_stop=False)) == [2, 3, 4]
    written = clocked(10).clip(0.1 * 3, 0.1 * 6)
    assert (values(written), written.t_start) == ([3, 4, 5, 6], written.times[0])
    whole = clocked(10).clip()
    assert (len(whole), whole.t_stop, whole.clock) == (10, 1.0, Clock(0.1))
    assert len(clocked(10).clip(0.0, 1.0)) == 10


def test_clip_off_the_grid() -> None:
    part = clocked(10).clip(0.25, 0.45)
    assert part.times.tolist() == [0.25, 0.3, 0.4, 0.45]
    assert (values(part), part.clock) == ([2, 3, 4, 4], None)
    without = clocked(10).clip(0.25, 0.45, sample_limits=False)
    assert (without.times.tolist(), without.clock) == ([0.3, 0.4], Clock(0.1, 0.3))
    assert (without.t_start, without.t_stop) == (0.25, 0.45)
    assert without(0.45)[0, 0] == 4
    with pytest.raises(TimeSeriesError, match="no value at t=0.25 s"):
        without(0.25)
    half = clocked(10).clip(0.2, 0.45, include_stop=False)
    assert (half.times.tolist(), half.t_stop, half.clock) == ([0.2, 0.3, 0.4], 0.45, Clock(0.1, 0.2))


def test_clip_without_a_clock() -> None:
    series = TSContinuous([0, 1, 2, 4], [0, 10, 20, 40], interp_kind="linear", t_stop=5)
    assert (series.clip(0.5, 2).times.tolist(), values(series.clip(0.5, 2))) == ([0.5, 1, 2], [5, 10, 20])
    assert values(series.clip(1, 3)) == [10, 20, 30]
    assert values(series.clip(1, 3, include_stop=False)) == [10, 20]
    assert values(series.clip(1, 4, include_stop=False)) == [10, 20]
    assert values(series.clip(0.5, 3, sample_limits=False)) == [10, 20]
    assert values(series.clip(0.5, 0.5)) == [5]
    assert values(series.clip(0.5, 0.5, include_stop=False)) == []
    # No cut, so no sample there either: this one has none.
    tail = series.clip(t_start=3)
    assert (tail.times.tolist(), tail.t_stop) == ([3, 4], 5)
    early = TSContinuous([1.0, 2.0], [1, 2], t_start=0.0)
    assert (early.clip(t_stop=1.5).t_start, values(early.clip(t_stop=1.5))) == (0.0, [1, 1])


def test_clip_keeps_all_samples_at_one_time() -> None:
    series = TSContinuous([0, 1, 1, 2, 2], [0, 1, 2, 3, 4])
    assert values(series.clip(1, 2)) == [1, 2, 3, 4]
    assert values(series.clip(1, 2, include_stop=False)) == [1, 2]


def test_clip_outside_of_the_series() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for series in (clocked(10, name="short"), TSContinuous([0, 0.5], [1, 2], t_stop=1, name="short")):
            for limits, wrong in (((0.5, 1.5), "1.5"), ((-0.5, 0.5), "-0.5"), ((2.0, None), "2.0")):
                with pytest.raises(TimeSeriesError, match=f"'short': no part of it is at t={wrong} s"):
                    series.clip(*limits, sample_limits=False)
            with pytest.raises(TimeSeriesError, match="t_start is nan"):
                series.clip(np.nan)
            # A limit that misses the range as little as a time may.
            assert series.clip(0.5, 1.0 + 5e-10).t_stop == 1.0


def test_clip_of_a_periodic_series_repeats_it() -> None:
    part = clocked(4, periodic=True).clip(-0.2, 0.9)
    assert values(part) == [2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert (part.t_start, part.t_stop, part.periodic, part.clock) == (-0.2, 0.9, True, Clock(0.1, -0.2))
    assert values(clocked(4, periodic=True).clip(0.8, 1.2, include_stop=False)) == [0, 1, 2, 3]
    assert len(clocked(4, periodic=True).clip()) == 4
    assert values(clocked(4, periodic=True).clip(-0.2)) == [2, 3, 0, 1, 2, 3]
    plain = TSContinuous([0.0, 0.3, 1.0], [0, 3, 10], periodic=True, interp_kind="linear")
    part = plain.clip(-0.35, 1.15)
    np.testing.assert_allclose(part.times, [-0.35, 0, 0, 0.3, 1, 1, 1.15])
    np.testing.assert_allclose(part.samples[:, 0], [6.5, 10, 0, 3, 10, 0, 1.5])
    assert values(plain.clip()) == [0, 3, 10]


def test_clip_of_channels() -> None:
    series = clocked(3, 4)
    series.fill_value = [1, 2, 3, 4]
    assert series.clip(channels=[2, 0]).samples.tolist() == [[2, 0], [6, 4], [10, 8]]
    np.testing.assert_array_equal(series.clip(channels=[2, 0]).fill_value, [3, 1])
    assert series.clip(channels=-1).samples.tolist() == [[3], [7], [11]]
    assert series.clip(channels=slice(1, 3)).num_channels == 2
    assert series.clip(channels=[True, False, False, True]).num_channels == 2
    assert series.clip(channels=[]).num_channels == 0
    for wrong, shown in ((4, "4"), ([0, -5], "-5")):
        with pytest.raises(ChannelError, match=f"'unnamed': .*{shown}"):
            series.clip(channels=wrong)
        with pytest.raises(ChannelError):
            series.resample([0.1], wrong)


def test_clip_in_place_and_not() -> None:
    series = clocked(10)
    part = series.clip(0.2, 0.5)
    part.samples[:] = 99
    assert values(series) == list(range(10))
    assert series.clip(0.2, 0.5, inplace=True) is series
    assert values(series) == [2, 3, 4, 5]
    with pytest.raises(TimeSeriesError):
        series.clip(0.0, 0.5, inplace=True)
    assert values(series) == [2, 3, 4, 5]


# --- other times ------------------------------------------------------------------------------------------------------
def test_resample() -> None:
    series = clocked(10, 2, name="x")
    other = series.resample([0.15, 0.2, 0.95], channels=1)
    assert (other.times.tolist(), values(other)) == ([0.15, 0.2, 0.95], [3, 5, 19])
    assert (other.t_start, other.t_stop, other.clock, other.name) == (0.15, 0.95, None, "x")
    assert len(series.resample([])) == 0
    with pytest.raises(TimeSeriesError, match="follows"):
        series.resample([0.2, 0.1])
    with pytest.raises(TimeSeriesError, match="no value at t=3.0 s"):
        series.resample([0.2, 3.0], inplace=True)
    assert series.clock is not None
    assert series.resample(0.5, inplace=True) is series
    assert series.samples.tolist() == [[10, 11]]


def test_to_clocked() -> None:
    series = clocked(10)
    assert series.to_clocked(0.3)[:, 0].tolist() == [0, 3, 6, 9]
    assert series.to_clocked(0.05)[:, 0].tolist() == np.repeat(np.arange(10.0), 2).tolist()
    same = series.to_clocked(0.1)
    same[:] = 9
    assert values(series) == list(range(10))
    assert TSContinuous([0, 0.5], [1, 2], t_stop=1).to_clocked(0.25)[:, 0].tolist() == [1, 1, 2, 2]
    assert clocked(4, periodic=True).to_clocked(0.1)[:, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(TimeSeriesError, match="dt=0"):
        series.to_clocked(0)


def test_indices() -> None:
    series = clocked(10, 3)
    assert series[0.35].samples.tolist() == [[9, 10, 11]]
    assert series[[0.1, 0.2], [0, 2]].samples.tolist() == [[3, 5], [6, 8]]
    assert series[0.2:0.5, 0].samples.tolist() == [[6], [9], [12]]
    assert series[0.2:0.5].clock == Clock(0.1, 0.2)
    assert series[0.25:0.5].times.tolist() == [0.3, 0.4]
    assert len(series[0.5:]) == 5
    assert len(series[:]) == 10
    assert series[:, 1:].num_channels == 2
    assert series[::0.3, 0].samples.tolist() == [[0], [9], [18], [27]]
    assert series[0.1:0.5:0.2, 0].times.tolist() == [0.1, pytest.approx(0.3)]
    assert series[-1:5:0.5].times.tolist() == [0.0, 0.5]


def test_wrong_indices() -> None:
    series = clocked(10, 3)
    with pytest.raises(ChannelError, match="3 indices"):
        series[0, 0, 0]
    with pytest.raises(ChannelError, match="no channel 3, num_channels is 3"):
        series[0.1, 3]
    for step in (0, -0.0, np.nan):
        with pytest.raises(TimeSeriesError, match="dt=|the step is nan"):
            series[::step]
    with pytest.raises(TimeSeriesError, match="no part of it"):
        series[0.5:2.0]
    with pytest.raises(TimeSeriesError):
        series["now"]


def test_iteration() -> None:
    pairs = list(TSContinuous([0.5, 1.0], [[1, 2], [3, 4]]))
    assert [time for time, _ in pairs] == [0.5, 1.0]
    assert [row.tolist() for _, row in pairs] == [[1, 2], [3, 4]]


def test_extremes_leave_out_nans() -> None:
    series = TSContinuous([0, 1], [[1, np.nan], [np.nan, 7]])
    assert (series.min, series.max) == (1, 7)
    assert np.isnan(TSContinuous([0], [np.nan]).max)
    for which in ("min", "max"):
        with pytest.raises(TimeSeriesError, match="no samples"):
            getattr(TSContinuous(num_channels=2), which)


# --- joins ------------------------------------------------------------------------------------------------------------
def test_clocked_series_join_without_a_gap() -> None:
    joined = clocked(10).append_t(clocked(10))
    assert (joined.t_stop, len(joined), joined.clock) == (2.0, 20, Clock(0.1))
    assert values(joined) == [*range(10), *range(10)]
    assert joined.times.tolist() == clocked(20).times.tolist()
    three = clocked(5).append_t([clocked(3, t_start=7), clocked(2)])
    assert (three.t_stop, values(three), three.clock) == (1.0, [0, 1, 2, 3, 4, 0, 1, 2, 0, 1], Clock(0.1))


def test_many_joins_do_not_drift() -> None:
    joined = clocked(7, dt=0.3, t_start=0.1).append_t([clocked(7, dt=0.3)] * 300)
    assert joined.clock == Clock(0.3, 0.1)
    assert joined.t_stop == joined.clock.time(7 * 301)


def test_a_sample_at_the_stop_gives_way() -> None:
    left = clocked(10).clip(0.0, 0.3)
    assert values(left) == [0, 1, 2, 3]
    assert values(left.append_t(clocked(2) + 50)) == [0, 1, 2, 50, 51]


def test_clocked_series_that_do_not_follow_each_other_lose_the_clock() -> None:
    for joined in (
        clocked(5).append_t(clocked(5), offset=0.3),
        clocked(5).append_t(clocked(5, dt=0.2)),
        clocked(5).append_t(TSContinuous([0, 1], [1, 2])),
        clocked(5).clip(0, 0.25, include_stop=False).append_t(clocked(5)),
    ):
        assert joined.clock is None
        assert np.all(np.diff(joined.times) > 0)
    assert clocked(5).append_t(clocked(5), offset=0.3).times[5] == pytest.approx(0.8)


def test_plain_series_join_with_the_usual_gap() -> None:
    left, right = TSContinuous([0, 1, 2, 4], np.zeros(4)), TSContinuous([7, 8], np.ones(2), t_stop=9)
    joined = left.append_t(right)
    assert (joined.times.tolist(), joined.t_start, joined.t_stop) == ([0, 1, 2, 4, 5, 6], 0, 7)
    assert left.append_t(right, offset=0).times.tolist() == [0, 1, 2, 4, 4, 5]
    assert left.append_t([right, right], offset=[0, 2]).times.tolist() == [0, 1, 2, 4, 4, 5, 8, 9]
    assert left.append_t(TSContinuous(num_channels=1)).t_stop == 4
    assert TSContinuous([3], [1]).append_t(right).times.tolist() == [3, 3, 4]


def test_empty_series_take_over_what_is_appended() -> None:
    joined = TSContinuous().append_t([clocked(3, 2), clocked(2, 2)])
    assert (joined.num_channels, len(joined), joined.clock, joined.t_stop) == (2, 5, Clock(0.1), 0.5)
    assert clocked(3).append_t([]).clock == Clock(0.1)
    assert clocked(3).append_t(TSContinuous()).clock == Clock(0.1)


def test_what_append_t_refuses() -> None:
    series = clocked(5, name="left")
    with pytest.raises(TimeSeriesError, match="'left'.*has 2 channels, not 1"):
        series.append_t(clocked(5, 2), inplace=True)
    with pytest.raises(TimeSeriesError, match="samples at t=0.2.* before the last one at t=0.4"):
        series.append_t(clocked(5), offset=-0.3, inplace=True)
    with pytest.raises(TimeSeriesError, match="2 offsets for 1 series"):
        series.append_t(clocked(5), offset=[1, 2], inplace=True)
    with pytest.raises(TimeSeriesError, match="the offset is nan"):
        series.append_t(clocked(5), offset=np.nan, inplace=True)
    for wrong in (5, [clocked(5), 5], None, "ab"):
        with pytest.raises(SeriesTypeError):
            series.append_t(wrong, inplace=True)  # type: ignore[arg-type]
    assert (len(series), series.t_stop) == (5, 0.5)
    assert series.append_t(clocked(5), inplace=True) is series
    assert len(series) == 10


def test_append_t_leaves_the_other_series_alone() -> None:
    other = clocked(5, t_start=3.0)
    clocked(5).append_t(other)
    assert (other.t_start, other.clock) == (3.0, Clock(0.1, 3.0))


def test_append_c_samples_the_other_series() -> None:
    coarse, fine = clocked(5), clocked(20, dt=0.05)
    both = coarse.append_c(fine)
    assert both.samples.tolist() == [[0, 0], [1, 2], [2, 4], [3, 6], [4, 8]]
    assert (both.clock, both.t_stop) == (Clock(0.1), 0.5)
    assert coarse.append_c([fine, coarse]).num_channels == 3
    with pytest.raises(TimeSeriesError, match="(?s)'long'.*'short'"):
        clocked(10, name="long").append_c(clocked(5, name="short"), inplace=True)
    with pytest.raises(SeriesTypeError):
        coarse.append_c(3)  # type: ignore[arg-type]
    assert coarse.append_c(coarse, inplace=True) is coarse
    assert coarse.num_channels == 2


def test_merge_orders_by_time() -> None:
    left, right = TSContinuous([0, 1, 2], [0, 1, 2], name="left"), TSContinuous([1, 1.5], [10, 15], t_stop=4)
    merged = left.merge(right)
    assert (merged.times.tolist(), values(merged)) == ([0, 1, 1.5, 2], [0, 1, 15, 2])
    assert (merged.t_start, merged.t_stop, merged.name, merged.clock) == (0, 4, "left", None)
    assert values(left.merge(right, remove_duplicates=False)) == [0, 1, 10, 15, 2]
    assert values(right.merge(left)) == [0, 10, 15, 2]
    third = TSContinuous([1, 1.5, 3], [100, 101, 102])
    assert values(left.merge([right, third])) == [0, 1, 15, 2, 102]


def test_merge_sees_through_rounding() -> None:
    exact, product = TSContinuous([0.3, 0.7], [3, 7]), TSContinuous([0.1 * 3, 0.1 * 7], [4, 8])
    assert exact.times[0] != product.times[0]
    assert values(exact.merge(product)) == [3, 7]


def test_merge_keeps_repeated_times_of_one_series() -> None:
    steps = TSContinuous([0, 1, 1, 2], [0, 1, 2, 3])
    assert values(steps.merge(TSContinuous([1, 1], [8, 9]))) == [0, 1, 2, 3]
    assert values(TSContinuous([0], [0]).merge(steps)) == [0, 1, 2, 3]


def test_merge_with_empty_series() -> None:
    series = clocked(3, 2, t_start=5.0)
    for merged in (series.merge(TSContinuous()), TSContinuous().merge(series), series.merge([])):
        assert (merged.samples.tolist(), merged.clock) == (series.samples.tolist(), Clock(0.1, 5.0))
        assert (merged.t_start, merged.t_stop) == (5.0, pytest.approx(5.3))
    wide = series.merge(TSContinuous(t_start=1.0, t_stop=9.0))
    assert (wide.t_start, wide.t_stop) == (1.0, 9.0)
    assert TSContinuous(num_channels=2).merge(TSContinuous()).num_channels == 2
    with pytest.raises(TimeSeriesError, match="has 2 channels, not 1"):
        clocked(3).merge(series)
    with pytest.raises(SeriesTypeError):
        series.merge("x")  # type: ignore[arg-type]
