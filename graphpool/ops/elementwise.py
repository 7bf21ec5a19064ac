"""Rows that work element by element: arithmetic, rounding, comparison, logic, selection, casts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import BOOL, Attributes, TensorType
from graphpool.ops import samples
from graphpool.ops.rules import (
    Accepts,
    broadcast_shapes,
    check_arity,
    common_dtype,
    elementwise,
    is_any,
    is_bool,
    is_float,
    is_number,
)
from graphpool.ops.samples import ALL, FLOATS, NUMBERS
from graphpool.ops.table import Sample, Trait, op

PLAIN = (Trait.ELEMENTWISE,)
SWAPS = (Trait.ELEMENTWISE, Trait.COMMUTATIVE)
SIGN_OF_ZERO = "the sign of a zero (onnx)"
SIGN_OF_NAN = "the sign of a NaN (onnx)"
JUMPS = (Trait.ELEMENTWISE, Trait.DISCRETE)


# --- arithmetic ------------------------------------------------------------------------------------------------------
op(
    "add",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: x + y,
    traits=SWAPS,
    ufunc=np.add,
    samples=samples.elementwise(2, NUMBERS),
    doc="x + y",
)
op(
    "sub",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: x - y,
    traits=PLAIN,
    ufunc=np.subtract,
    samples=samples.elementwise(2, NUMBERS),
    doc="x - y",
)
op(
    "mul",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: x * y,
    traits=SWAPS,
    ufunc=np.multiply,
    samples=samples.elementwise(2, NUMBERS),
    doc="x * y",
)
op(
    "div",
    type=elementwise(2, is_float),
    kernel=lambda xp, x, y: xp.true_divide(x, y),
    traits=PLAIN,
    ufunc=np.true_divide,
    samples=samples.elementwise(2, FLOATS),
    doc="x / y; integers are cast to float64 first",
    tolerance=1,
)
op(
    "mod",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: xp.mod(x, y),
    traits=JUMPS,
    ufunc=np.remainder,
    samples=samples.elementwise(2, NUMBERS, special=False, nonzero=(1,)),
    tolerance=1,
    doc="the remainder of floor division, with the sign of y",
    differs="an infinite operand; an integer y of 0; the sign of a zero (onnx)",
)
op(
    "floor_divide",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: xp.floor_divide(x, y),
    traits=JUMPS,
    ufunc=np.floor_divide,
    samples=samples.elementwise(2, NUMBERS),
    doc="x / y rounded down to an integer, as `//`; an integer divided by 0 is 0",
)
op(
    "fmod",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: xp.fmod(x, y),
    traits=JUMPS,
    ufunc=np.fmod,
    samples=samples.elementwise(2, NUMBERS),
    doc="the remainder of a division rounded towards zero, with the sign of x; an integer modulo 0 is 0",
)
op(
    "pow",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: xp.power(x, y),
    traits=PLAIN,
    ufunc=np.power,
    samples=samples.elementwise(2, NUMBERS, special=False, low=1),
    tolerance=4,
    doc="x to the power of y",
    differs="an integer to a negative power (an error in NumPy), or to one above 63 (onnx)",
)
op(
    "neg",
    type=elementwise(1, is_number),
    kernel=lambda xp, x: -x,
    traits=PLAIN,
    ufunc=np.negative,
    samples=samples.elementwise(1, NUMBERS),
    doc="-x",
)
op(
    "abs",
    type=elementwise(1, is_number),
    kernel=lambda xp, x: xp.abs(x),
    traits=PLAIN,
    ufunc=np.absolute,
    samples=samples.elementwise(1, NUMBERS),
    doc="the absolute value",
)
op(
    "sign",
    type=elementwise(1, is_number),
    kernel=lambda xp, x: xp.sign(x),
    traits=JUMPS,
    ufunc=np.sign,
    samples=samples.elementwise(1, NUMBERS),
    doc="-1, 0 or 1; NaN stays NaN",
)
op(
    "floor",
    type=elementwise(1, is_float),
    kernel=lambda xp, x: xp.floor(x),
    traits=JUMPS,
    ufunc=np.floor,
    samples=samples.elementwise(1, FLOATS),
    doc="the largest integer not above x",
)
op(
    "ceil",
    type=elementwise(1, is_float),
    kernel=lambda xp, x: xp.ceil(x),
    traits=JUMPS,
    ufunc=np.ceil,
    samples=samples.elementwise(1, FLOATS),
    doc="the smallest integer not below x",
)
op(
    "trunc",
    type=elementwise(1, is_float),
    kernel=lambda xp, x: xp.trunc(x),
    traits=JUMPS,
    ufunc=np.trunc,
    samples=samples.elementwise(1, FLOATS),
    doc="the nearest integer towards zero",
)
op(
    "round",
    type=elementwise(1, is_float),
    kernel=lambda xp, x: xp.rint(x),
    traits=JUMPS,
    ufunc=np.rint,
    samples=samples.elementwise(1, FLOATS),
    doc="the nearest integer, halves to even",
)
op(
    "maximum",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: xp.maximum(x, y),
    traits=PLAIN,  # swapped, 0.0 and -0.0 give the other zero
    ufunc=np.maximum,
    samples=samples.elementwise(2, NUMBERS),
    doc="the larger one; NaN if either is NaN",
    differs=SIGN_OF_ZERO,
)
op(
    "minimum",
    type=elementwise(2, is_number),
    kernel=lambda xp, x, y: xp.minimum(x, y),
    traits=PLAIN,  # swapped, 0.0 and -0.0 give the other zero
    ufunc=np.minimum,
    samples=samples.elementwise(2, NUMBERS),
    doc="the smaller one; NaN if either is NaN",
    differs=SIGN_OF_ZERO,
)
op(
    "clip",
    type=elementwise(3, is_number),
    kernel=lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    traits=PLAIN,
    samples=samples.elementwise(3, NUMBERS),
    doc="x between low and high; high wins where they cross",
    differs=SIGN_OF_ZERO,
)

op(
    "fmax",
    type=elementwise(2, is_float),
    kernel=lambda xp, x, y: xp.fmax(x, y),
    traits=PLAIN,
    ufunc=np.fmax,
    samples=samples.elementwise(2, FLOATS),
    doc="the larger one; NaN only if both are NaN",
    differs=SIGN_OF_ZERO,
)
op(
    "fmin",
    type=elementwise(2, is_float),
    kernel=lambda xp, x, y: xp.fmin(x, y),
    traits=PLAIN,
    ufunc=np.fmin,
    samples=samples.elementwise(2, FLOATS),
    doc="the smaller one; NaN only if both are NaN",
    differs=SIGN_OF_ZERO,
)
op(
    "limit",
    type=elementwise(1, is_float),
    kernel=lambda xp, x: xp.clip(x, xp.finfo(x.dtype).min, xp.finfo(x.dtype).max),
    traits=PLAIN,
    samples=samples.elementwise(1, FLOATS),
    doc="infinities become the largest numbers of the dtype, as in `np.nan_to_num`; NaN stays",
)

# --- signs and special values ----------------------------------------------------------------------------------------
op(
    "copysign",
    type=elementwise(2, is_float),
    kernel=lambda xp, x, y: xp.copysign(x, y),
    traits=JUMPS,
    ufunc=np.copysign,
    samples=samples.elementwise(2, FLOATS),
    doc="the size of x with the sign of y",
    differs=SIGN_OF_NAN,
)
op(
    "heaviside",
    type=elementwise(2, is_float),
    kernel=lambda xp, x, y: xp.heaviside(x, y),
    traits=JUMPS,
    ufunc=np.heaviside,
    samples=samples.elementwise(2, FLOATS),
    doc="0 for negative x, 1 for positive x, y where x is 0; NaN stays NaN",
    differs=SIGN_OF_ZERO,
)


def _flag(name: str, ufunc: np.ufunc, doc: str, differs: str = "") -> None:
    op(
        name,
        type=elementwise(1, is_float, BOOL),
        kernel=lambda xp, x: getattr(xp, ufunc.__name__)(x),
        traits=JUMPS,
        ufunc=ufunc,
        samples=samples.elementwise(1, FLOATS),
        doc=doc,
        differs=differs,
    )


_flag("isnan", np.isnan, "whether x is NaN")
_flag("isfinite", np.isfinite, "whether x is neither NaN nor infinite")
_flag("isinf", np.isinf, "whether x is infinite")
_flag("signbit", np.signbit, "whether the sign of x is minus, as that of -0.0 is", SIGN_OF_NAN)


# --- comparison and logic --------------------------------------------------------------------------------------------
def _compare(name: str, ufunc: np.ufunc, symbol: str, accepts: Accepts, *extra: Trait) -> None:
    op(
        name,
        type=elementwise(2, accepts, BOOL),
        kernel=lambda xp, x, y: getattr(xp, ufunc.__name__)(x, y),
        traits=(*JUMPS, *extra),
        ufunc=ufunc,
        samples=samples.elementwise(2, ALL if accepts is is_any else NUMBERS),
        doc=f"x {symbol} y",
    )


_compare("equal", np.equal, "==", is_any, Trait.COMMUTATIVE)
_compare("not_equal", np.not_equal, "!=", is_any, Trait.COMMUTATIVE)
_compare("less", np.less, "<", is_number)
_compare("less_equal", np.less_equal, "<=", is_number)
_compare("greater", np.greater, ">", is_number)
_compare("greater_equal", np.greater_equal, ">=", is_number)


def _logic(name: str, ufunc: np.ufunc, arity: int) -> None:
    op(
        name,
        type=elementwise(arity, is_bool),
        kernel=lambda xp, *args: getattr(xp, ufunc.__name__)(*args),
        traits=SWAPS if arity == 2 else PLAIN,
        ufunc=ufunc,
        samples=samples.elementwise(arity, (BOOL,)),
        doc=f"NumPy's {ufunc.__name__}; numbers are cast to bool first",
    )


_logic("and", np.logical_and, 2)
_logic("or", np.logical_or, 2)
_logic("xor", np.logical_xor, 2)
_logic("not", np.logical_not, 1)


# --- selection and casts ---------------------------------------------------------------------------------------------
def _where_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 3)
    if types[0].dtype != BOOL:
        raise TypeRuleError(f"the condition is {types[0]}, not bool")
    dtype = common_dtype(types[1:], is_any)
    return TensorType(dtype, broadcast_shapes(tuple(entry.shape for entry in types)))


def _where_samples() -> Iterable[Sample]:
    for dtype in ALL:
        for number, (first, second, third) in enumerate(samples.SHAPES[3]):
            condition = samples.values(BOOL, first, number)
            yield Sample((condition, samples.values(dtype, second, 5, True), samples.values(dtype, third, 6, True)))


op(
    "where",
    type=_where_type,
    kernel=lambda xp, c, x, y: xp.where(c, x, y),
    traits=PLAIN,
    samples=_where_samples,
    doc="x where the condition holds, else y",
    differs=SIGN_OF_ZERO,
)


def _cast_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 1)
    common_dtype(types, is_any)
    return types[0].with_dtype(attrs["dtype"])


def _cast_kernel(xp: Any, x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


def _cast_samples() -> Iterable[Sample]:
    for source in ALL:
        for target in ALL:
            if source != target:
                special = source.kind == "f" and target.kind in "fb"
                for number, (shape,) in enumerate(samples.SHAPES[1]):
                    yield Sample((samples.values(source, shape, number, special),), {"dtype": target})


op(
    "cast",
    type=_cast_type,
    kernel=_cast_kernel,
    traits=PLAIN,
    samples=_cast_samples,
    doc="x in another dtype; a float is truncated towards zero on the way to an integer",
    differs="NaN, infinities and floats out of range on the way to an integer",
)
