"""Events on channels, and which of them; the part of :class:`~graphpool.timeseries.TSEvent` that chooses."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error
from graphpool.timeseries import rasters
from graphpool.timeseries.base import TimeSeries
from graphpool.timeseries.channels import check_channels, list_channels, read_channels, read_count, read_map
from graphpool.timeseries.clock import Clock, Floats, Integers, read_time, rounding

Span = tuple[float, float]


class Events(TimeSeries):
    """Base class of series of events: their times, their channels, and how to choose some of them."""

    _channels: Integers
    _num_channels: int
    _clock: Clock | None = None
    """The clock at whose starts and middles of steps all events lie, where it is known."""

    def _read_range(self, times: Floats, t_start: Any, t_stop: Any) -> Span:
        if t_stop is None and times.size:
            what = f"no t_stop for {times.size} events, the last at t={times[-1]} s"
            hint = "give the time until which there are no further events, in seconds: t_stop=..."
            raise SeriesTypeError(format_error(what, where=self._label, hint=hint))
        return super()._read_range(times, t_start, t_stop)

    def _check_range(self, times: Floats, start: float, stop: float) -> None:
        super()._check_range(times, start, stop)
        if times.size and stop <= times[-1]:
            what = f"t_stop={stop} s is not later than the last event, at t={times[-1]} s"
            raise TimeSeriesError(format_error(what, where=self._label, hint="the range of events excludes t_stop"))

    def _with(self, times: Floats, channels: Integers, num_channels: int, span: Span) -> Self:
        """This series with other content, which is right by construction and becomes its own."""
        made = copy.copy(self)
        made._times, made._channels, made._num_channels = times, channels, num_channels
        made._t_start, made._t_stop = span
        made._stop_after_last()
        return made

    # --- channels and times -------------------------------------------------------------------------------------------
    @property
    def channels(self) -> Integers:
        """The channel of each event, int64, read-only. Assigning checks them as the constructor does."""
        view = self._channels.view()
        view.flags.writeable = False
        return view

    @channels.setter
    def channels(self, channels: Any) -> None:
        read = read_channels(channels, self._times, self._label)
        check_channels(read, self._times, self._num_channels, self._label)
        self._channels = read

    @property
    def num_channels(self) -> int:
        """The number of channels. Assigning fewer than the events need raises a ``TimeSeriesError``."""
        return self._num_channels

    @num_channels.setter
    def num_channels(self, number: int) -> None:
        self._num_channels = self._read_num_channels(number)

    def _read_num_channels(self, number: Any) -> int:
        count = read_count(number, "num_channels", self._label)
        check_channels(self._channels, self._times, count, self._label)
        return count

    def _set_times(self, times: Floats) -> None:
        super()._set_times(times)
        self._clock = None
        self._stop_after_last()

    def _move(self, offset: float, start: float) -> None:
        if self._clock is None:
            super()._move(offset, start)
        else:
            self._move_by_step(self._clock, offset, start)
        self._stop_after_last()

    def _move_by_step(self, clock: Clock, offset: float, start: float) -> None:
        """Sums of floats would take the events, and the end, out of their steps."""
        starts, stops = clock.on_grid(self._t_start), clock.on_grid(self._t_stop)
        first = clock.nearest(self._t_start) if starts else 0
        moved = Clock(clock.dt, start) if starts else clock.moved(offset)
        times = rasters.on_other_clock(self._times, clock, moved, first)
        stop = moved.time(clock.nearest(self._t_stop) - first) if stops else self._t_stop + offset
        self._times, self._t_start, self._t_stop = np.maximum(times, start), start, max(stop, start)
        self._clock = moved if rasters.uncertainty(moved, stop) < rasters.CERTAIN else None

    def _stop_after_last(self) -> None:
        """Keep the end later than the last event, where a sum of floats has brought them together."""
        if self._times.size and self._t_stop <= self._times[-1]:
            self._t_stop = math.nextafter(self._times[-1], math.inf)

    # --- choosing events ----------------------------------------------------------------------------------------------
    def __call__(
        self, t_start: float | None = None, t_stop: float | None = None, channels: Any = None
    ) -> tuple[Floats, Integers]:
        """The events from ``t_start`` on and before ``t_stop``; of a periodic series, its repetitions too.

        An event that misses a limit by the rounding of floats alone is at it: it belongs to the range that starts
        there, as 0.3 does where the limit is 3 * 0.1. So ranges that follow each other have every event once.

        Args:
            t_start: in seconds; by default the start of the series.
            t_stop: in seconds; by default its end. The two are swapped where they are in the wrong order.
            channels: which channels: a number, several, a slice or a mask; by default all.

        Returns:
            Times (float64, in seconds, ascending) and channels (int64), two new vectors.

        Raises:
            TimeSeriesError: a time is not finite, or the range holds too many events.
            ChannelError: a channel that the series does not have.
            SeriesTypeError: ``channels`` is something else.
        """
        start, stop = self._read_span(t_start, t_stop)
        # Its own range cuts nothing off a series.
        start, stop = start if t_start is None else self._limit(start), stop if t_stop is None else self._limit(stop)
        occurring = rasters.find_occurrences(self._times, self._t_start, self._period, start, stop, self._label)
        times, found = occurring.times(self._times, self.duration), self._channels[occurring.events]
        chosen = (times >= start) & (times < stop)
        if channels is not None:
            chosen &= np.isin(found, list_channels(channels, self._num_channels, self._label))
        return times[chosen], found[chosen]

    def _limit(self, time: float) -> float:
        """What separates the events before a time from those that are at it, or after it."""
        if self._period is None and time >= self._t_stop:
            return time  # all events are before it, however near
        snapped = time if self._clock is None else self._clock.snapped(time)
        return snapped - rounding(snapped, self._t_start)

    @property
    def _period(self) -> float | None:
        """In seconds; None where no event occurs twice."""
        return self.duration if self.periodic and self._times.size else None

    def _read_span(self, t_start: Any, t_stop: Any) -> Span:
        start = self._t_start if t_start is None else read_time(t_start, "t_start", self._label)
        stop = self._t_stop if t_stop is None else read_time(t_stop, "t_stop", self._label)
        if t_start is not None and t_stop is not None:
            return (stop, start) if stop < start else (start, stop)
        if 0 < start - stop <= rounding(self._t_start, self._t_stop):  # the limit means the other end of the series
            start = stop = stop if t_stop is None else start
        return start, stop

    def clip(
        self,
        t_start: float | None = None,
        t_stop: float | None = None,
        channels: Any = None,
        remap_channels: bool = False,
        inplace: bool = False,
    ) -> Self:
        """The series of the events that a call with these arguments returns; its range is the one asked for.

        Where the first event means ``t_start`` and lies below it for rounding, the range starts at the event.

        Args:
            t_start: in seconds; by default the start of the series.
            t_stop: in seconds, excluded; by default the end of the series.
            channels: which channels: a number, several, a slice or a mask; by default all.
            remap_channels: number the channels that are asked for from 0 on, in ascending order, and keep no others;
                else channels keep their numbers, and the series the number of channels.
            inplace: change this series, and return it.

        Raises:
            TimeSeriesError: a time is not finite, ``t_stop`` is earlier than ``t_start``, or the range holds too many
                events.
            ChannelError: a channel that the series does not have.
            SeriesTypeError: ``channels`` is something else.
        """
        start, stop = self._read_span(t_start, t_stop)
        self._check_range(np.empty(0), start, stop)
        times, found = self(t_start, t_stop, channels)
        number = self._num_channels
        if remap_channels and channels is not None:
            asked = np.unique(list_channels(channels, number, self._label))
            found, number = np.searchsorted(asked, found), len(asked)
        part = self._with(times, found, number, (min([start, *times[:1].tolist()]), stop))
        if self._period is not None:
            part._clock = None
        return self._become(part, inplace)

    def remap_channels(self, channel_map: Any, inplace: bool = False) -> Self:
        """Give every channel another number; the number of channels grows as needed.

        Args:
            channel_map: ``(num_channels,)``, the new number of each channel; several may become one.
            inplace: change this series, and return it.

        Raises:
            TimeSeriesError: not one number for each channel, or one that is no whole number from 0 on.
        """
        mapped = read_map(channel_map, self._num_channels, self._label)
        number = max(self._num_channels, int(mapped.max(initial=-1)) + 1)
        remapped = self._with(self._times, mapped[self._channels], number, (self._t_start, self._t_stop))
        return self._become(remapped, inplace)

    def __getitem__(self, index: Any) -> Self:
        """Some of the events, in the order of time: an index, a slice, several indices, or a mask.

        Raises:
            IndexError: there is no such event.
            TimeSeriesError: an index of more than one dimension.
        """
        picked = np.sort(np.atleast_1d(np.arange(len(self))[index]))
        if picked.ndim != 1:
            what = f"events are indexed with an array of {picked.ndim} dimensions"
            raise TimeSeriesError(format_error(what, where=self._label, hint="give an index, a slice or a list"))
        span = (self._t_start, self._t_stop)
        return self._with(self._times[picked], self._channels[picked], self._num_channels, span)

    def __iter__(self) -> Iterator[tuple[float, int]]:
        return zip(self._times.tolist(), self._channels.tolist(), strict=True)
