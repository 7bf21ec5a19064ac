"""Series in ``.npz`` files: written whole, read with suspicion.

A file is a zip of ``.npy`` entries, as :func:`numpy.savez` writes it, without pickles. ``str_type``, ``name`` and
``interp_kind`` are strings; ``units``, ``fill_value`` and ``clock`` (``[dt, origin]`` in seconds; events lie at starts
and middles of its steps) are there where the series has them. Files that say the same three with the names of empty
entries (``type_TSEvent``, ``name_spikes``, ``interp_kind_linear``) are read as well.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from graphpool.archive import Archive, Array, write_whole
from graphpool.errors import GraphpoolError, SeriesTypeError, TimeSeriesError, TimeSeriesWarning, format_error
from graphpool.timeseries.base import UNNAMED, TimeSeries
from graphpool.timeseries.clock import Clock
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent
from graphpool.timeseries.rasters import CERTAIN, uncertainty
from graphpool.timeseries.sampling import HOLD

SUFFIX = ".npz"
MOST_CHANNELS = 2**32
"""No file has more, so that a short one cannot ask for a huge raster."""

KINDS: dict[str, type[TSContinuous] | type[TSEvent]] = {"TSContinuous": TSContinuous, "TSEvent": TSEvent}
SHARED_KEYS = ("str_type", "strType", "name", "times", "t_start", "t_stop", "periodic", "clock")
EVENT_KEYS = ("channels", "num_channels")
SWITCHES = ("approx_limit_times", "beyond_range_exception")
CONTINUOUS_KEYS = ("samples", "interp_kind", "fill_value", "units", *SWITCHES)
NUMBERS = "iuf"

Made = TypeVar("Made")


# --- writing ----------------------------------------------------------------------------------------------------------
def save(
    path: str | Path, series: TimeSeries, verbose: bool = False, dtype_times: Any = None, dtype_values: Any = None
) -> None:
    """Write a series to a file, whole or not at all.

    Args:
        path: where to; the suffix ``.npz`` is appended where it is missing, as :func:`numpy.savez` does. A file that
            is there is replaced.
        series: a continuous or an event series.
        verbose: print where the file is.
        dtype_times: as for :func:`contents`.
        dtype_values: as for :func:`contents`.

    Raises:
        SeriesTypeError, TimeSeriesError: as :func:`contents`.
        OSError: the file cannot be written.
    """
    arrays = contents(series, dtype_times, dtype_values)
    given = os.fspath(path)
    target = given if given.endswith(SUFFIX) else given + SUFFIX
    write_whole(target, lambda file: np.savez(file, **arrays))
    if verbose:
        print(f"{series._label}: saved to {target}")


def contents(series: Any, dtype_times: Any = None, dtype_values: Any = None) -> dict[str, Any]:
    """What a file of a series holds, by its keys.

    Args:
        series: a continuous or an event series.
        dtype_times: of the times; the range grows with times that are rounded, and a clock is left out where it is not
            theirs any more.
        dtype_values: of the samples, or of the channels, which are integers.

    Raises:
        SeriesTypeError: ``series`` is something else, or a dtype is none that fits.
        TimeSeriesError: it has more channels than a file may have, or there are numbers that a dtype does not hold.
    """
    found = _contents(series)
    is_event = isinstance(series, TSEvent)
    if dtype_values is not None:
        key, kinds = ("channels", "iu") if is_event else ("samples", NUMBERS)
        found[key] = _cast(found[key], dtype_values, kinds, key, series._label)
    if dtype_times is not None:
        found["times"] = _cast(found["times"], dtype_times, NUMBERS, "times", series._label)
        exact = found["times"].astype(np.float64)
        if not np.array_equal(exact, series.times):
            found.pop("clock", None)
            first, last = exact[0], exact[-1]
            found["t_start"] = np.float64(min(series.t_start, first))
            found["t_stop"] = np.float64(max(series.t_stop, np.nextafter(last, np.inf) if is_event else last))
    return found


def _cast(array: Array, dtype: Any, kinds: str, what: str, where: str) -> Array:
    """An array of another dtype, with as much of its values as that has; integers hold all of it, or nothing."""
    try:
        asked = np.dtype(dtype)
    except TypeError as error:
        raise SeriesTypeError(format_error(f"the dtype {dtype!r} of the {what}: {error}", where=where)) from error
    if asked.kind not in kinds:
        hint = "a dtype of integers" if kinds == "iu" else "a dtype of real numbers"
        raise SeriesTypeError(format_error(f"the dtype {asked} of the {what}", where=where, hint=hint))
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(asked)
    fits = np.isfinite(cast) | ~np.isfinite(array) if asked.kind == "f" else cast == array
    if not fits.all():
        text = f"{array[~fits][0]} among the {what} is no {asked}"
        raise TimeSeriesError(format_error(text, where=where, hint="a larger dtype"))
    return cast


def _contents(series: Any) -> dict[str, Any]:
    if not isinstance(series, (TSContinuous, TSEvent)):
        what = f"a {type(series).__name__} has no file format"
        raise SeriesTypeError(format_error(what, hint=f"one of {', '.join(KINDS)}"))
    if series.num_channels > MOST_CHANNELS:
        what = f"{series.num_channels} channels do not go into a file, at most {MOST_CHANNELS} do"
        raise TimeSeriesError(format_error(what, where=series._label))
    shared = {
        "str_type": "TSEvent" if isinstance(series, TSEvent) else "TSContinuous",
        "name": _packed(str(series.name)),
        "times": series.times,
        "t_start": np.float64(series.t_start),
        "t_stop": np.float64(series.t_stop),
        "periodic": np.bool_(series.periodic),
    }
    return shared | (_event_contents(series) if isinstance(series, TSEvent) else _continuous_contents(series))


def _event_contents(series: TSEvent) -> dict[str, Any]:
    found: dict[str, Any] = {"channels": series.channels, "num_channels": np.int64(series.num_channels)}
    clock = series._clock
    # Steps that are the same but for rounding may have drifted apart in a long series that was joined.
    if clock is not None and not _off_half_steps(clock, series).any():
        found["clock"] = _clock_contents(clock)
    return found


def _continuous_contents(series: TSContinuous) -> dict[str, Any]:
    found = {
        "samples": series.samples,
        "interp_kind": series.interp_kind,
        "fill_value": series.fill_value,
        "approx_limit_times": np.bool_(series.approx_limit_times),
        "beyond_range_exception": np.bool_(series.beyond_range_exception),
    }
    if series.units is not None:
        found["units"] = _packed(str(series.units))
    if series.clock is not None:
        found["clock"] = _clock_contents(series.clock)
    return found


def _clock_contents(clock: Clock) -> Array:
    return np.array([clock.dt, clock.origin])


def _off_half_steps(clock: Clock, series: TSEvent) -> npt.NDArray[np.bool_]:
    """Which events are neither at the start nor in the middle of a step, as far as floats can tell."""
    if not uncertainty(clock, series.t_stop) < CERTAIN:
        return np.ones(len(series), dtype=np.bool_)
    positions = Clock(clock.dt / 2, clock.origin).positions(series.times, series._label)
    off: npt.NDArray[np.bool_] = positions != np.rint(positions)
    return off


def _packed(text: str) -> Any:
    # NumPy's strings drop NULs at their end; then the code points stand for themselves.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4") if text.endswith("\0") else np.array(text)


# --- reading ----------------------------------------------------------------------------------------------------------
def load(path: str | Path, expected_type: str | type | None = None) -> Any:
    """Read a series from a file that :func:`save` wrote; see :func:`load_ts_from_file`."""
    expected = _read_expected(expected_type)
    with open(path, "rb") as file:
        archive = Archive(file, os.fspath(path), SHARED_KEYS + EVENT_KEYS + CONTINUOUS_KEYS, TimeSeriesError)
        kind = _stated(archive, "type_", "str_type", "strType")
        if kind is None and expected is not None:
            what, hint = "it does not say what it holds", f"it is read as a {expected}"
            warnings.warn(format_error(what, where=archive.where, hint=hint), TimeSeriesWarning, stacklevel=3)
            kind = expected
        if kind not in KINDS:
            what = "it does not say what it holds" if kind is None else f"it holds a {kind!r}"
            raise archive.error(what, hint=f"a file holds one of {', '.join(KINDS)}")
        if expected not in (None, kind):
            raise SeriesTypeError(format_error(f"it holds a {kind}, not a {expected}", where=archive.where))
        return _read_event(archive) if kind == "TSEvent" else _read_continuous(archive)


def load_ts_from_file(path: str | Path, expected_type: str | type | None = None) -> TSContinuous | TSEvent:
    """Read a series from a file.

    Nothing of the file is executed or unpickled, and its entries are read only as far as they hold what they declare.

    Args:
        path: an ``.npz`` file, with its suffix.
        expected_type: ``"TSContinuous"`` or ``"TSEvent"``, or the class; by default either. A file that does not say
            what it holds is read as that, with a warning.

    Returns:
        The series as it was saved, to the bit; a clocked one is clocked again.

    Raises:
        TimeSeriesError: the file is none, is damaged, or declares more than it holds.
        SeriesTypeError: it holds another kind of series, or there is no such kind.
        OSError: it cannot be read; FileNotFoundError where there is none.
    """
    series: TSContinuous | TSEvent = load(path, expected_type)
    return series


def _read_expected(expected: Any) -> str | None:
    if expected is None or expected is TimeSeries:
        return None
    name = next((name for name, kind in KINDS.items() if expected is kind or expected == name), None)
    if name is None:
        shown = expected.__name__ if isinstance(expected, type) else repr(expected)
        raise SeriesTypeError(format_error(f"expected_type={shown}", hint=f"one of {', '.join(KINDS)}"))
    return name


def _read_event(archive: Archive) -> TSEvent:
    channels = archive.read("channels", "iu", 1)
    wrong = channels[(channels < 0) | (channels >= MOST_CHANNELS)]
    if wrong.size:
        raise archive.error(f"it has an event on channel {wrong[0]}", hint=f"channels 0 to {MOST_CHANNELS - 1}")
    num_channels = int(_scalar(archive, "num_channels", "iu"))
    if not 0 <= num_channels <= MOST_CHANNELS:
        raise archive.error(f"it declares {num_channels} channels", hint=f"0 to {MOST_CHANNELS}")
    fields = {"channels": channels.astype(np.int64, copy=False), "num_channels": num_channels}
    series = _made(archive, TSEvent, **fields, **_read_shared(archive))
    series._clock = _read_event_clock(archive, series)
    return series


def _read_continuous(archive: Archive) -> TSContinuous:
    shared = _read_shared(archive)
    samples = archive.read("samples", "biuf", 1, 2).astype(np.float64, copy=False)
    if samples.ndim == 2 and samples.shape[1] > MOST_CHANNELS:
        raise archive.error(f"it declares {samples.shape[1]} channels", hint=f"0 to {MOST_CHANNELS}")
    kind = _stated(archive, "interp_kind_", "interp_kind")
    # The order of a spline, 3, reads "3" here.
    is_order = kind is not None and kind.isdecimal() and len(kind) < 10
    shared["interp_kind"] = "previous" if kind is None else int(kind) if is_order else kind
    shared["units"] = _text(archive, "units") if "units" in archive else None
    shared["fill_value"] = _read_fill(archive)
    clock = _read_sample_clock(archive, shared["times"])
    series = _made(archive, TSContinuous, samples=samples, **shared)
    for switch in SWITCHES:
        if switch in archive:
            setattr(series, switch, bool(_scalar(archive, switch, "biu")))
    series._clock = clock
    return series


def _read_shared(archive: Archive) -> dict[str, Any]:
    name = _stated(archive, "name_", "name")
    return {
        "times": archive.read("times", NUMBERS, 1).astype(np.float64, copy=False),
        "t_start": float(_scalar(archive, "t_start", NUMBERS)),
        "t_stop": float(_scalar(archive, "t_stop", NUMBERS)),
        "periodic": bool(_scalar(archive, "periodic", "biu")),
        "name": UNNAMED if name is None else name,
    }


def _read_fill(archive: Archive) -> Any:
    if "fill_value" not in archive:
        return HOLD
    fill = archive.read("fill_value", NUMBERS + "U", 0, 1)
    return _text(archive, "fill_value") if fill.dtype.kind == "U" else float(fill) if not fill.ndim else fill


def _read_clock(archive: Archive) -> Clock | None:
    if "clock" not in archive:
        return None
    numbers = archive.read("clock", "f", 1)
    if len(numbers) != 2:
        raise archive.error(
            f"its clock is made of {len(numbers)} numbers", hint="a time step and an origin, in seconds"
        )
    dt, origin = numbers.astype(np.float64).tolist()
    return _made(archive, Clock, dt=dt, origin=origin)


def _read_event_clock(archive: Archive, series: TSEvent) -> Clock | None:
    clock = _read_clock(archive)
    if clock is None:
        return None
    off = _made(archive, _off_half_steps, clock=clock, series=series)
    if off.any():
        index = int(np.argmax(off))
        steps = f"steps of {clock.dt} s from t={clock.origin} s on"
        what = f"its clock has {steps}, event {index} is at t={series.times[index]} s"
        raise archive.error(what, hint="events are at starts and middles of steps")
    return clock


def _read_sample_clock(archive: Archive, times: Array) -> Clock | None:
    clock = _read_clock(archive)
    if clock is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        ticks = clock.times(0, len(times))
    if not np.array_equal(ticks, times):
        index = int(np.argmax(ticks != times))
        what = f"its clock has step {index} at t={ticks[index]} s, its times have {times[index]} s"
        raise archive.error(what, hint="the clock of a series is that of its times")
    return clock


def _made(archive: Archive, make: Callable[..., Made], **fields: Any) -> Made:
    try:
        return make(**fields)
    except GraphpoolError as error:
        raise archive.error(str(error)) from error


def _stated(archive: Archive, prefix: str, *keys: str) -> str | None:
    """What a file says in one of two ways: with a string, or with the name of an entry."""
    said = {_text(archive, key) for key in keys if key in archive} | archive.endings(prefix)
    if len(said) > 1:
        shown = ", ".join(repr(one) for one in sorted(said)[:4])
        raise archive.error(f"it states {keys[0]} as {shown}", hint="a file states it once")
    return said.pop() if said else None


def _text(archive: Archive, key: str) -> str:
    """A string; from its code points where it ends with a NUL, and the order of a spline from its number."""
    stored = archive.read(key, "Uiu", 0, 1)
    is_text = stored.dtype.kind == "U"
    if stored.ndim == 0 and not is_text:
        return str(int(stored))
    if is_text == (stored.ndim == 1) or (not is_text and stored.dtype.itemsize != 4):
        raise archive.error(f"{key!r} is no string, but {stored.dtype} of shape {stored.shape}")
    try:
        text = stored.astype(stored.dtype.newbyteorder("<")).tobytes().decode("utf-32-le", "surrogatepass")
    except UnicodeDecodeError as error:
        raise archive.error(f"{key!r} is no text: {error}") from error
    return text.rstrip("\0") if is_text else text


def _scalar(archive: Archive, key: str, kinds: str) -> Any:
    stored = archive.read(key, kinds, 0, 1)
    if stored.size != 1:
        raise archive.error(f"{key!r} has shape {stored.shape}", hint="it is one number")
    return stored.reshape(())[()]
