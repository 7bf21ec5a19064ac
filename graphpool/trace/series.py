"""The symbolic series: what a time series is within one time step of the network.

A continuous series holds the values that begin within the step, an event series the events that happen in it; each has
a place, the share of the step that has passed. At the network's own dt a continuous series has one value, at 0, and the
events of a step lie in its middle. A child of k sub-steps makes k of either. Reading a series at a time is finding the
last value that began; rastering events is adding up those of a bin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from graphpool.graph.types import FLOAT64
from graphpool.trace.rasters import Raster
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer

RASTER_HINT = "time_base, raster, n = self._prepare_input(ts_input, duration, num_timesteps) gives rows to compute with"
BEFORE_HINT = "do it to the series before it goes into the network, or to what comes out"
HINTS = {
    **dict.fromkeys(("samples", "max", "min", "channels", "raster", "to_clocked"), RASTER_HINT),
    **dict.fromkeys(("times", "t_start", "t_stop", "duration"), RASTER_HINT + "; time_base is the time of each"),
    **dict.fromkeys(("plot", "print", "save"), "plot, print and save what a run returns"),
}
"""The way round what is read of a series, by name."""


@dataclass(frozen=True)
class Entry:
    """A row ``(N,)`` and where in the step it begins, from 0 to before 1.

    With ``is_held`` it began earlier than the sub-step at whose start it stands.
    """

    place: Fraction
    row: Tracer
    is_held: bool = False


class Series:
    """A traced time series.

    Args:
        recorder: of the trace.
        kind: the class of time series that it stands for; ``isinstance`` says so, too.
        is_event: whether it holds events.
        entries: by place.
        channels: how many there are.
        name: of the series.
    """

    __array_ufunc__ = None  # as for series: an array on the left leaves the operator to this class
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, recorder: Recorder, kind: type, is_event: bool, entries: Sequence[Entry], channels: int, name: str
    ) -> None:
        self.recorder = recorder
        self.kind = kind
        self.is_event = is_event
        self.entries = tuple(entries)
        self.num_channels = channels
        self.name = name

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self.kind

    @property
    def _label(self) -> str:
        return f"{self.kind.__name__} {self.name!r}"

    def __repr__(self) -> str:
        return f"<traced {self._label} with {self.num_channels} channels>"

    def with_entries(self, entries: Sequence[Entry], channels: int | None = None) -> Series:
        """A series like this one with other rows."""
        channels = self.num_channels if channels is None else channels
        return Series(self.recorder, self.kind, self.is_event, entries, channels, self.name)

    # --- reading ------------------------------------------------------------------------------------------------------
    def _zeros(self) -> Tracer:
        return Tracer.of(self.recorder, self.recorder.constant(np.zeros(self.num_channels)), False)

    def at(self, place: Fraction) -> Tracer:
        """The value that is held at a place of the step."""
        return next(entry.row for entry in reversed(self.entries) if entry.place <= place)

    def row(self) -> Tracer:
        """The row of the whole step: the value at its start, or all its events."""
        if not self.is_event:
            return self.at(Fraction(0))
        rows = [entry.row for entry in self.entries]
        total: Any = rows[0] if rows else self._zeros()
        for other in rows[1:]:
            total = total + other
        return Tracer.of(self.recorder, total.value, False)

    @property
    def clock(self) -> int:
        """How many rows a step has, where they lie in sub-steps of equal length; else 1."""
        count = len(self.entries)
        shift = Fraction(1, 2) if self.is_event else Fraction(0)
        regular = [(number + shift) / count for number in range(count)] == [entry.place for entry in self.entries]
        return count if regular and count else 1

    def rows(self) -> Tracer:
        """What leaves the network in a step: a row ``(N,)``, or several, ``(clock, N)``."""
        if self.clock == 1:
            if any(entry.place != self.entries[0].place for entry in self.entries):
                what = "it leaves the network with events of several time steps, which no raster tells apart"
                self._refuse(what, "return each as an output of its own, and merge what the run returns")
            return self.row()
        stacked: Any = np.stack([entry.row for entry in self.entries])
        return Tracer.of(self.recorder, stacked.value, False)

    def part(self, number: int, count: int) -> Series:
        """What it is within one of so many parts of the step; the series itself where there is one."""
        if count == 1:
            return self
        start, stop = Fraction(number, count), Fraction(number + 1, count)
        inside = [replace(one, place=(one.place - start) * count) for one in self.entries if start <= one.place < stop]
        if not self.is_event and not (inside and inside[0].place == 0):
            inside.insert(0, Entry(Fraction(0), self.at(start), is_held=True))
        return self.with_entries(inside)

    # --- operators ----------------------------------------------------------------------------------------------------
    def _each(self, function: Callable[[Any, Any], Any], other: Any, widen: bool = False) -> Any:
        if self.is_event or not isinstance(other, OPERANDS) or (isinstance(other, Series) and other.is_event):
            return NotImplemented
        rows = [function(entry.row, self._operand(other, entry.place, widen)) for entry in self.entries]
        entries = [replace(entry, row=row) for entry, row in zip(self.entries, rows, strict=True)]
        return self.with_entries(entries, rows[0].shape[0])

    def _operand(self, other: Any, place: Fraction, widen: bool) -> Any:
        """The other operand as a row that fits, in float64."""
        if isinstance(other, Series):
            item: Any = other.at(place)
        elif isinstance(other, Raster):
            if len(self.entries) > 1 or other.leading != 1 or other.row.ndim != 1:
                self._refuse("a series meets a raster of other axes", "one row (T, N) for each of its samples")
            item = other.row
        else:
            item = other if isinstance(other, Tracer) else np.asarray(other, dtype=FLOAT64)
            if item.ndim == 2 and item.shape[0] == 1:
                item = item[0]
            elif item.ndim > 1:
                hint = "a number, or one for each channel; what changes over time is an input"
                self._refuse(f"a series meets an array of shape {item.shape}, whose rows would be time steps", hint)
        shape = np.broadcast_shapes(item.shape, (self.num_channels,)) if _fits(item.shape, self.num_channels) else None
        if shape is None or (shape[0] != self.num_channels and not widen):
            self._refuse(f"an operand of shape {item.shape} does not fit {self.num_channels} channels")
        return item.astype(FLOAT64)

    def _times_matrix(self, other: Any, transposed: bool) -> Any:
        if self.is_event or isinstance(other, Raster) or not isinstance(other, (np.ndarray, list, Tracer)):
            return NotImplemented
        matrix = other if isinstance(other, Tracer) else np.asarray(other)
        matrix = matrix.astype(FLOAT64)
        columns = matrix.reshape(-1, 1) if matrix.ndim == 1 else matrix.T if transposed else matrix
        if matrix.ndim not in (1, 2) or columns.shape[0] != self.num_channels:
            self._refuse(f"a matrix of shape {matrix.shape} does not fit {self.num_channels} channels")
        entries = [replace(entry, row=entry.row @ columns) for entry in self.entries]
        return self.with_entries(entries, columns.shape[1])

    def _in_place(self, result: Any) -> Any:
        if result is not NotImplemented:
            self.entries, self.num_channels = result.entries, result.num_channels
            return self
        return result

    def __add__(self, other: Any) -> Any:
        return self._each(_sum, other)

    def __radd__(self, other: Any) -> Any:
        return self._each(_sum, other)

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(self + other)

    def __sub__(self, other: Any) -> Any:
        return self._each(_difference, other)

    def __rsub__(self, other: Any) -> Any:
        return self._each(lambda row, item: _difference(item, row), other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(self - other)

    def __mul__(self, other: Any) -> Any:
        return self._each(np.multiply, other, widen=True)

    __rmul__ = __mul__

    def __imul__(self, other: Any) -> Any:
        return self._in_place(self * other)

    def __truediv__(self, other: Any) -> Any:
        return self._each(np.true_divide, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._each(lambda row, item: np.true_divide(item, row), other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(self / other)

    def __floordiv__(self, other: Any) -> Any:
        return self._each(np.floor_divide, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._each(lambda row, item: np.floor_divide(item, row), other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place(self // other)

    def __pow__(self, other: Any) -> Any:
        return self._each(np.power, other)

    def __rpow__(self, other: Any) -> Any:
        return self._each(lambda row, item: np.power(item, row), other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place(self**other)

    def __matmul__(self, other: Any) -> Any:
        return self._times_matrix(other, transposed=False)

    def __rmatmul__(self, other: Any) -> Any:
        return self._times_matrix(other, transposed=True)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place(self @ other)

    def __neg__(self) -> Any:
        return NotImplemented if self.is_event else self._mapped(np.negative)

    def __abs__(self) -> Any:
        return NotImplemented if self.is_event else self._mapped(np.abs)

    def _mapped(self, function: Callable[[Any], Any]) -> Series:
        return self.with_entries([replace(entry, row=function(entry.row)) for entry in self.entries])

    # --- channels -----------------------------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> Series:
        whole = isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], slice) and key[0] == slice(None)
        if self.is_event or not whole:
            self._refuse(f"series[{key!r}] picks times or events", "series[:, channels] picks channels")
        chosen = np.atleast_1d(np.arange(self.num_channels)[key[1]])
        return self._mapped(lambda row: row[chosen]).with_channels(len(chosen))

    def with_channels(self, channels: int) -> Series:
        """The series with another count of channels, which its rows have already."""
        return self.with_entries(self.entries, channels)

    def append_c(self, other: Any, inplace: bool = False) -> Series:
        """The channels of both, side by side."""
        others = list(other) if isinstance(other, (list, tuple)) else [other]
        if any(not isinstance(one, Series) or one.is_event != self.is_event for one in others):
            self._refuse("append_c joins series of one kind, all of this network", RASTER_HINT)
        everyone = [self, *others]
        if self.is_event:
            entries = _added_up(entry for number in range(len(everyone)) for entry in _widened(everyone, number))
        else:
            joined: list[Any] = [np.concatenate([one.at(entry.place) for one in everyone]) for entry in self.entries]
            entries = [replace(entry, row=row) for entry, row in zip(self.entries, joined, strict=True)]
        made = self.with_entries(entries, sum(one.num_channels for one in everyone))
        return self._in_place(made) if inplace else made

    def merge(self, other: Any, delay: float = 0.0, remove_duplicates: bool = False, inplace: bool = False) -> Series:
        """The events of both."""
        others = list(other) if isinstance(other, (list, tuple)) else [other]
        plain = self.is_event and not delay and not remove_duplicates
        if not plain or any(not isinstance(one, Series) or one.num_channels != self.num_channels for one in others):
            self._refuse("merge joins events on the same channels, without a delay", RASTER_HINT)
        made = self.with_entries(_added_up(entry for one in (self, *others) for entry in one.entries))
        return self._in_place(made) if inplace else made

    def copy(self) -> Series:
        """The same series anew."""
        return self.with_entries(self.entries)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Series:
        return self.copy()

    # --- what a step does not know ------------------------------------------------------------------------------------
    def _refuse(self, what: str, hint: str = "") -> NoReturn:
        rows = [entry.row.value for entry in self.entries[:1]]
        self.recorder.fail(f"{self._label}: {what}", operands=rows, hint=hint)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(self.kind, name):
            raise AttributeError(f"a traced series has no attribute {name!r}")
        self._refuse(f"{name!r} is read, which one time step does not know", HINTS.get(name, BEFORE_HINT))

    def __call__(self, times: Any) -> Any:
        self._refuse("is read at times of its own", "a series is read at the network's own steps; " + RASTER_HINT)

    def __len__(self) -> int:
        self._refuse("its length is not known while tracing", RASTER_HINT)

    def __iter__(self) -> Any:
        self._refuse("a loop over its samples", RASTER_HINT)

    def __bool__(self) -> bool:
        self._refuse("its truth is not known while tracing", "`is None` tells whether there is one")

    def _values_on(self, other: Any) -> Any:
        """What a series with samples asks for as an operand."""
        self._refuse(
            f"meets {other._label}, a series that is not traced",
            "give it to the network as an input, side by side with the other (append_c), or make it a Parameter",
        )


OPERANDS = (int, float, np.generic, np.ndarray, list, Tracer, Raster, Series)
"""What the other operand of an operator may be."""


def _added_up(entries: Iterable[Entry]) -> list[Entry]:
    """Events in order of time, those of one time as one row."""
    found: dict[Fraction, Any] = {}
    for entry in sorted(entries, key=lambda entry: entry.place):
        found[entry.place] = found[entry.place] + entry.row if entry.place in found else entry.row
    return [Entry(place, row) for place, row in found.items()]


def _widened(series: Sequence[Series], number: int) -> Iterator[Entry]:
    """The events of one of several series, on its channels among those of all."""
    before, after = (
        np.zeros(sum(one.num_channels for one in part)) for part in (series[:number], series[number + 1 :])
    )
    for entry in series[number].entries:
        row: Any = np.concatenate([before, entry.row, after])
        yield replace(entry, row=row)


def _fits(shape: tuple[int, ...], channels: int) -> bool:
    return shape in ((), (1,), (channels,)) or (channels == 1 and len(shape) == 1)


def _sum(left: Any, right: Any) -> Any:
    return _without_lone_nan(left + right, left, right)


def _difference(left: Any, right: Any) -> Any:
    return _without_lone_nan(left - right, left, -right)


def _without_lone_nan(result: Any, left: Any, right: Any) -> Any:
    """As series have it: a NaN counts as 0 where the other operand has a number."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Tracer) or np.isnan(one).any():
            result = np.where(np.isnan(one) & ~np.isnan(other), other, result)
    return result
