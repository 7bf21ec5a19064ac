"""What each ufunc computes, given operands of the dtypes of NumPy's loop: tables from the ufunc to rows."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL, INT32, DType
from graphpool.ops import OPS
from graphpool.trace.hints import hint_for
from graphpool.trace.recorder import Recorder

Lowering = Callable[[Recorder, list[Value], DType], Value]
"""``lowering(recorder, args, dtype)``, where ``dtype`` is that of the first operand."""

ROWS: dict[np.ufunc, str] = {entry.ufunc: name for name, entry in OPS.items() if entry.ufunc is not None}
"""Ufuncs that are one row."""

LOGICAL = {np.logical_and: "and", np.logical_or: "or", np.logical_xor: "xor", np.logical_not: "not"}

ON_BOOLS = {
    "add": "or", "mul": "and", "maximum": "or", "minimum": "and", "fmax": "or", "fmin": "and",
    "bit_and": "and", "bit_or": "or", "bit_xor": "xor", "bit_not": "not",
}  # fmt: skip
"""The rows for what NumPy's loops for bools compute."""

ON_INTEGERS = {"fmax": "maximum", "fmin": "minimum"}
"""The rows of floats that have another one for integers."""

ALREADY_WHOLE = frozenset({"floor", "ceil", "trunc", "round"})

FLAGS = {"isnan": "not_equal", "isinf": "not_equal", "isfinite": "equal"}
"""How an integer or a bool compares with itself where NumPy asks whether it is such a number."""

COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal"})

HINTS = {
    "frexp": "the exponent is np.floor(np.log2(np.abs(x))) + 1, the rest x divided by 2.0 to the power of it",
    "ldexp": "x * 2.0**n",
    "spacing": "np.finfo(x.dtype).eps * np.abs(x) is as large or twice as large",
    "nextafter": "add a step of your own, such as x + np.finfo(x.dtype).eps * np.abs(x)",
    "gcd": "of constants, math.gcd outside of the step",
    "lcm": "of constants, math.lcm outside of the step",
    "bitwise_count": "add up (x >> k) & 1 over the places k",
    "isnat": "there are no dates in a graph",
    "vecdot": "(a * b).sum(axis=-1)",
    "matvec": "a @ b",
    "vecmat": "a @ b",
    "erfc": "1 - scipy.special.erf(x)",
    "ndtr": "0.5 * (1 + scipy.special.erf(x / np.sqrt(2)))",
    "rel_entr": "scipy.special.xlogy(x, x / y)",
}
"""The way round a ufunc, by its bare name."""


def find_clip() -> np.ufunc:
    """The ufunc behind ``np.clip``, which NumPy does not show by name: caught where it meets an operand of ours."""
    caught: list[np.ufunc] = []

    class Catcher:
        def __array_ufunc__(self, ufunc: np.ufunc, *inputs: Any, **kwargs: Any) -> Any:
            caught.append(ufunc)

    np.zeros(1).clip(Catcher(), 1)  # type: ignore[call-overload]
    return caught[0]


CLIP = find_clip()


# --- short expressions of rows ---------------------------------------------------------------------------------------
def _row(name: str) -> Lowering:
    return lambda recorder, args, dtype: recorder.emit(name, args)


