"""Functions of real numbers and bits on the engines: accuracy over all magnitudes, derivatives, and what differs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphpool
from graphpool.compilers import formulas
from graphpool.compilers.jax.functions import lowers
from graphpool.graph import GraphBuilder, type_of
from graphpool.graph.types import FLOAT32, FLOAT64, INT32, INT64, Array, DType
from graphpool.ops import OPS, bits, evaluate, functions, infer_type

ENGINES = ("jax", "onnx")
HARD = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 2.5, -2.5, 7.0)

FUNCTIONS = [name for name, op in OPS.items() if op.kernel.__module__ == functions.__name__]
EXACT = ["floor_divide", "fmod", "ceil", "trunc", "fmax", "fmin", "limit", "copysign", "heaviside"]
FLAGS = ["isnan", "isfinite", "isinf", "signbit"]
BITS = [name for name, op in OPS.items() if op.kernel.__module__ == bits.__name__]


def arity_of(name: str) -> int:
    return len(next(iter(OPS[name].samples())).args)


def run_op(name: str, target: str, *operands: Array) -> Array:
    """One op on one step of one sample."""
    builder = GraphBuilder("one", 0.001, infer_type)
    ports = [builder.input(f"x{place}", type_of(array)) for place, array in enumerate(operands)]
    builder.output("y", builder.add(name, ports, {}))
    run = graphpool.compile(builder.build(), target, dtype="float64")
    given: Any = {f"x{place}": array[None, None] for place, array in enumerate(operands)}
    outputs: Any = run(given if len(operands) > 1 else operands[0][None, None])[0]
    return np.asarray(next(iter(outputs.values())) if isinstance(outputs, dict) else outputs)[0, 0]


def numbers(name: str, dtype: DType, seed: int) -> Array:
    """Numbers of all magnitudes; angles are no larger than anyone wraps."""
    rng = np.random.default_rng(seed)
    decades = 30 if dtype == FLOAT32 else 300
    sign = rng.choice([-1.0, 1.0], 2000)
    parts = [rng.normal(0, 1, 2000), rng.uniform(-1, 1, 2000), rng.normal(0, 20, 2000)]
    if name not in ("sin", "cos", "tan"):
        parts += [sign * 10.0 ** rng.uniform(-decades, decades, 2000), rng.uniform(-1200, 1200, 2000), HARD]
    return rng.permutation(np.concatenate(parts)).astype(dtype)


def operands_of(name: str, dtype: DType) -> list[Array]:
    arrays = [numbers(name, dtype, seed) for seed in range(arity_of(name))]
    if len(arrays) == 2:
        hard = np.array(HARD, dtype)
        arrays = [
            np.concatenate([arrays[0], np.repeat(hard, hard.size)]),
            np.concatenate([arrays[1], np.tile(hard, hard.size)]),
        ]
    return arrays


def in_numpy(name: str, *operands: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(name, np, operands, [1] * len(operands), {}))


def is_normal(*arrays: Array) -> Array:
    """Where no number is denormal: XLA makes zero of those."""
    kept = [(array == 0) | ~(abs(array) < np.finfo(array.dtype).tiny) for array in arrays]
    return np.asarray(np.all(kept, axis=0))


def absolute_room(name: str, operands: list[Array], dtype: DType) -> Array:
    """What ``differs`` grants close to a zero of the result."""
    eps = np.finfo(dtype).eps
    if name.startswith("logaddexp"):
        return np.asarray(8 * eps * np.maximum(1, np.nan_to_num(abs(np.maximum(*operands)))))
    if name in ("sin", "cos") and dtype == FLOAT64:
        return np.full(operands[0].shape, 1e-15)
    return np.zeros(operands[0].shape)


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_keep_their_tolerance_over_all_magnitudes(name: str, dtype: DType, target: str) -> None:
    operands = operands_of(name, dtype)
    expected, actual = in_numpy(name, *operands), run_op(name, target, *operands)
    assert actual.dtype == expected.dtype
    kept = is_normal(expected, *operands)
    if name == "tan":
        kept &= abs(expected) < 100  # nearer to a pole, the error of the cosine shows
        kept &= abs(expected) > 0.01
    with np.errstate(all="ignore"):
        last_place = np.spacing(np.maximum(abs(actual), abs(expected)))
        room = np.maximum(OPS[name].tolerance * last_place, absolute_room(name, operands, dtype))
        if name == "tan":
            room *= 100
        near = abs(actual - expected) <= room
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    wrong = kept & ~same & ~near
    assert not wrong.any(), [(*[x[wrong][:3] for x in operands], actual[wrong][:3], expected[wrong][:3])]


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("name", [*EXACT, *FLAGS])
def test_rounding_and_signs_are_exact_over_all_magnitudes(name: str, dtype: DType, target: str) -> None:
    operands = operands_of(name, dtype)
    expected, actual = in_numpy(name, *operands), run_op(name, target, *operands)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    zeros_lose_their_sign = target == "onnx" and "sign of a zero" in OPS[name].differs
    if name in EXACT and not zeros_lose_their_sign:
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("dtype", [INT32, INT64], ids=str)
@pytest.mark.parametrize("name", [*BITS, "floor_divide", "fmod"])
def test_integers_are_exact_in_all_their_bits(name: str, dtype: DType, target: str) -> None:
    rng, info = np.random.default_rng(5), np.iinfo(dtype)
    x = rng.integers(info.min, info.max, 999, dtype=dtype)
    x[:6] = [info.min, info.min, info.max, 0, -1, 1]
    y = rng.integers(info.min, info.max, 999, dtype=dtype)
    y[6:500] = rng.integers(-3, 70, 494)
    y[:6] = [-1, 0, info.min, 0, 1, info.max]
    operands = [x, y][: arity_of(name)]
    np.testing.assert_array_equal(run_op(name, target, *operands), in_numpy(name, *operands))


@pytest.mark.parametrize("mask", [0, 1, 6, 7, 255, 2**31 - 1, -1, -8, -(2**31)])
@pytest.mark.parametrize("dtype", [INT32, INT64], ids=str)
def test_a_constant_mask_of_bits_in_onnx(mask: int, dtype: DType) -> None:
    """Which has shorter forms than any mask; so have the constants on the left."""
    info = np.iinfo(dtype)
    x = np.random.default_rng(6).integers(info.min, info.max, (1, 1, 99), dtype=dtype)
    builder = GraphBuilder("masked", 0.001, infer_type)
    port, constant = builder.input("x", type_of(x[0, 0])), builder.constant(np.array(mask, dtype))
    for name in ("bit_and", "bit_or", "bit_xor"):
        builder.output(name, builder.add(name, [port, constant], {}))
        builder.output(f"{name}_left", builder.add(name, [constant, port], {}))
    outputs = graphpool.compile(builder.build(), "onnx", dtype="float64")(x)[0]
    for name in ("bit_and", "bit_or", "bit_xor"):
        for left in ("", "_left"):
            np.testing.assert_array_equal(outputs[name + left][0, 0], in_numpy(name, x[0, 0], np.array(mask, dtype)))


# --- what `differs` says ---------------------------------------------------------------------------------------------
def test_onnx_has_no_sign_of_a_nan() -> None:
    """No node of opset 17 sees it; once one does, the entries in the table can go."""
    nan = np.array([-np.nan, np.nan])
    assert in_numpy("signbit", nan).tolist() == run_op("signbit", "jax", nan).tolist() == [True, False]
    assert run_op("signbit", "onnx", nan).tolist() == [False, False]
    one = np.ones(2)
    assert in_numpy("copysign", one, nan).tolist() == [-1, 1]
    assert run_op("copysign", "onnx", one, nan).tolist() == [1, 1]


@pytest.mark.parametrize(("name", "operands"), [("heaviside", (0.0, -0.0)), ("fmax", (-0.0, np.nan))])
def test_onnx_makes_zero_of_minus_zero(name: str, operands: tuple[float, float]) -> None:
    arrays = [np.array([operand]) for operand in operands]
    assert np.signbit(in_numpy(name, *arrays)).all()
    assert not np.signbit(run_op(name, "onnx", *arrays)).any()


def test_the_sine_of_onnx_in_float64_is_off_close_to_its_zeros() -> None:
    x = np.arange(1, 300) * np.pi
    error = abs(run_op("sin", "onnx", x) - np.sin(x))
    assert 0 < error.max() < 1e-15
    assert (error > 4 * np.spacing(abs(np.sin(x)))).any()


# --- JAX: derivatives ------------------------------------------------------------------------------------------------
DERIVATIVES = {
    "log1p": lambda x: 1 / (1 + x), "exp2": lambda x: np.log(2) * 2**x, "sinh": np.cosh, "cosh": np.sinh,
    "arctanh": lambda x: 1 / (1 - x * x), "expm1": np.exp, "cbrt": lambda x: abs(x) ** (-2 / 3) / 3,
    "erf": lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x), "arctan": lambda x: 1 / (1 + x * x),
    "expit": lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2, "floor": np.zeros_like, "trunc": np.zeros_like,
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_in_jax(name: str) -> None:
    kernel = lowers.get(name) or OPS[name].kernel
    x = np.array([-0.75, -0.5, -1e-4, 0.25, 0.9], np.float32)
    derivative = jax.jit(jax.vmap(jax.grad(lambda value: kernel(jnp, value))))(x)
    np.testing.assert_allclose(derivative, DERIVATIVES[name](x.astype(np.float64)), rtol=1e-5)
    if name in ("log1p", "exp2", "sinh", "cosh", "arctanh"):
        at_zero = float(jax.grad(lambda value: kernel(jnp, value))(np.float32(0)))
        assert at_zero == pytest.approx(DERIVATIVES[name](0.0))
        assert np.isfinite(jax.grad(jax.grad(lambda value: kernel(jnp, value)))(np.float32(0.5)))


@pytest.mark.parametrize("name", ["floor_divide", "fmod", "hypot", "arctan2", "logaddexp"])
def test_derivatives_of_two_operands_are_finite_in_jax(name: str) -> None:
    kernel = lowers.get(name) or OPS[name].kernel
    expected = {
        "floor_divide": (0, 0), "fmod": (1, -2), "hypot": (1.25 / np.hypot(1.25, 0.5), 0.5 / np.hypot(1.25, 0.5)),
        "arctan2": (0.5 / 1.8125, -1.25 / 1.8125), "logaddexp": (1 / (1 + np.exp(-0.75)), 1 / (1 + np.exp(0.75))),
    }  # fmt: skip
    derivative = jax.grad(lambda x, y: kernel(jnp, x, y), argnums=(0, 1))(np.float32(1.25), np.float32(0.5))
    np.testing.assert_allclose(derivative, expected[name], rtol=1e-6)


# --- the equations ---------------------------------------------------------------------------------------------------
class Plain:
    """NumPy as the namespace of the equations, to test them without an engine."""

    arctan_is_exact = False

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def rounded(x: Array) -> Array:
        return x

    @staticmethod
    def rough_arctan(x: Array) -> Array:
        return np.arctan(x.astype(np.float32)).astype(x.dtype)


EQUATIONS = [
    "log1p", "expm1", "exp2", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "cbrt", "hypot", "logaddexp",
    "logaddexp2", "expit", "erf", "arctan2", "arctan", "arcsin", "arccos", "tan", "floor_divide",
]  # fmt: skip


@pytest.mark.parametrize("name", EQUATIONS)
def test_an_equation_is_the_function(name: str) -> None:
    operands = operands_of(name, FLOAT64)
    with np.errstate(all="ignore"):
        actual, expected = getattr(formulas, name)(Plain(), *operands), in_numpy(name, *operands)
        last_place = np.spacing(np.maximum(abs(actual), abs(expected)))
        room = np.maximum(8 * last_place, absolute_room(name, operands, FLOAT64))
        near = abs(actual - expected) <= room
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    wrong = ~(same | near) & is_normal(expected, *operands)
    assert not wrong.any(), [(*[x[wrong][:3] for x in operands], actual[wrong][:3], expected[wrong][:3])]
    zero = (expected == 0) & (actual == 0)
    if name not in ("logaddexp", "logaddexp2"):
        np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


def test_the_list_of_equations_is_whole() -> None:
    helpers = {"polynomial", "first_quadrant"}
    found = {name for name, item in vars(formulas).items() if callable(item) and item.__module__ == formulas.__name__}
    assert found - helpers == set(EQUATIONS)
