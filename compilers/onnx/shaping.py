"""How ops that move elements become ONNX nodes. Axes count from the end, so leading axes never matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import numpy_helper

from graphpool.compilers.onnx.emitter import Call, Emitter, Tensor, lowers
from graphpool.graph import TensorType
from graphpool.graph.types import Array, Shape
from graphpool.ops.shaping import Index, as_slices


@lowers("reshape")
def _reshape(e: Emitter, call: Call) -> str:
    """A 0 copies the length of a leading axis, unless the sample is empty and has a 0 of its own."""
    (x,), shape = call.args, call.type.shape
    if 0 in shape:
        return e.emit("Reshape", x, e.full_shape(shape), allowzero=1)
    return e.emit("Reshape", x, e.ints([0] * e.leading + list(shape)))


@lowers("transpose")
def _transpose(e: Emitter, call: Call) -> str:
    rank = e.leading + call.type.rank
    return e.emit("Transpose", call.args[0], perm=[*range(e.leading), *(rank + axis for axis in call.attrs["axes"])])


@lowers("squeeze")
def _squeeze(e: Emitter, call: Call) -> str:
    axes = call.attrs["axes"]
    return e.emit("Squeeze", call.args[0], e.ints(axes)) if axes else call.args[0].name


@lowers("expand")
def _expand(e: Emitter, call: Call) -> str:
    return e.unsqueeze(call.args[0], call.attrs["axes"]).name


@lowers("broadcast")
def _broadcast(e: Emitter, call: Call) -> str:
    shape = call.type.shape
    if 0 in shape:  # onnxruntime's Expand refuses to make an axis empty
        nothing = numpy_helper.from_array(np.zeros(1, call.type.dtype))
        return e.emit("ConstantOfShape", e.full_shape(shape), value=nothing)
    return e.emit("Expand", e.pad(call.args[0], len(shape)), e.ints([1] * e.leading + list(shape)))


@lowers("concatenate")
def _concatenate(e: Emitter, call: Call) -> str:
    return e.emit("Concat", *(e.lift(arg) for arg in call.args), axis=call.attrs["axis"])


@lowers("stack")
def _stack(e: Emitter, call: Call) -> str:
    axis = call.attrs["axis"]
    return e.emit("Concat", *(e.unsqueeze(e.lift(arg), [axis]) for arg in call.args), axis=axis)


@lowers("slice")
def _slice(e: Emitter, call: Call) -> str:
    x, index = call.args[0], call.attrs["index"]
    rank = x.rank
    starts, ends, axes, steps = [], [], [], []
    for axis, (size, places) in enumerate(zip(x.type.shape, _places(index, x.type.shape), strict=True)):
        if places == range(size):
            continue
        starts.append(places.start)
        # A stop of -1 means "through element 0" in a range, but the last element to ONNX.
        ends.append(places.stop if places.stop >= 0 else -size - 1)
        axes.append(axis - rank)
        steps.append(places.step)
    result = x.name
    if axes:
        result = e.emit("Slice", result, e.ints(starts), e.ints(ends), e.ints(axes), e.ints(steps))
    gone = _integer_axes(index)
    return e.emit("Squeeze", result, e.ints(gone)) if gone else result


@lowers("update")
def _update(e: Emitter, call: Call) -> str:
    """The value is spread over the whole shape, axis by axis; a constant mask picks it where it was written.

    Scatter would need positions for every leading index, whose lengths are not known here.
    """
    base, value = call.args
    index, shape, dtype = call.attrs["index"], base.type.shape, base.type.dtype
    places = _places(index, shape)
    if any(not len(axis) for axis in places):
        return e.lift(base).name
    spread = _spread(e, value, index, shape, places)
    mask = _mask(shape, places)
    if mask.all():
        whole = e.lift(spread)
        return e.emit("Expand", whole, e.ints([1] * e.leading + list(shape)))
    return e.where(e.constant(mask), spread, base, dtype)


def _places(index: Index, shape: Shape) -> list[range]:
    """The positions that an index takes along each axis; of an integer, the one."""
    places = []
    for entry, size in zip(as_slices(index), shape, strict=True):
        if isinstance(entry, int):
            places.append(range(entry % size, entry % size + 1))
        else:
            places.append(range(*entry.indices(size)))
    return places


def _integer_axes(index: Index) -> list[int]:
    return [axis - len(index) for axis, entry in enumerate(index) if isinstance(entry, int)]


def _spread(e: Emitter, value: Tensor, index: Index, shape: Shape, places: Sequence[range]) -> Tensor:
    """The value with the rank of the base: axes of length 1 or of the base's, elements in their places."""
    slot_rank = sum(not isinstance(entry, int) for entry in index)
    missing = slot_rank - value.rank
    value = e.unsqueeze(value, [axis - slot_rank for axis in range(missing)])
    value = e.unsqueeze(value, _integer_axes(index))
    for axis, (size, taken) in enumerate(zip(shape, places, strict=True)):
        own = value.type.shape[axis]
        if own == 1 or taken == range(size):
            continue
        source = np.zeros(size, np.int64)
        source[list(taken)] = np.arange(own)
        value = _gather(e, value, source, axis - len(shape))
    return value


def _gather(e: Emitter, x: Tensor, positions: Array, axis: int) -> Tensor:
    if x.array is not None:
        return e.constant(np.take(x.array, positions, axis))
    shape = list(x.type.shape)
    shape[axis] = len(positions)
    return Tensor(e.emit("Gather", x, e.ints(positions), axis=axis), TensorType(x.type.dtype, tuple(shape)))


def _mask(shape: Shape, places: Sequence[range]) -> Array:
    """Where the base is written, with axes of length 1 where all of it is."""
    mask = np.ones((1,) * len(shape), bool)
    for axis, (size, taken) in enumerate(zip(shape, places, strict=True)):
        if len(taken) < size:
            line = np.isin(np.arange(size), list(taken))
            mask = mask & line.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return mask
