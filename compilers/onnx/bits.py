"""How the bits of integers become ONNX nodes.

Opset 17 has shifts of unsigned integers only, and no bitwise operators: these take the bits apart along a new axis.
"""

from __future__ import annotations

import numpy as np

from graphpool.compilers.onnx.emitter import Call, Emitter, Operand, Tensor, lowers
from graphpool.graph.types import BOOL, INT32, INT64, DType

UNSIGNED: dict[DType, DType] = {INT32: np.dtype(np.uint32), INT64: np.dtype(np.uint64)}


@lowers("bit_not")
def _bit_not(e: Emitter, call: Call) -> str:
    return _complement(e, call.args[0], call.type.dtype)


def _complement(e: Emitter, x: Operand, dtype: DType) -> str:
    return e.emit("Sub", e.scalar(-1, dtype), x)


# --- and, or, xor ----------------------------------------------------------------------------------
@lowers("bit_and")
def _bit_and(e: Emitter, call: Call) -> str:
    return _common_bits(e, *call.args)


@lowers("bit_or")
def _bit_or(e: Emitter, call: Call) -> str:
    """The sum counts common bits twice; where it wraps, the difference wraps back."""
    x, y = call.args
    return e.emit("Sub", e.emit("Add", x, y), _common_bits(e, x, y))


@lowers("bit_xor")
def _bit_xor(e: Emitter, call: Call) -> str:
    x, y = call.args
    common = _common_bits(e, x, y)
    return e.emit("Sub", e.emit("Sub", e.emit("Add", x, y), common), common)


def _common_bits(e: Emitter, x: Tensor, y: Tensor) -> str:
    """A constant mask of the lowest bits is a remainder; otherwise bit by bit."""
    dtype = x.type.dtype
    if y.array is None:
        x, y = y, x
    mask = y.array
    if mask is not None and mask.size and np.all(mask >= 0) and np.all(mask < np.iinfo(dtype).max):
        if not np.any(mask & (mask + 1)):
            return e.emit("Mod", x, e.constant(np.asarray(mask + 1)), fmod=0)
        places = int(mask.max()).bit_length()
    else:
        places = np.iinfo(dtype).bits
    both = e.emit("And", _bits(e, x, places), _bits(e, y, places))
    return _number(e, both, places, dtype)


def _bits(e: Emitter, x: Tensor, places: int) -> str:
    """The lowest bits of each element as flags, along a new last axis."""
    unsigned = UNSIGNED[x.type.dtype]
    column = e.emit("Unsqueeze", e.cast(x, unsigned), e.ints([-1]))
    shifted = e.emit("BitShift", column, e.constant(np.arange(places, dtype=unsigned)), direction="RIGHT")
    return e.cast(e.emit("Mod", shifted, e.scalar(2, unsigned), fmod=0), BOOL)


def _number(e: Emitter, flags: str, places: int, dtype: DType) -> str:
    """The integers that have these bits; the highest place is the negative one.

    A product of matrices, since ReduceSum of int64 goes through floating point.
    """
    values = np.left_shift(np.ones(places, dtype), np.arange(places, dtype=dtype))
    return e.emit("MatMul", e.cast(flags, dtype), e.constant(values))


# --- shifts ----------------------------------------------------------------------------------------
@lowers("shift_left")
def _shift_left(e: Emitter, call: Call) -> str:
    x, places = call.args
    return _within(e, places, _shift(e, x, places, "LEFT", call.type.dtype))


@lowers("shift_right")
def _shift_right(e: Emitter, call: Call) -> str:
    """Of a negative number, the complement of the shifted complement: what moves in is the sign."""
    x, places = call.args
    dtype = call.type.dtype
    negative = e.emit("Less", x, e.scalar(0, dtype))
    positive = e.emit("Where", negative, _complement(e, x, dtype), x)
    shifted = _within(e, places, _shift(e, positive, places, "RIGHT", dtype))
    return e.emit("Where", negative, _complement(e, shifted, dtype), shifted)


def _shift(e: Emitter, x: Operand, places: Tensor, direction: str, dtype: DType) -> str:
    unsigned = UNSIGNED[dtype]
    shifted = e.emit("BitShift", e.cast(x, unsigned), e.cast(places, unsigned), direction=direction)
    return e.cast(shifted, dtype)


def _within(e: Emitter, places: Tensor, shifted: str) -> str:
    """No bits are left of a shift by a negative number of places, or by all."""
    dtype = places.type.dtype
    zero, width = e.scalar(0, dtype), e.scalar(np.iinfo(dtype).bits, dtype)
    fits = e.emit("And", e.emit("GreaterOrEqual", places, zero), e.emit("Less", places, width))
    return e.emit("Where", fits, shifted, zero)
