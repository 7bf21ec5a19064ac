"""Rows that are functions of real numbers: powers and logarithms, circles, hyperbolas, probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphpool.ops import samples
from graphpool.ops.rules import elementwise, is_float
from graphpool.ops.samples import FLOATS
from graphpool.ops.table import Kernel, Sample, Trait, op

EVERYWHERE = (1e-30, -1e-30, 1e-8, 0.3, -0.3, 0.9999, -0.9999, 1.0001, 7.5, -7.5, 30.1, -30.1, 88.0, -87.0, 1e6, 1e30)
"""Small, middling and large numbers of either sign, where formulas differ in what they lose."""

ON_A_CIRCLE = (1e-30, 1e-8, -1e-4, 0.7, 10.0, -20.0, 100.0, 1000.5)
"""Angles that are not close to a zero of the sine or the cosine."""

FAR_APART = ((1e-20, 1e30, -1e30, 1e-4, 3.0, 1e6, 2e-20), (1e30, 1e30, 2e30, -1.0, -4.0, 1e-6, 1e-20))
"""Pairs whose squares, or the products of which, leave the range of float32."""


def _samples(points: Sequence[Sequence[float]], low: float) -> Callable[[], Iterable[Sample]]:
    """The usual operands, and the given points of one axis each."""

    def make() -> Iterable[Sample]:
        yield from samples.elementwise(len(points), FLOATS, low=low)()
        for dtype in FLOATS:
            yield Sample(tuple(np.array(numbers, dtype) for numbers in points))

    return make


def _function(
    name: str,
    doc: str,
    tolerance: float,
    *,
    ufunc: np.ufunc | None = None,
    kernel: Kernel | None = None,
    points: Sequence[Sequence[float]] = (EVERYWHERE,),
    low: float = -3,
    jumps: bool = False,
    differs: str = "",
) -> None:
    """A row of floats to floats; the kernel is the array namespace's function of the row's name."""
    op(
        name,
        type=elementwise(len(points), is_float),
        kernel=kernel or (lambda xp, *args: getattr(xp, name)(*args)),
        traits=(Trait.ELEMENTWISE, Trait.DISCRETE) if jumps else (Trait.ELEMENTWISE,),
        ufunc=ufunc,
        samples=_samples(points, low),
        tolerance=tolerance,
        doc=doc,
        differs=differs,
    )


def _special(name: str) -> Kernel:
    """A kernel of scipy.special, for NumPy; other targets have lowerings."""

    def kernel(xp: Any, *args: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*args)

    return kernel


# --- powers and logarithms -------------------------------------------------------------------------------------------
_function("exp", "the exponential function", 4, ufunc=np.exp)
_function("expm1", "exp(x) - 1, also where x is close to 0", 8, ufunc=np.expm1)
_function("exp2", "2 to the power of x", 4, ufunc=np.exp2)
_function("log", "the natural logarithm", 4, ufunc=np.log)
_function("log1p", "log(1 + x), also where x is close to 0", 8, ufunc=np.log1p)
_function("log2", "the logarithm to base 2", 4, ufunc=np.log2)
_function("log10", "the logarithm to base 10", 4, ufunc=np.log10)
_function("sqrt", "the square root", 1, ufunc=np.sqrt)
_function("cbrt", "the cube root, of negative numbers too", 4, ufunc=np.cbrt)
_function("hypot", "the square root of x² + y², without overflow on the way", 4, ufunc=np.hypot, points=FAR_APART)


def _logaddexp(ufunc: np.ufunc, doc: str) -> None:
    cancels = "a result close to 0: exact to the last place of the larger operand"
    _function(ufunc.__name__, doc, 8, ufunc=ufunc, points=FAR_APART, low=0, differs=cancels)


_logaddexp(np.logaddexp, "log(exp(x) + exp(y)), without overflow on the way")
_logaddexp(np.logaddexp2, "log2(2**x + 2**y), without overflow on the way")

# --- circles ---------------------------------------------------------------------------------------------------------
_NEAR_A_ZERO = "float64 close to a zero of the sine or the cosine: off by up to 1e-15, not by last places (onnx)"
_function("sin", "the sine", 4, ufunc=np.sin, points=(ON_A_CIRCLE,), differs=_NEAR_A_ZERO)
_function("cos", "the cosine", 4, ufunc=np.cos, points=(ON_A_CIRCLE,), differs=_NEAR_A_ZERO)
_function("tan", "the tangent", 8, ufunc=np.tan, points=(ON_A_CIRCLE,), differs=_NEAR_A_ZERO)
_function("arcsin", "the angle with the sine x", 8, ufunc=np.arcsin)
_function("arccos", "the angle with the cosine x", 8, ufunc=np.arccos)
_function("arctan", "the angle with the tangent x", 8, ufunc=np.arctan)
_function("arctan2", "the angle of the point (y, x), from -pi to pi", 8, ufunc=np.arctan2, points=FAR_APART, jumps=True)

# --- hyperbolas ------------------------------------------------------------------------------------------------------
_function("sinh", "the hyperbolic sine", 8, ufunc=np.sinh)
_function("cosh", "the hyperbolic cosine", 8, ufunc=np.cosh)
_function("tanh", "the hyperbolic tangent", 16, ufunc=np.tanh)
_function("arcsinh", "the inverse of sinh", 8, ufunc=np.arcsinh)
_function("arccosh", "the inverse of cosh", 8, ufunc=np.arccosh)
_function("arctanh", "the inverse of tanh", 8, ufunc=np.arctanh)

# --- probabilities ---------------------------------------------------------------------------------------------------
_function("expit", "the logistic function 1 / (1 + exp(-x)), `scipy.special.expit`", 8, kernel=_special("expit"))
_function("erf", "the error function, `scipy.special.erf`", 8, kernel=_special("erf"))
