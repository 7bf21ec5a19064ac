"""No file does harm, whoever wrote it: it is a series, or a clear error."""

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphpool import archive
from graphpool.errors import TimeSeriesError
from graphpool.timeseries import TimeSeries, TSContinuous, TSEvent, files
from graphpool.timeseries.files import load, save

SMALL = 8 * 2**20  # bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.npz"


def ramp() -> TSContinuous:
    return TSContinuous([0.0, 0.5, 0.75], [[1, 2], [3, 4], [5, 6]], name="ramp", units="mV", t_stop=2)


def spikes() -> TSEvent:
    return TSEvent([0.5, 1.0, 1.0], [0, 2, 1], t_start=0, t_stop=2, name="spikes", num_channels=7)


def clocked() -> TSContinuous:
    return TSContinuous.from_clocked(np.arange(30.0).reshape(10, 3), 0.1, name="clocked")


# --- wrong contents ---------------------------------------------------------------------------------------------------
def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array))
    return stream.getvalue()


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    encoded = text.encode("latin1")
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", len(encoded)) + encoded


def declaring(shape: str, descr: str = "'<f8'", order: str = "False") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n")


def contents_of(series: TimeSeries) -> dict[str, bytes]:
    return {key: npy(array) for key, array in files.contents(series).items()}


