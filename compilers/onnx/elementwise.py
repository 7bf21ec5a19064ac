"""How functions of real numbers, rounding, signs and special values become ONNX nodes.

What onnxruntime has no kernel for, in one of the two float dtypes or at all, is written by the equations in
:mod:`graphpool.compilers.formulas`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.compilers import formulas
from graphpool.compilers.onnx.emitter import Call, Emitter, Lowering, Tensor, lowers
from graphpool.compilers.onnx.namespace import Namespace, Symbol
from graphpool.graph.types import FLOAT32

Equation = Callable[..., Any]
"""``equation(namespace, *symbols)``: see :mod:`graphpool.compilers.formulas`."""

NATIVE = {"sin": "Sin", "ceil": "Ceil", "isnan": "IsNaN"}
"""Ops that are one ONNX op in both float dtypes."""

NATIVE_IN_FLOAT32 = {
    "tan": "Tan", "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh",
}  # fmt: skip
"""Ops that are one ONNX op in float32, and an equation in float64."""

EQUATIONS = ("log1p", "expm1", "cbrt", "hypot", "logaddexp", "logaddexp2", "expit", "arctan2")
"""Ops that are an equation in both: onnxruntime's Sigmoid loses all digits of small results."""


def _native(op: str) -> Lowering:
    return lambda e, call: e.emit(op, *call.args)


def _by(equation: Equation) -> Lowering:
    def lower(e: Emitter, call: Call) -> str:
        dtype = call.args[0].type.dtype
        namespace = Namespace(e, dtype)
        result: Symbol = equation(namespace, *[Symbol(e, arg, dtype) for arg in call.args])
        return result.name

    return lower


def _native_in_float32(op: str, equation: Equation) -> Lowering:
    native, written = _native(op), _by(equation)
    return lambda e, call: (native if call.type.dtype == FLOAT32 else written)(e, call)


for _name, _op in NATIVE.items():
    lowers(_name)(_native(_op))
for _name, _op in NATIVE_IN_FLOAT32.items():
    lowers(_name)(_native_in_float32(_op, getattr(formulas, _name)))
for _name in EQUATIONS:
    lowers(_name)(_by(getattr(formulas, _name)))


@lowers("erf")
def _erf(e: Emitter, call: Call) -> str:
    """Older engines make 1 of a NaN in float32; in float64 they have no kernel."""
    if call.type.dtype != FLOAT32:
        return _by(formulas.erf)(e, call)
    (x,) = call.args
    return e.emit("Where", e.emit("IsNaN", x), x, e.emit("Erf", x))


def _written(name: str) -> Callable[[Equation], Equation]:
    """Register an equation that only ONNX needs."""

    def register(equation: Equation) -> Equation:
        lowers(name)(_by(equation))
        return equation

    return register


# --- powers and logarithms -------------------------------------------------------------------------
@_written("exp2")
def _exp2(xp: Namespace, x: Symbol) -> Symbol:
    return xp.exp2(x)


@_written("cos")
def _cos(xp: Namespace, x: Symbol) -> Symbol:
    return xp.cos(x)


@_written("log2")
def _log2(xp: Namespace, x: Symbol) -> Symbol:
    return xp.log(x) / math.log(2)


@_written("log10")
def _log10(xp: Namespace, x: Symbol) -> Symbol:
    return xp.log(x) / math.log(10)


# --- rounding and quotients ------------------------------------------------------------------------
@_written("trunc")
def _trunc(xp: Namespace, x: Symbol) -> Symbol:
    return xp.copysign(xp.floor(xp.abs(x)), x)


@lowers("floor_divide")
def _floor_divide(e: Emitter, call: Call) -> str:
    if call.type.dtype.kind == "f":
        return _by(formulas.floor_divide)(e, call)
    x, y = call.args
    zero, one = e.scalar(0, call.type.dtype), e.scalar(1, call.type.dtype)
    quotient = e.emit("Div", x, _safe_divisor(e, y))
    rest = e.emit("Sub", x, e.emit("Mul", quotient, y))
    other_sign = e.emit("Xor", e.emit("Less", rest, zero), e.emit("Less", y, zero))
    down = e.emit("And", other_sign, e.emit("Not", e.emit("Equal", rest, zero)))
    floored = e.emit("Sub", quotient, e.emit("Where", down, one, zero))
    by_minus_one = e.emit("Equal", y, e.scalar(-1, call.type.dtype))
    turned = e.emit("Where", by_minus_one, e.emit("Sub", zero, x), floored)
    return e.emit("Where", e.emit("Equal", y, zero), zero, turned)


@lowers("fmod")
def _fmod(e: Emitter, call: Call) -> str:
    x, y = call.args
    return e.emit("Mod", x, y if call.type.dtype.kind == "f" else _safe_divisor(e, y), fmod=1)


def _safe_divisor(e: Emitter, y: Tensor) -> str:
    """A divisor of 0, or of -1 for the least integer, kills the process."""
    dtype = y.type.dtype
    unsafe = e.emit("Or", e.emit("Equal", y, e.scalar(0, dtype)), e.emit("Equal", y, e.scalar(-1, dtype)))
    return e.emit("Where", unsafe, e.scalar(1, dtype), y)


# --- signs and special values ----------------------------------------------------------------------
@_written("fmax")
def _fmax(xp: Namespace, x: Symbol, y: Symbol) -> Symbol:
    return xp.where(xp.isnan(x), y, xp.maximum(x, xp.where(xp.isnan(y), x, y)))


@_written("fmin")
def _fmin(xp: Namespace, x: Symbol, y: Symbol) -> Symbol:
    return xp.where(xp.isnan(x), y, xp.minimum(x, xp.where(xp.isnan(y), x, y)))


@_written("limit")
def _limit(xp: Namespace, x: Symbol) -> Symbol:
    info = np.finfo(xp.dtype)
    return xp.clip(x, float(info.min), float(info.max))


@_written("copysign")
def _copysign(xp: Namespace, x: Symbol, y: Symbol) -> Symbol:
    return xp.copysign(x, y)


@_written("heaviside")
def _heaviside(xp: Namespace, x: Symbol, at_zero: Symbol) -> Symbol:
    return xp.where(xp.equal(x, 0), at_zero, xp.where(xp.isnan(x), x, xp.where(x > 0, 1, 0)))


@_written("isinf")
def _isinf(xp: Namespace, x: Symbol) -> Symbol:
    return xp.equal(xp.abs(x), math.inf)


@_written("isfinite")
def _isfinite(xp: Namespace, x: Symbol) -> Symbol:
    """No comparison with NaN holds."""
    return xp.abs(x) < math.inf


@_written("signbit")
def _signbit(xp: Namespace, x: Symbol) -> Symbol:
    return xp.signbit(x)
