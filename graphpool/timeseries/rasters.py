"""Events as rasters, one row a time step, and rasters as events: pure functions on arrays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error
from graphpool.timeseries.clock import LAST_STEP, Clock, Floats, Integers, rounding

Raster = npt.NDArray[np.bool_] | npt.NDArray[np.int64]

MOST_EVENTS = 2**31
"""A series with more events is a wrong duration or a wrong raster."""


CERTAIN = 0.25
"""In steps: rounding that moves no event from the middle of a step to its edge."""


# --- occurrences of events --------------------------------------------------------------------------------------------
class Occurrences(NamedTuple):
    """Which events occur, in the order of time, and how many periods later than stored; None where as stored."""

    events: slice | Integers
    periods: Integers | None

    def times(self, times: Floats, period: float) -> Floats:
        """When they occur, in seconds."""
        stored: Floats = times[self.events]
        # Rounding may put the last event of a period behind the first of the next one.
        return stored if self.periods is None else np.maximum.accumulate(stored + self.periods * period)


def find_occurrences(
    times: Floats, begin: float, period: float | None, start: float, stop: float, where: str
) -> Occurrences:
    """The events that occur from ``start`` to ``stop``, and possibly some that rounding of a period puts beside.

    Args:
        times: ascending, in seconds.
        begin: where the stored period begins; no time is earlier, and none later than it by ``period`` or more.
        period: in seconds; None where events occur once.
        start: in seconds.
        stop: in seconds.
        where: the series, for messages.

    Raises:
        TimeSeriesError: there are too many of them, or they are too many periods away.
    """
    if period is None or not times.size:
        first, last = np.searchsorted(times, [start, stop])
        return Occurrences(slice(int(first), int(last)), None)
    farthest = max(abs(start - begin), abs(stop - begin))
    if not (farthest < LAST_STEP * period and (stop - start) * (len(times) / period) < MOST_EVENTS):
        what = f"too many events from t={start} s to {stop} s with a period of {period} s"
        raise TimeSeriesError(format_error(what, where=where))
    # Occurrence number p * len(times) + j is event j, p periods later.
    ranks, margin = [], rounding(start, stop, begin, period)
    for time in (start - margin, stop + margin):
        whole = math.floor((time - begin) / period)
        ranks.append(whole * len(times) + int(np.searchsorted(times, time - whole * period)))
    periods, events = np.divmod(np.arange(*ranks, dtype=np.int64), len(times))
    return Occurrences(events, periods)


# --- from events to rasters -------------------------------------------------------------------------------------------
def whole_period(clock: Clock, start: float, stop: float) -> int:
    """How many steps the period from ``start`` to ``stop`` has; 0 where that is no whole number."""
    ratio = (stop - start) / clock.dt
    count = round(ratio) if math.isfinite(ratio) else 0
    return count if abs(count * clock.dt - (stop - start)) <= rounding(start, stop) else 0


def find_steps(
    times: Floats, span: tuple[float, float], periodic: bool, clock: Clock, asked: tuple[int, int], where: str
) -> tuple[Integers, Occurrences]:
    """The steps of the events that occur within some steps of a clock, and possibly of some beside.

    Args:
        times: ascending, in seconds.
        span: where the series starts and stops, in seconds.
        periodic: whether that is a period.
        clock: of the steps.
        asked: the first step, and how many.
        where: the series, for messages.

    Raises:
        TimeSeriesError: as :func:`find_occurrences`, or floats are too coarse to tell the steps apart.
    """
    first, count = asked
    # A step more at both ends, for the times that rounding moves to another step.
    limits = clock.time(first - 1), clock.time(first + count + 1)
    if not limits[0] < limits[1]:
        raise _not_told_apart(clock, limits[1], where)
    if not periodic:
        occurring = find_occurrences(times, span[0], None, *limits, where)
        return clock.steps(times[occurring.events], where), occurring
    whole, period = whole_period(clock, *span), span[1] - span[0]
    occurring = find_occurrences(times, span[0], whole * clock.dt or period, *limits, where)
    if whole and occurring.periods is not None:
        # Whole numbers do not drift, however many periods away.
        return clock.steps(times[occurring.events], where) + occurring.periods * whole, occurring
    return clock.steps(occurring.times(times, period), where), occurring


def choose_columns(rows: Integers, channels: Integers, asked: Integers) -> tuple[Integers, Integers]:
    """The rows and columns of the events on some channels, which are ascending; column j is ``asked[j]``."""
    chosen = np.isin(channels, asked)
    return rows[chosen], np.searchsorted(asked, channels[chosen])


def make_raster(rows: Integers, columns: Integers, shape: tuple[int, int], add_events: bool) -> Raster:
    """The raster of events.

    Args:
        rows: the row of each event; what lies outside of ``shape`` does not count.
        columns: the column of each event, all within ``shape``.
        shape: of the raster.
        add_events: count the events of an entry, as int64; else say whether there are any, as bool.
    """
    if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < shape[0]:
        inside = (rows >= 0) & (rows < shape[0])
        rows, columns = rows[inside], columns[inside]
    places = rows * shape[1]
    places += columns
    if add_events:
        return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64, copy=False)
    raster = np.zeros(shape, dtype=np.bool_)
    raster.reshape(-1)[places] = True
    return raster


# --- from rasters to events -------------------------------------------------------------------------------------------
def read_raster(raster: Any, where: str) -> npt.NDArray[Any]:
    """A raster as an array of two dimensions, rows and channels.

    Raises:
        SeriesTypeError: it is no array of numbers.
        TimeSeriesError: it has other dimensions.
    """
    try:
        array = np.asarray(raster)
    except ValueError as error:
        raise SeriesTypeError(format_error(f"the raster is no array: {error}", where=where)) from error
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        what = f"a raster of type {type(raster).__name__} and dtype {array.dtype}"
        raise SeriesTypeError(format_error(what, where=where, hint="give numbers of events (T, N), one row a step"))
    if array.ndim != 2:
        hint = "give (T, N), one row a step, or (T,) for one channel"
        raise TimeSeriesError(format_error(f"a raster of shape {array.shape}", where=where, hint=hint))
    return array


def find_events(raster: npt.NDArray[Any], add_events: bool, clock: Clock, where: str) -> tuple[Integers, Integers]:
    """The step and the channel of each event of a raster ``(T, N)``, sorted by step, then by channel.

    Args:
        raster: numbers of events; fractions are cut off.
        add_events: an entry v gives v events; else at most one.
        clock: of the rows, for messages.
        where: the series, for messages.

    Raises:
        TimeSeriesError: an entry is negative or not finite, or there are too many events.
    """
    flat = raster.reshape(-1)
    found: Integers = np.flatnonzero(flat if flat.dtype == np.bool_ else flat != 0)
    columns = max(raster.shape[1], 1)
    if flat.dtype != np.bool_:
        values = flat[found]
        wrong = ~((values >= 0) & (values < math.inf))
        if wrong.any():
            step, channel = divmod(int(found[np.argmax(wrong)]), columns)
            what = f"entry {flat[found[np.argmax(wrong)]]} in bin {step}, t={clock.time(step)} s, channel {channel}"
            raise TimeSeriesError(format_error(what, where=where, hint="a raster holds numbers of events"))
        found = _repeated(found, values, add_events, where)
    steps, channels = np.divmod(found, columns)
    return steps, channels


def _repeated(found: Integers, values: npt.NDArray[Any], add_events: bool, where: str) -> Integers:
    """Each entry as often as its value says."""
    if not add_events:
        return found[values >= 1]
    if (values == 1).all():
        return found
    total = float(np.sum(values, dtype=np.float64))
    if total > MOST_EVENTS:
        raise TimeSeriesError(format_error(f"the raster holds {total:.3g} events", where=where))
    return np.repeat(found, values.astype(np.int64))


def uncertainty(clock: Clock, until: float) -> float:
    """The share of a step by which rounding may move the events of a clock from its start until a time."""
    return rounding(until, clock.origin) / clock.dt


def event_times(steps: Integers, count: int, clock: Clock, at_start: bool, where: str) -> Floats:
    """The times of events that a clock puts back into the same steps.

    Args:
        steps: of the events, from 0 to ``count - 1``.
        count: the number of steps.
        clock: of the steps.
        at_start: where a step starts; else in its middle.
        where: the series, for messages.

    Raises:
        TimeSeriesError: floats are too coarse to tell the steps apart so far from 0 s.
    """
    uncertain = uncertainty(clock, clock.time(count))
    if count and not uncertain < 1:
        raise _not_told_apart(clock, clock.time(count), where)
    # The nearer to the end of its step an event lies, the less rounding it takes to move it to the next one.
    return clock.starts(steps if at_start or uncertain > CERTAIN else steps + 0.5)


def on_other_clock(times: Floats, clock: Clock, other: Clock, first: int) -> Floats:
    """Events at starts and middles of steps, as times of another clock, whose step 0 is step ``first`` of this one."""
    return other.starts(np.rint(2 * clock.positions(times)) / 2 - first)


def _not_told_apart(clock: Clock, time: float, where: str) -> TimeSeriesError:
    what = f"steps of dt={clock.dt} s cannot be told apart at t={time} s"
    return TimeSeriesError(format_error(what, where=where, hint="start nearer to 0 s"))
