"""Parts of continuous series."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from graphpool.errors import TimeSeriesError, format_error
from graphpool.timeseries.channels import select_channels
from graphpool.timeseries.clock import Clock, Floats, Integers, read_dt, read_time, read_times, rounding
from graphpool.timeseries.sampled import NEAR, NEAR_SHARE, NO_TIMES, SampledSeries
from graphpool.timeseries.sampling import read_unsorted_times
from graphpool.timeseries.sizes import check_repetitions, check_steps

Series = TypeVar("Series", bound=SampledSeries)


@dataclass(frozen=True)
class _Part:
    """Which part of a series: from ``start`` to ``stop``, in seconds."""

    start: float
    stop: float
    include_stop: bool
    sample_start: bool
    """Whether there has to be a sample at the start."""
    sample_stop: bool
    cut_stop: bool
    """Whether ``stop`` is a limit that was asked for."""
    start_slack: float
    """By how many seconds a time may miss the start for rounding; the same for a part that stops there."""
    stop_slack: float


def resampled(series: Series, times: Any, channels: Any) -> Series:
    """The values at other times; see ``TSContinuous.resample``."""
    columns = select_channels(channels, series._samples.shape[1], series._label)
    read = read_times(read_unsorted_times(times, series._label), series._label)
    start, stop = (float(read[0]), float(read[-1])) if read.size else (series.t_start, series.t_start)
    return series._selected(series(read), columns, _clock=None, _times=read, _t_start=start, _t_stop=stop)


# --- the two ways to ask for a part -----------------------------------------------------------------------------------
def clipped(
    series: Series, t_start: Any, t_stop: Any, channels: Any, include_stop: bool, sample_limits: bool
) -> Series:
    """The part between two times; see ``TSContinuous.clip``."""
    columns = select_channels(channels, series._samples.shape[1], series._label)
    part = _read_part(series, t_start, t_stop, include_stop, sample_limits)
    steps = _steps(series, part)
    if steps is None:
        return _by_time(series, part, columns)
    return _by_step(series, part, columns, *steps)


def sliced(series: Series, times: slice, channels: Any) -> Series:
    """The part that a slice of times means; with a step, the values at its times, with a negative one backwards."""
    if times.step is None:
        return clipped(series, times.start, times.stop, channels, times.stop is None, False)
    backwards = read_time(times.step, "the step", series._label) < 0
    step = read_dt(-times.step if backwards else times.step, series._label)
    start = series.t_start if times.start is None else read_time(times.start, "the start", series._label)
    stop = series.t_stop if times.stop is None else read_time(times.stop, "the stop", series._label)
    if backwards:
        start, stop = min(start, stop), max(start, stop)
    clock = Clock(step, start)
    first, count = 0, max(clock.covering_steps(stop - start, series._label), 0)
    if not series.periodic:
        first = max(clock.covering_steps(series.t_start - start, series._label), 0)
        count = min(count, clock.covering_steps(series.t_stop - start, series._label))
    check_steps(count - first, series._samples.shape[1], step, series._label)
    part = resampled(series, clock.times(first, max(count - first, 0)), channels)
    return part._changed(part._samples[::-1].copy()) if backwards else part


def _read_part(series: SampledSeries, t_start: Any, t_stop: Any, include_stop: bool, sample_limits: bool) -> _Part:
    label = series._label
    start = series.t_start if t_start is None else read_time(t_start, "t_start", label)
    stop = series.t_stop if t_stop is None else read_time(t_stop, "t_stop", label)
    cuts = [(start, t_start is not None), (stop, t_stop is not None)]
    (start, cut_start), (stop, cut_stop) = sorted(cuts, key=lambda cut: cut[0])
    if not _repeats(series):
        start, stop = _inside(series, start), _inside(series, stop)
    include_stop = include_stop or t_stop is None
    inserts = sample_limits and len(series) > 0
    slacks = [series._slack() + rounding(limit) for limit in (start, stop)]
    sample_start = inserts and cut_start and (include_stop or stop - start > sum(slacks))
    return _Part(start, stop, include_stop, sample_start, inserts and cut_stop and include_stop, cut_stop, *slacks)


def _repeats(series: SampledSeries) -> bool:
    return series.periodic and series.duration > 0


def _inside(series: SampledSeries, limit: float) -> float:
    near = min(NEAR, NEAR_SHARE * series.duration) if series.approx_limit_times else 0.0
    if not -max(near, series._slack()) <= limit - series.t_start <= series.duration + max(near, series._slack()):
        what = f"no part of it is at t={limit} s, only from t={series.t_start} s to {series.t_stop} s"
        raise TimeSeriesError(format_error(what, where=series._label, hint="limits inside of the series"))
    return min(max(limit, series.t_start), series.t_stop)


# --- by step ----------------------------------------------------------------------------------------------------------
def _steps(series: SampledSeries, part: _Part) -> tuple[int, int] | None:
    """The first step of a part, and the one after its last; None where steps alone do not make it up."""
    clock, size = series._clock, len(series)
    wraps = series._wraps_by_step()
    if clock is None or not size or (_repeats(series) and not wraps):
        return None
    start, stop = (float(position) for position in clock.positions([part.start, part.stop], series._label))
    first, end = math.ceil(start), math.ceil(stop)
    if part.sample_start and (first != start or not (wraps or 0 <= first < size)):
        return None
    if part.sample_stop and (end != stop or not (wraps or end <= size)):
        return None
    if part.include_stop and end == stop and (part.cut_stop or not wraps):
        end += 1
    return (first, max(end, first)) if wraps else (min(max(first, 0), size), min(max(end, first, 0), size))


def _by_step(series: Series, part: _Part, columns: slice | Integers, first: int, end: int) -> Series:
    assert series._clock is not None
    size = len(series)
    _check_repeated(series, part, end - first)
    if first >= 0 and end <= size:
        samples = series._samples[first:end].copy()
    else:
        samples = series._samples.take(np.arange(first, end) % size, axis=0)
    clock = series._clock.started_at(first)
    count = end - first
    start = min(part.start, clock.origin) if count else part.start
    stop = max(part.stop, clock.time(count - 1)) if count else part.stop
    fields = {"_clock": clock, "_times": NO_TIMES, "_t_start": start, "_t_stop": stop}
    return series._selected(samples, columns, **fields)


# --- by time ----------------------------------------------------------------------------------------------------------
def _by_time(series: Series, part: _Part, columns: slice | Integers) -> Series:
    times, samples = _unrolled(series, part) if _repeats(series) else (series._all_times(), series._samples)
    low = int(np.searchsorted(times, part.start - part.start_slack))
    if part.include_stop:
        high = int(np.searchsorted(times, part.stop + part.stop_slack, side="right"))
    else:
        high = int(np.searchsorted(times, part.stop - part.stop_slack))
    times, samples = times[low : max(low, high)], samples[low : max(low, high)]
    if part.sample_start and not (len(times) and times[0] <= part.start + part.start_slack):
        times, samples = np.append(part.start, times), np.concatenate([series(part.start), samples])
    if part.sample_stop and not (len(times) and times[-1] >= part.stop - part.stop_slack):
        times, samples = np.append(times, part.stop), np.concatenate([samples, series(part.stop)])
    start = min(part.start, float(times[0])) if len(times) else part.start
    stop = max(part.stop, float(times[-1])) if len(times) else part.stop
    fields = {"_clock": None, "_times": times.copy(), "_t_start": start, "_t_stop": stop}
    return series._selected(samples.copy(), columns, **fields)


def _unrolled(series: SampledSeries, part: _Part) -> tuple[Floats, Floats]:
    """The times and samples of all periods that a part touches."""
    periods = (np.array([part.start, part.stop]) - series.t_start) / series.duration
    slack = part.stop_slack / series.duration
    first = math.floor(periods[0] + part.start_slack / series.duration)
    # The sample that starts the period after the last one belongs to a limit that was asked for.
    last = math.floor(periods[1] + slack) if part.cut_stop else math.ceil(periods[1] - slack) - 1
    _check_repeated(series, part, (float(last) - first + 1) * len(series))
    numbers = np.arange(first, max(last, first) + 1)
    times = np.add.outer(numbers * series.duration, series._all_times()).ravel()
    return np.maximum.accumulate(times), np.tile(series._samples, (len(numbers), 1))


def _check_repeated(series: SampledSeries, part: _Part, rows: float) -> None:
    span = (part.start, part.stop)
    check_repetitions(rows, series._samples.shape[1], span, series.duration, series._label)
