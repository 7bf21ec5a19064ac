"""Indices with arrays or traced integers in them: ``v[i]``, ``m[:, [0, 2]]``, ``table[index] = x``.

A traced NumPy scalar is an integer to NumPy, so ``m[i]`` is a view that reads and writes through; an array of integers
makes a copy. Constant indices are checked here. A traced index out of range cannot raise in a compiled program: it goes
to the nearest end of its axis, on every target (the row ``position``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL, INT64, Array, Shape
from graphpool.trace.recorder import Recorder
from graphpool.trace.storage import DerivedView, Storage
from graphpool.trace.tracer import Tracer, operand_value, shadow_of

EVERYTHING = slice(None)


def is_advanced(key: Any) -> bool:
    """Whether an index holds an array, a list or a traced value."""
    entries = key if isinstance(key, tuple) else (key,)
    return any(isinstance(entry, (Tracer, np.ndarray, list, range)) for entry in entries)


@dataclass
class AdvancedIndex:
    """An index taken apart.

    Attributes:
        basic: the basic index with ``:`` where an array or a traced integer stands.
        arrays: those, as NumPy arrays or tracers, each with its axis in the view that ``basic`` gives.
        together: whether they stand next to each other, so that the new axes take their place.
        concrete: the whole index with zeros in place of traced integers, for layouts.
        is_whole: only integers, one for every axis: NumPy gives a scalar.
    """

    basic: tuple[Any, ...]
    arrays: list[tuple[Any, int]]
    together: bool
    concrete: tuple[Any, ...]
    is_whole: bool

    @property
    def shape(self) -> Shape:
        """The axes that the arrays give together."""
        return np.broadcast_shapes(*[entry.shape for entry, _ in self.arrays])


def parse_advanced(recorder: Recorder, key: Any, shape: Shape) -> AdvancedIndex:
    """Read an index that holds arrays or traced integers."""
    read: list[tuple[Any, int | None]] = []
    for entry in key if isinstance(key, tuple) else (key,):
        read += _read_entry(recorder, entry)
    entries, lengths = [entry for entry, _ in read], [length for _, length in read]
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if used > len(shape):
        recorder.fail(f"{used} indices for an array of shape {shape}")
    if sum(entry is Ellipsis for entry in entries) > 1:
        recorder.fail("an index can hold one ellipsis ('...')")
    has_arrays = any(_is_array(entry) and entry.ndim for entry in entries)
    if has_arrays:  # an integer beside an array is an array of no axes
        entries = [np.asarray(entry) if _is_integer(entry) else entry for entry in entries]
    places = [number for number, entry in enumerate(entries) if _is_array(entry)]
    together = places == list(range(places[0], places[-1] + 1))
    is_whole = used == len(shape) and all(_is_array(entry) or _is_integer(entry) for entry in entries)
    basic: list[Any] = []
    arrays: list[tuple[Any, int]] = []
    source = axis = 0
    for entry, length in zip(entries, lengths, strict=True):
        if length not in (None, shape[min(source, len(shape) - 1)]):
            recorder.fail(f"a mask over {length} elements for axis {source} of shape {shape}")
        if entry is Ellipsis:
            source, axis = source + len(shape) - used, axis + len(shape) - used
        elif entry is None:
            axis += 1
        elif _is_array(entry):
            arrays.append((_checked(recorder, entry, source, shape), axis))
            source, axis = source + 1, axis + 1
        else:
            source, axis = source + 1, axis + (not _is_integer(entry))
        basic.append(EVERYTHING if _is_array(entry) else entry)
    concrete = tuple(_stand_in(entry) if _is_array(entry) else entry for entry in entries)
    try:
        np.broadcast_shapes(*[entry.shape for entry, _ in arrays])
    except ValueError as error:
        recorder.fail(f"index arrays: {error}", cause=error)
    return AdvancedIndex(tuple(basic), arrays, together, concrete, is_whole)


def _is_array(entry: Any) -> bool:
    return isinstance(entry, (Tracer, np.ndarray))


def _is_integer(entry: Any) -> bool:
    return isinstance(entry, (int, np.integer))


def _read_entry(recorder: Recorder, entry: Any) -> list[tuple[Any, int | None]]:
    """An entry as an integer, slice, None, ellipsis, tracer or array of integers.

    A constant mask is an array for each of its axes, each beside the length that its axis must have.
    """
    entry = list(entry) if isinstance(entry, range) else entry
    if isinstance(entry, list) and any(isinstance(item, Tracer) for item in entry):
        entry = np.stack(entry)
    elif isinstance(entry, list):
        entry = np.asarray(entry, dtype=np.int64 if not entry else None)
    if not _is_array(entry):
        return [(entry, None)]
    entry = entry if isinstance(entry, Tracer) else recorder.plain(entry)
    if isinstance(entry, np.ndarray) and entry.dtype == BOOL and entry.ndim:
        return list(zip(entry.nonzero(), entry.shape, strict=True))
    if entry.dtype == BOOL:
        recorder.fail(
            "a mask among other indices, whose number of elements is not known while tracing",
            operands=[entry.value] if isinstance(entry, Tracer) else (),
            hint="mask the whole array, or use np.where on the part",
        )
    if entry.dtype.kind not in "iu":
        shown = repr(entry) if isinstance(entry, Tracer) else f"an array of {entry.dtype}"
        recorder.fail(f"an index must be of integers, and this one is {shown}", hint="convert it: i.astype(np.int64)")
    return [(entry, None)]


def _checked(recorder: Recorder, entry: Any, axis: int, shape: Shape) -> Any:
    """A constant index counted from the front; out of bounds is an error, as in NumPy."""
    size = shape[axis]
    if size == 0 and entry.size:
        recorder.fail(f"an index into the empty axis {axis} of shape {shape}")
    if isinstance(entry, Tracer):
        return entry
    wrong = (entry < -size) | (entry >= size)
    if wrong.any():
        recorder.fail(f"index {entry[wrong].flat[0]} is out of bounds for axis {axis} of shape {shape}")
    return np.where(entry < 0, entry + size, entry).astype(np.int64)


def _stand_in(entry: Any) -> Array:
    return np.zeros_like(shadow_of(entry), dtype=np.int64) if isinstance(entry, Tracer) else np.asarray(entry)


# --- reading and writing ---------------------------------------------------------------------------------------------
def read_advanced(array: Tracer, key: Any) -> Any:
    """``array[key]``."""
    recorder = array.recorder
    index = parse_advanced(recorder, key, array.shape)
    if index.shape or any(entry.ndim for entry, _ in index.arrays):
        shadow = np.array(array.storage.shadow[index.concrete], copy=True, order="K")
        return Tracer.of(recorder, _Rows(array, index).read(), False, shadow)
    view = _picked(array, index)
    if index.is_whole:
        return Tracer.of(recorder, view.read())
    if any(isinstance(entry, np.ndarray) or not entry.is_scalar for entry, _ in index.arrays):
        return Tracer.of(recorder, view.read(), False, np.empty_like(view.shadow))  # NumPy copies there
    return Tracer(recorder, view)


def write_advanced(array: Tracer, key: Any, item: Any) -> None:
    """``array[key] = item``."""
    recorder = array.recorder
    index = parse_advanced(recorder, key, array.shape)
    if not index.shape and not any(entry.ndim for entry, _ in index.arrays):
        target = Tracer(recorder, _picked(array, index))
        # Where `m[i] += x` has written through the view already, Python assigns that view to itself.
        viewed = isinstance(item, Tracer) and isinstance(item.storage, DerivedView)
        if not (viewed and recorder.same(item.value, target.value)):
            target.assign(operand_value(recorder, item, target.dtype), casting="unsafe")
        return
    rows = _Rows(array, index)
    # A slot of the right type takes the value, cast and broadcast as every array does.
    empty = recorder.constant(np.zeros((), array.dtype))
    slot = Tracer.of(recorder, recorder.broadcast(empty, rows.result_shape), False)
    slot.assign(operand_value(recorder, item, array.dtype), casting="unsafe")
    rows.write(slot.value)


def _whole_view(array: Tracer, index: AdvancedIndex) -> Tracer:
    """The view that the basic part of an index gives."""
    ending = () if Ellipsis in index.basic else (Ellipsis,)
    view: Tracer = array[(*index.basic, *ending)]
    return view


def _picked(array: Tracer, index: AdvancedIndex) -> Storage:
    """The storage of ``array[key]`` where every array in the key is one integer."""
    storage: Storage = _whole_view(array, index).storage
    for entry, axis in reversed(index.arrays):
        size = array.recorder.type(storage.read()).shape[axis]
        storage = PickView(array.recorder, storage, position(array.recorder, entry, size), axis)
    return storage


def position(recorder: Recorder, entry: Any, size: int) -> Value:
    """An index as a position in an axis: an int64 value of the graph."""
    if not isinstance(entry, Tracer):
        return recorder.constant(np.asarray(entry, np.int64))
    return recorder.emit("position", [recorder.cast(entry.value, INT64)], {"size": size})


def rearrange(recorder: Recorder, value: Value, order: list[int]) -> Value:
    """The axes in another order, named from the front; the same value where they stand so."""
    if order == list(range(len(order))):
        return value
    return recorder.emit("transpose", [value], {"axes": tuple(axis - len(order) for axis in order)})


def reshaped(recorder: Recorder, value: Value, shape: Shape) -> Value:
    """The same elements in another shape; the same value where it has it."""
    return value if recorder.type(value).shape == shape else recorder.emit("reshape", [value], {"shape": shape})


class PickView(DerivedView):
    """One row of a base along an axis, at a traced position."""

    def __init__(self, recorder: Recorder, base: Storage, place: Value, axis: int) -> None:
        rank = base.shadow.ndim
        key: tuple[Any, ...] = (*[EVERYTHING] * axis, 0, ...)
        shadow = base.shadow[key]
        super().__init__(recorder, base, shadow, "a row at a traced position", self._take)
        self._place = place
        self._front = [axis, *(other for other in range(rank) if other != axis)]

    def _take(self, base: Value) -> Value:
        return self._recorder.emit("take", [rearrange(self._recorder, base, self._front), self._place])

    def write(self, value: Value) -> None:
        recorder = self._recorder
        base = rearrange(recorder, self._base.read(), self._front)
        rank = recorder.type(value).rank
        row = recorder.emit("expand", [value], {"axes": (-rank - 1,)})
        place = recorder.emit("expand", [self._place], {"axes": (-1,)})
        written = recorder.emit("put", [base, place, row])
        self._base.write(rearrange(recorder, written, [self._front.index(axis) for axis in range(rank + 1)]))


class _Rows:
    """An array with its indexed axes in front and folded into one, and the positions in that."""

    def __init__(self, array: Tracer, index: AdvancedIndex) -> None:
        self._recorder = array.recorder
        self._view = _whole_view(array, index)
        axes = [axis for _, axis in index.arrays]
        shape = self._view.shape
        self._front = [*axes, *(axis for axis in range(len(shape)) if axis not in axes)]
        self._sizes = tuple(shape[axis] for axis in axes)
        self._rest = tuple(shape[axis] for axis in self._front[len(axes) :])
        self._shape = index.shape
        self._places = self._linear([entry for entry, _ in index.arrays])
        before = axes[0] if index.together else 0
        new = len(self._shape)
        rest = list(range(new, new + len(self._rest)))
        self._order = [*rest[:before], *range(new), *rest[before:]]
        taken = self._shape + self._rest
        self.result_shape = tuple(taken[axis] for axis in self._order)

    def _linear(self, entries: list[Any]) -> Value:
        """Positions in the folded axis: row times columns plus column."""
        recorder, total = self._recorder, None
        for number, (entry, size) in enumerate(zip(entries, self._sizes, strict=True)):
            place = position(recorder, entry, size)
            stride = math.prod(self._sizes[number + 1 :])
            if stride != 1:
                place = recorder.emit("mul", [place, recorder.constant(np.int64(stride))])
            total = place if total is None else recorder.emit("add", [total, place])
        assert total is not None
        return recorder.broadcast(total, self._shape)

    def _folded(self) -> Value:
        value = rearrange(self._recorder, self._view.value, self._front)
        return reshaped(self._recorder, value, (math.prod(self._sizes), *self._rest))

    def read(self) -> Value:
        taken = self._recorder.emit("take", [self._folded(), self._places])
        return rearrange(self._recorder, taken, self._order)

    def write(self, value: Value) -> None:
        recorder, count = self._recorder, math.prod(self._shape)
        back = [self._order.index(axis) for axis in range(len(self._order))]
        rows = reshaped(recorder, rearrange(recorder, value, back), (count, *self._rest))
        if count == 0:
            return
        places = reshaped(recorder, self._places, (count,))
        if count > 1:
            rows = _last_wins(recorder, places, rows, count)
        written = recorder.emit("put", [self._folded(), places, rows])
        whole = reshaped(recorder, written, self._sizes + self._rest)
        restored = [self._front.index(axis) for axis in range(len(self._front))]
        self._view.storage.write(rearrange(recorder, whole, restored))


def _last_wins(recorder: Recorder, places: Value, rows: Value, count: int) -> Value:
    """Equal positions get the row of the last of them, whatever the order in which a target writes."""
    across = recorder.emit("expand", [places], {"axes": (-2,)})
    equal = recorder.emit("equal", [recorder.emit("expand", [places], {"axes": (-1,)}), across])
    numbers = recorder.constant(np.arange(count, dtype=np.int64))
    first = recorder.constant(np.int64(0))
    last = recorder.emit("where", [equal, numbers, first])
    winner = recorder.emit("max", [last], {"axes": (-1,), "keepdims": False})
    return recorder.emit("take", [rows, winner])
