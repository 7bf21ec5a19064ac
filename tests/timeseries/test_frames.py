"""Series as pandas' frames and xarray's arrays, and back."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from graphpool.errors import MissingExtraError, SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TSContinuous, TSEvent
from graphpool.timeseries.clock import Clock

EPOCH = "2026-03-01 12:00"


def signal(start: float = 0.0) -> TSContinuous:
    series = TSContinuous.from_clocked(np.arange(20.0).reshape(10, 2), 0.1, start, name="ramp")
    series.units = "mV"
    return series


def spikes() -> TSEvent:
    return TSEvent([0.1, 0.2, 0.2, 0.5], [0, 2, 1, 2], t_start=0.0, t_stop=1.0, name="spikes", num_channels=4)


def assert_same(found: Any, series: Any) -> None:
    assert type(found) is type(series)
    assert (found.name, getattr(found, "units", None)) == (series.name, getattr(series, "units", None))
    assert found.times.tolist() == series.times.tolist()
    assert [np.asarray(one).tolist() for _, one in found] == [np.asarray(one).tolist() for _, one in series]


# --- there and back ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["pandas", "xarray"])
@pytest.mark.parametrize("epoch", [None, EPOCH, pd.Timestamp(EPOCH, tz="Europe/Zurich"), np.datetime64("1900-01-01")])
def test_there_and_back(kind: str, epoch: Any) -> None:
    if kind == "xarray" and isinstance(epoch, pd.Timestamp):
        epoch = epoch.tz_localize(None)  # xarray has no time zones
    for start in (0.0, -0.7, 1000.1):
        series = signal(start)
        held = getattr(series, f"to_{kind}")(epoch)
        back = getattr(TSContinuous, f"from_{kind}")(held, dt=0.1, epoch=epoch)
        assert_same(back, series)
        assert (back.clock, back.t_start, back.t_stop) == (series.clock, series.t_start, series.t_stop)
        free = getattr(TSContinuous, f"from_{kind}")(held, epoch=epoch)
        assert (free.clock, free.t_stop) == (None, series.times[-1])
    held = getattr(spikes(), f"to_{kind}")(epoch)
    back = getattr(TSEvent, f"from_{kind}")(held, epoch=epoch, t_start=0.0, t_stop=1.0, num_channels=4)
    assert_same(back, spikes())
    assert (back.t_stop, back.num_channels) == (1.0, 4)


@pytest.mark.parametrize("kind", ["pandas", "xarray"])
@pytest.mark.parametrize("rate", [44100, 3, 30e6])
def test_dates_hold_a_clock_whose_steps_are_no_whole_nanoseconds(kind: str, rate: float) -> None:
    series = TSContinuous.from_clocked(np.arange(20_000.0), 1 / rate, t_start=7 / rate)
    held = getattr(series, f"to_{kind}")(EPOCH)
    back = getattr(TSContinuous, f"from_{kind}")(held, dt=1 / rate, epoch=EPOCH)
    assert back.clock is not None and back.clock.dt == 1 / rate
    np.testing.assert_array_equal(back.samples, series.samples)
    np.testing.assert_allclose(back.times, series.times, rtol=0, atol=2e-9)
    with pytest.raises(TimeSeriesError, match=f"step 1 of dt={2 / rate} s"):
        getattr(TSContinuous, f"from_{kind}")(held, dt=2 / rate, epoch=EPOCH)


def test_what_the_frames_look_like() -> None:
    frame = signal().to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert (frame.index.name, frame.columns.name, list(frame.columns)) == ("time", "channel", [0, 1])
    assert frame.loc[0.3, 1] == 7 and frame.attrs == {"name": "ramp", "units": "mV"}
    dates = signal().to_pandas(EPOCH)
    assert dates.index[3] == pd.Timestamp("2026-03-01 12:00:00.300") and dates.index.name == "time"
    assert dates.rolling("250ms").mean().shape == (10, 2)
    events = spikes().to_pandas()
    assert list(events.columns) == ["channel"] and events["channel"].tolist() == [0, 2, 1, 2]
    frame.iloc[:] = 0
    events["channel"] = 9
    assert signal().samples[-1, 1] == 19 and spikes().channels[0] == 0


def test_what_the_arrays_look_like() -> None:
    array = signal().to_xarray()
    assert isinstance(array, xr.DataArray)
    assert (array.dims, array.name, array.attrs) == (("time", "channel"), "ramp", {"units": "mV"})
    assert array["time"].attrs == {"units": "s"} and array.sel(channel=1, time=0.3) == 7
    dates = signal().to_xarray(EPOCH)
    assert dates["time"].attrs == {} and dates["time"].dtype.kind == "M"
    assert dates.resample(time="200ms").mean().shape == (5, 2)
    assert spikes().to_xarray().dims == ("time",)
    turned = TSContinuous.from_xarray(array.transpose("channel", "time"), dt=0.1)
    assert_same(turned, signal())
    assert TSContinuous.from_xarray(array.sel(channel=1, drop=True)).samples[:, 0].tolist() == list(range(1, 20, 2))


def test_other_frames() -> None:
    index = pd.timedelta_range("0s", periods=3, freq="20ms")
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "c": pd.array([1, None, 3], "Int64")}, index=index)
    series = TSContinuous.from_pandas(frame, dt=0.02, name="mixed", periodic=True, interp_kind="linear")
    np.testing.assert_array_equal(series.samples, [[1, 1, 1], [2, 0, np.nan], [3, 1, 3]])
    assert (series.times.tolist(), series.clock, series.t_stop) == ([0, 0.02, 0.04], Clock(0.02), 0.06)
    assert (series.name, series.periodic, series.interp_kind, series.units) == ("mixed", True, "linear", None)
    column = TSContinuous.from_pandas(pd.Series([1.0, 2.0], index=[0.5, 0.75], name="voltage"), t_stop=1.0)
    assert (column.name, column.samples.tolist(), column.t_stop) == ("voltage", [[1], [2]], 1.0)
    events = TSEvent.from_pandas(pd.Series([3, 1], index=[0.5, 0.75], name="channel"), t_stop=1.0, name="e")
    assert list(events) == [(0.5, 3), (0.75, 1)] and events.name == "e"
    # Without an epoch the first date is 0 s.
    later = signal(5.0).to_pandas(EPOCH)
    assert TSContinuous.from_pandas(later).times[[0, 3]].tolist() == [0, 0.3]


def test_empty_series() -> None:
    for empty, fields in ((TSContinuous(num_channels=3), {}), (TSEvent(num_channels=3), {"num_channels": 3})):
        for kind in ("pandas", "xarray"):
            for epoch in (None, EPOCH):
                held = getattr(empty, f"to_{kind}")(epoch)
                back = getattr(type(empty), f"from_{kind}")(held, epoch=epoch, **fields)
                assert len(back) == 0 and back.num_channels == 3
    assert TSContinuous.from_pandas(TSContinuous(num_channels=2).to_pandas(), dt=0.5).clock == Clock(0.5)


def test_times_are_rounded_to_nanoseconds_in_dates() -> None:
    series = TSContinuous([0.0, 1 / 3], [1, 2])
    assert TSContinuous.from_pandas(series.to_pandas(EPOCH)).times.tolist() == [0.0, 0.333333333]


# --- bad input --------------------------------------------------------------------------------------------------------
def frame_of(values: Any, index: Any) -> pd.DataFrame:
    return pd.DataFrame({"channel": values}, index=index)


NOT_A_TIME = pd.DatetimeIndex(["2026-01-01", None, "2026-01-03"])
WRONG_TIMES = [
    (NOT_A_TIME, {}, "time 1 is NaT"),
    (pd.TimedeltaIndex(["1s", "2s", None]), {}, "time 2 is NaT"),
    (pd.DatetimeIndex(["2026-01-01", "2026-01-03", "2026-01-02"]), {}, r"t=86400.0 s follows t=172800.0 s"),
    ([0.0, 2.0, 1.0], {}, "t=1.0 s follows t=2.0 s, at position 2"),
    ([0.0, np.nan, 1.0], {}, "time 1 is nan"),
    (["a", "b", "c"], {}, "the times are no numbers"),
    ([0.0, 1.0, 2.0], {"epoch": EPOCH}, "an epoch is for dates"),
    (pd.date_range(EPOCH, periods=3), {"epoch": "soon"}, "epoch='soon'"),
    (pd.date_range(EPOCH, periods=3), {"epoch": pd.NaT}, "epoch=NaT"),
    (pd.date_range(EPOCH, periods=3), {"epoch": pd.Timestamp(EPOCH, tz="UTC")}, "since 2026-03-01"),
    (pd.date_range("0001-01-01", periods=3, unit="s"), {"epoch": EPOCH}, "since 2026"),
    (pd.period_range("2026-01", periods=3), {}, "the times are no numbers"),
    (pd.MultiIndex.from_product([[1], [1.0, 2.0, 3.0]]), {}, "its index has 2 levels"),
]


@pytest.mark.parametrize(("index", "fields", "match"), WRONG_TIMES, ids=[match for *_, match in WRONG_TIMES])
def test_wrong_times(index: Any, fields: dict[str, Any], match: str) -> None:
    frame = frame_of([1, 0, 2], index)
    for cls in (TSContinuous, TSEvent):
        with pytest.raises(TimeSeriesError, match=match) as caught:
            cls.from_pandas(frame, name="loaded", t_stop=1e9, **fields)
        assert str(caught.value).startswith(f"{cls.__name__} 'loaded': ")
    if not isinstance(index, (pd.MultiIndex, pd.PeriodIndex)):
        with pytest.raises(TimeSeriesError, match=match):
            TSContinuous.from_xarray(xr.DataArray([1, 0, 2], dims="time", coords={"time": index}), **fields)


WRONG_VALUES = [
    (["a", "b"], "column 'channel' is (object|str)"),
    ([1j, 2], "column 'channel' is complex128"),
    (pd.to_datetime(["2026-01-01", "2026-01-02"]), r"column 'channel' is datetime64"),
    (np.array([1, 2], object), "column 'channel' is object"),
    (pd.Categorical([1, 2]), "column 'channel' is category"),
]


@pytest.mark.parametrize(("values", "match"), WRONG_VALUES, ids=[match for _, match in WRONG_VALUES])
def test_columns_that_are_no_numbers(values: Any, match: str) -> None:
    with pytest.raises(TimeSeriesError, match=f"^TSContinuous 'loaded': {match}"):
        TSContinuous.from_pandas(frame_of(values, [0.0, 1.0]), name="loaded")


def test_wrong_channels_of_events() -> None:
    two = pd.DataFrame({"channel": [1, 2], "weight": [0.5, 1]}, index=[0.0, 1.0])
    for wrong in (two, two[["weight"]]):
        with pytest.raises(TimeSeriesError, match="'loaded': its columns are .*'weight'\n.*one column 'channel'"):
            TSEvent.from_pandas(wrong, t_stop=2, name="loaded")
    for values, match in (
        ([1, np.nan], "event 1 at t=1.0 s has no channel"),
        ([1, -1], "event 1 at t=1.0 s is on channel -1"),
        ([0.5, 1], "event 0 at t=0.0 s is on channel 0.5"),
    ):
        with pytest.raises(TimeSeriesError, match=match):
            TSEvent.from_pandas(frame_of(values, [0.0, 1.0]), t_stop=2)
    with pytest.raises(SeriesTypeError, match="no t_stop for 2 events"):
        TSEvent.from_pandas(frame_of([1, 2], [0.0, 1.0]))
    with pytest.raises(SeriesTypeError, match="channels"):
        TSEvent.from_pandas(frame_of(["a", "b"], [0.0, 1.0]), t_stop=2)


def test_a_time_step_that_is_not_the_one_of_the_index() -> None:
    frame = pd.DataFrame({"a": [1.0, 2, 3]}, index=[0.0, 0.1, 0.25])
    with pytest.raises(TimeSeriesError, match="'x': step 2 of dt=0.1 s is at t=0.2 s, its time is 0.25 s"):
        TSContinuous.from_pandas(frame, dt=0.1, name="x")
    with pytest.raises(TimeSeriesError, match="'x': dt=-1"):
        TSContinuous.from_pandas(frame, dt=-1, name="x")


def test_what_is_no_frame_and_no_array() -> None:
    with pytest.raises(SeriesTypeError, match="got a list\n.*pandas.DataFrame"):
        TSContinuous.from_pandas([1, 2])
    with pytest.raises(SeriesTypeError, match="got a dict"):
        TSEvent.from_pandas({})
    for held in ([1, 2], signal().to_xarray().to_dataset()):
        with pytest.raises(SeriesTypeError, match="one variable of a dataset"):
            TSContinuous.from_xarray(held)
    for wrong, match in (
        (xr.DataArray(np.zeros((2, 2)), dims=("t", "channel")), "its dimensions are 't', 'channel'"),
        (xr.DataArray(np.zeros((2, 2, 2)), dims=("time", "a", "b")), "its dimensions are 'time', 'a', 'b'"),
        (xr.DataArray(np.zeros((2, 2)), dims=("time", "a")), "no coordinate 'time'"),
        (xr.DataArray(["a"], dims="time", coords={"time": [0.0]}), "the samples are <U1"),
    ):
        with pytest.raises(TimeSeriesError, match=f"TSContinuous 'x': .*{match}"):
            TSContinuous.from_xarray(wrong, name="x")
    with pytest.raises(TimeSeriesError, match="TSEvent 'ramp': its dimensions are 'time', 'channel'"):
        TSEvent.from_xarray(signal().to_xarray(), t_stop=1.0)


def test_times_without_a_date() -> None:
    far = TSContinuous([0.0, 1e10], [1, 2], name="far")
    for call in (far.to_pandas, far.to_xarray, TSEvent([1e10], t_stop=2e10, name="far").to_pandas):
        with pytest.raises(TimeSeriesError, match="'far': t=10000000000.0 s is too far away from"):
            call(EPOCH)
    with pytest.raises(TimeSeriesError, match="too far away"):
        TSContinuous([9e9], [1]).to_pandas("2200-01-01")
    with pytest.raises(TimeSeriesError, match="epoch='soon'"):
        signal().to_pandas("soon")


@pytest.mark.parametrize("package", ["pandas", "xarray"])
def test_without_the_package(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for series in (signal(), spikes()):
        for call in (getattr(series, f"to_{package}"), partial(getattr(type(series), f"from_{package}"), None)):
            with pytest.raises(MissingExtraError, match=rf"graphpool\[{package}\]"):
                call()
