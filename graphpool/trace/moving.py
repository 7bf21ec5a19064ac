"""Functions that move elements: rolling, repeating, padding, and reading and writing at positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.trace.functions import METHODS, as_tracer, lowers, method, owned, read_axes
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer
from graphpool.trace.ufuncs import deliver

MODES = ("constant", "edge", "wrap", "reflect", "symmetric")


def _relabelled(recorder: Recorder, tracer: Tracer, places: Array) -> Tracer:
    """Elements at constant places of the flattened array."""
    flat = recorder.emit("reshape", [tracer.value], {"shape": (tracer.size,)})
    value = recorder.emit("take", [flat, recorder.constant(places.astype(np.int64))])
    return Tracer.of(recorder, value, False)


def _labels(tracer: Tracer) -> Array:
    return np.arange(tracer.size).reshape(tracer.shape)


# --- rolling ---------------------------------------------------------------------------------------------------------
@lowers(np.roll)
def _roll(recorder: Recorder, a: Any, shift: Any, axis: Any = None) -> Any:
    tracer = as_tracer(recorder, a)
    if axis is None:
        return owned(np.roll(np.ravel(tracer), shift, 0).reshape(tracer.shape))
    if isinstance(shift, Tracer):
        return _roll_by_traced(recorder, tracer, shift, axis)
    turns = [0] * tracer.ndim
    for count, place in np.broadcast(shift, axis):
        turns[read_axes(recorder, int(place), tracer.ndim)[0]] += int(count)
    value = tracer.value
    for place, count in enumerate(turns):
        value = _turned(recorder, value, place, count)
    return Tracer.of(recorder, value, False, np.empty_like(tracer.storage.shadow))


def _turned(recorder: Recorder, value: Value, axis: int, count: int) -> Value:
    shape = recorder.type(value).shape
    cut = -count % shape[axis] if shape[axis] else 0
    if not cut:
        return value

    def part(start: int, stop: int) -> Value:
        index = tuple((start, stop, 1) if place == axis else (0, n, 1) for place, n in enumerate(shape))
        return recorder.emit("slice", [value], {"index": index})

    parts = [part(cut, shape[axis]), part(0, cut)]
    return recorder.emit("concatenate", parts, {"axis": axis - len(shape)})


def _roll_by_traced(recorder: Recorder, tracer: Tracer, shift: Tracer, axis: Any) -> Tracer:
    if shift.ndim or isinstance(axis, tuple):
        recorder.fail("np.roll with several traced shifts", hint="roll one axis after the other")
    place = read_axes(recorder, axis, tracer.ndim)[0] + tracer.ndim
    size = tracer.shape[place]
    if size == 0:
        return tracer.copy()  # type: ignore[no-any-return]
    places = np.mod(np.arange(size) - shift, size)
    rolled = tracer[(*[slice(None)] * place, places)]
    return Tracer.of(recorder, rolled.value, False, np.empty_like(tracer.storage.shadow))


# --- repeating and padding -------------------------------------------------------------------------------------------
@lowers(np.tile)
def _tile(recorder: Recorder, A: Any, reps: Any) -> Any:
    tracer = as_tracer(recorder, A)
    _refuse_traced(recorder, "np.tile", reps)
    return _relabelled(recorder, tracer, np.tile(_labels(tracer), reps))


@lowers(np.repeat)
def _repeat(recorder: Recorder, a: Any, repeats: Any, axis: Any = None) -> Any:
    tracer = as_tracer(recorder, a)
    _refuse_traced(recorder, "np.repeat", repeats)
    return _relabelled(recorder, tracer, np.repeat(_labels(tracer), repeats, axis))


def _refuse_traced(recorder: Recorder, name: str, count: Any) -> None:
    if any(isinstance(item, Tracer) for item in (count if isinstance(count, (list, tuple)) else [count])):
        recorder.fail(f"{name} a traced number of times", hint="the number must be known while tracing")


@lowers(np.pad)
def _pad(recorder: Recorder, array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    tracer = as_tracer(recorder, array)
    if mode not in MODES:
        recorder.fail(f"np.pad with mode={mode!r}", hint=f"one of {', '.join(MODES)}, or np.concatenate")
    if any(isinstance(item, Tracer) for item in _flat(list(options.values()))):
        recorder.fail("np.pad with traced values", hint="use np.concatenate")
    if mode != "constant":
        return _relabelled(recorder, tracer, np.pad(_labels(tracer), pad_width, mode, **options))
    padded = np.pad(np.zeros(tracer.shape, tracer.dtype), pad_width, mode, **options)
    inside = np.pad(np.ones(tracer.shape, bool), pad_width)
    result = Tracer.of(recorder, recorder.constant(padded), False)
    if tracer.size:
        result[tuple(slice(place.min(), place.max() + 1) for place in inside.nonzero())] = tracer
    return result


def _flat(items: Any) -> list[Any]:
    """The items of nested lists and tuples."""
    return [one for item in items for one in (_flat(item) if isinstance(item, (list, tuple)) else [item])]


# --- positions -------------------------------------------------------------------------------------------------------
@lowers(np.take)
def _take(recorder: Recorder, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    tracer: Any = np.ravel(as_tracer(recorder, a)) if axis is None else as_tracer(recorder, a)
    place = (read_axes(recorder, 0 if axis is None else axis, tracer.ndim) or (0,))[0] % max(tracer.ndim, 1)
    if not tracer.ndim:
        tracer = tracer[None]
    index = indices if isinstance(indices, Tracer) else recorder.plain(indices)
    if mode not in ("raise", "clip", "wrap"):
        recorder.fail(f"np.take with mode={mode!r}", hint="'raise', 'clip' or 'wrap'")
    if mode == "clip":
        index = np.clip(index, 0, tracer.shape[place] - 1)
    elif mode == "wrap":
        index = np.mod(index, tracer.shape[place])
    taken = tracer[(*[slice(None)] * place, index)]
    result = Tracer.of(recorder, taken.value)
    return result if out is None else deliver(recorder, result.value, out, exactly=True)


def _along_axis(recorder: Recorder, array: Tracer, indices: Any, axis: Any) -> tuple[Any, ...]:
    """The index whose arrays count the other axes."""
    index = indices if isinstance(indices, Tracer) else recorder.plain(indices)
    if index.ndim != array.ndim:
        recorder.fail(f"indices of {index.ndim} axes for an array of {array.ndim}", hint="give them the same axes")
    (place,) = read_axes(recorder, axis, array.ndim)
    rank = array.ndim
    return tuple(
        index if other - rank == place else np.arange(n).reshape([-1 if axis == other else 1 for axis in range(rank)])
        for other, n in enumerate(array.shape)
    )


@lowers(np.take_along_axis)
def _take_along_axis(recorder: Recorder, arr: Any, indices: Any, axis: Any = -1) -> Any:
    tracer: Any = as_tracer(recorder, arr)
    if axis is None:
        tracer, axis = np.ravel(tracer), 0
    return tracer[_along_axis(recorder, tracer, indices, axis)]


@lowers(np.put_along_axis)
def _put_along_axis(recorder: Recorder, arr: Any, indices: Any, values: Any, axis: Any) -> None:
    if not isinstance(arr, Tracer):
        recorder.fail("np.put_along_axis into a plain array", hint="make the buffer with np.zeros_like of a traced one")
    if axis is None:
        if arr.ndim != 1:
            recorder.fail("np.put_along_axis with axis=None into several axes", hint="name the axis")
        axis = 0
    arr[_along_axis(recorder, arr, indices, axis)] = values


@lowers(np.diff)
def _diff(
    recorder: Recorder, a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> Any:
    tracer = as_tracer(recorder, a)
    (place,) = read_axes(recorder, axis, tracer.ndim) or (None,)
    if place is None or n < 0:
        recorder.fail(f"np.diff of order {n} of an array of {tracer.ndim} axes", hint="it needs an axis, and n >= 0")
    if n == 0:
        return tracer
    parts: list[Any] = [tracer]
    line = [1 if other - tracer.ndim == place else size for other, size in enumerate(tracer.shape)]
    for item, is_first in ((prepend, True), (append, False)):
        if item is not np._NoValue:
            part = as_tracer(recorder, item)
            parts.insert(0 if is_first else len(parts), part if part.ndim else np.broadcast_to(part, line))
    result = np.concatenate(parts, place) if len(parts) > 1 else tracer
    ahead = [slice(None)] * (place + tracer.ndim)
    for _ in range(n):
        later, earlier = result[(*ahead, slice(1, None))], result[(*ahead, slice(None, -1))]
        result = later != earlier if result.dtype.kind == "b" else later - earlier
    return result


METHODS |= {"repeat": method(np.repeat), "take": method(np.take)}
