"""Equations for functions that an engine lacks, or has with less accuracy than the op table states.

They are written over an array namespace with NumPy's names, like the kernels of the op table: ``jax.numpy``, or
:class:`graphpool.compilers.onnx.namespace.Namespace`, which writes ONNX nodes. Each function is the whole one: special
values come out as NumPy has them. ``xp.rounded`` keeps an engine from calculating on as if nothing had been rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

LARGE = 1e9
"""From here on, 1 + x**2 is x**2 in float64."""

LN_2 = math.log(2)

ERF_SMALL = (
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
    -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05, 1.6447424703317362e-06,
    -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
"""erf(x) / x as a polynomial in x**2, fitted at Chebyshev's points for x from 0 to 1."""

ERF_LARGE = (
    0.20798329133342885, -0.15436117429436919, 0.04969844540339414, -0.012713147695691918, 0.002479314697086253,
    -0.0003316029605792838, 1.956358319778174e-05, 2.425557485042923e-06, -5.54127309801664e-07,
    -4.5267318133461335e-09, 1.133933573114706e-08, -2.637756022974126e-10, -2.5700407551346905e-10,
    6.02173256030324e-12, 6.043792147788813e-12, 6.697645564790815e-15,
)  # fmt: skip
"""(1 - erf(x)) * exp(x**2) as a polynomial in w, fitted for x from 1 to 6, where z = (x - 3) / (x + 3) goes from -1/2
to 1/3 and w, which is linear in z, from -1 to 1."""


def log1p(xp: Any, x: Any) -> Any:
    """log(u) of the rounded u = 1 + x, times x / (u - 1): what the rounding lost comes back as a factor."""
    u = xp.rounded(1 + x)
    whole = xp.equal(u, 1) | xp.equal(u, math.inf)
    return x * xp.where(whole, 1, xp.log(u) / (u - 1))


def expm1(xp: Any, x: Any) -> Any:
    """u - 1 of the rounded u = exp(x), times x / log(u), as in :func:`log1p`."""
    x = xp.maximum(x, -50)
    u = xp.exp(x)
    factor = xp.where(xp.equal(u, math.inf), math.inf, (u - 1) / xp.log(u))
    return x * xp.where(xp.equal(u, 1), 1, factor)


def exp2(xp: Any, x: Any) -> Any:
    """The whole powers of two apart from the rest, and in two halves, so that only the result overflows."""
    whole = xp.clip(xp.rint(x), -2200, 2200)
    half = xp.where(xp.isnan(whole), 0, xp.trunc(whole / 2)).astype("int32")
    rest = xp.where(xp.isnan(whole), 0, whole).astype("int32") - half
    one = xp.ones_like(x)
    return xp.exp2(x - whole) * xp.ldexp(one, half) * xp.ldexp(one, rest)


def sinh(xp: Any, x: Any) -> Any:
    """2 sinh(x/2) cosh(x/2), in which nothing overflows before the result does."""
    half = x * 0.5
    u = xp.exp(half)
    return xp.expm1(half) * (1 + 1 / u) * (0.5 * (u + 1 / u))


def cosh(xp: Any, x: Any) -> Any:
    """Half the sum of exp(x) and exp(-x), each as a square."""
    u = xp.exp(x * 0.5)
    return 0.5 * u * u + 0.5 / u / u


def arcsinh(xp: Any, x: Any) -> Any:
    """Through log1p where x is small, and the logarithm of 2 x where it is large."""
    size = xp.abs(x)
    a = xp.minimum(size, LARGE)
    small = xp.log1p(a + a * a / (1 + xp.sqrt(1 + a * a)))
    return xp.copysign(xp.where(size > LARGE, xp.log(size) + LN_2, small), x)


def arccosh(xp: Any, x: Any) -> Any:
    """As :func:`arcsinh`."""
    above = xp.clip(x, 0, LARGE) - 1
    small = xp.log1p(above + xp.sqrt(above * (above + 2)))
    return xp.where(x > LARGE, xp.log(x) + LN_2, small)


def arctanh(xp: Any, x: Any) -> Any:
    """Through log1p of the size."""
    size = xp.abs(x)
    return xp.copysign(0.5 * xp.log1p(2 * size / (1 - size)), x)


def cbrt(xp: Any, x: Any) -> Any:
    """A power, which is off since 1/3 is, and one step of Newton's method."""
    size = xp.abs(x)
    guess = xp.power(size, 1 / 3)
    better = guess + (size / (guess * guess) - guess) / 3
    whole = xp.equal(size, 0) | xp.equal(size, math.inf)
    return xp.copysign(xp.where(whole, guess, better), x)


