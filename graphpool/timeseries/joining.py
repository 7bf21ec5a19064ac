"""Several continuous series made into one."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from graphpool.errors import TimeSeriesError, format_error
from graphpool.timeseries.base import other_series, read_offsets
from graphpool.timeseries.clock import ROUNDING, Clock, Floats
from graphpool.timeseries.sampled import NO_TIMES, SampledSeries

Series = TypeVar("Series", bound=SampledSeries)


# --- one after the other ----------------------------------------------------------------------------------------------
def appended(series: Series, kind: type[SampledSeries], others: Any, offset: Any) -> Series:
    """A series and, after it in time, others; see ``TSContinuous.append_t``."""
    listed: list[SampledSeries] = other_series(others, kind, "append_t", series._label)
    offsets = read_offsets(offset, len(listed), series._label)
    channels = _common_channels(series, listed)
    parts: list[SampledSeries] = [series]
    stop = series.t_stop
    for other, gap in zip(listed, offsets, strict=True):
        start = stop + (_usual_gap(parts[-1], other) if gap is None else gap)
        moved = other._changed(other._samples)
        if abs(start - other.t_start) > ROUNDING * (abs(start) + abs(other.t_start)):
            moved.start_at(start, inplace=True)
        _check_order(parts, moved)
        parts.append(moved)
        stop = max(stop, moved.t_stop)
    filled = [part for part in parts if len(part)]
    samples, fields = _on_one_clock(filled or [series]) or _one_after_other(filled, channels)
    start = min([series.t_start, *(one.t_start for one in parts if len(one))])
    return series._changed(samples, **{"_t_start": start, "_t_stop": stop, **fields})


def _usual_gap(before: SampledSeries, after: SampledSeries) -> float:
    if before._clock is not None or len(before) < 2 or not len(after):
        return 0.0
    return float(np.median(np.diff(before._all_times())))


def _check_order(parts: list[SampledSeries], moved: SampledSeries) -> None:
    filled = [part for part in parts if len(part)]
    if not filled or not len(moved):
        return
    last, first = _last_time(filled[-1]), float(moved._all_times()[0])
    if first < last - ROUNDING * (abs(first) + abs(last)):
        what = f"{moved._label} would have samples at t={first} s, before the last one at t={last} s"
        raise TimeSeriesError(format_error(what, where=parts[0]._label, hint="a larger offset, or merge"))


def _last_time(series: SampledSeries) -> float:
    clock = series._clock
    return float(series._times[-1]) if clock is None else clock.time(len(series) - 1)


def _on_one_clock(parts: list[SampledSeries]) -> tuple[Floats, dict[str, Any]] | None:
    """The samples of parts that follow each other step by step, and the clock; None if they do not."""
    clock = parts[0]._clock
    if clock is None:
        return None
    pieces: list[Floats] = []
    count = 0
    for part in parts:
        offset = None if part._clock is None else clock.offset_of(part._clock)
        if offset == count - 1 and pieces and len(pieces[-1]):
            # The sample at which the part before stops: this one has its own there.
            pieces[-1] = pieces[-1][:-1]
            count -= 1
        if offset != count:
            return None
        pieces.append(part._samples)
        count += len(part)
    fields: dict[str, Any] = {"_clock": clock, "_times": NO_TIMES}
    if parts[-1]._stops_with_clock():
        fields["_t_stop"] = clock.time(count)
    return np.concatenate(pieces), fields


def _one_after_other(parts: list[SampledSeries], channels: int) -> tuple[Floats, dict[str, Any]]:
    times = np.concatenate([NO_TIMES, *(part._all_times() for part in parts)])
    samples = np.concatenate([np.zeros((0, channels)), *(part._samples for part in parts)])
    return samples, {"_clock": None, "_times": np.maximum.accumulate(times)}


# --- side by side -----------------------------------------------------------------------------------------------------
def with_channels_of(series: Series, kind: type[SampledSeries], others: Any) -> Series:
    """A series with the channels of others; see ``TSContinuous.append_c``."""
    listed: list[SampledSeries] = other_series(others, kind, "append_c", series._label)
    values = [other._values_on(series) for other in listed]
    return series._changed(np.concatenate([series._samples, *values], axis=1))


# --- in order of time -------------------------------------------------------------------------------------------------
def merged(series: Series, kind: type[SampledSeries], others: Any, remove_duplicates: bool) -> Series:
    """The samples of several series in order of time; see ``TSContinuous.merge``."""
    listed: list[SampledSeries] = other_series(others, kind, "merge", series._label)
    channels = _common_channels(series, listed)
    everyone: list[SampledSeries] = [series, *listed]
    ranged = [one for one in everyone if len(one) or one.duration] or [series]
    start, stop = min(one.t_start for one in ranged), max(one.t_stop for one in ranged)
    filled = [one for one in everyone if len(one)]
    clock: Clock | None = None
    if len(filled) == 1:
        clock, times, samples = filled[0]._clock, filled[0]._times, filled[0]._samples.copy()
    else:
        times = np.concatenate([NO_TIMES, *(one._all_times() for one in filled)])
        samples = np.concatenate([np.zeros((0, channels)), *(one._samples for one in filled)])
        sources = np.repeat(np.arange(len(filled)), [len(one) for one in filled])
        order = np.argsort(times, kind="stable")
        if remove_duplicates and times.size:
            order = order[_first_of_each(times[order], sources[order])]
        times, samples = times[order], samples[order]
    return series._changed(samples, _clock=clock, _times=times, _t_start=start, _t_stop=stop)


def _first_of_each(times: Floats, sources: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which of ascending times to keep, so that each moment has times of one source only, the first."""
    slack = ROUNDING * (np.abs(times[1:]) + np.abs(times[:-1]))
    starts = np.append(True, times[1:] - times[:-1] > slack)
    first = np.minimum.reduceat(sources, np.flatnonzero(starts))
    kept: np.ndarray[Any, Any] = sources == first[np.cumsum(starts) - 1]
    return kept


def _common_channels(series: SampledSeries, others: list[SampledSeries]) -> int:
    """How many channels all series have that have samples."""
    channels: int | None = None
    for one in (series, *others):
        if not len(one):
            continue
        if channels is not None and one._samples.shape[1] != channels:
            what = f"{one._label} has {one._samples.shape[1]} channels, not {channels}"
            raise TimeSeriesError(format_error(what, where=series._label, hint="append_c joins channels"))
        channels = one._samples.shape[1]
    return series._samples.shape[1] if channels is None else channels
