"""How ops at traced positions, and ops that run along an axis, become ONNX nodes."""

from __future__ import annotations

import numpy as np

from graphpool.compilers.onnx.emitter import Call, Emitter, Operand, Tensor, lowers
from graphpool.graph import TensorType
from graphpool.graph.types import INT32, INT64


# --- positions -------------------------------------------------------------------------------------
@lowers("position")
def _position(e: Emitter, call: Call) -> str:
    """Not Clip, which older engines lack for integers."""
    (index,), size, dtype = call.args, call.attrs["size"], call.type.dtype
    zero = e.scalar(0, dtype)
    from_end = e.emit("Add", index, e.scalar(size, dtype))
    counted = e.emit("Where", e.emit("Less", index, zero), from_end, index)
    return e.emit("Max", e.emit("Min", counted, e.scalar(size - 1, dtype)), zero)


@lowers("take")
def _take(e: Emitter, call: Call) -> str:
    """Gather, unless the array and the index are both streams: then each step of each sample gathers for itself."""
    x, index = call.args
    if not (x.stream and index.stream):
        return e.emit("Gather", x, index, axis=-x.rank if x.stream else 0)
    places = e.unsqueeze(_as_int64(e, index), [-1])
    return e.emit("GatherND", x, places, batch_dims=e.leading)


@lowers("put")
def _put(e: Emitter, call: Call) -> str:
    """ScatterElements: the positions are repeated over the elements of each row. Equal positions get equal rows."""
    base, index, rows = (e.lift(arg) for arg in call.args)
    places = e.unsqueeze(_as_int64(e, index), [axis for axis in range(1 - base.rank, 0)])
    shape = e.ints([1] * e.leading + list(rows.type.shape))
    return e.emit("ScatterElements", base, e.emit("Expand", places, shape), rows, axis=-base.rank)


def _as_int64(e: Emitter, index: Tensor) -> Tensor:
    if index.type.dtype == INT64:
        return index
    return Tensor(e.cast(index, INT64), index.type.with_dtype(INT64))


# --- where the extreme lies ------------------------------------------------------------------------
@lowers("argmax")
def _argmax(e: Emitter, call: Call) -> str:
    return _place(e, call, "ArgMax")


@lowers("argmin")
def _argmin(e: Emitter, call: Call) -> str:
    return _place(e, call, "ArgMin")


def _place(e: Emitter, call: Call, op: str) -> str:
    """The first NaN wins in NumPy; engines order NaN as they like."""
    (x,), axis = call.args, call.attrs["axis"]
    found = e.emit(op, x, axis=axis, keepdims=0)
    if x.type.dtype.kind == "f":
        flags = e.cast(e.emit("IsNaN", x), INT32)
        any_nan = e.emit("Greater", e.emit("ReduceSum", flags, e.ints([axis]), keepdims=0), e.scalar(0, INT32))
        found = e.emit("Where", any_nan, e.emit("ArgMax", flags, axis=axis, keepdims=0), found)
    return e.cast(found, INT32)


# --- running ---------------------------------------------------------------------------------------
@lowers("cumsum")
def _cumsum(e: Emitter, call: Call) -> str:
    return e.emit("CumSum", call.args[0], e.constant(np.array(call.attrs["axis"], np.int64)))


@lowers("cumprod")
def _cumprod(e: Emitter, call: Call) -> str:
    """Products over 1, 2, 4, ... elements: a factor lies that far before, or is 1."""
    x, axis = call.args[0], call.attrs["axis"]
    size, reach, result = x.type.shape[axis], 1, x.name
    while reach < size:
        shape = list(x.type.shape)
        shape[axis] = reach
        ones = e.lift(e.constant(np.ones(shape, call.type.dtype)))
        earlier = e.emit("Slice", result, e.ints([0]), e.ints([size - reach]), e.ints([axis]))
        result = e.emit("Mul", e.emit("Concat", ones, earlier, axis=axis), result)
        reach *= 2
    return result


@lowers("prod")
def _prod(e: Emitter, call: Call) -> str:
    """One factor after the other: ReduceProd lacks dtypes in some engines."""
    result, axes = call.args[0], call.attrs["axes"]
    for axis in axes:
        result = _product_along(e, result, axis)
    gone = [] if call.attrs["keepdims"] else list(axes)
    return e.emit("Squeeze", result, e.ints(gone)) if gone else result.name


def _product_along(e: Emitter, x: Tensor, axis: int) -> Tensor:
    shape = list(x.type.shape)
    size, shape[axis] = shape[axis], 1
    type_ = TensorType(x.type.dtype, tuple(shape))
    if size == 0:
        return e.lift(e.constant(np.ones(type_.shape, type_.dtype)))
    factors: list[Operand] = [x]
    if size > 1:
        names = [e.fresh("factor") for _ in range(size)]
        factors = list(e.emit_many("Split", [x, e.ints([1] * size)], names, axis=axis))
    result = factors[0]
    for factor in factors[1:]:
        result = e.emit("Mul", result, factor)
    return Tensor(result if isinstance(result, str) else result.name, type_)
