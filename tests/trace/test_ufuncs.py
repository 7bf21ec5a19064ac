"""NumPy's ufuncs in a step, as calls, operators and in place: the same values and dtypes as NumPy gives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import graphpool
from graphpool.errors import TraceError
from graphpool.graph.types import SHORT_NAMES
from graphpool.parameters import Parameter, State
from graphpool.trace.loops import CLIP, COMPOSED, HINTS, PAIRS, ROWS, SPECIAL
from tests.trace.stepping import Cases, assert_means_the_same, module_of, said

case = Cases()
COUNT = State(np.array([5, -7, 12]))
NARROW = State(np.array([5, -7, 2**31 - 1], np.int32))
SINGLE = State(np.array([0.5, -1.5, 0.25], np.float32))
FLAG = State(np.array([True, False, True]))
HARD = Parameter(np.array([np.nan, np.inf, -np.inf]))


# --- floats ----------------------------------------------------------------------------------------------------------
@case(f=SINGLE)
def circles(self, x):
    f = self.f
    return (
        np.sin(x), np.cos(f), np.tan(x), np.arcsin(f), np.arccos(x / 4), np.arctan(f), np.arctan2(x, f),
        np.arctan2(f, 2), np.arctan2(0.0, f), np.sin(2), np.deg2rad(x), np.radians(f), np.rad2deg(f), np.degrees(x),
        np.sinc(x), np.sinc(f), np.arctan2(self.f, self.f),
    )  # fmt: skip


@case(f=SINGLE)
def hyperbolas(self, x):
    return (
        np.sinh(x), np.cosh(self.f), np.arcsinh(self.f), np.arccosh(x), np.arctanh(self.f), np.arctanh(x),
        np.tanh(self.f),
    )  # fmt: skip


@case(f=SINGLE)
def powers_and_logarithms(self, x):
    f = self.f
    return (
        np.log1p(x), np.expm1(f), np.log2(x), np.log10(f), np.exp2(x), np.cbrt(f), np.hypot(x, f), np.hypot(3, f),
        np.logaddexp(x, f), np.logaddexp(0, f), np.logaddexp2(x, 1), np.float_power(f, 2), np.float_power(x, f),
    )  # fmt: skip


@case(f=SINGLE)
def rounding(self, x):
    f = self.f
    return np.ceil(x), np.trunc(f), np.fix(x), np.floor(f), np.rint(f), np.modf(x)[0], np.modf(f)[1], np.ceil(-f)


@case(f=SINGLE)
def quotients(self, x):
    f = self.f
    whole, rest = divmod(x, 0.75)
    again = np.divmod(f, f)
    return (
        x // 2, 2 // x, f // 0.5, x // f, whole, rest, *again, np.fmod(x, 0.75), np.fmod(f, x), divmod(7, f)[1],
        np.floor_divide(x, -0.5), x // 0, x % 1.25,
    )  # fmt: skip


@case(f=SINGLE, hard=HARD)
def signs_and_special_values(self, x):
    f, hard = self.f, self.hard * x
    return (
        np.isnan(hard), np.isfinite(hard), np.isinf(hard), np.signbit(x), np.signbit(-f), np.copysign(x, f),
        np.copysign(1, f), np.heaviside(x, 0.5), np.heaviside(hard, x), np.fmax(hard, x), np.fmin(x, hard),
        np.fmax(f, 0), np.isposinf(hard), np.isneginf(hard), np.nan_to_num(hard), np.nan_to_num(hard, nan=1.5),
        np.nan_to_num(hard, posinf=9, neginf=-9.0), np.nan_to_num(hard, nan=f, posinf=np.inf),
        np.modf(hard)[0], np.modf(hard)[1], np.trunc(hard),
    )  # fmt: skip


@case(f=SINGLE, hard=HARD)
def closeness(self, x):
    hard = self.hard + 0 * x
    return (
        np.isclose(x, x + 1e-9), np.isclose(self.f, 0.5), np.isclose(1, x), np.isclose(hard, hard),
        np.isclose(hard, hard, equal_nan=True), np.isclose(x, [1.0, 2, 3], rtol=0.5), np.isclose(x, 1, atol=0.3),
        np.allclose(x, x), np.allclose(x, hard), np.isclose(hard, np.inf),
    )  # fmt: skip


# --- integers and bools ----------------------------------------------------------------------------------------------
@case(n=COUNT, narrow=NARROW)
def bits(self, x):
    n, m = self.n, self.narrow
    self.n = n ^ (n << 3)
    return (
        n & 3, n | 8, n ^ n, ~n, n << 2, n >> 1, m & m, m | 1, m ^ -1, ~m, m << 31, m >> 40, m & n, 6 & n, 1 << n,
        n >> -1, np.bitwise_and(n, -8), np.invert(m), np.left_shift(3, m),
    )  # fmt: skip


@case(n=COUNT, narrow=NARROW)
def functions_of_integers(self, x):
    n, m = self.n, self.narrow
    return (
        np.sin(n), np.log1p(n), np.exp2(m), np.arctan2(n, m), np.ceil(n), np.trunc(m), np.fix(n), np.floor(m),
        np.isnan(n), np.isfinite(m), np.isinf(n), np.signbit(n), np.fmax(n, 3), np.fmin(m, n), np.copysign(n, -1),
        np.degrees(n), np.sinc(m), np.nan_to_num(n), np.isclose(n, m), np.float_power(n, 2), np.rint(m),
        np.isposinf(n), np.modf(m)[0], np.hypot(n, m), np.heaviside(n, 1),
    )  # fmt: skip


@case(n=COUNT, narrow=NARROW)
def quotients_of_integers(self, x):
    n, m = self.n, self.narrow
    return (
        n // 2, n // -2, -n // 3, n // 0, m // -1, n // m, divmod(n, 3)[0], divmod(n, -3)[1], np.fmod(n, 3),
        np.fmod(-n, 3), np.fmod(m, 0), n // 0.5, 7 // n, n % 4,
    )  # fmt: skip


@case(flag=FLAG)
def functions_of_bools(self, x):
    b = x > 0
    return (
        np.floor(b), np.trunc(b), np.isnan(b), np.isfinite(b), np.fmax(b, self.flag), np.fmin(b, self.flag), ~b,
        b & self.flag, b | True, b ^ self.flag, np.isinf(b), np.nan_to_num(b), b & 1, np.sinc(b), b << 1, b // 2,
    )  # fmt: skip


# --- in place --------------------------------------------------------------------------------------------------------
@case(v=State(np.array([0.5, -1.0, 2.0])), n=COUNT, narrow=NARROW, f=SINGLE)
def in_place(self, x):
    self.v += x
    self.v //= 0.5
    self.n <<= 1
    self.n &= 255
    self.n ^= 3
    self.narrow >>= 2
    self.narrow |= 4
    self.f //= x + 0.125
    scalar = x[0]
    scalar //= 2
    return self.v, self.n, self.narrow, scalar


@case(v=State(np.array([0.5, -1.0, 2.0])), f=SINGLE, n=COUNT)
def out_and_where(self, x):
    np.sin(x, out=self.v)
    np.floor_divide(x, 2, out=self.v, where=x > 0)
    np.arctan2(x, 2, out=self.f)
    np.divmod(x, 0.75, out=(self.v, self.f))
    rest, whole = np.modf(x, out=(None, self.f), where=True)
    np.isnan(x, out=self.v, where=self.n > 0)
    buffer = np.zeros_like(x)
    assert np.trunc(x, out=buffer) is buffer
    np.bitwise_or(self.n, 1, out=self.n, where=x > 0)
    np.fix(x, out=self.v)
    np.sin(x, out=self.f, dtype=np.float32)
    return buffer, rest, whole, np.divmod(x, 2, out=(buffer, None))[1]


@case(v=State(np.array([0.5, -1.0, 2.0])), n=COUNT)
def under_a_mask(self, x):
    v, n, high = self.v, self.n, x > 0
    v[high] //= 0.25
    v[high] = np.hypot(v[high], x[high])
    n[high] <<= 1
    n[high] &= 15
    whole, rest = divmod(x[high], 0.75)
    v[high] = whole
    v[~high] = np.arctan2(x[~high], 2)
    x[high] = rest
    return x


@case()
def not_a_number_in_place(self, x):
    x /= np.maximum(x, 0)
    assert np.nan_to_num(x, copy=False) is x
    return x


@pytest.mark.parametrize("make", case.params)
def test_a_step_means_what_it_means_in_numpy(make):
    with np.errstate(all="ignore"):
        assert_means_the_same(make)


@pytest.mark.parametrize("target", ["numpy", "jax", "onnx"])
def test_the_largest_numbers_are_those_of_the_dtype_that_runs(target):
    def step(self, x):
        return np.nan_to_num(x / 0), np.nan_to_num(x / 0, posinf=2.0)

    with np.errstate(all="ignore"):
        outputs = graphpool.compile(module_of(step), target)(np.array([[[1.0, -1.0, 0.0]]], np.float32))[0]
    largest = np.finfo(np.float32).max
    for actual, wanted in zip(outputs.values(), ([largest, -largest, 0], [2, -largest, 0]), strict=True):
        assert actual.dtype == np.float32
        np.testing.assert_array_equal(actual[0, 0], np.array(wanted, np.float32))


@pytest.mark.parametrize("target", ["jax", "onnx"])
def test_bits_of_a_state_run_in_a_loop_on_every_target(target):
    """A register with linear feedback: each step needs all the bits of the one before."""

    def step(self, x):
        bit = (self.register ^ (self.register >> 2) ^ (self.register >> 3) ^ (self.register >> 5)) & 1
        self.register = (self.register >> 1) | (bit << 15)
        return self.register

    register = State(np.array([0xACE1, 1, 0x7FFF]))
    assert_means_the_same(lambda: module_of(step, register=register), target)


# --- every ufunc, any dtype and shape --------------------------------------------------------------------------------
SHAPES = st.sampled_from([(), (3,), (2, 3), (1, 3), (2, 1), (0,)])
DTYPES = [np.dtype(dtype) for dtype in SHORT_NAMES]
REFUSED = {np.reciprocal: "i", np.signbit: "b"}
"""What NumPy has and graphpool has not: 1 // x by another name, and a loop in float16."""

