"""Series come back from files as they were."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphpool.errors import SeriesTypeError, TimeSeriesError
from graphpool.timeseries import TimeSeries, TSContinuous, TSEvent
from graphpool.timeseries.files import load, load_ts_from_file, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.npz"


def ramp() -> TSContinuous:
    return TSContinuous([0.0, 0.5, 0.75], [[1, 2], [3, 4], [5, 6]], name="ramp", units="mV", t_stop=2)


def spikes() -> TSEvent:
    return TSEvent([0.5, 1.0, 1.0], [0, 2, 1], t_start=0, t_stop=2, name="spikes", num_channels=7)


def clocked(**options: Any) -> TSContinuous:
    return TSContinuous.from_clocked(np.arange(30.0).reshape(10, 3), 0.1, **options)


def all_fields(series: Any) -> dict[str, Any]:
    """Everything that two equal series have in common; arrays as bytes, so that NaNs and -0.0 count."""
    names = ["t_start", "t_stop", "periodic", "name", "num_channels", "_clock"]
    arrays = ["times", "channels"] if isinstance(series, TSEvent) else ["times", "samples", "fill_value"]
    if isinstance(series, TSContinuous):
        names += ["units", "interp_kind", "approx_limit_times", "beyond_range_exception"]
    fields = {name: (type(getattr(series, name)), getattr(series, name)) for name in names}
    for name in arrays:
        array = np.asarray(getattr(series, name))
        fields[name] = (type(getattr(series, name)), array.dtype, array.shape, array.tobytes())
    return fields | {"repr": repr(series), "class": type(series)}


def assert_round_trip(series: TimeSeries, path: Path) -> None:
    series.save(path)
    again = TimeSeries.load(path)
    assert all_fields(again) == all_fields(series)


# --- round trips ------------------------------------------------------------------------------------------------------
CASES: dict[str, Callable[[], TimeSeries]] = {
    "ramp": ramp,
    "events": spikes,
    "periodic": lambda: TSContinuous([0.0, 1.0], [1.0, 2.0], periodic=True, t_start=-1, t_stop=4.5),
    "clocked events": lambda: TSEvent.from_raster(np.eye(5), 0.3, t_start=1000.7, num_channels=9),
    "clocked events, moved": lambda: TSEvent.from_raster(np.eye(5), 0.1, periodic=True).delay(0.7).append_t(spikes()),
    "clocked events, joined": lambda: TSEvent.from_raster(np.eye(5), 0.1).append_t(TSEvent.from_raster(np.eye(5), 0.1)),
    "periodic events": lambda: TSEvent([1.0], 3, periodic=True, t_start=-1, t_stop=4.5),
    "NaN and minus zero": lambda: TSContinuous(range(4), [np.nan, -0.0, np.inf, 5e-324]),
    "clocked": lambda: clocked(name="clocked"),
    "clocked from 0.3 s": lambda: clocked(t_start=0.3, interp_kind="linear", periodic=True),
    "clocked, delayed": lambda: clocked(t_start=0.3).delay(0.1).delay(1e-7),
    "clocked, started": lambda: clocked(t_start=0.3).start_at(1e9 + 0.7),
    "clocked, empty": lambda: TSContinuous.from_clocked(np.zeros((0, 4)), 1e-3, t_start=5.0),
    "empty": lambda: TSContinuous(),
    "empty, 6 channels": lambda: TSContinuous(num_channels=6, t_start=1, t_stop=3),
    "no channels": lambda: TSContinuous([1.0, 2.0], np.zeros((2, 0))),
    "empty events": lambda: TSEvent(),
    "empty events, 6 channels": lambda: TSEvent(num_channels=6, t_start=1, t_stop=3),
    "most channels": lambda: TSEvent([1.0], [2**32 - 1], t_stop=2),
    "fill with a number": lambda: TSContinuous([0.0, 1.0], [[1.0, 2.0]] * 2, fill_value=7),
    "fill each channel": lambda: TSContinuous([0.0, 1.0], [[1.0, 2.0]] * 2, fill_value=[7, np.nan]),
    "fill all channels": lambda: TSContinuous([0.0, 1.0], [[1.0, 2.0]] * 2, fill_value=[7]),
    "order of a spline": lambda: TSContinuous(range(5), range(5), interp_kind=3),
    "kind of a spline": lambda: TSContinuous(range(5), range(5), interp_kind="cubic"),
    "no name": lambda: TSContinuous([1.0], [1.0], name="", units=""),
}


@pytest.mark.parametrize("case", CASES)
def test_round_trip(case: str, path: Path) -> None:
    assert_round_trip(CASES[case](), path)


@pytest.mark.parametrize("approx", [True, False])
@pytest.mark.parametrize("beyond", [True, False])
def test_round_trip_of_switches(approx: bool, beyond: bool, path: Path) -> None:
    series = ramp()
    series.approx_limit_times, series.beyond_range_exception = approx, beyond
    assert_round_trip(series, path)


@pytest.mark.parametrize(
    "name", ["a/b\\c", "../x", "ü 神経 🧠", "\0", "a\0", "a\0b", "a\n\t'`", "\ud800", "\ud800\0", " "]
)
def test_round_trip_of_names(name: str, path: Path) -> None:
    assert_round_trip(TSContinuous([1.0], [1.0], name=name, units=name), path)
    assert_round_trip(TSEvent([1.0], t_stop=2, name=name), path)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.floats(), st.floats()), max_size=6),
    steps=st.lists(st.floats(0, 1e6), min_size=6, max_size=6),
    name=st.text(),
)
def test_round_trip_of_any_samples(rows: list[Any], steps: list[float], name: str, path: Path) -> None:
    times = np.cumsum(steps)[: len(rows)]
    assert_round_trip(TSContinuous(times, np.array(rows).reshape(-1, 2), name=name, units=name), path)
    assert_round_trip(TSEvent(times, range(len(rows)), t_stop=1e7, name=name), path)


def test_events_of_a_raster_move_by_step_again(path: Path) -> None:
    events = TSEvent.from_raster(np.ones((100, 1)), 0.1, spikes_at_bin_start=True)
    events.save(path)
    loaded = TSEvent.load(path)
    for offset in (0.1, 0.7, 1e4):
        events, loaded = events.delay(offset), loaded.delay(offset)
        assert loaded.times.tolist() == events.times.tolist()
        assert loaded.raster(0.1).all()


def test_events_whose_steps_have_drifted_are_saved_without_them(path: Path) -> None:
    events = TSEvent.from_raster(np.ones((2, 1)), 0.1)
    events._times = events._times + 1e-3  # what no method does
    events.save(path)
    assert TSEvent.load(path)._clock is None


def test_a_clocked_series_is_sampled_by_step_again(path: Path) -> None:
    series = TSContinuous.from_clocked(np.arange(1000.0), 1e-3, periodic=True)
    series.save(path)
    asked = np.arange(1_000_000) / 1000
    again = TSContinuous.load(path)
    assert np.array_equal(again(asked)[:, 0], np.arange(1_000_000) % 1000)


def test_a_loaded_series_can_be_changed(path: Path) -> None:
    ramp().save(path)
    series = TSContinuous.load(path)
    series.samples[0] = 9
    series += 1
    assert series.samples[0].tolist() == [10, 10]


# --- layouts ----------------------------------------------------------------------------------------------------------
def test_the_file_is_what_numpy_reads_without_pickles(path: Path) -> None:
    save(path, clocked(name="x"))
    with np.load(path, allow_pickle=False) as contents:
        arrays = dict(contents)
    assert arrays["str_type"].item() == "TSContinuous"
    assert (arrays["name"].item(), arrays["interp_kind"].item()) == ("x", "previous")
    assert arrays["samples"].shape == (10, 3) and arrays["times"].shape == (10,)
    assert (arrays["t_start"], arrays["t_stop"], arrays["periodic"]) == (0, 1, False)
    assert arrays["clock"].tolist() == [0.1, 0]
    assert "units" not in arrays


def test_the_file_of_events_is_what_numpy_reads(path: Path) -> None:
    save(path, spikes())
    with np.load(path, allow_pickle=False) as contents:
        arrays = dict(contents)
    assert arrays["str_type"].item() == "TSEvent"
    assert arrays["channels"].tolist() == [0, 2, 1] and arrays["num_channels"] == 7


def marker_layout(**more: Any) -> dict[str, Any]:
    """A continuous series as files state it that keep names in names of entries."""
    contents = {"times": [0, 1], "samples": np.array([[1, 2], [3, 4]], np.float32), "t_start": 0, "t_stop": 1.0}
    markers = {"type_TSContinuous": [], "name_a/b ü": [], "interp_kind_linear": []}
    return contents | {"periodic": False, "trial_start_times": [0.0]} | markers | more


def test_reads_names_of_entries(path: Path) -> None:
    np.savez(path, **marker_layout())
    series = TimeSeries.load(path)
    assert repr(series) == "non-periodic TSContinuous object `a/b ü` from t=0.0 to 1.0. Samples: 2. Channels: 2"
    assert series.interp_kind == "linear" and series.samples.dtype == np.float64  # type: ignore[attr-defined]


def test_reads_the_order_of_a_spline_from_the_name_of_an_entry(path: Path) -> None:
    contents = marker_layout(interp_kind_2=[])
    del contents["interp_kind_linear"]
    np.savez(path, **contents)
    assert TSContinuous.load(path).interp_kind == 2


def test_reads_events_by_names_of_entries(path: Path) -> None:
    shared = {"times": [0.5], "channels": [3], "t_start": 0.0, "t_stop": 1.0, "periodic": True, "num_channels": 5}
    np.savez(path, **shared, type_TSEvent=[], name_unnamed=[])
    series = TSEvent.load(path)
    assert (series.num_channels, series.periodic, series.channels.tolist()) == (5, True, [3])


def test_reads_compressed_old_and_big_endian_files(path: Path) -> None:
    samples = np.asfortranarray(np.array([[1, 2], [3, 4]], ">f4"))
    shared = {"times": np.array([0, 1], ">i2"), "t_start": 0, "t_stop": 1.0, "periodic": False, "name": "old"}
    np.savez_compressed(path, samples=samples, strType="TSContinuous", interp_kind="next", **shared)
    series = TSContinuous.load(path)
    assert series.samples.tolist() == [[1, 2], [3, 4]] and series.samples.dtype == np.dtype("=f8")
    assert (series.name, series.interp_kind) == ("old", "next")


# --- kinds ------------------------------------------------------------------------------------------------------------
def test_the_expected_kind(path: Path) -> None:
    save(path, spikes())
    for expected in (None, "TSEvent", TSEvent, TimeSeries):
        assert isinstance(load_ts_from_file(path, expected), TSEvent)
    for wrong in ("TSContinuous", TSContinuous):
        with pytest.raises(SeriesTypeError, match=r"series\.npz: it holds a TSEvent, not a TSContinuous"):
            load_ts_from_file(path, wrong)
    for unknown in ("TSOther", int, 3, b"TSEvent"):
        with pytest.raises(SeriesTypeError, match="expected_type="):
            load_ts_from_file(path, unknown)  # type: ignore[arg-type]


def test_only_series_are_saved(path: Path) -> None:
    for wrong in (np.zeros(3), TimeSeries([1.0])):
        with pytest.raises(SeriesTypeError, match="has no file format"):
            save(path, wrong)  # type: ignore[arg-type]
    with pytest.raises(TimeSeriesError, match="4294967297 channels do not go into a file"):
        save(path, TSEvent(num_channels=2**32 + 1))
    assert not path.exists()


# --- writing ----------------------------------------------------------------------------------------------------------
def test_the_suffix_is_appended(tmp_path: Path) -> None:
    save(tmp_path / "a", ramp())
    save(str(tmp_path / "b.NPZ"), ramp())
    save(tmp_path / "c.npz", ramp())
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "b.NPZ.npz", "c.npz"]


@pytest.mark.parametrize("error", [OSError(28, "no space left"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    save(path, ramp())

    def fail(file: Any, **contents: Any) -> None:
        file.write(b"PK half of it")
        raise error

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(type(error)):
        save(path, spikes())
    assert os.listdir(path.parent) == [path.name]
    assert isinstance(TimeSeries.load(path), TSContinuous)


def test_the_permissions_are_those_of_open(path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(path, ramp())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to("real.npz")
    save(tmp_path / "link.npz", ramp())
    assert (tmp_path / "link.npz").is_symlink() and (tmp_path / "real.npz").is_file()


def test_long_file_names(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".npz")
    save(path, ramp())
    assert load(path).name == "ramp"


@pytest.mark.parametrize("name", ["missing/a.npz", "folder.npz", "file/a.npz"])
def test_an_error_names_the_path_that_was_given(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as caught:
        save(tmp_path / name, ramp())
    assert str(caught.value).endswith(f": {str(tmp_path / name)!r}")


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "missing" / "a.npz", ramp())
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OSError):
        save(tmp_path / "folder.npz", ramp())
    with pytest.raises(IsADirectoryError):
        load(tmp_path / "folder.npz")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.npz")
    with pytest.raises(TimeSeriesError, match="/dev/zero: this is no regular file"):
        load("/dev/zero")
    assert os.listdir(tmp_path) == ["folder.npz"]
