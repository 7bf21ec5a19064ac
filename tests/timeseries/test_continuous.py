"""Continuous series: construction, properties, sampling rules, parts, joins, text."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

from graphpool.errors import SeriesTypeError, TimeSeriesError, TimeSeriesWarning
from graphpool.timeseries import TimeSeries, TSContinuous
from graphpool.timeseries.clock import Clock


def clocked(length: int = 10, channels: int = 1, dt: float = 0.1, **switches: Any) -> TSContinuous:
    samples = np.arange(length * channels, dtype=np.float64).reshape(length, channels)
    return TSContinuous.from_clocked(samples, dt, **switches)


def values(series: TSContinuous) -> list[float]:
    return series.samples[:, 0].tolist()


# --- construction -----------------------------------------------------------------------------------------------------
def test_defaults() -> None:
    series = TSContinuous([0.5, 1.0], [1, 2])
    assert isinstance(series, TimeSeries)
    assert (series.t_start, series.t_stop, series.duration, series.name) == (0.5, 1.0, 0.5, "unnamed")
    assert (series.interp_kind, series.fill_value, series.units, series.periodic) == (
        "previous",
        "extrapolate",
        None,
        False,
    )
    assert series.beyond_range_exception and series.approx_limit_times
    assert series.clock is None
    assert (len(series), series.num_channels, series.num_traces) == (2, 1, 1)
    assert series.samples.dtype == np.float64
    np.testing.assert_array_equal(series.samples, [[1], [2]])


def test_samples_are_copied_and_can_be_changed() -> None:
    given = np.ones((2, 2))
    for series in (TSContinuous([0, 1], given), TSContinuous.from_clocked(given, 1.0)):
        given[:] = 5
        assert series.max == 1
        series.samples[0, 0] = 7
        assert series(0)[0, 0] == 7
        series.samples += 1
        np.testing.assert_array_equal(series.samples, [[8, 2], [2, 2]])
        given[:] = 1


@pytest.mark.parametrize(
    "samples",
    [np.ones((2, 1, 1)), np.ones(3), np.ones((3, 2)), np.ones(2) * 1j, ["a", "b"], [None, 1], [[1], [1, 2]], "ab"],
    ids=str,
)
def test_samples_that_cannot_be(samples: Any) -> None:
    with pytest.raises(TimeSeriesError, match="^TSContinuous 'wrong'"):
        TSContinuous([0, 1], samples, name="wrong")
    series = TSContinuous([0, 1], [1, 2], name="wrong")
    with pytest.raises(TimeSeriesError, match="^TSContinuous 'wrong'"):
        series.samples = samples
    assert values(series) == [1, 2]


def test_samples_without_times() -> None:
    with pytest.raises(TimeSeriesError, match="5 samples for 0 times"):
        TSContinuous(samples=np.ones(5))


def test_empty_series_have_the_channels_that_were_declared() -> None:
    assert TSContinuous().num_channels == 0
    for series in (
        TSContinuous(num_channels=3),
        TSContinuous([], [], num_channels=3),
        TSContinuous([], np.ones((0, 3))),
    ):
        assert series.num_channels == 3
        assert series.isempty()
        assert series([]).shape == (0, 3)
    assert TSContinuous([0], [1], num_channels=3).num_channels == 1
    for wrong in (-1, 1.5, True, "2"):
        with pytest.raises(TimeSeriesError, match="num_channels"):
            TSContinuous(num_channels=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["before", "", None, -1, 1.5, True, ["linear"]])
def test_an_unknown_kind_lists_the_kinds(kind: Any) -> None:
    with pytest.raises(TimeSeriesError, match="previous, next, nearest.*cubic"):
        TSContinuous([0, 1], [1, 2], interp_kind=kind)
    with pytest.raises(TimeSeriesError, match="previous, next, nearest.*cubic"):
        TSContinuous.from_clocked([1, 2], 0.1, interp_kind=kind)
    series = TSContinuous([0, 1], [1, 2])
    with pytest.raises(TimeSeriesError, match="previous, next, nearest.*cubic"):
        series.interp_kind = kind
    assert series.interp_kind == "previous"


@pytest.mark.parametrize("fill", ["hold", None, [1, 2, 3], np.ones((1, 1)), 1j, object()])
def test_an_unknown_fill_value(fill: Any) -> None:
    with pytest.raises(TimeSeriesError, match="fill_value"):
        TSContinuous([0, 1], np.ones((2, 2)), fill_value=fill)


# --- a series with a clock --------------------------------------------------------------------------------------------
def test_from_clocked_gives_the_last_sample_its_step() -> None:
    series = TSContinuous.from_clocked(np.arange(10), 0.1, 2.0, name="x", interp_kind="linear")
    assert series.times.tolist() == [2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9]
    assert (series.t_start, series.t_stop, series.num_channels) == (2.0, 3.0, 1)
    assert series.clock == Clock(0.1, 2.0)
    assert (series.name, series.interp_kind, series.periodic) == ("x", "linear", False)
    assert TSContinuous.from_clocked([1], 0.1).name == "unnamed"


def test_an_empty_clocked_series_keeps_its_channels() -> None:
    series = TSContinuous.from_clocked(np.ones((0, 4)), 0.1, 2.0)
    assert (len(series), series.num_channels, series.t_start, series.t_stop) == (0, 4, 2.0, 2.0)
    assert series.clock == Clock(0.1, 2.0)
    assert series.clip().num_channels == 4
    assert series.to_clocked(0.1).shape == (0, 4)
    with pytest.raises(TimeSeriesError, match="no samples, so no value at t=2.0 s"):
        series(2.0)


def test_what_from_clocked_refuses() -> None:
    with pytest.raises(SeriesTypeError, match="needs samples"):
        TSContinuous.from_clocked(None, 0.1)
    for dt in (0, -1, np.nan, np.inf, "x", None):
        with pytest.raises(TimeSeriesError, match="'bad'.*dt="):
            TSContinuous.from_clocked([1], dt, name="bad")  # type: ignore[arg-type]
    with pytest.raises(TimeSeriesError, match="'bad'.*t_start is nan"):
        TSContinuous.from_clocked([1], 0.1, np.nan, name="bad")
    with pytest.raises(TimeSeriesError, match="complex128"):
        TSContinuous.from_clocked([1j], 0.1)


def test_moving_keeps_the_clock_and_its_range() -> None:
    moved = clocked(10).delay(0.3)
    assert (moved.t_start, moved.t_stop, moved.clock) == (0.3, 1.3, Clock(0.1, 0.3))
    assert values(moved.clip(0.5, 0.7)) == [2, 3, 4]
    back = moved.start_at(12.7)
    assert (back.t_start, back.t_stop, back.times[3]) == (12.7, 13.7, 13.0)
    assert back.start_at_zero(inplace=True) is back
    assert back.times.tolist() == clocked(10).times.tolist()
    part = clocked(10).clip(0.25, 0.8, sample_limits=False).delay(1.0)
    assert (part.t_start, part.times.tolist(), part.t_stop) == (1.25, [1.3, 1.4, 1.5, 1.6, 1.7, 1.8], 1.8)
    assert clocked(5, periodic=True).delay(0.3)(0.3 + 17 * 0.1)[0, 0] == 2


@pytest.mark.parametrize("offset", [0.1, 1 / 3, -0.7, 1e3 + 0.1])
def test_moving_many_times_does_not_tear_range_and_clock_apart(offset: float) -> None:
    whole, closed = clocked(7, dt=0.3, t_start=0.7), clocked(7, dt=0.3, t_start=0.7).clip(t_stop=2.2)
    for _ in range(300):
        whole.delay(offset, inplace=True)
        closed.delay(offset, inplace=True)
        assert whole.clock is not None and whole.t_stop == whole.clock.time(7)
        assert closed.t_stop >= closed.times[-1]
        assert whole.t_start == whole.times[0] == closed.times[0] == closed.t_start
    back = closed.start_at(0.7)
    assert (back.t_start, back.times[0]) == (0.7, 0.7)


def test_assigned_times_replace_the_clock() -> None:
    series = clocked(3)
    with pytest.raises(TimeSeriesError, match="2 times for 3 entries"):
        series.times = [0, 1]  # type: ignore[assignment]
    assert series.clock is not None
    series.times = [0.0, 1.0, 5.0]  # type: ignore[assignment]
    assert series.clock is None
    assert (series.t_start, series.t_stop, series(4.0)[0, 0]) == (0, 5, 1)


def test_times_are_read_only() -> None:
    for series in (clocked(3), TSContinuous([0, 1], [1, 2])):
        with pytest.raises(ValueError, match="read-only"):
            series.times[0] = 3


def test_from_owned_takes_the_array_over() -> None:
    samples = np.ones((4, 2))
    series = TSContinuous._from_owned(samples, Clock(0.5, 1.0), name="owned", units="A")
    assert series.samples is samples
    assert (series.t_start, series.t_stop, series.name, series.units) == (1.0, 3.0, "owned", "A")
    assert series.beyond_range_exception and series.approx_limit_times
    assert set(vars(series)) == set(vars(TSContinuous([0], [1])))


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, TSContinuous.copy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_keep_everything(duplicate: Any) -> None:
    series = TSContinuous.from_clocked([[1, 2], [3, 4]], 0.1, periodic=True, name="x", interp_kind="linear")
    series.units, series.fill_value, series.beyond_range_exception = "V", [1.0, 2.0], False
    for original in (series, TSContinuous([0, 1], [1, 2], t_stop=3, fill_value=4, units="A")):
        twin = duplicate(original)
        assert repr(twin) == repr(original)
        for key, value in vars(original).items():
            np.testing.assert_array_equal(vars(twin)[key], value)
        assert twin.clock == original.clock
        np.testing.assert_array_equal(twin(original.times + 0.01), original(original.times + 0.01))


def test_a_copy_is_independent() -> None:
    series = clocked(3)
    twin = series.copy()
    twin.samples[:] = 0
    assert values(series) == [0, 1, 2]


# --- sampling rules ---------------------------------------------------------------------------------------------------
def test_shapes_of_times() -> None:
    series = clocked(10, 3)
    for scalar in (0.5, np.float32(0.5), np.array(0.5), 0):
        assert series(scalar).shape == (1, 3)
    assert series([0.9, 0.1, 0.1]).tolist() == [[27, 28, 29], [3, 4, 5], [3, 4, 5]]
    assert series([]).shape == (0, 3)
    with pytest.raises(TimeSeriesError, match=r"shape \(1, 2\)"):
        series([[0.1, 0.2]])
    for wrong in (np.nan, [0.1, np.inf], "now", [None], {}):
        with pytest.raises(TimeSeriesError, match="^TSContinuous 'unnamed'"):
            series(wrong)


@pytest.mark.parametrize("periodic", [False, True])
def test_times_that_are_far_away(periodic: bool) -> None:
    with pytest.raises(TimeSeriesError, match="^TSContinuous 'far'.*t=1e[+]300"):
        clocked(3, periodic=periodic, name="far")(1e300)


def test_the_range_of_values() -> None:
    times, samples = [1.0, 2.0], [10, 20]
    held = TSContinuous(times, samples, t_start=0, t_stop=3, name="held")
    assert held([1.0, 1.9, 2.0, 3.0])[:, 0].tolist() == [10, 10, 20, 20]
    line = TSContinuous(times, samples, t_start=0, t_stop=3, interp_kind="linear")
    assert line([1.0, 1.5, 2.0])[:, 0].tolist() == [10, 15, 20]
    for series, wrong in ((held, 0.5), (held, 3.1), (line, 0.5), (line, 2.5), (clocked(10), 1.1), (clocked(10), -0.1)):
        with pytest.raises(TimeSeriesError, match=rf"^{series._label}: no value at t={wrong} s, only from t="):
            series([1.0, wrong, wrong + 1])


def test_a_fill_value_follows_the_last_sample() -> None:
    assert TSContinuous([0, 1], [1, 2], t_stop=3, fill_value=7)([1, 2, 3])[:, 0].tolist() == [2, 7, 7]
    assert TSContinuous([0, 1], np.ones((2, 2)), t_stop=3, fill_value=[7, 8])(2).tolist() == [[7, 8]]
    assert TSContinuous([0, 1], [1, 2], t_stop=3, fill_value=(6, 7))(2).tolist() == [[7]]
    series = clocked(3)
    series.t_stop = 1.0
    assert series([0.25, 0.3, 0.9])[:, 0].tolist() == [2, 2, 2]
    series.fill_value = np.nan
    np.testing.assert_array_equal(series([0.25, 0.3, 0.31, 0.9])[:, 0], [2, 2, np.nan, np.nan])


@pytest.mark.parametrize("kind", ["previous", "linear", "cubic", 5])
def test_a_single_sample_is_constant(kind: Any) -> None:
    series = TSContinuous([1.0], [5], t_start=0, t_stop=2, interp_kind=kind)
    assert series([0, 0.5, 1, 2])[:, 0].tolist() == [5, 5, 5, 5]
    assert TSContinuous.from_clocked([5], 0.1, interp_kind=kind)([0, 0.05, 0.1])[:, 0].tolist() == [5, 5, 5]


def test_out_of_range_without_an_exception() -> None:
    series = clocked(10, name="quiet")
    series.beyond_range_exception = False
    with pytest.warns(TimeSeriesWarning, match="'quiet': no value at t=2.0 s") as caught:
        result = series([0.5, 2.0, -1.0])
    np.testing.assert_array_equal(result[:, 0], [5, np.nan, np.nan])
    assert caught[0].filename == __file__


def test_times_just_out_of_range() -> None:
    for series in (clocked(10, name="near"), TSContinuous([0, 0.5], [0, 9], t_stop=1.0, name="near")):
        with pytest.warns(TimeSeriesWarning, match="'near': t=1.0000000005 s is read as") as caught:
            assert series(1.0 + 5e-10)[0, 0] == 9
        assert caught[0].filename == __file__
        with pytest.raises(TimeSeriesError, match="no value at t=1.000000002"):
            series(1.0 + 2e-9)
        series.approx_limit_times = False
        with pytest.raises(TimeSeriesError, match="no value at t=1.0000000005"):
            series(1.0 + 5e-10)
        # A float that means the limit is no miss.
        assert series(np.nextafter(1.0, 2.0))[0, 0] == 9
    short = TSContinuous([0, 1e-5], [0, 9], name="short")
    with pytest.raises(TimeSeriesError, match="'short'"):
        short(1e-5 + 5e-10)


def test_a_call_within_the_range_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clocked(10)([0.0, 0.1 * 3, 1.0])
        clocked(10).clip(0.1 * 3, 1.0)


def test_periodic_series_have_a_value_at_any_time() -> None:
    series = TSContinuous([0.0, 0.3], [1, 2], periodic=True, t_stop=1.0)
    assert series([-0.8, -0.6, 0.2, 1.0, 1.3, 7.29999, 7.3])[:, 0].tolist() == [1, 2, 1, 1, 2, 1, 2]
    assert series.contains(1e9)


def test_a_spline_needs_enough_samples() -> None:
    with pytest.raises(TimeSeriesError, match="'few'.*'cubic' of 3 samples"):
        TSContinuous([0, 1, 2], [0, 1, 2], interp_kind="cubic", name="few")(0.5)


def test_interpolation_next_to_repeated_times() -> None:
    for kind in ("linear", "slinear", 1):
        series = TSContinuous([0, 1, 1, 2], [0, 1, 5, 6], interp_kind=kind)
        assert series([0.5, 1.0, 1.5])[:, 0].tolist() == [0.5, 5, 5.5]
    assert TSContinuous([0, 1, 1, 2], [0, 1, 5, 6], interp_kind="quadratic")(1.0)[0, 0] == 5
    assert TSContinuous([0, 1, 1, 2], [0, 1, 5, 6], interp_kind="zero")([0.5, 1.0])[:, 0].tolist() == [0, 5]


# --- text -------------------------------------------------------------------------------------------------------------
def test_repr() -> None:
    series = TSContinuous.from_clocked(np.zeros((1000, 5)), 1e-3, name="name")
    expected = "non-periodic TSContinuous object `name` from t=0.0 to 1.0. Samples: 1000. Channels: 5"
    assert repr(series) == str(series) == expected
    series.periodic = True
    assert repr(series) == expected.removeprefix("non-")
    empty = "Empty TSContinuous object `name` from t=0.0 to 0.0. Samples: 0. Channels: 0"
    assert repr(TSContinuous(name="name")) == empty


@pytest.mark.parametrize("periodic", [False, True])
def test_print(periodic: bool, capsys: pytest.CaptureFixture[str]) -> None:
    series = clocked(20, 2, periodic=periodic)
    series.print()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == repr(series)
    assert lines[1] == "0.0: \t [0. 1.]"
    assert lines[4:6] == ["0.3: \t [6. 7.]", "\t..."]
    assert lines[-1] == "1.9: \t [38. 39.]"
    assert len(lines) == 10
    series.print(full=True)
    assert len(capsys.readouterr().out.splitlines()) == 21