def write_zip(path: Path, contents: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as file:
        for key, content in contents.items():
            file.writestr(f"{key}.npy", content)


def with_entries(series: TimeSeries, **entries: bytes | None) -> dict[str, bytes]:
    changed = contents_of(series) | entries
    return {key: content for key, content in changed.items() if content is not None}


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < SMALL, f"{peak} bytes"


def assert_refused(path: Path, match: str) -> None:
    with little_memory(), pytest.raises(TimeSeriesError, match=match) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


WRONG_VALUES: list[tuple[str, Callable[[], TimeSeries], dict[str, Any], str]] = [
    ("NaN time", ramp, {"times": npy([0, np.nan, 1])}, "time 1 is nan"),
    ("unsorted times", ramp, {"times": npy([0.0, 1.0, 0.5])}, r"t=0\.5 s follows t=1\.0 s"),
    ("fewer times", ramp, {"times": npy([0.0, 1.0])}, "3 samples for 2 times"),
    ("times of two dimensions", ramp, {"times": npy([[0.0, 0.5, 1.0]])}, r"'times' has shape \(1, 3\)"),
    ("complex times", ramp, {"times": npy([0j, 1, 2])}, "'times' is an array of complex128"),
    ("times are dates", ramp, {"times": npy(np.zeros(3, "M8[s]"))}, "'times' is an array of datetime64"),
    ("early t_stop", ramp, {"t_stop": npy(0.25)}, r"t_stop=0\.25 s is earlier than the last time"),
    ("t_stop of an event", spikes, {"t_stop": npy(1.0)}, "not later than the last event"),
    ("late t_start", ramp, {"t_start": npy(0.25)}, r"t_start=0\.25 s is later than the first time"),
    ("infinite t_start", ramp, {"t_start": npy(-np.inf)}, "t_start is -inf"),
    ("two t_start", ramp, {"t_start": npy([0.0, 1.0])}, r"'t_start' has shape \(2,\)"),
    ("t_start is text", ramp, {"t_start": npy("0")}, "'t_start' is an array of <U1"),
    ("no times", ramp, {"times": None}, "it has no 'times'"),
    ("no samples", ramp, {"samples": None}, "it has no 'samples'"),
    ("no t_stop", spikes, {"t_stop": None}, "it has no 't_stop'"),
    ("no periodic", spikes, {"periodic": None}, "it has no 'periodic'"),
    ("no channels", spikes, {"channels": None}, "it has no 'channels'"),
    ("no num_channels", spikes, {"num_channels": None}, "it has no 'num_channels'"),
    ("samples of three dimensions", ramp, {"samples": npy(np.zeros((3, 1, 1)))}, r"'samples' has shape \(3, 1, 1\)"),
    ("channel -1", spikes, {"channels": npy([0, -1, 0])}, "an event on channel -1"),
    ("channel 2**63", spikes, {"channels": npy(np.array([0, 2**63, 0], "u8"))}, f"on channel {2**63}"),
    ("fractional channels", spikes, {"channels": npy([0.0, 0.5, 1.0])}, "'channels' is an array of float64"),
    ("too few channels", spikes, {"num_channels": npy(2)}, "num_channels"),
    ("negative num_channels", spikes, {"num_channels": npy(-1)}, "it declares -1 channels"),
    ("absurd num_channels", spikes, {"num_channels": npy(2**62)}, f"it declares {2**62} channels"),
    ("absurd columns", ramp, {"samples": declaring(f"(0, {2**40})")}, f"it declares {2**40} channels"),
    ("absurd side", ramp, {"samples": declaring(f"(0, {2**70})")}, "'samples' has shape"),
    ("negative side", ramp, {"samples": declaring("(-3, -2)") + bytes(48)}, r"'samples' has shape \(-3, -2\)"),
    ("unknown kind of interpolation", ramp, {"interp_kind": npy("spline")}, "interp_kind='spline'"),
    ("order with 5000 digits", ramp, {"interp_kind": npy("9" * 5000)}, "interp_kind='999"),
    ("unknown fill value", ramp, {"fill_value": npy("hold")}, "fill_value='hold'"),
    ("fill value of 3 channels", ramp, {"fill_value": npy([1.0, 2, 3])}, "for 2 channels"),
    ("two names", ramp, {"name": npy(["a", "b"])}, "'name' is no string"),
    ("name of shorts", ramp, {"name": npy(np.zeros(3, "i2"))}, "'name' is no string"),
    ("name of no characters", ramp, {"name": npy(np.array([2**31], "u4"))}, "'name' is no text"),
    ("name of no width", ramp, {"name": declaring("()", "'<U0'")}, "'name' is an array of <U0"),
    ("a wide string", ramp, {"name": declaring("()", "'<U100000000'") + bytes(4)}, "declares 400000000 bytes"),
    ("string of no characters", ramp, {"name": declaring("()", "'<U1'") + b"\xff" * 4}, "'name' is no text"),
    ("clock of one number", clocked, {"clock": npy([0.1])}, "its clock is made of 1 numbers"),
    ("clock of no step", clocked, {"clock": npy([0.0, 0.0])}, r"dt=0\.0"),
    ("clock of NaN", clocked, {"clock": npy([0.1, np.nan])}, "nan"),
    ("another clock", clocked, {"clock": npy([0.2, 0.0])}, r"step 1 at t=0\.2 s, its times have 0\.1 s"),
    ("huge clock", clocked, {"clock": npy([1e308, 0.0])}, r"step 1 at t=1e\+308 s"),
    ("tiny clock", clocked, {"clock": npy([5e-324, 0.0])}, "its times have"),
    ("one time off the clock", clocked, {"times": npy(np.arange(10) * 0.1)}, "its clock has step 3"),
    ("clock of other events", spikes, {"clock": npy([0.3, 0.0])}, r"steps of 0\.3 s from t=0\.0 s on, event 0 is at"),
    ("tiny clock of events", spikes, {"clock": npy([5e-324, 0.0])}, "steps of 5e-324 s"),
    ("no kind", ramp, {"str_type": None}, "it does not say what it holds"),
    ("unknown kind", ramp, {"str_type": npy("TSOther")}, "it holds a 'TSOther'"),
    ("kind is a number", ramp, {"str_type": npy(1)}, "it holds a '1'"),
    ("unknown marker", ramp, {"str_type": None, "type_TSOther": npy([])}, "it holds a 'TSOther'"),
    ("both kinds", ramp, {"type_TSEvent": npy([])}, "it states str_type as 'TSContinuous', 'TSEvent'"),
    ("two kinds", ramp, {"strType": npy("TSEvent")}, "it states str_type as"),
    ("both names", ramp, {"name_a": npy([])}, "it states name as 'a', 'ramp'"),
    ("both interpolations", ramp, {"interp_kind_next": npy([])}, "it states interp_kind as 'next', 'previous'"),
]


@pytest.mark.parametrize("make, entries, match", [case[1:] for case in WRONG_VALUES], ids=[c[0] for c in WRONG_VALUES])
def test_wrong_values(make: Callable[[], TimeSeries], entries: dict[str, Any], match: str, path: Path) -> None:
    write_zip(path, with_entries(make(), **entries))
    assert_refused(path, match)


def test_the_unchanged_contents_are_fine(path: Path) -> None:
    """So that each of the tests above fails for its one change."""
    for make in (ramp, spikes, clocked):
        write_zip(path, contents_of(make()) | {"other": b"is ignored"}, zipfile.ZIP_DEFLATED)
        assert repr(load(path)) == repr(make())


# --- hostile entries --------------------------------------------------------------------------------------------------
HOSTILE: dict[str, tuple[bytes, str]] = {
    "1e12 elements": (declaring("(1000000000000,)"), "declares 8000000000000 bytes"),
    "one element less": (declaring("(2,)") + bytes(24), "declares 16 bytes"),
    "one element more": (declaring("(4,)") + bytes(24), "declares 32 bytes"),
    "a wide string": (declaring("()", "'<U100000000'"), "'times' is an array of <U100000000"),
    "a wide item": (declaring("(3,)", "('<f8', (100000000,))"), "'times' is an array of"),
    "a structure": (declaring("(3,)", "[('a', '<f8')]") + bytes(24), "'times' is an array of"),
    "objects": (declaring("(3,)", "'|O'") + bytes(24), "nothing is unpickled"),
    "raw bytes": (declaring("(3,)", "'|V8'") + bytes(24), "'times' is an array of"),
    "an expression": (declaring("(3**9999,)"), "is no .npy array"),
    "a call": (declaring("(exit(),)"), "is no .npy array"),
    "deep nesting": (header("(" * 5000), "is no .npy array"),
    "a deep sign": (declaring("(" + "-" * 5000 + "1,)"), "is no .npy array|has shape"),
    "a header of Python 2": (declaring("(3L,)") + bytes(24), "is no .npy array"),
    "a long header": (header(" " * 20_000), "is no .npy array"),
    "a header beyond the entry": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "is no .npy array"),
    "an unknown version": (header("{}", (3, 0)), "is no .npy array"),
    "no header": (b"\x93NUMPY", "is no .npy array"),
    "nothing": (b"", "is no .npy array"),
    "garbage": (b"garbage" * 9, "is no .npy array"),
    "missing keys": (header("{'descr': '<f8'}"), "is no .npy array"),
    "a shape of fractions": (declaring("(1.5,)"), "is no .npy array"),
}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_headers(case: str, method: int, path: Path) -> None:
    content, match = HOSTILE[case]
    write_zip(path, with_entries(ramp(), times=content), method)
    assert_refused(path, match)


