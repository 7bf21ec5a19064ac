"""WAV files, against what SciPy writes and reads, and hostile ones."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from graphpool.errors import TimeSeriesError
from graphpool.timeseries import TSContinuous
from graphpool.timeseries.clock import Clock


def tone(rate: int = 8000, channels: int = 2, length: int = 100) -> TSContinuous:
    samples = np.random.default_rng(0).uniform(-1, 1, (length, channels))
    return TSContinuous.from_clocked(samples, 1 / rate, name="tone")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sound.wav"


# --- there and back ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize(("dtype", "error"), [("uint8", 1 / 128), ("int16", 1 / 2**15), ("int32", 1 / 2**31)])
def test_integers_are_off_by_half_a_step(dtype: str, error: float, channels: int, path: Path) -> None:
    series = tone(channels=channels)
    series.to_wav(path, dtype)
    rate, data = wavfile.read(path)
    assert (rate, data.dtype) == (8000, dtype)
    found = TSContinuous.from_wav(path)
    assert (found.clock, found.t_stop, found.name) == (Clock(1 / 8000), 100 / 8000, "sound")
    np.testing.assert_allclose(found.samples, series.samples, rtol=0, atol=error)
    found.to_wav(path, dtype)
    np.testing.assert_array_equal(TSContinuous.from_wav(path).samples, found.samples)


def test_what_integers_mean(path: Path) -> None:
    series = TSContinuous.from_clocked([-1, -0.5, 0, 0.5, 1], 1.0)
    for dtype, written in {
        "uint8": [0, 64, 128, 192, 255],
        "int16": [-(2**15), -(2**14), 0, 2**14, 2**15 - 1],
        "int32": [-(2**31), -(2**30), 0, 2**30, 2**31 - 1],
    }.items():
        series.to_wav(path, dtype)
        assert wavfile.read(path)[1].tolist() == written
    wavfile.write(path, 10, np.array([2**62, -(2**63)]))
    assert TSContinuous.from_wav(path).samples[:, 0].tolist() == [0.5, -1.0]


def test_24_bits(path: Path) -> None:
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 42, b"WAVE", b"fmt ", 16, 1, 1, 10, 30, 3, 24, b"data", 6)
    path.write_bytes(header + bytes([0, 0, 0x40]) + bytes([0, 0, 0x80]))
    assert TSContinuous.from_wav(path).samples[:, 0].tolist() == [0.5, -1.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_stay_as_they_are(dtype: str, path: Path) -> None:
    series = tone() * 100
    series.samples[3, 1] = np.nan
    series.to_wav(path, dtype)
    np.testing.assert_array_equal(TSContinuous.from_wav(path).samples, series.samples.astype(dtype))
    series.to_wav(path)
    assert wavfile.read(path)[1].dtype == np.float32


def test_fields_of_the_series(path: Path) -> None:
    tone().to_wav(path)
    found = TSContinuous.from_wav(path, "x", t_start=2.0, periodic=True, units="Pa", interp_kind="linear")
    assert (found.name, found.periodic, found.units, found.interp_kind) == ("x", True, "Pa", "linear")
    assert (found.t_start, found.clock) == (2.0, Clock(1 / 8000, 2.0))
    np.testing.assert_array_equal(found(2.0 + 100 / 8000), found.samples[:1])
    TSContinuous.from_clocked(np.zeros((0, 2)), 0.5).to_wav(path)
    assert (len(TSContinuous.from_wav(path)), TSContinuous.from_wav(path).num_channels) == (0, 2)


# --- what cannot be written -------------------------------------------------------------------------------------------
NOT_WRITTEN: list[tuple[TSContinuous, str, str]] = [
    (TSContinuous([0, 1], [0, 1], name="x"), "float32", "needs a clock"),
    (TSContinuous.from_clocked([0], 0.3, name="x"), "float32", "dt=0.3 s is no whole number of samples a second"),
    (TSContinuous.from_clocked([0], 2.0, name="x"), "float32", "dt=2.0 s is no whole"),
    (TSContinuous.from_clocked([0, 1.5], 0.1, name="x"), "int16", "1.5 at t=0.1 s on channel 0 is no sample of int16"),
    (TSContinuous.from_clocked([[0, np.nan]], 0.1, name="x"), "uint8", "nan at t=0.0 s on channel 1"),
    (TSContinuous.from_clocked([1e300], 0.1, name="x"), "float32", "1e\\+300 at t=0.0 s on channel 0"),
    (TSContinuous.from_clocked([0], 0.1, name="x"), "int8", "dtype='int8'"),
    (TSContinuous.from_clocked(np.zeros((1, 0)), 0.1, name="x"), "float32", "0 channels"),
    (TSContinuous.from_clocked(np.zeros((1, 2**16)), 0.1, name="x"), "float32", "65536 channels"),
    (TSContinuous.from_clocked(np.zeros((1, 20000)), 0.1, name="x"), "float32", "do not go into a WAV file"),
    (TSContinuous.from_clocked([0], 1e-10, name="x"), "float32", "do not go into a WAV file"),
]


@pytest.mark.parametrize(("series", "dtype", "match"), NOT_WRITTEN, ids=[match for *_, match in NOT_WRITTEN])
def test_what_cannot_be_written(series: TSContinuous, dtype: str, match: str, path: Path) -> None:
    path.write_bytes(b"before")
    with pytest.raises(TimeSeriesError, match=f"TSContinuous 'x': .*{match}"):
        series.to_wav(path, dtype)
    assert path.read_bytes() == b"before" and os.listdir(path.parent) == [path.name]


# --- what cannot be read ----------------------------------------------------------------------------------------------
def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TSContinuous.from_wav(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError):
        TSContinuous.from_wav(tmp_path)


def test_a_device_is_not_read() -> None:
    with pytest.raises(TimeSeriesError, match="no regular file"):
        TSContinuous.from_wav("/dev/zero")


def content(path: Path) -> bytes:
    tone(length=8).to_wav(path, "int16")
    return path.read_bytes()


def test_declared_sizes(path: Path) -> None:
    good = content(path)
    place = good.index(b"data") + 4
    for size in (33, 2**31, 2**32 - 1):
        path.write_bytes(good[:place] + struct.pack("<I", size) + good[place + 4 :])
        with pytest.raises(TimeSeriesError, match=f"sound.wav: b'data' declares {size} bytes and has 32"):
            TSContinuous.from_wav(path)


HEADERS = {"rate": (24, "<Q", "0 samples a second"), "channels": (22, "<H", "ZeroDivisionError")}


@pytest.mark.parametrize("field", HEADERS)
def test_zeros_in_the_header(field: str, path: Path) -> None:
    place, form, match = HEADERS[field]
    good = content(path)
    path.write_bytes(good[:place] + struct.pack(form, 0) + good[place + struct.calcsize(form) :])
    with pytest.raises(TimeSeriesError, match=f"sound.wav: .*{match}"):
        TSContinuous.from_wav(path)


def test_truncations_and_changed_bytes_are_refused_or_harmless(path: Path) -> None:
    good = content(path)
    refused = 0
    changed = [good[:size] for size in range(len(good))]
    for place in range(44):
        changed += [good[:place] + bytes([good[place] ^ flip]) + good[place + 1 :] for flip in (1, 0x80, 0xFF)]
    for case in changed:
        path.write_bytes(case)
        try:
            found: Any = TSContinuous.from_wav(path)
        except TimeSeriesError as error:
            assert str(error).startswith(f"{path}: ")
            refused += 1
        else:
            assert found.samples.size <= 8 * len(case)
    assert refused > len(good)


@pytest.mark.parametrize("junk", [b"", b"RIFF", b"not a wave", b"RIFF\x00\x00\x00\x00WAVE", bytes(range(256))])
def test_junk(junk: bytes, path: Path) -> None:
    path.write_bytes(junk)
    with pytest.raises(TimeSeriesError, match="sound.wav: this is no WAV file|declares"):
        TSContinuous.from_wav(path)
