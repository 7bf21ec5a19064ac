"""Series as data frames and labelled arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error, missing_extra
from graphpool.timeseries.base import UNNAMED
from graphpool.timeseries.clock import MOST_SLACK, Clock, Floats, read_dt, read_times
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent
from graphpool.timeseries.event_base import Events
from graphpool.timeseries.sampled import SampledSeries

TIME, CHANNEL = "time", "channel"
PER_SECOND = 1e9
"""Nanoseconds: what dates are made of."""
MOST = float(2**63)
"""Nanoseconds that an integer holds."""


# --- pandas -----------------------------------------------------------------------------------------------------------
def continuous_to_frame(series: SampledSeries, epoch: Any) -> Any:
    """See ``TSContinuous.to_pandas``."""
    pandas = _pandas()
    frame = pandas.DataFrame(series._samples.copy(), index=_index(series.times, epoch, series._label))
    frame.columns.name = CHANNEL
    frame.attrs.update(_labels(series))
    return frame


def continuous_from_frame(frame: Any, dt: Any, epoch: Any, fields: dict[str, Any]) -> TSContinuous:
    """See ``TSContinuous.from_pandas``."""
    fields = _named(frame, fields, "name", "units")
    where = _where("TSContinuous", fields)
    frame = _read_frame(frame, where)
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if not _pandas().api.types.is_numeric_dtype(dtype) or getattr(dtype, "kind", "f") == "c":
            what, hint = f"column {column!r} is {dtype}", "columns of real numbers; drop, or convert, the others"
            raise TimeSeriesError(format_error(what, where=where, hint=hint))
    samples = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    return _continuous(_seconds(frame.index, epoch, where), samples, dt, _unit(frame.index), where, fields)


def events_to_frame(series: Events, epoch: Any) -> Any:
    """See ``TSEvent.to_pandas``."""
    pandas = _pandas()
    index = _index(series.times, epoch, series._label)
    frame = pandas.DataFrame({CHANNEL: series._channels.copy()}, index=index)
    frame.attrs.update(_labels(series))
    return frame


def events_from_frame(frame: Any, epoch: Any, fields: dict[str, Any]) -> TSEvent:
    """See ``TSEvent.from_pandas``."""
    fields = _named(frame, fields, "name")
    where = _where("TSEvent", fields)
    is_column = isinstance(frame, _pandas().Series)
    frame = _read_frame(frame, where)
    if not is_column and list(frame.columns) != [CHANNEL]:
        what = f"its columns are {', '.join(map(repr, frame.columns)) or 'none'}"
        hint = f"the one column {CHANNEL!r}: frame[[{CHANNEL!r}]]"
        raise TimeSeriesError(format_error(what, where=where, hint=hint))
    times = _seconds(frame.index, epoch, where)
    channels = frame.iloc[:, 0]
    if channels.hasnans:
        index = int(np.argmax(channels.isna()))
        raise TimeSeriesError(format_error(f"event {index} at t={times[index]} s has no channel", where=where))
    return TSEvent(times, channels.to_numpy(), **fields)


def _read_frame(frame: Any, where: str) -> Any:
    pandas = _pandas()
    if not isinstance(frame, (pandas.DataFrame, pandas.Series)):
        what, hint = f"got a {type(frame).__name__}", "a pandas.DataFrame, or a pandas.Series"
        raise SeriesTypeError(format_error(what, where=where, hint=hint))
    return frame.to_frame() if isinstance(frame, pandas.Series) else frame


# --- xarray -----------------------------------------------------------------------------------------------------------
def continuous_to_xarray(series: SampledSeries, epoch: Any) -> Any:
    """See ``TSContinuous.to_xarray``."""
    samples = series._samples.copy()
    channels = {CHANNEL: np.arange(samples.shape[1])}
    return _array(samples, (TIME, CHANNEL), channels, series, epoch)


def continuous_from_xarray(array: Any, dt: Any, epoch: Any, fields: dict[str, Any]) -> TSContinuous:
    """See ``TSContinuous.from_xarray``."""
    fields = _named(array, fields, "name", "units")
    where = _where("TSContinuous", fields)
    index, values = _read_array(array, 2, where)
    return _continuous(_seconds(index, epoch, where), values, dt, _unit(index), where, fields)


def events_to_xarray(series: Events, epoch: Any) -> Any:
    """See ``TSEvent.to_xarray``."""
    return _array(series._channels.copy(), (TIME,), {}, series, epoch)


def events_from_xarray(array: Any, epoch: Any, fields: dict[str, Any]) -> TSEvent:
    """See ``TSEvent.from_xarray``."""
    fields = _named(array, fields, "name")
    where = _where("TSEvent", fields)
    index, channels = _read_array(array, 1, where)
    return TSEvent(_seconds(index, epoch, where), channels, **fields)


def _array(values: Any, dims: tuple[str, ...], coordinates: dict[str, Any], series: Any, epoch: Any) -> Any:
    xarray = _xarray()
    index = _index(series.times, epoch, series._label)
    labels = _labels(series)
    name = labels.pop("name", None)
    array = xarray.DataArray(values, dims=dims, coords={TIME: index, **coordinates}, name=name, attrs=labels)
    if epoch is None:
        array[TIME].attrs["units"] = "s"
    return array


def _read_array(array: Any, most: int, where: str) -> tuple[Any, Any]:
    """The index of the times, and the values, times first."""
    if not isinstance(array, _xarray().DataArray):
        what, hint = f"got a {type(array).__name__}", "an xarray.DataArray, for example one variable of a dataset"
        raise SeriesTypeError(format_error(what, where=where, hint=hint))
    if TIME not in array.dims or array.ndim > most:
        what = f"its dimensions are {', '.join(map(repr, array.dims)) or 'none'}"
        hint = f"{TIME!r}" + (" and, for channels, one more" if most > 1 else "")
        raise TimeSeriesError(format_error(what, where=where, hint=hint))
    if TIME not in array.coords:
        raise TimeSeriesError(format_error(f"it has no coordinate {TIME!r}", where=where, hint="the times of its rows"))
    return _pandas().Index(array[TIME].to_numpy()), array.transpose(TIME, ...).to_numpy()


# --- times ------------------------------------------------------------------------------------------------------------
def _index(times: Floats, epoch: Any, where: str) -> Any:
    """The times as an index of seconds or, where there is an epoch, of dates."""
    pandas = _pandas()
    if epoch is None:
        return pandas.Index(times.copy(), name=TIME)
    start = _read_epoch(epoch, where)
    nanoseconds = np.rint(times * PER_SECOND)
    far = ~(np.abs(nanoseconds) < MOST)
    if far.any():
        raise _too_far(times[far][0], epoch, where)
    try:
        index = start + pandas.to_timedelta(nanoseconds.astype(np.int64), unit="ns")
    except (ValueError, OverflowError) as error:
        raise _too_far(times[np.argmax(np.abs(times))], epoch, where) from error
    return index.rename(TIME)


def _too_far(time: Any, epoch: Any, where: str) -> TimeSeriesError:
    what = f"t={time} s is too far away from {epoch!r} for a date with nanoseconds"
    return TimeSeriesError(format_error(what, where=where))


def _seconds(index: Any, epoch: Any, where: str) -> Floats:
    """The ascending times of an index of seconds, dates or time differences."""
    pandas = _pandas()
    if isinstance(index, pandas.MultiIndex):
        what = f"its index has {index.nlevels} levels"
        raise TimeSeriesError(format_error(what, where=where, hint="an index of times alone"))
    is_dates = isinstance(index, pandas.DatetimeIndex)
    if not is_dates and epoch is not None:
        what = f"epoch={epoch!r} for times that are {index.dtype}"
        raise TimeSeriesError(format_error(what, where=where, hint="an epoch is for dates"))
    if not is_dates and not isinstance(index, pandas.TimedeltaIndex):
        return read_times(index.to_numpy(), where)
    if index.hasnans:
        position = int(np.argmax(index.isna()))
        raise TimeSeriesError(format_error(f"time {position} is NaT", where=where, hint="drop such rows"))
    if not len(index):
        return np.empty(0)
    try:
        since = index - (index[0] if epoch is None else _read_epoch(epoch, where)) if is_dates else index
        nanoseconds = since.as_unit("ns").asi8
    except (TypeError, ValueError, OverflowError) as error:
        what = f"times from {index[0]} on, since {index[0] if epoch is None else epoch}: {error}"
        raise TimeSeriesError(format_error(what, where=where)) from error
    return read_times(nanoseconds / PER_SECOND, where)


def _unit(index: Any) -> float:
    """The smallest difference of two times of an index of dates or time differences, in seconds; else 0."""
    pandas = _pandas()
    is_counted = isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex))
    return pandas.Timedelta(1, index.unit).total_seconds() if is_counted else 0.0


def _read_epoch(epoch: Any, where: str) -> Any:
    pandas = _pandas()
    try:
        start = pandas.Timestamp(epoch)
    except (TypeError, ValueError) as error:
        raise TimeSeriesError(format_error(f"epoch={epoch!r}: {error}", where=where, hint="a date")) from error
    if start is pandas.NaT:
        raise TimeSeriesError(format_error(f"epoch={epoch!r}", where=where, hint="a date"))
    return start


# --- series -----------------------------------------------------------------------------------------------------------
def _continuous(times: Floats, samples: Any, dt: Any, unit: float, where: str, fields: dict[str, Any]) -> TSContinuous:
    """A series; with a ``dt`` it has a clock, from whose steps the times may be off by a ``unit`` in seconds."""
    if dt is None:
        return TSContinuous(times, samples, **fields)
    start = float(times[0]) if times.size else float(fields.get("t_start") or 0.0)
    clock = Clock(read_dt(dt, where), start)
    # Both the first time and each other one have been rounded to a half.
    off = np.abs(clock.positions(times, where) - np.arange(len(times))) > min(unit / clock.dt, MOST_SLACK)
    if off.any():
        step = int(np.argmax(off))
        what = f"step {step} of dt={clock.dt} s is at t={clock.time(step)} s, its time is {times[step]} s"
        raise TimeSeriesError(format_error(what, where=where, hint="leave out dt, and resample(...)"))
    return TSContinuous._on_clock(samples, clock, where, fields)


def _labels(series: Any) -> dict[str, str]:
    """What a series is called, and what its values are."""
    found = {"name": series.name} if series.name != UNNAMED else {}
    units = getattr(series, "units", None)
    return found if units is None else found | {"units": units}


def _named(held: Any, fields: dict[str, Any], *labels: str) -> dict[str, Any]:
    """The fields, and those labels that are written on a frame or an array."""
    written = dict(getattr(held, "attrs", {}))
    if getattr(held, "name", CHANNEL) != CHANNEL:
        written["name"] = held.name
    return {label: written[label] for label in labels if isinstance(written.get(label), str)} | fields


def _where(kind: str, fields: dict[str, Any]) -> str:
    return f"{kind} {fields.get('name') or UNNAMED!r}"


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("pandas", "pandas") from error
    return pandas


def _xarray() -> Any:
    try:
        import xarray
    except ImportError as error:
        raise missing_extra("xarray", "xarray") from error
    return xarray
