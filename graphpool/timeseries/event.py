"""Events: times in seconds, each on a channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import numpy as np

from graphpool.errors import TimeSeriesError, format_error
from graphpool.timeseries import rasters
from graphpool.timeseries.base import UNNAMED, other_series, read_offsets
from graphpool.timeseries.channels import list_channels, read_channels, read_count
from graphpool.timeseries.clock import ROUNDING, Clock, Floats, Integers, read_dt, read_time, rounding
from graphpool.timeseries.conversions import EventConversions
from graphpool.timeseries.event_base import Events
from graphpool.timeseries.sizes import check_steps

ROWS = 1024
"""Of a raster that are made at a time, where they are asked for one by one."""


class TSEvent(EventConversions):
    """Events on channels, in order of time.

    ``len(ts)`` is the number of events, iteration gives pairs of time and channel, and ``ts[index]`` is the series of
    some of the events, with the same range and channels.

    Args:
        times: of the events in seconds, ascending; equal ones may follow each other.
        channels: the channel of each event, whole numbers from 0 on; one number for all; by default 0.
        periodic: whether the series repeats itself with the period ``duration``, in both directions.
        t_start: where the series starts, in seconds; by default at the first event.
        t_stop: where it stops, in seconds; later than the last event. Needed where there are events.
        name: for messages and plots.
        num_channels: the number of channels; by default as many as the events need.

    Raises:
        SeriesTypeError: there are events and no ``t_stop``; channels that are no numbers.
        TimeSeriesError: times that are not finite, not ascending, or not from ``t_start`` to before ``t_stop``;
            channels that are no whole numbers from 0 on, not one for each time, or not below ``num_channels``.
    """

    def __init__(
        self,
        times: Any = None,
        channels: Any = None,
        periodic: bool = False,
        t_start: float | None = None,
        t_stop: float | None = None,
        name: str | None = None,
        num_channels: int | None = None,
    ) -> None:
        super().__init__(times, periodic, t_start, t_stop, name=name)
        self._channels = read_channels(channels, self._times, self._label)
        needed = int(self._channels.max(initial=-1)) + 1
        self._num_channels = needed if num_channels is None else self._read_num_channels(num_channels)

    # --- joining series -----------------------------------------------------------------------------------------------
    def merge(self, other: Any, delay: float = 0.0, remove_duplicates: bool = False, inplace: bool = False) -> Self:
        """The events of all series, each on its channel. The range covers all of them.

        A periodic series that is merged into a longer one counts with its repetitions within the range of this series.

        Args:
            other: a series of events, or several.
            delay: by how many seconds the others come later.
            remove_duplicates: keep one of the events that have the same time, up to rounding, and channel.
            inplace: change this series, and return it.

        Raises:
            SeriesTypeError: something is no ``TSEvent``.
            TimeSeriesError: ``delay`` is no finite number.
        """
        others = [one.delay(delay) for one in other_series(other, TSEvent, "merge", self._label)]
        number = max([self._num_channels, *(one._num_channels for one in others)])
        return self._joined([self._spread(one) for one in others], number, remove_duplicates, inplace)

    def append_c(self, other: Any, inplace: bool = False) -> Self:
        """The events of all series, side by side: the channels of each follow those of the ones before.

        A periodic series counts with its repetitions within the range of this series.

        Args:
            other: a series of events, or several.
            inplace: change this series, and return it.

        Raises:
            SeriesTypeError: something is no ``TSEvent``.
        """
        parts, number = [], self._num_channels
        for one in other_series(other, TSEvent, "append_c", self._label):
            part = self._spread(one)
            shifted = part._channels + number
            number += one._num_channels
            parts.append(part._with(part._times, shifted, number, (part._t_start, part._t_stop)))
        return self._joined(parts, number, False, inplace)

    def append_t(self, other: Any, offset: Any = None, remove_duplicates: bool = False, inplace: bool = False) -> Self:
        """The series, followed by others; each starts where the one before it stops.

        Args:
            other: a series of events, or several; of a periodic one, one period.
            offset: by how many seconds the others start later than that; one number, or one for each. By default 0.
            remove_duplicates: keep one of the events that have the same time, up to rounding, and channel.
            inplace: change this series, and return it.

        Raises:
            SeriesTypeError: something is no ``TSEvent``.
            TimeSeriesError: an offset is no finite number, or there is not one for each series.
        """
        others = other_series(other, TSEvent, "append_t", self._label)
        offsets = read_offsets(offset, len(others), self._label)
        parts, stop, number = [], self._t_stop, self._num_channels
        for one, gap in zip(others, offsets, strict=True):
            parts.append(one.start_at(stop + (gap or 0.0)))
            stop, number = max(stop, parts[-1]._t_stop), max(number, one._num_channels)
        return self._joined(parts, number, remove_duplicates, inplace)

    def _spread(self, other: Events) -> Events:
        """A periodic series over the range of this one; any other as it is."""
        return other.clip(self._t_start, self._t_stop) if other.periodic and self.duration > 0 else other

    def _joined(self, parts: list[Events], number: int, remove_duplicates: bool, inplace: bool) -> Self:
        everyone: list[Events] = [self, *parts]
        times = np.concatenate([one._times for one in everyone])
        channels = np.concatenate([one._channels for one in everyone])
        order = np.lexsort((channels, times)) if remove_duplicates else np.argsort(times, kind="stable")
        times, channels = times[order], channels[order]
        if remove_duplicates and times.size:
            kept = _first_of_each(times, channels)
            times, channels = times[kept], channels[kept]
        span = (min(one._t_start for one in everyone), max(one._t_stop for one in everyone))
        joined = self._with(times, channels, number, span)
        joined._clock = _common_clock([one for one in everyone if len(one)])
        return self._become(joined, inplace)

    # --- rasters ------------------------------------------------------------------------------------------------------
    def raster(
        self,
        dt: float,
        t_start: float | None = None,
        t_stop: float | None = None,
        num_timesteps: int | None = None,
        channels: Any = None,
        add_events: bool = False,
    ) -> rasters.Raster:
        """The events of each bin from ``t_start + k * dt`` to before ``t_start + (k + 1) * dt``.

        An event on the edge of a bin, up to the rounding of floats, belongs to the bin that starts there. Events before
        ``t_start`` or from ``t_stop`` on do not count.

        Args:
            dt: the length of a bin in seconds.
            t_start: where the first bin starts, in seconds; by default the start of the series.
            t_stop: in seconds; by default the end of the series. The bins cover the time until there.
            num_timesteps: the number of bins, in the place of ``t_stop``.
            channels: which channels: a number, several in any order, a slice or a mask; column j is the j-th of them.
                By default all.
            add_events: count the events of an entry; else say whether there are any.

        Returns:
            ``(bins, channels)``, int64 where ``add_events`` is on, else bool.

        Raises:
            TimeSeriesError: ``dt`` is not positive, ``t_stop`` is earlier than ``t_start``, ``num_timesteps`` is no
                whole number from 0 on or comes with ``t_stop``, or the raster is too large.
            ChannelError: a channel that the series does not have.
            SeriesTypeError: ``channels`` is something else.
        """
        count, fill = self._read_raster(dt, t_start, t_stop, num_timesteps, channels, add_events)
        return fill(0, count)

    def xraster(
        self,
        dt: float,
        t_start: float | None = None,
        t_stop: float | None = None,
        num_timesteps: int | None = None,
        channels: Any = None,
        add_events: bool = False,
    ) -> Iterator[rasters.Raster]:
        """The rows of :meth:`raster`, one after the other, without ever holding the whole of it.

        The arguments, and what they may raise, are those of :meth:`raster`; they are checked at once. Each row has the
        shape ``(channels,)`` and its own memory.
        """
        count, fill = self._read_raster(dt, t_start, t_stop, num_timesteps, channels, add_events)
        blocks = (fill(first, min(ROWS, count - first)) for first in range(0, count, ROWS))
        return (row.copy() for block in blocks for row in block)

    def _read_raster(
        self, dt: Any, t_start: Any, t_stop: Any, num_timesteps: Any, channels: Any, add_events: bool
    ) -> tuple[int, Callable[[int, int], rasters.Raster]]:
        """How many bins are asked for, and what makes a raster of some of them, from one on."""
        start = self._t_start if t_start is None else read_time(t_start, "t_start", self._label)
        clock = Clock(read_dt(dt, self._label), start)
        count, stop = self._read_bins(clock, t_stop, num_timesteps)
        if channels is None:
            return count, lambda first, rows: self._fill(clock, first, rows, add_events, stop=stop)
        asked, places = np.unique(list_channels(channels, self._num_channels, self._label), return_inverse=True)
        ascending = np.array_equal(places, np.arange(len(asked)))

        def fill(first: int, rows: int) -> rasters.Raster:
            raster = self._fill(clock, first, rows, add_events, asked, stop)
            return raster if ascending else raster[:, places]

        return count, fill

    def _read_bins(self, clock: Clock, t_stop: Any, num_timesteps: Any) -> tuple[int, float]:
        """How many bins there are, and the time in seconds from which on events do not count."""
        if num_timesteps is not None:
            if t_stop is not None:
                what = f"both t_stop={t_stop} and num_timesteps={num_timesteps} are given"
                raise TimeSeriesError(format_error(what, where=self._label, hint="give one of them"))
            return read_count(num_timesteps, "num_timesteps", self._label), math.inf
        stop = self._t_stop if t_stop is None else read_time(t_stop, "t_stop", self._label)
        if stop < clock.origin - rounding(stop, clock.origin):
            what = f"t_stop={stop} s is earlier than t_start={clock.origin} s"
            raise TimeSeriesError(format_error(what, where=self._label, hint="give t_stop or num_timesteps"))
        count = (stop - clock.origin) / clock.dt
        check_steps(count, 1, clock.dt, self._label)
        count = max(math.ceil(clock.positions(stop, self._label)), 0)
        # The bins end there themselves, or in the middle of the last one.
        return count, math.inf if clock.on_grid(stop) else stop if t_stop is None else self._limit(stop)

    def _raster(self, clock: Clock, first: int, count: int, add_events: bool) -> rasters.Raster:
        """The raster ``(count, num_channels)`` of the steps of a clock from ``first`` on."""
        return self._fill(clock, first, count, add_events)

    def _fill(
        self,
        clock: Clock,
        first: int,
        count: int,
        add_events: bool,
        asked: Integers | None = None,
        stop: float = math.inf,
    ) -> rasters.Raster:
        """A raster of some channels, in ascending order, and of the events before ``stop``."""
        shape = (count, self._num_channels if asked is None else len(asked))
        check_steps(*shape, clock.dt, self._label)
        range_, periodic = (self._t_start, self._t_stop), self._period is not None
        steps, occurring = rasters.find_steps(self._times, range_, periodic, clock, (first, count), self._label)
        rows, columns = steps - first if first else steps, self._channels[occurring.events]
        if stop < math.inf and (self.periodic or stop < self._t_stop):
            before = occurring.times(self._times, self.duration) < stop
            rows, columns = rows[before], columns[before]
        if asked is not None:
            rows, columns = rasters.choose_columns(rows, columns, asked)
        return rasters.make_raster(rows, columns, shape, add_events)

    @staticmethod
    def from_raster(
        raster: Any,
        dt: float = 1.0,
        t_start: float = 0.0,
        t_stop: float | None = None,
        name: str | None = None,
        periodic: bool = False,
        num_channels: int | None = None,
        spikes_at_bin_start: bool = False,
    ) -> TSEvent:
        """The events of a raster; :meth:`raster` with the same ``dt`` and ``t_start`` gives the same raster.

        Such a series knows its steps: moved in time, cut and joined with others of the same steps, it keeps its events
        in them, also when it is saved and loaded. Other events move by sums of floats, which may take one from the edge
        of a bin.

        Args:
            raster: ``(T, N)``, or ``(T,)`` for one channel: numbers of events, without their fractions, or bools. An
                entry v gives v events at the same time.
            dt: the length of a bin in seconds.
            t_start: where the first bin starts, in seconds.
            t_stop: in seconds; by default the end of the last bin.
            name: for messages and plots.
            periodic: whether the series repeats itself.
            num_channels: by default N; more give channels without events.
            spikes_at_bin_start: put events where their bin starts; else in its middle.

        Raises:
            SeriesTypeError: ``raster`` is no array of numbers.
            TimeSeriesError: it has other dimensions, or an entry that is negative or not finite; ``dt``, ``t_start``,
                ``t_stop`` or ``num_channels`` is out of range, or ``dt`` too small for floats near ``t_start``.
        """
        label = f"TSEvent {UNNAMED if name is None else name!r}"
        clock = Clock(read_dt(dt, label), read_time(t_start, "t_start", label))
        made = TSEvent._from_raster(raster, clock, name, True, spikes_at_bin_start)
        made.periodic = bool(periodic)
        if num_channels is not None:
            made.num_channels = num_channels
        if t_stop is not None:
            made.t_stop = t_stop
        return made

    @classmethod
    def _from_raster(
        cls, raster: Any, clock: Clock, name: str | None, add_events: bool, spikes_at_bin_start: bool = False
    ) -> Self:
        """Events in the steps of a clock, from step 0 on; at most one an entry where ``add_events`` is off."""
        made = cls(t_start=clock.origin, name=name)
        array = rasters.read_raster(raster, made._label)
        steps, channels = rasters.find_events(array, add_events, clock, made._label)
        stop = clock.end(len(array), made._label)
        times = rasters.event_times(steps, len(array), clock, spikes_at_bin_start, made._label)
        made = made._with(times, channels, array.shape[1], (clock.origin, stop))
        made._clock = clock if rasters.uncertainty(clock, stop) < rasters.CERTAIN else None
        return made

    # --- plots and text -----------------------------------------------------------------------------------------------
    def plot(
        self,
        time_limits: tuple[float, float] | None = None,
        target: Any = None,
        channels: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Plot the events as points over time, one line a channel; needs Matplotlib.

        Args:
            time_limits: from when to when, in seconds; by default the range of the series.
            target: the axes to draw into; by default the current ones.
            channels: a channel, or several; by default all.
            *args: of Matplotlib's ``scatter``.
            **kwargs: of Matplotlib's ``scatter``.

        Raises:
            SeriesTypeError: ``time_limits`` is no pair, or ``target`` no axes.
        """
        from graphpool.timeseries.plotting import plot_events

        return plot_events(self, time_limits, target, channels, *args, **kwargs)

    def _lines(self) -> Iterable[str]:
        return (f"{time}: \t {channel}" for time, channel in self)

    def __repr__(self) -> str:
        if self.isempty():
            return f"Empty `TSEvent` object `{self.name}` from t={self._t_start} to t={self._t_stop}."
        kind = "periodic" if self.periodic else "non-periodic"
        counts = f"Channels: {self._num_channels}. Events: {len(self)}"
        return f"{kind} `TSEvent` object `{self.name}` {self._shown_range()}. {counts}"


def _common_clock(parts: list[Events]) -> Clock | None:
    """The clock of the first of several series, where the others have the same bins."""
    clock = parts[0]._clock if parts else None
    if clock is None or any(one._clock is None or clock.offset_of(one._clock) is None for one in parts):
        return None
    return clock


def _first_of_each(times: Floats, channels: Integers) -> Integers:
    """Which of ascending events to keep: one a moment and channel. Times that differ by rounding are one moment."""
    slack = ROUNDING * (np.abs(times[1:]) + np.abs(times[:-1]))
    moments = np.append(0, np.cumsum(times[1:] - times[:-1] > slack))
    order = np.lexsort((channels, moments))
    moments, channels = moments[order], channels[order]
    new = np.append(True, (moments[1:] != moments[:-1]) | (channels[1:] != channels[:-1]))
    return np.sort(order[new])