def hypot(xp: Any, x: Any, y: Any) -> Any:
    """The larger one times sqrt(1 + ratio**2); an infinite operand wins over NaN."""
    x, y = xp.abs(x), xp.abs(y)
    large = xp.maximum(x, y)
    ratio = xp.minimum(x, y) / xp.where(xp.equal(large, 0), 1, large)
    infinite = xp.equal(x, math.inf) | xp.equal(y, math.inf)
    return xp.where(infinite, math.inf, large * xp.sqrt(1 + ratio * ratio))


def logaddexp(xp: Any, x: Any, y: Any) -> Any:
    """The larger one and what the smaller one adds; two equal infinities have no difference."""
    added = xp.maximum(x, y) + xp.log1p(xp.exp(-xp.abs(x - y)))
    return xp.where(xp.equal(x, y), x + LN_2, added)


def logaddexp2(xp: Any, x: Any, y: Any) -> Any:
    """As :func:`logaddexp`, to base 2."""
    added = xp.maximum(x, y) + xp.log1p(xp.exp2(-xp.abs(x - y))) / LN_2
    return xp.where(xp.equal(x, y), x + 1, added)


def expit(xp: Any, x: Any) -> Any:
    """Where exp(-x) overflows, its reciprocal is 0."""
    return 1 / (1 + xp.exp(-x))


def floor_divide(xp: Any, x: Any, y: Any) -> Any:
    """Of floats, by the steps that define it: the quotient without the remainder is nearly whole.

    Rounding down changes no sign, but a zero may have lost its own on the way.
    """
    rest = xp.fmod(x, y)
    other_sign = xp.not_equal(rest, 0) & ((rest < 0) ^ (y < 0))
    quotient = (x - rest) / y - xp.where(other_sign, 1, 0)
    whole = xp.floor(quotient)
    whole = whole + xp.where(quotient - whole > 0.5, 1, 0)
    plain = x / y
    return xp.copysign(xp.where(xp.equal(y, 0), plain, whole), plain)


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """By Horner's rule; the constant term comes first."""
    result = coefficients[-1] * x + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        result = result * x + coefficient
    return result


def erf(xp: Any, x: Any) -> Any:
    """Two fits, whose error is below the last place of float64."""
    size = xp.abs(x)
    a = xp.minimum(size, 1)
    small = a * polynomial(a * a, ERF_SMALL)
    b = xp.clip(size, 1, 6)
    w = (2 * (b - 3) / (b + 3) + 1) * 1.2 - 1
    large = 1 - xp.exp(-b * b) * polynomial(w, ERF_LARGE)
    return xp.copysign(xp.where(size > 1, large, small), x)


def first_quadrant(xp: Any, y: Any, x: Any) -> Any:
    """The angle of a point (y, x) with no negative coordinate.

    An engine that has the inverse tangent in float32 only gives a seed; one rotation mends it: what is left of the
    angle after turning back by the seed is so small that its tangent will do.
    """
    top = xp.maximum(y, x)
    infinite, zero = xp.equal(top, math.inf), xp.equal(top, 0)
    scale = xp.where(infinite | zero, 1, top)
    y = xp.where(infinite, xp.where(xp.equal(y, math.inf), 1, 0), y) / scale
    x = xp.where(infinite, xp.where(xp.equal(x, math.inf), 1, 0), xp.where(zero, 1, x)) / scale
    seed = xp.rough_arctan(y / x)
    if xp.arctan_is_exact:
        return seed
    sine, cosine = xp.sin(seed), xp.cos(seed)
    return seed + (y * cosine - x * sine) / (x * cosine + y * sine)


def arctan2(xp: Any, y: Any, x: Any) -> Any:
    """The angle in the first quadrant, then the right quadrant by the two signs."""
    angle = first_quadrant(xp, xp.abs(y), xp.abs(x))
    return xp.copysign(xp.where(xp.signbit(x), math.pi - angle, angle), y)


def arctan(xp: Any, x: Any) -> Any:
    """The angle above a side of 1."""
    size = xp.abs(x)
    return xp.copysign(first_quadrant(xp, size, xp.ones_like(size)), x)


def arcsin(xp: Any, x: Any) -> Any:
    """The angle against the other side, which needs no square of x."""
    size = xp.abs(x)
    return xp.copysign(first_quadrant(xp, size, xp.sqrt((1 - size) * (1 + size))), x)


def arccos(xp: Any, x: Any) -> Any:
    """The angle beside x."""
    return arctan2(xp, xp.sqrt((1 - x) * (1 + x)), x)


def tan(xp: Any, x: Any) -> Any:
    """The sine over the cosine."""
    return xp.sin(x) / xp.cos(x)
