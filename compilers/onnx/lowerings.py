"""How each op becomes ONNX nodes: arithmetic, functions, logic, casts, reductions, products, spikes.

Ops that move elements are in :mod:`graphpool.compilers.onnx.shaping`. Only what onnxruntime's CPU kernels
really have is used; where they differ from NumPy (bool, NaN, empty axes, integers modulo zero), the lowering
mends it. One thing cannot be mended: onnxruntime's Where makes 0.0 of -0.0.
"""

from __future__ import annotations

import math

import numpy as np

from graphpool.compilers.onnx.emitter import Call, Emitter, Lowering, Operand, Tensor, lowers
from graphpool.graph.types import INT32

SAME = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "abs": "Abs", "sign": "Sign",
    "floor": "Floor", "round": "Round", "maximum": "Max", "minimum": "Min", "exp": "Exp", "log": "Log",
    "sqrt": "Sqrt", "tanh": "Tanh", "equal": "Equal", "less": "Less", "less_equal": "LessOrEqual",
    "greater": "Greater", "greater_equal": "GreaterOrEqual", "and": "And", "or": "Or", "xor": "Xor",
    "not": "Not",
}  # fmt: skip
"""Ops that are one ONNX op with NumPy's meaning."""


def _same(op: str) -> Lowering:
    return lambda e, call: e.emit(op, *call.args)


for _name, _op in SAME.items():
    lowers(_name)(_same(_op))


@lowers("not_equal")
def _not_equal(e: Emitter, call: Call) -> str:
    return e.emit("Not", e.emit("Equal", *call.args))


@lowers("clip")
def _clip(e: Emitter, call: Call) -> str:
    """Not Clip, whose bounds are scalars."""
    x, low, high = call.args
    return e.emit("Min", e.emit("Max", x, low), high)


@lowers("where")
def _where(e: Emitter, call: Call) -> str:
    condition, x, y = call.args
    return e.where(condition, x, y, call.type.dtype)


@lowers("cast")
def _cast(e: Emitter, call: Call) -> str:
    return e.cast(call.args[0], call.type.dtype)


# --- remainder and power ---------------------------------------------------------------------------
@lowers("mod")
def _mod(e: Emitter, call: Call) -> str:
    x, y = call.args
    return _int_mod(e, x, y) if call.type.dtype.kind == "i" else _float_mod(e, x, y)


def _int_mod(e: Emitter, x: Tensor, y: Tensor) -> str:
    """A divisor of 0, or of -1 for the least integer, kills the process; both give 0, as 1 does."""
    dtype = x.type.dtype
    unsafe = e.emit("Or", e.emit("Equal", y, e.scalar(0, dtype)), e.emit("Equal", y, e.scalar(-1, dtype)))
    return e.emit("Mod", x, e.emit("Where", unsafe, e.scalar(1, dtype), y), fmod=0)


def _float_mod(e: Emitter, x: Tensor, y: Tensor) -> str:
    """C's fmod, corrected as NumPy does: the sign of y, also where the remainder is zero."""
    zero = e.scalar(0, x.type.dtype)
    rest = e.emit("Mod", x, y, fmod=1)
    exact, negative = e.emit("Equal", rest, zero), e.emit("Less", y, zero)
    other_sign = e.emit("Xor", e.emit("Less", rest, zero), negative)
    signed_zero = e.emit("Where", negative, e.scalar(-0.0, x.type.dtype), zero)
    return e.emit("Where", exact, signed_zero, e.emit("Where", other_sign, e.emit("Add", rest, y), rest))


@lowers("pow")
def _pow(e: Emitter, call: Call) -> str:
    x, y = call.args
    return _int_pow(e, x, y) if call.type.dtype.kind == "i" else e.emit("Pow", x, y)


def _int_pow(e: Emitter, x: Tensor, y: Tensor) -> str:
    """By squaring: engines go through floating point, which is not exact above 2**53.

    Bit k of the exponent says whether x**(2**k) is a factor. An exponent above 63 that is no constant counts
    as 64 or 65 by its parity, which is right unless an odd base other than 1 and -1 has overflowed.
    """
    dtype, one = x.type.dtype, e.scalar(1, x.type.dtype)
    levels = 7
    if y.array is not None:
        levels = max(1, int(y.array.max(initial=0)).bit_length())
    else:
        parity = e.emit("Add", e.scalar(64, dtype), e.emit("Mod", y, e.scalar(2, dtype), fmod=0))
        y = Tensor(e.emit("Where", e.emit("Less", y, e.scalar(64, dtype)), y, parity), y.type)
    result, square = "", x
    for level in range(levels):
        if level:
            square = _square(e, square)
        factor = e.emit("Where", _bit(e, y, level), square, one)
        result = e.emit("Mul", result, factor) if result else factor
    return result