SCIPYS = [getattr(scipy.special, name) for name in SPECIAL]
KNOWN = [u for u in (*ROWS, *COMPOSED, *PAIRS) if u not in (np.matmul, CLIP)]
NUMBERS = st.sampled_from([-3, -1, 0, 1, 2, 0.5, -0.0, 0.25, 1.75, -2.5])


def arrays(dtype, shape, seed):
    rng = np.random.default_rng(seed)
    return np.asarray(rng.integers(-12, 13, shape) / (4 if dtype.kind == "f" else 1)).astype(dtype)


def expected_of(ufunc, operands):
    """The results in NumPy, or None where it has none in the dtypes that graphpool runs."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            results = ufunc(*operands)
        except (TypeError, ValueError, OverflowError):
            return None
    results = [np.asarray(item) for item in (results if isinstance(results, tuple) else (results,))]
    return results if all(item.dtype in DTYPES for item in results) else None


@pytest.mark.parametrize("ufunc", KNOWN, ids=lambda ufunc: ufunc.__name__)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_traced_ufunc_gives_what_numpy_gives(ufunc, data):
    operands, seed = [], data.draw(st.integers(0, 99))
    for place in range(ufunc.nin):
        if place and data.draw(st.booleans()):
            operands.append(data.draw(NUMBERS))
        else:
            operands.append(arrays(data.draw(st.sampled_from(DTYPES)), data.draw(SHAPES), seed + place))
    try:
        np.broadcast(*operands)
    except ValueError:
        return
    expected = expected_of(ufunc, operands)
    if expected is None or REFUSED.get(ufunc, "") == operands[0].dtype.kind:
        return

    def step(self, x):
        values = [getattr(self, f"s{n}") if isinstance(o, np.ndarray) else o for n, o in enumerate(operands)]
        return ufunc(*values)

    states = {f"s{n}": State(item) for n, item in enumerate(operands) if isinstance(item, np.ndarray)}
    with np.errstate(all="ignore"):
        run = graphpool.compile(module_of(step, **states), "numpy", dtype="float64")
        outputs = run(np.zeros((1, 1, 3)))[0]
    got = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
    for actual, wanted in zip(got, expected, strict=True):
        assert (actual.dtype, actual.shape[2:]) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(actual[0, 0], wanted)


@pytest.mark.parametrize("ufunc", SCIPYS, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("target", ["numpy", "jax", "onnx"])
def test_ufuncs_of_scipy_trace(ufunc, target):
    rng = np.random.default_rng(3)
    # Multiples of 1/64 from 0 to 1, where all of them are defined, and beyond.
    x = (rng.integers(-8, 73, (2, 4, 3)) / 64).astype(np.float32)
    double = State(np.array([0.0, 0.5, np.nan]))

    def step(self, x):
        other = [0.75] * (ufunc.nin - 1)
        return ufunc(x, *other), ufunc(self.double * x, *other), ufunc(self.n, *other)

    run = graphpool.compile(
        module_of(step, double=double, n=State(np.arange(3)), single=State(np.float32(0))), target, dtype="float64"
    )
    outputs = list(run(x)[0].values())
    other = [0.75] * (ufunc.nin - 1)
    with np.errstate(all="ignore"):
        x = x.astype(np.float64)
        wanted = [ufunc(x, *other), ufunc(np.array([0.0, 0.5, np.nan]) * x, *other), ufunc(np.arange(3), *other)]
    for actual, expected in zip(outputs, wanted, strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, np.broadcast_to(expected, actual.shape), rtol=1e-13, atol=1e-15)


# --- what cannot be traced -------------------------------------------------------------------------------------------
def refusal(function):
    with pytest.raises(TraceError) as caught:
        graphpool.trace(module_of(lambda self, x: function(x, self.n), n=COUNT))
    return said(caught.value)


UNKNOWN = [getattr(np, name) for name in HINTS if hasattr(np, name)] + [scipy.special.erfc, scipy.special.ndtr]


@pytest.mark.parametrize("ufunc", UNKNOWN, ids=lambda ufunc: ufunc.__name__)
def test_an_unknown_ufunc_is_named_with_the_way_round(ufunc):
    kinds = {"gcd": "nn", "lcm": "nn", "bitwise_count": "n", "ldexp": "xn", "matvec": "mx", "vecmat": "xm"}
    places = kinds.get(ufunc.__name__, "x" * ufunc.nin)
    message = refusal(lambda x, n: ufunc(*[{"x": x, "n": n, "m": np.ones((3, 3))}[place] for place in places]))
    if ufunc is np.isnat:
        assert "np.isnat is not defined for float64" in message
        return
    package = "np" if hasattr(np, ufunc.__name__) else "scipy.special"
    assert f"{package}.{ufunc.__name__} cannot be traced" in message
    assert f"hint: {HINTS[ufunc.__name__]}" in message


def test_an_unknown_ufunc_without_a_way_round_points_to_the_docs():
    message = refusal(lambda x, n: scipy.special.gamma(x))
    assert "scipy.special.gamma cannot be traced" in message
    assert "docs/ops.md" in message
    own = np.frompyfunc(lambda a: a, 1, 1)
    assert "cannot be traced" in refusal(lambda x, n: own(x))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, n: x & 1, "np.bitwise_and is not defined for float64, int"),
        (lambda x, n: n << 1.5, "np.left_shift is not defined for int64, float"),
        (lambda x, n: np.divmod(x, 2, where=x > 0), "np.divmod(where=...) without out="),
        (lambda x, n: np.divmod(x, 2, out=(x, None), where=x > 0), "np.divmod(where=...) without out="),
        (lambda x, n: np.divmod(x, 2, out=(np.zeros(3), None)), "out= is a plain ndarray"),
        (lambda x, n: np.sin(x, out=n), "cannot write f64[3] into i64[3]"),
        (lambda x, n: np.isclose(x, "text"), "could not be promoted"),
    ],
)
def test_what_numpy_refuses_is_refused(function, message):
    assert message in refusal(function)
