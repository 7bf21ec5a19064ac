"""Small modules for the tests of the runtimes, and their oracle: the module's own step, in plain NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

import graphpool
from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module

TARGETS = ("numpy", "jax", "onnx")


class Leaky(Module):
    """A leaky integrator with weights, a decay that depends on parameters alone, and a record of its own."""

    def __init__(self, n: int, tau: Any = 20e-3, dt: float = 1e-3) -> None:
        super().__init__(shape=n)
        self.gain = Parameter(np.linspace(0.5, 1.5, n), "weights")
        self.tau = Parameter(tau, "taus", shape=[(n,), ()])
        self.dt = SimulationParameter(dt)
        self.v = State(shape=n, init_func=np.zeros)

    def step(self, i: Any) -> Any:
        decay = np.exp(-self.dt / self.tau)
        self.record("drive", self.gain * i)
        self.v = decay * self.v + (1 - decay) * (self.gain * i)
        return self.v


class TwoInTwoOut(Module):
    """Two inputs of different ranks; a dict goes in and a dict comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.total = State(np.zeros(2))

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"a": (2,), "b": ()}

    def step(self, a: Any, b: Any) -> Any:
        self.total = self.total + a * b
        return self.total, a.sum() > b


class Picture(Module):
    """Samples of any rank: the shape is given to ``compile``."""

    def __init__(self, start: Any) -> None:
        super().__init__()
        self.total = State(start)

    def step(self, x: Any) -> Any:
        self.total = self.total + x
        return self.total


class Counter(Module):
    """Integer and bool states, and outputs that are neither floats nor streams."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.bias = Parameter([1.5, 2.5])
        self.count = State(np.zeros(2, np.int64))
        self.seen = State(np.zeros(2, bool))

    def step(self, x: Any) -> Any:
        above = x > 0.5
        self.count = self.count + above.astype(np.int64)
        self.seen = self.seen | above
        return self.count, above, self.bias, np.array([2.0, 3.0])


def make_net() -> Sequential:
    """Two layers, with recurrence, spikes and nested names; the same weights every time, and exact sums."""
    rng = np.random.default_rng(7)
    return Sequential(
        Linear((2, 3), weight=rng.integers(-64, 64, (2, 3)) / 64),
        LIF(3, tau_mem=5e-3, has_rec=True, w_rec=rng.integers(-16, 16, (3, 3)) / 64, threshold=0.5),
    )


NETS = {
    "net": lambda: (make_net(), None),
    "leaky": lambda: (Leaky(2), None),
    "ports": lambda: (TwoInTwoOut(), None),
    "number": lambda: (Picture(0.0), {"x": ()}),
    "picture": lambda: (Picture(np.zeros((2, 3))), {"x": (2, 3)}),
    "counter": lambda: (Counter(), None),
}


@functools.cache
def _compiled(name: str, target: str, dtype: str) -> Any:
    module, shapes = NETS[name]()
    return graphpool.compile(module, target, dtype=dtype, input_shapes=shapes)


def runtime(name: str, target: str, dtype: str = "float64") -> Any:
    """A runtime of its own for each test; the programs behind it are compiled once."""
    return _compiled(name, target, dtype).copy()


def signal(*shape: int, seed: int = 0) -> Any:
    """Multiples of 1/64, so that sums of products are exact in any order."""
    return np.random.default_rng(seed).integers(-128, 129, shape) / 64


def step_loop(module: Any, x: Any) -> Any:
    """What a call returns for ``(B, T, ...)``, from the module's own step."""
    rows = []
    for sample in x:
        alone = deepcopy(module)
        rows.append([alone.step(row) for row in sample])
    return np.array(rows)


def flat(nested: Any, prefix: str = "") -> dict[str, Any]:
    """A nested dict by dotted path."""
    found: dict[str, Any] = {}
    for name, item in nested.items():
        found |= flat(item, f"{prefix}{name}.") if isinstance(item, dict) else {prefix + name: item}
    return found


def assert_same(actual: Any, expected: Any) -> None:
    """Nested dicts, or arrays: the same names, dtypes, shapes and bits."""
    _compare(actual, expected, np.testing.assert_array_equal)


def assert_close(actual: Any, expected: Any) -> None:
    """Nested dicts, or arrays: the same names, dtypes and shapes, and bits up to the rounding of float32."""
    _compare(actual, expected, functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6))


def _compare(actual: Any, expected: Any, compare: Callable[..., None]) -> None:
    if not isinstance(expected, dict):
        actual, expected = {"": actual}, {"": expected}
    actual, expected = flat(actual), flat(expected)
    assert list(actual) == list(expected)
    for name, wanted in expected.items():
        assert actual[name].dtype == wanted.dtype, name
        compare(actual[name], wanted, err_msg=name)
