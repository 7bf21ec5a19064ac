"""What people write as one time step in NumPy: on every runtime the same as the plain NumPy loop."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphpool
from tests.idioms import cells, controllers, delays, detectors, filters, learning, models, neurons, sharing
from tests.idioms.idiom import BATCH, Idiom, step_loop
from tests.runtimes.models import TARGETS, flat

FILES = (neurons, cells, filters, delays, controllers, detectors, learning, models, sharing)
IDIOMS = {idiom.name: idiom for file in FILES for idiom in file.IDIOMS}

FLOAT64 = 1e-12
"""How close float64 comes, relative to the largest value: engines differ in last places of exp and in sums."""
TOGETHER = 20
"""For how many steps at least float32 has the events of float64, where rounding may part them later."""

Result = tuple[list[Any], dict[str, Any]]


@functools.cache
def oracle(name: str) -> Result:
    return step_loop(IDIOMS[name])


def feed(idiom: Idiom, start: int = 0, stop: int | None = None) -> Any:
    """A piece of the inputs, as a runtime takes them."""
    inputs = {port: x[:, start:stop] for port, x in idiom.inputs().items()}
    return inputs if len(inputs) > 1 else next(iter(inputs.values()))


def as_list(output: Any) -> list[Any]:
    return list(output.values()) if isinstance(output, dict) else [output]


def run(idiom: Idiom, target: str, dtype: str, hoist: Any) -> Iterator[tuple[str, Result]]:
    """The whole evolution, and the same in chunks; JAX, which compiles those anew, cuts in single precision only."""
    compiled = graphpool.compile(idiom.make(), target, dtype=dtype, hoist=hoist, input_shapes=idiom.ports)
    output, state, _ = compiled(feed(idiom))
    yield "whole", (as_list(output), flat(state))
    if target == "jax" and dtype == "float64":
        return
    compiled.reset_state()
    third = idiom.steps // 3
    chunks = [feed(idiom, start, start + third) for start in range(0, idiom.steps, third)]
    pieces = [as_list(piece) for piece in compiled.stream(chunks)]
    joined = [np.concatenate([piece[number] for piece in pieces], axis=1) for number in range(len(pieces[0]))]
    yield "in chunks", (joined, flat(compiled.state()))


def common_steps(expected: list[Any], got: list[Any]) -> int:
    """For how many steps the events (the bools and integers) of all samples are the same."""
    count = expected[0].shape[1]
    for wanted, found in zip(expected, got, strict=True):
        if wanted.dtype.kind != "f" or not (wanted % 1).any():
            same = (wanted == found).reshape(*wanted.shape[:2], -1).all(axis=(0, 2))
            count = min(count, count if same.all() else int(same.argmin()))
    return count


def assert_close(got: Any, expected: Any, tolerance: float, what: str) -> None:
    """Equal where the expected values are no floats; else within a tolerance of the largest of them."""
    assert got.shape == expected.shape, what
    if expected.dtype.kind != "f" or tolerance == 0:
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    finite = np.abs(expected[np.isfinite(expected)])
    limit = tolerance * (finite.max() if finite.size else 0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=limit, err_msg=what)


@pytest.mark.parametrize(("dtype", "hoist"), [("float64", "always"), ("float64", "never"), ("float32", "always")])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_is_its_step_loop(name: str, target: str, dtype: str, hoist: str) -> None:
    idiom, (outputs, states) = IDIOMS[name], oracle(name)
    tolerance = FLOAT64 if dtype == "float64" else idiom.float32
    for form, (got, got_states) in run(idiom, target, dtype, hoist):
        steps = idiom.steps
        if idiom.parts and dtype == "float32":
            steps = common_steps(outputs, got)
            assert steps >= min(TOGETHER, idiom.steps)
        for number, (found, expected) in enumerate(zip(got, outputs, strict=True)):
            assert_close(found[:, :steps], expected[:, :steps], tolerance, f"{form}: output {number}")
        assert got_states.keys() == states.keys()
        for state, expected in states.items() if steps == idiom.steps else ():
            assert_close(got_states[state], expected, tolerance, f"{form}: state {state}")


@pytest.mark.parametrize("name", IDIOMS)
def test_an_idiom_moves(name: str) -> None:
    """The inputs reach the outputs: no idiom is compared at rest, and the samples of the batch differ."""
    outputs, _ = oracle(name)
    assert any(len(np.unique(output)) > 1 for output in outputs)
    assert any((output[0] != output[1]).any() for output in outputs)
    assert all(output.shape[:2] == (BATCH, IDIOMS[name].steps) for output in outputs)


def test_names_are_unique() -> None:
    assert len(IDIOMS) == sum(len(file.IDIOMS) for file in FILES)
