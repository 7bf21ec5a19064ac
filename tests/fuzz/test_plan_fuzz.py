"""The plan fuzz: random step programs on every runtime, planned and not, whole and in chunks and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphpool
from graphpool.graph.types import Array
from tests.fuzz.programs import FuzzModule, Program, programs

STEPS, BATCH = 5, 2
EXAMPLES = {"numpy": 200, "onnx": 60, "jax": 25}


def inputs(seed: int) -> Array:
    """Multiples of 1/4."""
    return np.random.default_rng(seed).integers(-12, 13, (BATCH, STEPS, 3)) / 4


def step_loop(program: Program, x: Array) -> list[Array]:
    """The oracle: the module's own step in plain NumPy, sample by sample."""
    samples = []
    for sample in x:
        module = FuzzModule(program)
        with np.errstate(all="ignore"):
            rows = [module.step(row) for row in sample]
        samples.append([np.array([row[i] for row in rows]) for i in range(len(program.outputs))])
    return [np.array([sample[i] for sample in samples]) for i in range(len(program.outputs))]


def assert_agrees(actual: Any, expected: list[Array], program: Program, how: str) -> None:
    for number, (wanted, exact) in enumerate(zip(expected, program.exact, strict=True)):
        got = actual[f"output.{number}"]
        assert got.dtype == wanted.dtype, f"{how}: output {number} is {got.dtype}, not {wanted.dtype}"
        assert got.shape == wanted.shape, f"{how}: output {number} is {got.shape}, not {wanted.shape}"
        if exact or wanted.dtype.kind != "f":
            np.testing.assert_array_equal(got, wanted, err_msg=f"{how}: output {number}")
        else:
            tolerance = 1e-4 if wanted.dtype == np.float32 else 1e-9
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=f"{how}: output {number}")


def joined(parts: list[Any]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def check(program: Program, target: str, hoists: tuple[str, ...], seed: int) -> None:
    x = inputs(seed)
    expected = step_loop(program, x)
    for hoist in hoists:
        run = graphpool.compile(FuzzModule(program), target, dtype="float64", hoist=hoist)
        assert_agrees(run(x)[0], expected, program, f"{target} {hoist} whole")
        if target != "jax":
            run.reset_state()
            parts = list(run.stream([x[:, :2], x[:, 2:3], x[:, 3:]]))
            assert_agrees(joined(parts), expected, program, f"{target} {hoist} chunks")
    run.reset_state()
    steps = [run.step(x[:, t]) for t in range(STEPS)]
    stacked = {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}
    assert_agrees(stacked, expected, program, f"{target} steps")


@pytest.mark.parametrize("target", list(EXAMPLES))
def test_every_runtime_agrees_with_the_step_loop(target: str) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

    @settings(max_examples=EXAMPLES[target], deadline=None, derandomize=True, suppress_health_check=checks)
    @given(programs(), st.integers(0, 10), st.sampled_from(["always", "never"]))
    def fuzz(program: Program, seed: int, hoist: str) -> None:
        check(program, target, (hoist,) if target == "jax" else ("always", "never"), seed)

    fuzz()
