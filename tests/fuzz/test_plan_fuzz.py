"""The plan fuzz: random step programs on every runtime, planned and not, whole and in chunks and step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphpool
from graphpool.graph.types import Array
from graphpool.plan import EMITS, HOISTS
from tests.fuzz.programs import MAX_LENGTH, STATES, FuzzModule, Program, draw_program

STEPS, BATCH = 5, 2
EXAMPLES = {"numpy": 250, "onnx": 80, "jax": 20}


def inputs(seed: int) -> Array:
    """Multiples of 1/4."""
    return np.random.default_rng(seed).integers(-12, 13, (BATCH, STEPS, 3)) / 4


def step_loop(program: Program, x: Array) -> tuple[list[Array], dict[str, Array]]:
    """The oracle: the module's own step in plain NumPy, sample by sample; outputs, and states after each step."""
    outputs: list[list[Any]] = [[] for _ in program.outputs]
    states: dict[str, list[Any]] = {name: [] for name in STATES}
    for number, sample in enumerate(x):
        module = FuzzModule(program, number)
        rows, after = [], []
        for row in sample:
            with np.errstate(all="ignore"):
                rows.append(module.step(row))
            after.append(module.state())
        for number, collected in enumerate(outputs):
            collected.append(np.array([row[number] for row in rows]))
        for name, collected in states.items():
            collected.append(np.array([state[name] for state in after]))
    return [np.array(item) for item in outputs], {name: np.array(item) for name, item in states.items()}


def assert_agrees(actual: Any, expected: list[Array], program: Program, how: str) -> None:
    for number, (wanted, tolerance) in enumerate(zip(expected, program.tolerances, strict=True)):
        got = actual[f"output.{number}"]
        assert got.dtype == wanted.dtype, f"{how}: output {number} is {got.dtype}, not {wanted.dtype}"
        assert got.shape == wanted.shape, f"{how}: output {number} is {got.shape}, not {wanted.shape}"
        if not tolerance:
            np.testing.assert_array_equal(got, wanted, err_msg=f"{how}: output {number}")
        else:
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=f"{how}: output {number}")


def joined(parts: list[Any]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def check(program: Program, target: str, hoists: tuple[str, ...], seed: int, emit: str = "each") -> None:
    """Compare a program with its step loop, and with ``emit="last"`` also what the last step alone emits."""
    x = inputs(seed)
    expected, states = step_loop(program, x)
    for hoist in hoists:
        run = graphpool.compile(FuzzModule(program), target, dtype="float64", hoist=hoist)
        outputs, _, record = run(x, record=True)
        assert_agrees(outputs, expected, program, f"{target} {hoist} whole")
        for name, wanted in states.items():
            np.testing.assert_array_equal(record[name], wanted, err_msg=f"{target} {hoist}: state {name}")
        if target != "jax":
            run.reset_state()
            parts = list(run.stream([x[:, :2], x[:, 2:3], x[:, 3:]]))
            assert_agrees(joined(parts), expected, program, f"{target} {hoist} chunks")
        if emit == "last":
            last = graphpool.compile(FuzzModule(program), target, dtype="float64", hoist=hoist, emit="last")
            rows = [wanted[:, -1] for wanted in expected]
            assert_agrees(last(x)[0], rows, program, f"{target} {hoist} last step")
    run.reset_state()
    steps = [run.step(x[:, t]) for t in range(STEPS)]
    stacked = {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}
    assert_agrees(stacked, expected, program, f"{target} steps")


@pytest.mark.parametrize("target", list(EXAMPLES))
def test_every_runtime_agrees_with_the_step_loop(target: str) -> None:
    lengths = st.sampled_from(range(1, MAX_LENGTH + 1))

    @settings(
        max_examples=EXAMPLES[target],
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32), lengths, st.integers(0, 10), st.sampled_from(HOISTS), st.sampled_from(EMITS))
    def fuzz(seed: int, length: int, data: int, hoist: str, emit: str) -> None:
        hoists = (hoist,) if target == "jax" else (hoist, "auto" if hoist == "never" else "never")
        check(draw_program(seed, length), target, hoists, data, emit)

    fuzz()
