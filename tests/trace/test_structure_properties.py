"""Random shapes, dtypes, axes and indices: a traced step and plain NumPy give the same, or refuse the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import graphpool
from graphpool.errors import TraceError
from graphpool.parameters import Parameter, State
from tests.trace.stepping import module_of

DTYPES = ["float32", "float64", "int32", "int64", "bool"]
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
LIMITS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def filled(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    """Multiples of 1/4; a matrix lies column by column where the seed is odd."""
    array = (np.random.default_rng(seed).integers(-8, 9, shape) / 4).astype(dtype)
    return np.asfortranarray(array) if seed % 2 and array.ndim > 1 else array


def assert_equals_numpy(step: Any, exactly: bool = True, **attributes: Any) -> None:
    """One step in plain NumPy and one compiled; an error in NumPy is one of the trace."""
    make = lambda: module_of(step, **{name: item() for name, item in attributes.items()})  # noqa: E731
    x = np.array([1.0, 0.0, 2.0])
    try:
        with np.errstate(all="ignore"):
            expected = [np.asarray(item) for item in make().step(x)]
    except (ValueError, IndexError, TypeError) as error:
        assume("out of bounds" not in str(error))  # a traced index goes to the nearest end instead
        with pytest.raises(TraceError):
            graphpool.trace(make())
        return
    run = graphpool.compile(make(), "numpy", dtype="float64")
    outputs = run.step(x)
    for actual, wanted in zip(outputs.values(), expected, strict=True):
        assert (actual.dtype, actual.shape) == (wanted.dtype, wanted.shape)
        if exactly:
            np.testing.assert_array_equal(actual, wanted)
        else:
            np.testing.assert_allclose(actual, wanted, rtol=1e-5 if wanted.dtype == np.float32 else 1e-12, atol=1e-6)


# --- indices ---------------------------------------------------------------------------------------------------------
@st.composite
def keys(draw: Any) -> tuple[tuple[int, ...], list[tuple[str, Any]]]:
    """A shape, and the entries of an index for it, most of them in range."""
    shape = draw(SHAPES)
    count = draw(st.sampled_from([(), (2,), (2,), (3, 1), (1, 2)]))
    entries: list[tuple[str, Any]] = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(["int", "slice", "array", "traced", "traced", "scalar", "mask", "none"]))
        if kind in ("array", "traced"):
            length = int(np.prod(count))
            drawn = draw(st.lists(st.integers(-size, size - 1), min_size=length, max_size=length))
            entries.append((kind, np.array(drawn, dtype=np.int64).reshape(count)))
        elif kind == "mask":
            entries.append((kind, np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))))
        elif kind == "slice":
            entries.append(
                (kind, slice(draw(st.none() | st.integers(0, 2)), None, draw(st.sampled_from([None, -1, 2]))))
            )
        elif kind == "none":
            entries.append((kind, None))
            entries.append(("slice", slice(None)))
        else:
            entries.append((kind, draw(st.integers(-size, size - 1))))
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), ("ellipsis", ...))
    return shape, entries


def key_of(entries: list[tuple[str, Any]], x: Any) -> tuple[Any, ...]:
    """The index; traced entries depend on the input."""
    zero = (x[0] * 0).astype(np.int64)
    key = []
    for kind, item in entries:
        if kind == "traced":
            key.append(zero + item)
        elif kind == "scalar":
            key.append(zero[()] + item)
        else:
            key.append(item)
    return tuple(key)


def is_single_mask(entries: list[tuple[str, Any]]) -> bool:
    return [kind for kind, _ in entries] == ["mask"]


@LIMITS
@given(keys(), st.integers(0, 5))
def test_an_index_reads_and_aliases_as_in_numpy(drawn: Any, seed: int) -> None:
    shape, entries = drawn
    assume(not is_single_mask(entries))

    def step(self: Any, x: Any) -> Any:
        picked = self.v[key_of(entries, x)]
        flat = picked.reshape(-1)
        picked += 1
        self.v *= 2
        return picked, flat, self.v

    assert_equals_numpy(step, v=lambda: State(filled(shape, "float64", seed)))


@LIMITS
@given(keys(), st.sampled_from(DTYPES), st.integers(0, 5))
def test_an_index_writes_as_in_numpy(drawn: Any, dtype: str, seed: int) -> None:
    shape, entries = drawn
    try:
        slot = np.zeros(shape)[key_of(entries, np.zeros(1))].shape
    except IndexError:
        return  # refused in the test above
    values = filled(slot, "float64", seed + 1) + 3

    def step(self: Any, x: Any) -> Any:
        key = key_of(entries, x)
        self.v[key] = values if values.size else 1
        if dtype.startswith("float"):
            self.v[key] += x[0]
        self.v[key] = x[2]
        return (self.v,)

    if not is_single_mask(entries):
        assert_equals_numpy(step, v=lambda: State(filled(shape, dtype, seed)))


# --- functions -------------------------------------------------------------------------------------------------------
ALONG: dict[str, Any] = {
    "argmax": lambda v, axis: np.argmax(v, axis=axis),
    "argmin_kept": lambda v, axis: np.argmin(v, axis=axis, keepdims=True),
    "prod": lambda v, axis: np.prod(v, axis=axis),
    "cumsum": lambda v, axis: np.cumsum(v, axis=axis),
    "cumprod": lambda v, axis: np.cumprod(v, axis=axis),
    "var": lambda v, axis: np.var(v, axis=axis),
    "std_kept": lambda v, axis: np.std(v, axis=axis, keepdims=True, ddof=0.5),
    "median": lambda v, axis: np.median(v[:3], axis=0) if v.shape[0] <= 3 else v * 1,
    "average": lambda v, axis: np.average(v, axis=axis, weights=np.abs(v) + 1),
    "count": lambda v, axis: np.count_nonzero(v, axis=axis),
    "ptp": lambda v, axis: np.ptp(v, axis=axis),
    "norm": lambda v, axis: np.linalg.norm(v, 3, axis=axis),
    "norm2": lambda v, axis: np.linalg.norm(v, axis=axis),
    "norm1": lambda v, axis: np.linalg.norm(v, 1, axis=axis),
    "roll": lambda v, axis: np.roll(v, 2, axis=axis),
    "repeat": lambda v, axis: np.repeat(v, 2, axis=axis),
    "take": lambda v, axis: np.take(v, [0, -1], axis=axis),
    "flip": lambda v, axis: np.flip(v, axis=axis),
    "append": lambda v, axis: np.append(v, v, axis=axis),
    "diff": lambda v, axis: np.diff(v, axis=0 if axis is None else axis),
    "diagonal": lambda v, axis: np.diagonal(v, 1, 0 if axis is None else axis, -1),
    "rot90": lambda v, axis: np.rot90(v, 3, (0, -1)),
    "tril": lambda v, axis: np.tril(v, axis or 0),
    "pad": lambda v, axis: np.pad(v, (axis or 0) % 3 + 1, "wrap"),
    "tile": lambda v, axis: np.tile(v, (2, 1)),
    "split": lambda v, axis: np.array_split(v, 2, axis=0 if axis is None else axis)[0],
    "stacked": lambda v, axis: np.dstack([np.column_stack([v, v]), np.vstack([v, v]).T[:1]]) if v.ndim == 1 else v * 1,
    "searchsorted": lambda v, axis: np.searchsorted(np.array([-1.0, 0.5]), v, side="right"),
    "interp": lambda v, axis: np.interp(v, [-1.0, 0, 1], [0.0, 2, 1]),
    "select": lambda v, axis: np.select([v > 1, v > 0], [v, 1], default=0),
}


@pytest.mark.parametrize("name", list(ALONG))
def test_a_function_has_the_shape_the_dtype_and_the_layout_of_numpys(name: str) -> None:
    function = ALONG[name]

    @settings(LIMITS, max_examples=25)
    @given(SHAPES, st.sampled_from(DTYPES), st.none() | st.integers(-3, 2), st.integers(0, 9))
    def check(shape: tuple[int, ...], dtype: str, axis: int | None, seed: int) -> None:
        def step(self: Any, x: Any) -> Any:
            result = function(self.v, axis)
            flat = result.reshape(-1)
            if name not in ("diagonal", "rot90"):  # views that a trace cannot write through
                result *= 2  # what is a view of what shows here
            return result, flat, self.v

        assert_equals_numpy(step, exactly=False, v=lambda: State(filled(shape, dtype, seed)))

    check()


@st.composite
def subscripts(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """Einsum subscripts of up to three operands, and the operands' shapes."""
    sizes = dict(zip("ijk", draw(st.tuples(*[st.integers(1, 3)] * 3)), strict=True))
    parts = draw(st.lists(st.text("ijk", min_size=1, max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(parts)))
    text = ",".join(parts)
    if draw(st.booleans()):
        text += "->" + "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
    return text, [tuple(sizes[letter] for letter in part) for part in parts]


@LIMITS
@example(("ij,jk->ki", [(2, 3), (3, 2)]), "float64", 0)
@given(subscripts(), st.sampled_from(DTYPES), st.integers(0, 9))
def test_einsum_is_numpys(drawn: Any, dtype: str, seed: int) -> None:
    text, shapes = drawn

    def step(self: Any, x: Any) -> Any:
        operands = [getattr(self, f"p{number}") for number in range(len(shapes))]
        result = np.einsum(text, *operands)
        flat = result.reshape(-1)
        if len(operands) > 1 and dtype != "bool":  # of one array, NumPy may give a view
            result *= 2
        return result, flat

    params = {
        f"p{number}": lambda n=number, shape=shape: Parameter(filled(shape, dtype, seed + n))
        for number, shape in enumerate(shapes)
    }
    assert_equals_numpy(step, **params)
