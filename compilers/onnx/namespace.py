"""An array namespace that writes ONNX nodes, for the equations in :mod:`graphpool.compilers.formulas`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphpool.compilers import formulas
from graphpool.compilers.onnx.emitter import Emitter, Operand
from graphpool.graph.types import BOOL, FLOAT32, DType


def _operator(op: str, *, swapped: bool = False, dtype: DType | None = None) -> Callable[[Symbol, Any], Symbol]:
    def apply(self: Symbol, other: Any) -> Symbol:
        operands = (self.read(other), self.operand) if swapped else (self.operand, self.read(other))
        return self.result(op, *operands, dtype=dtype)

    return apply


QUARTER, QUARTER_REST = math.pi / 2, 6.123233995736766e-17
"""A quarter of a turn, and what its float64 has lost."""

FAR = 2.0**20
"""Beyond it, the sum of an angle and a quarter of a turn loses too much."""


class Symbol:
    """A tensor in an equation, with Python's operators; Python numbers take its dtype.

    Args:
        emitter: writes the nodes.
        operand: the tensor.
        dtype: its dtype.
    """

    def __init__(self, emitter: Emitter, operand: Operand, dtype: DType) -> None:
        self.emitter = emitter
        self.operand = operand
        self.dtype = dtype

    @property
    def name(self) -> str:
        """The name of the tensor in the file."""
        return self.operand if isinstance(self.operand, str) else self.operand.name

    def read(self, other: Any) -> Operand:
        """The other operand of an operator."""
        return other.operand if isinstance(other, Symbol) else self.emitter.scalar(other, self.dtype)

    def result(self, op: str, *operands: Operand, dtype: DType | None = None, **attrs: Any) -> Symbol:
        """What one node gives."""
        return Symbol(self.emitter, self.emitter.emit(op, *operands, **attrs), dtype or self.dtype)

    def astype(self, dtype: DType) -> Symbol:
        """In another dtype."""
        return Symbol(self.emitter, self.emitter.cast(self.operand, dtype), dtype)

    __add__ = _operator("Add")
    __radd__ = _operator("Add", swapped=True)
    __sub__ = _operator("Sub")
    __rsub__ = _operator("Sub", swapped=True)
    __mul__ = _operator("Mul")
    __rmul__ = _operator("Mul", swapped=True)
    __truediv__ = _operator("Div")
    __rtruediv__ = _operator("Div", swapped=True)
    __lt__ = _operator("Less", dtype=BOOL)
    __gt__ = _operator("Greater", dtype=BOOL)
    __and__ = _operator("And", dtype=BOOL)
    __or__ = _operator("Or", dtype=BOOL)
    __xor__ = _operator("Xor", dtype=BOOL)

    def __neg__(self) -> Symbol:
        return self.result("Neg", self.operand)

    def __invert__(self) -> Symbol:
        return self.result("Not", self.operand)


def _function(op: str, dtype: DType | None = None, **attrs: Any) -> Callable[..., Symbol]:
    """One ONNX op of numbers; the first operand is a symbol."""

    def apply(x: Symbol, *others: Any) -> Symbol:
        return x.result(op, x.operand, *[x.read(other) for other in others], dtype=dtype, **attrs)

    return apply


class Namespace:
    """NumPy's names for what onnxruntime's CPU kernels have in a float dtype.

    Args:
        emitter: writes the nodes.
        dtype: float32 or float64; of the inverse tangent there is no kernel for the second.
    """

    def __init__(self, emitter: Emitter, dtype: DType) -> None:
        self.emitter = emitter
        self.dtype = dtype
        self.arctan_is_exact = dtype == FLOAT32

    abs = staticmethod(_function("Abs"))
    sqrt = staticmethod(_function("Sqrt"))
    exp = staticmethod(_function("Exp"))
    log = staticmethod(_function("Log"))
    sin = staticmethod(_function("Sin"))
    ceil = staticmethod(_function("Ceil"))
    floor = staticmethod(_function("Floor"))
    power = staticmethod(_function("Pow"))
    minimum = staticmethod(_function("Min"))
    maximum = staticmethod(_function("Max"))
    fmod = staticmethod(_function("Mod", fmod=1))
    equal = staticmethod(_function("Equal", BOOL))
    isnan = staticmethod(_function("IsNaN", BOOL))

    def cos(self, x: Symbol) -> Symbol:
        """The cosine; many engines have none in float64, all have a sine."""
        if self.dtype == FLOAT32:
            return x.result("Cos", x.operand)
        # The sine a quarter of a turn later, and what the sum has lost of it to first order.
        later = x + QUARTER
        from_x = later - QUARTER
        lost = (x - from_x) + (QUARTER - (later - from_x)) + QUARTER_REST
        half = self.sin(x * 0.5)
        return self.where(self.abs(x) < FAR, self.sin(later) - lost * self.sin(x), 1 - 2 * half * half)

    @staticmethod
    def rounded(x: Symbol) -> Symbol:
        """As it is: onnxruntime rewrites no sums."""
        return x

    def symbol(self, operand: Any) -> Symbol:
        """An operand, or a number as a constant."""
        if isinstance(operand, Symbol):
            return operand
        constant = isinstance(operand, (int, float))
        return Symbol(self.emitter, self.emitter.scalar(operand, self.dtype) if constant else operand, self.dtype)

    def where(self, condition: Symbol, x: Any, y: Any) -> Symbol:
        """Selection of numbers; -0.0 becomes 0.0."""
        return self.symbol(x).result("Where", condition.operand, self.symbol(x).operand, self.symbol(y).operand)

    def not_equal(self, x: Symbol, y: Any) -> Symbol:
        """Whether they differ."""
        return ~self.equal(x, y)

    def clip(self, x: Symbol, low: float, high: float) -> Symbol:
        """Between two numbers."""
        return self.minimum(self.maximum(x, low), high)

    def signbit(self, x: Symbol) -> Symbol:
        """The reciprocal tells -0.0 from 0.0."""
        return (x < 0) | (x.result("Reciprocal", x.operand) < 0)

    def copysign(self, x: Symbol, y: Symbol) -> Symbol:
        """By a factor: a selection would lose -0.0."""
        return self.abs(x) * self.where(self.signbit(y), -1, 1)

    def ones_like(self, x: Symbol) -> Symbol:
        """One, which broadcasts."""
        return self.symbol(1)

    def exp2(self, x: Symbol) -> Symbol:
        """A power with a constant base."""
        return self.power(self.symbol(2), x)

    def log1p(self, x: Symbol) -> Symbol:
        """The equation."""
        result: Symbol = formulas.log1p(self, x)
        return result

    def expm1(self, x: Symbol) -> Symbol:
        """The equation."""
        result: Symbol = formulas.expm1(self, x)
        return result

    def rough_arctan(self, x: Symbol) -> Symbol:
        """The inverse tangent to the accuracy of float32."""
        small = x if x.dtype == FLOAT32 else x.astype(FLOAT32)
        return _function("Atan")(small).astype(self.dtype)
