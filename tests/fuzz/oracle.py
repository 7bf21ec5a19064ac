"""Runs a program on a runtime, planned and not, whole and in chunks and step by step, against its own step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import graphpool
from graphpool.graph.types import Array
from tests.fuzz.coverage import Coverage
from tests.fuzz.drawing import COARSE
from tests.fuzz.programs import STATES, FuzzModule, Program

STEPS, BATCH = 5, 2
SINGLE, DOUBLE = np.dtype("float32"), np.dtype("float64")
WHOLE_NUMBERS = 2**24
"""Up to here, single precision holds every integer."""


def inputs(seed: int) -> Array:
    """Multiples of 1/4."""
    return np.random.default_rng(seed).integers(-12, 13, (BATCH, STEPS, 3)) / 4


@dataclass
class Expected:
    """What a program should give: each output and each state at all steps, and how far each output may be off."""

    outputs: list[Array]
    states: dict[str, Array]
    tolerances: list[float]

    def compare(self, actual: Any, how: str, last: bool = False) -> None:
        """Fail where outputs differ in dtype, shape or value."""
        for number, (whole, tolerance) in enumerate(zip(self.outputs, self.tolerances, strict=True)):
            got, wanted, what = actual[f"output.{number}"], whole[:, -1] if last else whole, f"{how}: output {number}"
            assert got.dtype == wanted.dtype, f"{what} is {got.dtype}, not {wanted.dtype}"
            assert got.shape == wanted.shape, f"{what} is {got.shape}, not {wanted.shape}"
            if not tolerance:
                np.testing.assert_array_equal(got, wanted, err_msg=what)
            else:
                np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=what)


def step_loop(program: Program, x: Array) -> Expected:
    """The module's own step in plain NumPy, sample by sample."""
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
    tolerances = [program.tolerances[number] for number in program.outputs]
    arrays = {name: np.array(item) for name, item in states.items()}
    return Expected([np.array(item) for item in outputs], arrays, tolerances)


def in_single(array: Array) -> Array:
    return array.astype(SINGLE) if array.dtype == DOUBLE else array


def fits_single(program: Program, x: Array) -> bool:
    """Whether single precision holds every number that must be exact, so that nothing jumps elsewhere there."""
    every = step_loop(replace(program, outputs=tuple(range(len(program.kinds)))), x)
    for array, tolerance in zip(every.outputs, every.tolerances, strict=True):
        if array.dtype.kind == "i" and (abs(array) > WHOLE_NUMBERS).any():
            return False
        if not tolerance and not np.array_equal(in_single(array), array, equal_nan=array.dtype.kind == "f"):
            return False
    return True


def expect(program: Program, x: Array, dtype: str) -> Expected:
    """What the step gives, in the dtypes that a run has which computes in that one."""
    expected = step_loop(program, x)
    if dtype == "float64":
        return expected
    tolerances = [max(tolerance, COARSE) if tolerance else 0.0 for tolerance in expected.tolerances]
    states = {name: in_single(array) for name, array in expected.states.items()}
    return Expected([in_single(array) for array in expected.outputs], states, tolerances)


def joined(parts: list[Any]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def check(
    program: Program,
    target: str,
    hoists: tuple[str, ...],
    data: int,
    emit: str = "each",
    dtype: str = "float64",
    coverage: Coverage | None = None,
) -> None:
    """Compare a program with what it should give, and with ``emit="last"`` also what the last step alone emits.

    Args:
        data: the seed of the inputs.
        dtype: what to compile for; ``"float32"`` is for programs that fit it.
        coverage: counts what runs.
    """
    x = inputs(data)
    expected = expect(program, x, dtype)
    coverage = Coverage() if coverage is None else coverage
    for hoist in hoists:
        how = f"{target} {dtype} {hoist}"
        run = graphpool.compile(FuzzModule(program), target, dtype=dtype, hoist=hoist)
        outputs, final, record = run(x, record=True)
        expected.compare(outputs, f"{how} whole")
        for name, wanted in expected.states.items():
            np.testing.assert_array_equal(record[name], wanted, err_msg=f"{how}: state {name}")
            np.testing.assert_array_equal(final[name], wanted[:, -1], err_msg=f"{how}: final state {name}")
            assert record[name].dtype == final[name].dtype == wanted.dtype, f"{how}: state {name}"
        if target != "jax":
            run.reset_state()
            expected.compare(joined(list(run.stream([x[:, :2], x[:, 2:3], x[:, 3:]]))), f"{how} chunks")
        coverage.add(run.artifact.plans.run, dtype)
        if emit == "last":
            last = graphpool.compile(FuzzModule(program), target, dtype=dtype, hoist=hoist, emit="last")
            outputs, final, _ = last(x)
            expected.compare(outputs, f"{how} last step", last=True)
            for name, wanted in expected.states.items():
                np.testing.assert_array_equal(final[name], wanted[:, -1], err_msg=f"{how} last step: state {name}")
            coverage.add(last.artifact.plans.run, dtype)
    coverage.add_lines(program)
    if target == "jax" and emit == "last":
        return  # three programs are slow to compile
    run.reset_state()
    steps = [run.step(x[:, t]) for t in range(STEPS)]
    expected.compare({n: np.stack([step[n] for step in steps], axis=1) for n in steps[0]}, f"{target} {dtype} steps")