class Pickled:
    """Would make a file, if anyone unpickled it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("key", ["samples", "name", "t_stop"])
def test_nothing_is_unpickled(key: str, path: Path) -> None:
    trap = np.array([Pickled(path.parent / "trapped")] * 3, dtype=object)
    np.savez(path, **files._contents(ramp()) | {key: trap})
    assert_refused(path, "nothing is unpickled")
    assert not (path.parent / "trapped").exists()


# --- hostile archives -------------------------------------------------------------------------------------------------
def write_lying_zip(path: Path, key: str, **fields: Any) -> None:
    """An archive whose directory says other things of one entry than are true."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents_of(ramp()).items():
            file.writestr(f"{name}.npy", content)
        for field, value in fields.items():
            setattr(file.getinfo(f"{key}.npy"), field, value)


def test_a_bomb_is_not_unpacked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_FILE", 2**20)
    zeros = npy(np.zeros(2**23))
    write_zip(path, with_entries(ramp(), times=zeros), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**17
    assert_refused(path, "it unpacks to 671[0-9]{5} bytes")


def test_the_sum_of_all_entries_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_FILE", 2**20)
    zeros = npy(np.zeros(100_000))
    write_zip(path, with_entries(ramp(), times=zeros, samples=zeros), zipfile.ZIP_DEFLATED)
    assert_refused(path, "it unpacks to 16[0-9]{5} bytes")
    # Whoever has so large a file may have it.
    big = TSContinuous(np.arange(100_000), np.arange(100_000))
    save(path, big)
    assert np.array_equal(load(path).samples, big.samples)


def test_a_bomb_that_says_it_is_small_is_not_unpacked(path: Path) -> None:
    """The directory has the size of the three times that the header declares; the rest would follow."""
    bomb = declaring("(3,)") + bytes(2**26)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in with_entries(ramp(), times=bomb).items():
            file.writestr(f"{name}.npy", content)
        file.getinfo("times.npy").file_size = len(bomb) - 2**26 + 24
    del bomb, content
    assert_refused(path, "damaged: Bad CRC-32")


def test_a_small_entry_that_says_it_is_large_is_not_allocated(path: Path) -> None:
    write_lying_zip(path, "times", file_size=2**31)
    assert_refused(path, f"'times' declares {2**31} bytes, from")
    write_lying_zip(path, "times", compress_size=2**31)
    assert_refused(path, "'times' declares|damaged")
    write_lying_zip(path, "times", compress_type=zipfile.ZIP_STORED)
    assert_refused(path, "'times' declares")


def test_encrypted_entries(path: Path) -> None:
    write_lying_zip(path, "times", flag_bits=1)
    assert_refused(path, "'times' is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(method: int, path: Path) -> None:
    write_zip(path, contents_of(ramp()), method)
    assert_refused(path, f"is compressed by method {method}")


def test_an_entry_that_is_not_where_it_is_said_to_be(path: Path) -> None:
    write_lying_zip(path, "times", header_offset=2**30)
    assert_refused(path, "damaged")
    write_lying_zip(path, "times", header_offset=3)
    assert_refused(path, "damaged")


def test_wrong_checksum(path: Path) -> None:
    write_lying_zip(path, "samples", CRC=1)
    assert_refused(path, "damaged: Bad CRC-32 for file 'samples.npy'")


def test_an_array_twice(path: Path) -> None:
    contents = contents_of(ramp())
    with zipfile.ZipFile(path, "w") as file:
        for key, content in contents.items():
            file.writestr(f"{key}.npy", content)
        file.writestr("times", contents["times"])
    assert_refused(path, "it holds an array twice")


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"garbage" * 100, b"PK\x05\x06" + bytes(18)])
def test_no_archive_at_all(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert_refused(path, "damaged|does not say what it holds")


def test_a_bare_array(path: Path) -> None:
    path.write_bytes(npy(np.zeros(3)))
    assert_refused(path, "no .npz file")


@pytest.mark.parametrize("make", [ramp, spikes])
def test_every_truncation_is_refused(make: Callable[[], TimeSeries], path: Path) -> None:
    save(path, make())
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(TimeSeriesError, match="damaged"):
            load(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_changed_bytes_are_refused_or_harmless(method: int, path: Path) -> None:
    """Whatever a file holds, it is a series or a clear error."""
    series = clocked()
    write_zip(path, contents_of(series), method)
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(1500):
        changed = np.frombuffer(whole, np.uint8).copy()
        changed[random.integers(0, len(changed), random.integers(1, 4))] = random.integers(0, 256)
        path.write_bytes(changed.tobytes())
        try:
            loaded = load(path)
        except TimeSeriesError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            assert loaded.samples.tolist() == series.samples.tolist()
    assert refused > 500


def test_an_array_is_read_without_a_second_copy(path: Path) -> None:
    samples = np.arange(2.0**20)
    save(path, TSContinuous(samples, samples))
    with open(path, "rb") as file:
        tracemalloc.start()
        try:
            read = archive.Archive(file, str(path), {"samples"}, TimeSeriesError).read("samples", "f", 2)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert np.array_equal(read[:, 0], samples)
    assert peak < samples.nbytes + 4 * archive.CHUNK