def _square(e: Emitter, x: Tensor) -> Tensor:
    """Of a constant here: shape inference calls an overflow an error where NumPy wraps."""
    if x.array is None:
        return Tensor(e.emit("Mul", x, x), x.type)
    with np.errstate(over="ignore"):
        return e.constant(np.asarray(x.array * x.array))


def _bit(e: Emitter, y: Tensor, level: int) -> Operand:
    dtype = y.type.dtype
    if y.array is not None:
        return e.constant((y.array >> level) % 2 == 1)
    shifted = e.emit("Div", y, e.scalar(2**level, dtype)) if level else y
    return e.emit("Equal", e.emit("Mod", shifted, e.scalar(2, dtype), fmod=0), e.scalar(1, dtype))


# --- reductions ------------------------------------------------------------------------------------
def _reduce_sum(e: Emitter, x: Operand, call: Call) -> str:
    """No axes would mean all axes to ONNX, leading ones included."""
    if not call.attrs["axes"]:
        return x if isinstance(x, str) else x.name
    return e.emit("ReduceSum", x, e.ints(call.attrs["axes"]), keepdims=int(call.attrs["keepdims"]))


@lowers("sum")
def _sum(e: Emitter, call: Call) -> str:
    return _reduce_sum(e, call.args[0], call)


@lowers("mean")
def _mean(e: Emitter, call: Call) -> str:
    """The sum over the count, as in NumPy; ReduceMean of an empty axis is 0 in onnxruntime, not NaN."""
    count = math.prod(call.args[0].type.shape[axis] for axis in call.attrs["axes"])
    return e.emit("Div", _reduce_sum(e, call.args[0], call), e.scalar(count, call.type.dtype))


@lowers("max")
def _max(e: Emitter, call: Call) -> str:
    return _extreme(e, call, "ReduceMax")


@lowers("min")
def _min(e: Emitter, call: Call) -> str:
    return _extreme(e, call, "ReduceMin")


def _extreme(e: Emitter, call: Call, op: str) -> str:
    """Engines treat NaN as they like in these; in NumPy it wins."""
    (x,), axes, dtype = call.args, call.attrs["axes"], call.type.dtype
    if not axes:
        return x.name
    extreme = e.emit(op, x, axes=axes, keepdims=int(call.attrs["keepdims"]))
    if dtype.kind != "f":
        return extreme
    nan = _any_of(e, e.emit("IsNaN", x), call)
    return e.emit("Where", nan, e.scalar(np.nan, dtype), extreme)


def _any_of(e: Emitter, flags: Operand, call: Call) -> str:
    counted = _reduce_sum(e, e.cast(flags, INT32), call)
    return e.emit("Greater", counted, e.scalar(0, INT32))


@lowers("any")
def _any(e: Emitter, call: Call) -> str:
    return _any_of(e, call.args[0], call)


@lowers("all")
def _all(e: Emitter, call: Call) -> str:
    return e.emit("Not", _any_of(e, e.emit("Not", call.args[0]), call))


# --- products --------------------------------------------------------------------------------------
@lowers("matmul")
def _matmul(e: Emitter, call: Call) -> str:
    """The cases of matmul by rank and by which operand is a stream, in one place.

    A stream of vectors against a weight is one product of matrices over all leading axes, from either side.
    """
    a, b = call.args
    if not b.stream and b.rank == 2:
        return e.emit("MatMul", a, b)
    if not b.stream and b.rank == 1:
        return _dot(e, a, b)
    if a.array is not None and a.rank == 2 and b.rank == 1:
        return e.emit("MatMul", b, e.constant(a.array.T))
    if not a.stream and a.rank == b.rank == 1:
        return _dot(e, b, a)
    gone = [axis for axis, operand in ((-2, a), (-1, b)) if operand.rank == 1]
    a = e.unsqueeze(a, [-2]) if a.rank == 1 else a
    b = e.unsqueeze(b, [-1]) if b.rank == 1 else b
    product = e.emit("MatMul", *e.align([a, b]))
    return e.emit("Squeeze", product, e.ints(gone)) if gone else product


def _dot(e: Emitter, rows: Tensor, vector: Tensor) -> str:
    """Every row times a constant vector."""
    return e.emit("Squeeze", e.emit("MatMul", rows, e.unsqueeze(vector, [-1])), e.ints([-1]))


# --- spikes ----------------------------------------------------------------------------------------
@lowers("spike")
def _spike(e: Emitter, call: Call) -> str:
    v, threshold = call.args
    most, dtype = call.attrs["max_spikes"], call.type.dtype
    above = e.emit("Greater" if call.attrs.get("strict", False) else "GreaterOrEqual", v, threshold)
    if most == 1:
        return e.cast(above, dtype)
    zero = e.scalar(0, dtype)
    count = e.emit("Where", above, e.emit("Floor", e.emit("Div", v, threshold)), zero)
    return count if most == math.inf else e.emit("Min", count, e.scalar(most, dtype))
