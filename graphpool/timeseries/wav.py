"""Continuous series in WAV files: written whole, read with suspicion."""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.archive import write_whole
from graphpool.errors import TimeSeriesError, format_error
from graphpool.timeseries.clock import Clock, Floats, read_time
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.sampled import SampledSeries

DTYPES = ("float32", "float64", "uint8", "int16", "int32")
MOST_CHANNELS = 2**16 - 1
HEADER = 12
"""Bytes: the mark of the file, its size and the kind of its content."""
ORDERS = {b"RIFF": "<I", b"RIFX": ">I"}
"""How the sizes of chunks are written; 64-bit files have another place for theirs."""


# --- writing ----------------------------------------------------------------------------------------------------------
def write_wav(path: str | Path, series: SampledSeries, dtype: Any) -> None:
    """See ``TSContinuous.to_wav``."""
    from scipy.io import wavfile

    label = series._label
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise TimeSeriesError(format_error(f"dtype={dtype!r}", where=label, hint=f"one of {', '.join(DTYPES)}"))
    rate = _rate(series)
    if not 0 < series._samples.shape[1] <= MOST_CHANNELS:
        what = f"{series._samples.shape[1]} channels do not go into a WAV file"
        raise TimeSeriesError(format_error(what, where=label, hint=f"1 to {MOST_CHANNELS} do"))
    data = _encoded(series, np.dtype(dtype))
    try:
        write_whole(path, lambda file: wavfile.write(file, rate, data))
    except struct.error as error:
        what = f"{rate} samples of {data.shape[1]} channels a second do not go into a WAV file: {error}"
        raise TimeSeriesError(format_error(what, where=label)) from error


def _rate(series: SampledSeries) -> int:
    clock = series._clock
    if clock is None:
        hint = "TSContinuous.from_clocked(series.to_clocked(dt), dt) has one"
        raise TimeSeriesError(format_error("a WAV file needs a clock", where=series._label, hint=hint))
    rate = round(1 / clock.dt)
    if rate < 1 or abs(rate * clock.dt - 1) > 1e-9:
        what = f"dt={clock.dt} s is no whole number of samples a second"
        hint = "TSContinuous.from_clocked(series.to_clocked(dt), dt) has another one"
        raise TimeSeriesError(format_error(what, where=series._label, hint=hint))
    return rate


def _encoded(series: SampledSeries, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    samples = series._samples
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            data = samples.astype(dtype)
        _check(series, np.isfinite(data) | ~np.isfinite(samples), dtype, "float64 holds it")
        return data
    _check(series, np.abs(samples) <= 1, dtype, "from -1 to 1: divide the series by its largest value")
    full = _full_scale(dtype)
    data = np.minimum(np.rint(samples * full), full - 1)
    return (data + full if dtype.kind == "u" else data).astype(dtype)


def _check(series: SampledSeries, fits: npt.NDArray[np.bool_], dtype: np.dtype[Any], hint: str) -> None:
    if not fits.all():
        row, channel = np.argwhere(~fits)[0]
        value, time = series._samples[row, channel], series.times[row]
        what = f"{value} at t={time} s on channel {channel} is no sample of {dtype}"
        raise TimeSeriesError(format_error(what, where=series._label, hint=hint))


def _full_scale(dtype: np.dtype[Any]) -> float:
    """The integer that stands for 1."""
    return float(2 ** (8 * dtype.itemsize - 1))


# --- reading ----------------------------------------------------------------------------------------------------------
def read_wav(path: str | Path, name: str | None, t_start: Any, fields: dict[str, Any]) -> TSContinuous:
    """See ``TSContinuous.from_wav``."""
    where = os.fspath(path)
    content = _content(path, where)
    _check_sizes(content, where)
    rate, data = _parsed(content, where)
    if not rate:
        raise TimeSeriesError(format_error("it has 0 samples a second", where=where))
    samples = _decoded(data if data.ndim == 2 else data[:, np.newaxis])
    clock = Clock(1 / rate, read_time(t_start, "t_start", where))
    fields = {"name": Path(path).stem if name is None else name} | fields
    return TSContinuous._on_clock(samples, clock, where, fields)


def _content(path: str | Path, where: str) -> bytes:
    with open(path, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise TimeSeriesError(format_error("this is no regular file", where=where))
        return file.read()


def _check_sizes(content: bytes, where: str) -> None:
    """Raise where a chunk declares more than the file holds: SciPy takes what there is."""
    order = ORDERS.get(content[:4])
    position = HEADER
    while order and position + 8 <= len(content):
        key = content[position : position + 4]
        (size,) = struct.unpack(order, content[position + 4 : position + 8])
        if size > len(content) - position - 8:
            what = f"{key!r} declares {size} bytes and has {len(content) - position - 8}"
            raise TimeSeriesError(format_error(what, where=where, hint="the file is damaged"))
        position += 8 + size + size % 2


def _parsed(content: bytes, where: str) -> tuple[int, npt.NDArray[Any]]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            # It warns about chunks that it does not know; those with samples are known.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            # Not from the disk: there it allocates what a file declares.
            rate, data = wavfile.read(io.BytesIO(content))
    except Exception as error:
        # Which errors its parser finds in garbage, nobody says.
        what = f"this is no WAV file of linear samples, or it is damaged: {type(error).__name__}: {error}"
        raise TimeSeriesError(format_error(what, where=where)) from error
    return int(rate), data


def _decoded(data: npt.NDArray[Any]) -> Floats:
    if data.dtype.kind == "f":
        return data.astype(np.float64)
    full = _full_scale(data.dtype)
    return (data.astype(np.float64) - (full if data.dtype.kind == "u" else 0.0)) / full
