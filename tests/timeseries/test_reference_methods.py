"""What else series can do: be joined by their class, go backwards, row by row, and into a dict or smaller dtypes."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import TimeSeries, TSContinuous, TSDictOnDisk, TSEvent, load_ts_from_file
from graphpool.errors import ChannelError, MissingExtraError, SeriesTypeError, TimeSeriesError, TimeSeriesWarning
from graphpool.timeseries.clock import Clock


def ramp(length: int = 10, dt: float = 0.1, start: float = 0.0, **switches: Any) -> TSContinuous:
    return TSContinuous.from_clocked(np.arange(float(length)), dt, start, **switches)


def spikes() -> TSEvent:
    return TSEvent([0.1, 0.2, 0.2, 0.5], [0, 2, 1, 2], t_start=0.0, t_stop=1.0, name="spikes", num_channels=4)


# --- concatenate_t ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", [TimeSeries, TSContinuous])
def test_concatenate_joins_without_gaps(cls: type[TimeSeries]) -> None:
    parts = (ramp(3, name="a", periodic=True, interp_kind="linear"), ramp(2, start=7.0), ramp(1))
    whole = cls.concatenate_t(iter(parts))
    assert isinstance(whole, TSContinuous)
    assert whole.samples[:, 0].tolist() == [0, 1, 2, 0, 1, 0]
    assert (whole.clock, whole.t_stop, whole.periodic) == (Clock(0.1), 0.6, False)
    assert (whole.name, whole.interp_kind) == ("a", "linear")
    assert (parts[0].periodic, len(parts[0])) == (True, 3)


def test_concatenate_with_offsets() -> None:
    parts = [TSEvent([0.5], t_start=0.0, t_stop=1.0), TSEvent([5.5], 1, t_start=5.0, t_stop=6.0)]
    assert TimeSeries.concatenate_t(parts, 0.25).times.tolist() == [0.5, 1.75]
    assert TSEvent.concatenate_t(parts, offset=[2.0, None]).times.tolist() == [2.5, 3.5]
    assert TSEvent.concatenate_t(parts, offset=np.array([0.0, 1.0])).t_stop == 3.0
    with pytest.raises(TimeSeriesError, match="1 offsets for 2 series"):
        TSEvent.concatenate_t(parts, offset=[1.0])


def test_concatenate_nothing_and_what_it_cannot_join() -> None:
    for cls in (TimeSeries, TSContinuous, TSEvent):
        empty = cls.concatenate_t([])
        assert type(empty) is cls and empty.isempty()
    with pytest.raises(SeriesTypeError, match="'spikes'"):
        TSContinuous.concatenate_t([ramp(), spikes()])
    with pytest.raises(
        SeriesTypeError, match="TSContinuous 'unnamed': append_t takes TSContinuous, got TSEvent 'spikes'"
    ):
        TimeSeries.concatenate_t([ramp(), spikes()])
    with pytest.raises(SeriesTypeError, match="concatenate_t takes TSContinuous, got int"):
        TSContinuous.concatenate_t(3)  # type: ignore[arg-type]
    with pytest.raises(SeriesTypeError, match="concatenate_t takes TSContinuous or TSEvent"):
        TimeSeries.concatenate_t([TimeSeries([1.0])])


# --- backwards --------------------------------------------------------------------------------------------------------
def test_a_negative_step_plays_backwards() -> None:
    series = TSContinuous.from_clocked(np.arange(20.0).reshape(10, 2), 0.1, name="x")
    series.units = "V"
    back = series[::-0.1]
    assert back.samples.tolist() == series.samples[::-1].tolist()
    assert back.times.tolist() == series.times.tolist()
    assert (back.name, back.units) == ("x", "V")
    part = series[0.2:0.8:-0.2, 1]
    assert (part.times.tolist(), part.samples[:, 0].tolist()) == ([0.2, 0.4, 0.6], [13, 9, 5])
    assert series[0.8:0.2:-0.2, 1].samples.tolist() == part.samples.tolist()
    part.samples[:] = 0
    assert series.samples[-1, 1] == 19


def test_all_forms_of_an_index() -> None:
    series = TSContinuous.from_clocked(np.arange(40.0).reshape(10, 4), 0.1)
    assert series[0.3].samples.tolist() == [[12, 13, 14, 15]]
    assert series[[0.3, 0.55], 1].samples.tolist() == [[13], [21]]
    assert series[np.array([0.3, 0.5]), [3, 0]].samples.tolist() == [[15, 12], [23, 20]]
    assert series[0.3:0.6].times.tolist() == [0.3, 0.4, 0.5]
    assert series[0.3:0.6, 1:3].samples.shape == (3, 2)
    assert series[:, -1].samples[:, 0].tolist() == list(range(3, 40, 4))
    assert series[0.1:0.9:0.3].times.tolist() == [0.1, 0.4, 0.7]
    assert series[::0.25].times.tolist() == [0.0, 0.25, 0.5, 0.75]
    with pytest.raises(ChannelError, match="3 indices"):
        series[0.1, 2, 3]
    with pytest.raises(ChannelError, match="no channel 4"):
        series[0.1, 4]
    with pytest.raises(TimeSeriesError, match="the step is"):
        series[::"back"]


# --- rasters row by row -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rows", [1, 3, 1024])
def test_xraster_gives_the_rows_of_a_raster(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphpool.timeseries.event.ROWS", rows)
    periodic = spikes()
    periodic.periodic = True
    for series, given in (
        (spikes(), {}),
        (spikes(), {"channels": [2, 0], "add_events": True}),
        (spikes(), {"t_start": 0.15, "t_stop": 0.55}),
        (periodic, {"t_start": -1.3, "num_timesteps": 25}),
        (spikes(), {"num_timesteps": 0}),
    ):
        found = list(series.xraster(0.1, **given))  # type: ignore[arg-type]
        whole = series.raster(0.1, **given)  # type: ignore[arg-type]
        assert len(found) == len(whole)
        np.testing.assert_array_equal(np.reshape(found, whole.shape), whole)
        assert all(row.base is None and row.dtype == whole.dtype for row in found)


def test_xraster_checks_at_once_and_holds_little() -> None:
    with pytest.raises(TimeSeriesError, match="'spikes'.*dt=0"):
        spikes().xraster(0)
    with pytest.raises(ChannelError, match="'spikes': no channel 9"):
        spikes().xraster(0.1, channels=9)
    endless = spikes()
    endless.periodic = True
    rows = endless.xraster(1e-3, num_timesteps=2**30)
    assert sum(int(next(rows).sum()) for _ in range(1000)) == 4


# --- dtypes of files --------------------------------------------------------------------------------------------------
def test_to_dict_is_what_a_file_holds(tmp_path: Path) -> None:
    for series in (ramp(), spikes()):
        series.save(tmp_path / "series.npz")
        held = series.to_dict()
        with np.load(tmp_path / "series.npz") as file:
            assert set(file.files) == set(held)
            for key in file.files:
                np.testing.assert_array_equal(file[key], held[key])


def test_smaller_dtypes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.npz"
    ramp().save(path, dtype_samples="int8", dtype_times=np.float32)
    loaded = TSContinuous.load(path)
    assert loaded.samples.tolist() == ramp().samples.tolist()
    assert (loaded.times.tolist(), loaded.clock) == (np.float32(ramp().times).astype(float).tolist(), None)
    assert (loaded.t_start, loaded.t_stop) == (0.0, 1.0)
    ramp(dt=0.5).save(path, dtype_times="float32")
    assert TSContinuous.load(path).clock == Clock(0.5)
    spikes().save(path, verbose=True, dtype_channels="uint8", dtype_times="float16")
    assert capsys.readouterr().out == f"TSEvent 'spikes': saved to {path}\n"
    assert TSEvent.load(path).channels.tolist() == [0, 2, 1, 2]
    with np.load(path) as file:
        assert (file["channels"].dtype, file["times"].dtype) == (np.uint8, np.float16)


def test_rounded_times_stay_in_their_range(tmp_path: Path) -> None:
    late = TSEvent([0.1, 0.7], t_start=0.1, t_stop=0.70000001)
    late.save(tmp_path / "late.npz", dtype_times="float16")
    loaded = TSEvent.load(tmp_path / "late.npz")
    assert loaded.t_start <= loaded.times[0] and loaded.times[-1] < loaded.t_stop
    assert loaded.times == pytest.approx([0.1, 0.7], rel=1e-3)


@pytest.mark.parametrize(
    ("series", "dtypes", "error", "match"),
    [
        (ramp(300), {"dtype_samples": "uint8"}, TimeSeriesError, "256.0 among the samples is no uint8"),
        (ramp() - 1, {"dtype_samples": "uint16"}, TimeSeriesError, "-1.0 among the samples"),
        (ramp() * 1e300, {"dtype_samples": "f4"}, TimeSeriesError, r"1e\+300 among the samples is no float32"),
        (ramp(), {"dtype_times": int}, TimeSeriesError, "0.1 among the times is no int64"),
        (ramp(), {"dtype_times": object}, SeriesTypeError, "dtype object of the times"),
        (ramp(), {"dtype_samples": "S3"}, SeriesTypeError, "real numbers"),
        (ramp(), {"dtype_samples": "nothing"}, SeriesTypeError, "'nothing'"),
        (TSEvent([1], 300, t_stop=2), {"dtype_channels": "u1"}, TimeSeriesError, "300 among the channels is no uint8"),
        (spikes(), {"dtype_channels": float}, SeriesTypeError, "a dtype of integers"),
    ],
)
def test_dtypes_that_do_not_hold_it(
    series: Any, dtypes: dict[str, Any], error: type[Exception], match: str, tmp_path: Path
) -> None:
    path = tmp_path / "series.npz"
    for call in (lambda: series.to_dict(**dtypes), lambda: series.save(path, **dtypes)):
        with pytest.raises(error, match=match) as caught:
            call()
        assert str(caught.value).startswith(series._label)
    assert not path.exists()


def test_a_file_that_does_not_say_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "old.npz"
    held = {key: value for key, value in spikes().to_dict().items() if key != "str_type"}
    np.savez(path, **held)
    with pytest.raises(TimeSeriesError, match="it does not say what it holds"):
        load_ts_from_file(path)
    with pytest.warns(TimeSeriesWarning, match="read as a TSEvent"):
        loaded = TSEvent.load(path)
    assert list(loaded) == list(spikes())
    with pytest.warns(TimeSeriesWarning), pytest.raises(TimeSeriesError, match="it has no 'samples'"):
        TSContinuous.load(path)


# --- a dict on disk ---------------------------------------------------------------------------------------------------
def test_series_lie_in_files_and_come_back() -> None:
    held = TSDictOnDisk({"x": ramp(), "n": 3, "y": spikes()})
    assert list(held) == ["n", "x", "y"] and len(held) == 3 and "x" in held and "z" not in held
    assert held["x"].clock == Clock(0.1) and held["x"] is not held["x"]
    assert list(held["y"]) == list(spikes())
    folder = held._folder
    assert len(list(folder.iterdir())) == 2
    held["x"] = held["x"] + 1
    assert held["x"].samples[0, 0] == 1 and len(list(folder.iterdir())) == 2
    held["y"] = "text"
    assert held["y"] == "text" and len(list(folder.iterdir())) == 1
    del held["x"], held["n"]
    assert not list(folder.iterdir()) and dict(held) == {"y": "text"}
    for wrong in ("x", "n"):
        with pytest.raises(KeyError, match=wrong):
            del held[wrong]
        with pytest.raises(KeyError, match=wrong):
            held[wrong]
    del held
    gc.collect()
    assert not folder.exists()


def test_what_is_inserted_stays_in_memory() -> None:
    held, series = TSDictOnDisk({"x": spikes()}), ramp()
    held.insert({"x": series, 4: "four"})
    assert held["x"] is series and len(held) == 2 and not list(held._folder.iterdir())


def test_copies_have_files_of_their_own() -> None:
    held = TSDictOnDisk({"x": ramp(), 4: [1]})
    for other in (copy.copy(held), copy.deepcopy(held), pickle.loads(pickle.dumps(held))):
        assert list(other) == [4, "x"] and other["x"].samples.tolist() == held["x"].samples.tolist()
        del other["x"]
        assert "x" in held
    assert repr(held) == "TSDictOnDisk with 1 values in memory and 1 series on disk"


def test_a_series_that_has_no_file_changes_nothing() -> None:
    held = TSDictOnDisk({"x": ramp()})
    with pytest.raises(SeriesTypeError, match="TimeSeries has no file format"):
        held["x"] = TimeSeries([1.0])
    assert held["x"].samples.tolist() == ramp().samples.tolist()


# --- backends of plots ------------------------------------------------------------------------------------------------
def test_backends_by_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    series = spikes()
    for name in ("matplotlib", "mpl", "mp", "pyplot", "plt"):
        series.set_plotting_backend(name)
        assert series.plotting_backend == "matplotlib"
        graphpool.set_global_ts_plotting_backend(name)
        assert graphpool.get_global_ts_plotting_backend() == "matplotlib"
    assert "TSEvent 'spikes': plots with matplotlib\ntime series: plots with matplotlib\n" in capsys.readouterr().out
    series.set_plotting_backend(None, verbose=False)
    graphpool.set_global_ts_plotting_backend(None, verbose=False)
    assert capsys.readouterr().out == "" and series.plotting_backend == "matplotlib"
    assert TimeSeries([1.0], plotting_backend="mpl").plotting_backend == "matplotlib"


@pytest.mark.parametrize("name", ["holoviews", "hv", "", 3, ["mpl"]])
def test_other_backends(name: Any) -> None:
    with pytest.raises(TimeSeriesError, match="TSEvent 'spikes': plotting_backend=.*\n.*matplotlib only"):
        spikes().set_plotting_backend(name)
    with pytest.raises(TimeSeriesError, match="matplotlib only"):
        graphpool.set_global_ts_plotting_backend(name)
    with pytest.raises(TimeSeriesError, match="matplotlib only"):
        TimeSeries(plotting_backend=name)


def test_without_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert graphpool.get_global_ts_plotting_backend() is None
    with pytest.raises(MissingExtraError, match=r"graphpool\[plot\]"):
        spikes().set_plotting_backend("mpl")
