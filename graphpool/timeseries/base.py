"""What all time series share: times in seconds, a range, a name."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error
from graphpool.timeseries.backends import get_global_ts_plotting_backend, read_backend
from graphpool.timeseries.clock import Floats, read_time, read_times

UNNAMED = "unnamed"
SNAP = 1e-9
"""In seconds: a series that claims to end earlier than its last time by less ends there."""


class TimeSeries:
    """Base class of time series.

    Args:
        times: ascending times in seconds; equal ones may follow each other.
        periodic: whether the series repeats itself with the period ``duration``, in both directions.
        t_start: where the series starts, in seconds; by default at the first time, or 0.
        t_stop: where it stops, in seconds; by default at the last time, or at ``t_start``.
        plotting_backend: as for :meth:`set_plotting_backend`.
        name: for messages and plots.

    Attributes:
        periodic: as given.
        name: as given; ``"unnamed"`` where there is none.

    Raises:
        TimeSeriesError: times that are not finite or not ascending, or that do not lie between ``t_start`` and
            ``t_stop``; an unknown ``plotting_backend``.
    """

    periodic: bool
    name: str
    _times: Floats
    _t_start: float
    _t_stop: float
    _plotting_backend: str | None

    def __init__(
        self,
        times: Any = None,
        periodic: bool = False,
        t_start: float | None = None,
        t_stop: float | None = None,
        plotting_backend: str | None = None,
        name: str | None = UNNAMED,
    ) -> None:
        self.name = UNNAMED if name is None else str(name)
        self.periodic = bool(periodic)
        self._plotting_backend = read_backend(plotting_backend, self._label)
        read = read_times(times, self._label)
        self._t_start, self._t_stop = self._read_range(read, t_start, t_stop)
        self._times = read

    @property
    def _label(self) -> str:
        """Class and name, for messages."""
        return f"{type(self).__name__} {self.name!r}"

    def _read_range(self, times: Floats, t_start: Any, t_stop: Any) -> tuple[float, float]:
        first = float(times[0]) if times.size else 0.0
        start = first if t_start is None else read_time(t_start, "t_start", self._label)
        last = float(times[-1]) if times.size else start
        stop = last if t_stop is None else read_time(t_stop, "t_stop", self._label)
        if times.size and last - SNAP < stop < last:
            stop = last
        if times.size and first < start < first + SNAP:
            start = first
        self._check_range(times, start, stop)
        return start, stop

    def _check_range(self, times: Floats, start: float, stop: float) -> None:
        if times.size and start > times[0]:
            what = f"t_start={start} s is later than the first time, {times[0]} s"
            raise TimeSeriesError(format_error(what, where=self._label, hint="clip(t_start=...) drops what is earlier"))
        if times.size and stop < times[-1]:
            what = f"t_stop={stop} s is earlier than the last time, {times[-1]} s"
            raise TimeSeriesError(format_error(what, where=self._label, hint="clip(t_stop=...) drops what is later"))
        if stop < start:
            raise TimeSeriesError(format_error(f"t_stop={stop} s is earlier than t_start={start} s", where=self._label))

    # --- times --------------------------------------------------------------------------------------------------------
    @property
    def times(self) -> Floats:
        """The times in seconds, read-only. Assigning as many others widens ``t_start`` and ``t_stop`` as needed."""
        view = self._all_times().view()
        view.flags.writeable = False
        return view

    @times.setter
    def times(self, times: Any) -> None:
        read = read_times(times, self._label)
        if len(read) != len(self):
            raise TimeSeriesError(format_error(f"{len(read)} times for {len(self)} entries", where=self._label))
        self._set_times(read)

    def _all_times(self) -> Floats:
        """The times themselves, for those who do not write into them."""
        return self._times

    def _set_times(self, times: Floats) -> None:
        self._times = times
        if times.size:
            self._t_start, self._t_stop = min(self._t_start, float(times[0])), max(self._t_stop, float(times[-1]))

    @property
    def t_start(self) -> float:
        """Where the series starts, in seconds; never later than its first time."""
        return self._t_start

    @t_start.setter
    def t_start(self, time: float) -> None:
        self._t_start, _ = self._read_range(self.times, time, self._t_stop)

    @property
    def t_stop(self) -> float:
        """Where the series stops, in seconds; never earlier than its last time."""
        return self._t_stop

    @t_stop.setter
    def t_stop(self, time: float) -> None:
        _, self._t_stop = self._read_range(self.times, self._t_start, time)

    @property
    def duration(self) -> float:
        """``t_stop - t_start``, in seconds."""
        return self._t_stop - self._t_start

    def __len__(self) -> int:
        return len(self._times)

    def isempty(self) -> bool:
        """Whether there are no times."""
        return len(self) == 0

    def contains(self, times: Any) -> bool:
        """Whether all times lie from ``t_start`` to ``t_stop``, both included; a periodic series has all times."""
        asked = np.asarray(times, dtype=np.float64)
        return self.periodic or bool(np.all((asked >= self._t_start) & (asked <= self._t_stop)))

    # --- moving in time -----------------------------------------------------------------------------------------------
    def delay(self, offset: float, inplace: bool = False) -> Self:
        """Move the series to later by ``offset`` seconds.

        Raises:
            TimeSeriesError: ``offset`` is no finite number, or so large that a time would not be finite.
        """
        offset = read_time(offset, "the delay", self._label)
        return self._moved(offset, self._t_start + offset, inplace)

    def _moved(self, offset: float, start: float, inplace: bool) -> Self:
        if not all(math.isfinite(time) for time in (offset, start, self._t_stop + offset)):
            what = f"it cannot be moved by {offset} s, {self._shown_range()}: there are no such times"
            raise TimeSeriesError(format_error(what, where=self._label))
        moved = self if inplace else self.copy()
        moved._move(offset, start)
        return moved

    def _move(self, offset: float, start: float) -> None:
        """Move by so many seconds, to this start; a sum of floats may miss it."""
        self._times = np.maximum(self._times + offset, start)
        self._t_start, self._t_stop = start, max(self._t_stop + offset, start)

    def start_at(self, t_start: float, inplace: bool = False) -> Self:
        """Move the series so that it starts at a time, in seconds.

        Raises:
            TimeSeriesError: ``t_start`` is no finite number, or so large that a time would not be finite.
        """
        t_start = read_time(t_start, "t_start", self._label)
        return self._moved(t_start - self._t_start, t_start, inplace)

    def start_at_zero(self, inplace: bool = False) -> Self:
        """Move the series so that it starts at 0 s."""
        return self.start_at(0.0, inplace)

    # --- copies, files, text ------------------------------------------------------------------------------------------
    def copy(self) -> Self:
        """An independent copy."""
        return copy.deepcopy(self)

    def _become(self, other: Self, inplace: bool) -> Self:
        """The result of a method that has a switch ``inplace``: ``other``, or this series with its content."""
        if not inplace:
            return other
        self.__dict__.update(other.__dict__)
        return self

    @classmethod
    def concatenate_t(cls, series: Iterable[TimeSeries], offset: Any = None) -> Self:
        """Several series of one kind, one after the other in time, as ``append_t`` joins them.

        Args:
            series: of this class; of either class where this is ``TimeSeries``. None of them makes an empty series.
            offset: seconds between two series, or one number for each, of which the first moves the first one.

        Returns:
            A series that is not periodic, with the start, the name and the switches of the first one.

        Raises:
            SeriesTypeError: something is no such series, or they are of several kinds.
            TimeSeriesError: as ``append_t``.
        """
        listed = other_series(series, cls, "concatenate_t")
        if not listed:
            return cls()
        first, *rest = listed
        if type(first) is TimeSeries:
            raise SeriesTypeError(format_error("concatenate_t takes TSContinuous or TSEvent", where=first._label))
        if _are_several(offset):
            own, *offset = read_offsets(offset, len(listed), first._label)
            first = first.delay(own or 0.0)
        joined: Self = first.append_t(rest, offset)
        joined.periodic = False
        return joined

    @property
    def plotting_backend(self) -> str | None:
        """The library that draws the series, its own or the global one; None where it is not installed."""
        return self._plotting_backend or get_global_ts_plotting_backend()

    def set_plotting_backend(self, backend: str | None, verbose: bool = True) -> None:
        """Choose the library that draws the series.

        Args:
            backend: ``"matplotlib"``, or one of its short names ``mpl``, ``mp``, ``pyplot`` and ``plt``; None for the
                global one.
            verbose: print what was chosen.

        Raises:
            TimeSeriesError: there is no such backend.
            MissingExtraError: it is not installed.
        """
        self._plotting_backend = read_backend(backend, self._label)
        if verbose:
            print(f"{self._label}: plots with {self._plotting_backend or 'the global backend'}")

    @classmethod
    def load(cls, path: str | Path, expected_type: str | type | None = None) -> Self:
        """Read a series from a file.

        Args:
            path: an ``.npz`` file; nothing of it is executed or unpickled.
            expected_type: ``"TSContinuous"`` or ``"TSEvent"``, or the class; on these classes it is the class itself.

        Raises:
            TimeSeriesError: the file is none, is damaged, or declares more than it holds.
            SeriesTypeError: it holds another kind of series.
            OSError: it cannot be read; FileNotFoundError where there is none.
        """
        from graphpool.timeseries.files import load

        if cls is not TimeSeries:
            if expected_type is not None:
                raise SeriesTypeError(f"{cls.__name__}.load expects a {cls.__name__}: leave out expected_type")
            expected_type = cls
        series: Self = load(path, expected_type)
        return series

    def _shown_range(self) -> str:
        return f"from t={self._t_start} to {self._t_stop}"

    def _lines(self) -> Iterable[str]:
        """One line an entry, for :meth:`print`."""
        return ()

    def print(self, full: bool = False, num_first: int = 4, num_last: int = 4, limit_shorten: int = 10) -> None:
        """Print the series and its entries.

        Args:
            full: print all of them.
            num_first: how many at the beginning, where the series is shortened.
            num_last: how many at the end.
            limit_shorten: the largest number of entries that is printed without shortening.
        """
        print(self)
        lines = list(self._lines())
        if not full and len(lines) > limit_shorten:
            lines = [*lines[:num_first], "\t...", *lines[len(lines) - num_last :]]
        print("\n".join(lines))


def other_series(item: Any, kind: type[TimeSeries], what: str, where: str = "") -> list[Any]:
    """The series that a method is given: one, or several.

    Args:
        item: what it is given.
        kind: the class that it takes.
        what: how messages call the method.
        where: the series whose method it is, for messages.

    Raises:
        SeriesTypeError: something is not of the class ``kind``.
    """
    listed = [item] if isinstance(item, TimeSeries) or not isinstance(item, Iterable) else list(item)
    for one in listed:
        if not isinstance(one, kind):
            shown = one._label if isinstance(one, TimeSeries) else type(one).__name__
            raise SeriesTypeError(format_error(f"{what} takes {kind.__name__}, got {shown}", where=where))
    return listed


def read_offsets(offset: Any, count: int, where: str) -> list[float | None]:
    """The offset in seconds of each of ``count`` series; None for the usual one.

    Args:
        offset: None, a number for all, or a number or None for each.
        count: of the series.
        where: the series that they follow, for messages.

    Raises:
        TimeSeriesError: an offset is no finite number, or there is not one for each series.
    """
    if not _are_several(offset):
        return [None if offset is None else read_time(offset, "the offset", where)] * count
    offsets = [None if one is None else read_time(one, "an offset", where) for one in offset]
    if len(offsets) != count:
        hint = "one number, or one for each series"
        raise TimeSeriesError(format_error(f"{len(offsets)} offsets for {count} series", where=where, hint=hint))
    return offsets


def _are_several(offset: Any) -> bool:
    return isinstance(offset, Iterable) and getattr(offset, "ndim", None) != 0
