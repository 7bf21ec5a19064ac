"""Modules made of a step function, and the NumPy step loop as the oracle of what they mean."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.graph.types import Array
from graphpool.nested import flatten
from graphpool.nn.modules import Module

Step = Callable[..., Any]
STEPS, BATCH = 5, 2


class Made(Module):
    """A module with the attributes given; its class gets the step."""

    def __init__(self, shapes: dict[str, tuple[int, ...]], attributes: dict[str, Any]) -> None:
        super().__init__(shape=3)
        self.shapes = shapes
        for name, attribute in attributes.items():
            setattr(self, name, attribute)

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().input_shapes | self.shapes


def module_of(step: Step, shapes: dict[str, tuple[int, ...]] | None = None, **attributes: Any) -> Any:
    """A module that runs ``step(self, ...)``; inputs have the shape (3,) unless ``shapes`` says otherwise."""
    return type("Made", (Made,), {"step": step})(shapes or {}, attributes)


class Cases:
    """Step functions with the attributes of their modules, for ``pytest.mark.parametrize``."""

    def __init__(self) -> None:
        self.params: list[Any] = []

    def __call__(self, shapes: dict[str, tuple[int, ...]] | None = None, **attributes: Any) -> Callable[[Step], Step]:
        def register(step: Step) -> Step:
            def make() -> Any:
                made = {n: item() if isinstance(item, FunctionType) else item for n, item in attributes.items()}
                return module_of(step, shapes, **made)

            self.params.append(pytest.param(make, id=step.__name__))
            return step

        return register


def said(error: BaseException) -> str:
    """A message without the lines of source that it shows, which may quote what a test expects."""
    return "\n".join(line for line in str(error).splitlines() if ".py:" not in line)


def flat_states(module: Any) -> dict[str, Array]:
    """Copies of all states by dotted path."""
    return {name: np.array(value) for name, value in flatten(module.state())}


def step_loop(make: Callable[[], Any], inputs: dict[str, Array]) -> tuple[list[Array], dict[str, Array]]:
    """Outputs and states after each step, ``(B, T, ...)``, of the module's own step in plain NumPy."""
    outputs, states = [], []
    for sample in range(BATCH):
        module, rows, after = make(), [], []
        for now in range(STEPS):
            result = module.step(*[array[sample, now] for array in inputs.values()])
            rows.append(result if isinstance(result, (tuple, list)) else [result])
            after.append(flat_states(module))
        outputs.append([np.array([row[number] for row in rows]) for number in range(len(rows[0]))])
        states.append({name: np.array([state[name] for state in after]) for name in after[0]})
    return (
        [np.array([row[number] for row in outputs]) for number in range(len(outputs[0]))],
        {name: np.array([state[name] for state in states]) for name in states[0]},
    )


def inputs_for(module: Any) -> dict[str, Array]:
    """Multiples of 1/4 between -3 and 3, of the shapes and dtypes of the ports."""
    rng = np.random.default_rng(7)
    graph = graphpool.trace(module)
    types = {port.name: graph.type(port.value) for port in graph.inputs}
    return {n: (rng.integers(-12, 13, (BATCH, STEPS, *t.shape)) / 4).astype(t.dtype) for n, t in types.items()}


def assert_means_the_same(make: Callable[[], Any], target: str = "numpy") -> dict[str, Array]:
    """The compiled module equals the step loop: outputs and states, dtypes and shapes; returns the flat record.

    Filters are rounded in another order; the loop with ``hoist="never"`` is as written, to the bit.
    """
    inputs = inputs_for(make())
    expected, states = step_loop(make, inputs)
    for hoist in ("always", "never"):
        run = graphpool.compile(make(), target, dtype="float64", hoist=hoist)
        given: Any = inputs if len(inputs) > 1 else next(iter(inputs.values()))
        outputs, _, record = run(given, record=True)
        got = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
        recorded = dict(flatten(record))
        assert len(got) == len(expected)
        for actual, wanted in [
            *zip(got, expected, strict=True),
            *((recorded[n], s) for n, s in states.items()),
        ]:
            assert (actual.dtype, actual.shape) == (wanted.dtype, wanted.shape)
            if any(region.affine for region in run.plan.regions):
                np.testing.assert_allclose(actual, wanted, rtol=1e-13, atol=1e-13)
                continue
            np.testing.assert_array_equal(actual, wanted)
            if wanted.dtype.kind == "f":
                np.testing.assert_array_equal(np.signbit(actual), np.signbit(wanted))
    return recorded