def _same(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    return args[0]


def _square(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    return recorder.emit("mul", [args[0], args[0]])


def _reciprocal(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    if dtype.kind != "f":
        recorder.fail("np.reciprocal of integers", operands=args, hint="use 1 / x")
    return recorder.emit("div", [recorder.constant(1, dtype), args[0]])


def _radians(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    """The factor is rounded as NumPy's: pi in the dtype, then a quotient."""
    factor = np.true_divide(np.pi, 180, dtype=dtype)
    return recorder.emit("mul", [args[0], recorder.constant(factor)])


def _degrees(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    factor = np.true_divide(180, np.pi, dtype=dtype)
    return recorder.emit("mul", [args[0], recorder.constant(factor)])


def _matmul(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    """Of bools: whether any pair is true, found by counting them."""
    if dtype != BOOL:
        return recorder.emit("matmul", args)
    count = recorder.emit("matmul", [recorder.cast(arg, INT32) for arg in args])
    return recorder.emit("not_equal", [count, recorder.constant(0, INT32)])


COMPOSED: dict[np.ufunc, Lowering] = {
    np.square: _square,
    np.reciprocal: _reciprocal,
    np.positive: _same,
    np.conjugate: _same,
    np.fabs: _row("abs"),
    np.matmul: _matmul,
    np.float_power: _row("pow"),
    np.deg2rad: _radians,
    np.radians: _radians,
    np.rad2deg: _degrees,
    np.degrees: _degrees,
    CLIP: _row("clip"),
}
"""Ufuncs that are a short expression of rows."""


# --- two results -----------------------------------------------------------------------------------------------------
def _divmod(recorder: Recorder, args: list[Value], dtype: DType) -> list[Value]:
    return [recorder.emit("floor_divide", args), recorder.emit("mod", args)]


def _modf(recorder: Recorder, args: list[Value], dtype: DType) -> list[Value]:
    """Nothing is left of an infinity, and what is left has the sign of x."""
    (x,) = args
    whole = recorder.emit("trunc", [x])
    zero = recorder.constant(0, dtype)
    rest = recorder.emit("where", [recorder.emit("isinf", [x]), zero, recorder.emit("sub", [x, whole])])
    return [recorder.emit("copysign", [rest, x]), whole]


PAIRS: dict[np.ufunc, Callable[[Recorder, list[Value], DType], list[Value]]] = {np.divmod: _divmod, np.modf: _modf}
"""Ufuncs with two results."""


# --- scipy.special ---------------------------------------------------------------------------------------------------
def _log_expit(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    below = recorder.emit("neg", args)
    return recorder.emit("neg", [recorder.emit("logaddexp", [recorder.constant(0, dtype), below])])


def _logit(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    """Around 1/2, where two logarithms cancel, through the inverse of tanh, which is exact there."""
    (x,), emit = args, recorder.emit
    centred = emit("sub", [emit("add", [x, x]), recorder.constant(1, dtype)])
    inner = emit("mul", [recorder.constant(2, dtype), emit("arctanh", [centred])])
    outer = emit("sub", [emit("log", [x]), emit("log1p", [emit("neg", [x])])])
    near = emit("less", [emit("abs", [centred]), recorder.constant(0.5, dtype)])
    return emit("where", [near, inner, outer])


def _times_log(log: str) -> Lowering:
    """x times a logarithm of y, and 0 where x is 0 unless y is NaN."""

    def lower(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
        (x, y), emit = args, recorder.emit
        zero = recorder.constant(0, dtype)
        nothing = emit("and", [emit("equal", [x, zero]), emit("not", [emit("isnan", [y])])])
        return emit("where", [nothing, zero, emit("mul", [x, emit(log, [y])])])

    return lower


def _entr(recorder: Recorder, args: list[Value], dtype: DType) -> Value:
    (x,), emit = args, recorder.emit
    inside = emit("neg", [_times_log("log")(recorder, [x, x], dtype)])
    below = emit("less", [x, recorder.constant(0, dtype)])
    return emit("where", [below, recorder.constant(-math.inf, dtype), inside])


SPECIAL: dict[str, Lowering] = {
    **{name: _row(name) for name in ("expit", "erf", "log1p", "expm1", "exp2", "cbrt")},
    "exp10": lambda recorder, args, dtype: recorder.emit("pow", [recorder.constant(10, dtype), *args]),
    "log_expit": _log_expit,
    "logit": _logit,
    "xlogy": _times_log("log"),
    "xlog1py": _times_log("log1p"),
    "entr": _entr,
}
"""Ufuncs of scipy.special by name: whoever calls one has imported it."""


def is_special(ufunc: np.ufunc) -> bool:
    """Whether a ufunc is one of scipy.special."""
    special = sys.modules.get("scipy.special")
    return special is not None and getattr(special, ufunc.__name__, None) is ufunc


# --- the loop --------------------------------------------------------------------------------------------------------
def name_of(ufunc: np.ufunc) -> str:
    """How a user writes a ufunc; one of a package unknown here goes by its bare name."""
    if is_special(ufunc):
        return f"scipy.special.{ufunc.__name__}"
    return f"np.{ufunc.__name__}" if getattr(np, ufunc.__name__, None) is ufunc else ufunc.__name__


def check_known(recorder: Recorder, ufunc: np.ufunc) -> None:
    """Fail the trace, with the way round, unless one of the tables has the ufunc."""
    if any(ufunc in table for table in (ROWS, LOGICAL, COMPOSED, PAIRS)):
        return
    name = ufunc.__name__
    if not (is_special(ufunc) and name in SPECIAL):
        recorder.fail(f"{name_of(ufunc)} cannot be traced", hint=HINTS.get(name) or hint_for(name))


def emit_loop(recorder: Recorder, ufunc: np.ufunc, args: list[Value], dtype: DType) -> list[Value]:
    """The results of a known ufunc, of operands of the loop's dtypes."""
    if ufunc in PAIRS:
        return PAIRS[ufunc](recorder, args, dtype)
    if ufunc in COMPOSED:
        return [COMPOSED[ufunc](recorder, args, dtype)]
    if ufunc in ROWS:
        return [_emit_row(recorder, ROWS[ufunc], args, dtype)]
    return [SPECIAL[ufunc.__name__](recorder, args, dtype)]


def _emit_row(recorder: Recorder, name: str, args: list[Value], dtype: DType) -> Value:
    if dtype.kind == "f":
        return recorder.emit(name, args)
    if name in ALREADY_WHOLE or (name == "abs" and dtype == BOOL):
        return args[0]
    if name in FLAGS:
        return recorder.emit(FLAGS[name], [args[0], args[0]])
    if dtype == BOOL and name in COMPARISONS:
        args = [recorder.cast(arg, INT32) for arg in args]
    table = ON_BOOLS if dtype == BOOL else ON_INTEGERS
    return recorder.emit(table.get(name, name), args)
