"""Affine states on NumPy: a filter gives what the loop gives, and leaves to the loop what it cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Parameter, State
from graphpool.compilers.numpy import compile as program
from graphpool.compilers.numpy import filters
from graphpool.nn.modules import Module
from tests.runtimes.models import assert_same

STEPS = 3 * filters.FEWEST_STEPS + 7


class Filter(Module):
    """A gain, for all or for each, times the state plus the input; both sides of the state are seen."""

    def __init__(self, gain: Any, start: float = 0.25) -> None:
        super().__init__(shape=2)
        self.gain = Parameter(gain)
        self.s = State(np.full(2, start))

    def step(self, x: Any) -> Any:
        late = self.s
        self.s = self.gain * self.s + x
        return self.s, late


class Sum(Module):
    """A running sum, and a count in integers."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.total = State(np.full(2, 0.1))
        self.count = State(np.array(5))

    def step(self, x: Any) -> Any:
        self.total = self.total + x
        self.count = self.count + (x[0] > 0).astype(self.count.dtype)
        return self.total, self.count


MODELS = {
    "one gain": lambda: Filter(np.array(0.9)),
    "a gain each": lambda: Filter(np.array([0.5, -0.75])),
    "no gain": lambda: Filter(np.array(0.0)),
    "a gain that is infinite": lambda: Filter(np.array([np.inf, 0.5])),
    "a state that is infinite": lambda: Filter(np.array(0.5), np.inf),
    "a gain above 1": lambda: Filter(np.array(1.5)),
    "a sum": Sum,
}
BY_LOOP = ("a gain that is infinite", "a state that is infinite")


def signals(batch: int) -> Any:
    return np.random.default_rng(3).normal(size=(batch, STEPS, 2)).astype(np.float32)


def watch(patch: pytest.MonkeyPatch) -> list[bool]:
    """What the filters said when they were asked, from now on."""
    said: list[bool] = []

    def asked(*args: Any) -> bool:
        said.append(filters.run_filter(*args))
        return said[-1]

    patch.setattr(program, "run_filter", asked)
    return said


def by_loop(make: Any, x: Any, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "run_filter", lambda *args: False)
        return graphpool.compile(make(), **options)(x)


@pytest.mark.parametrize("emit", ["each", "last"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(MODELS))
def test_a_filter_is_its_loop_to_the_bit(name: str, dtype: Any, emit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = signals(3)
    outputs, state, _ = by_loop(MODELS[name], x, dtype=dtype, emit=emit)
    said = watch(monkeypatch)
    run = graphpool.compile(MODELS[name](), dtype=dtype, emit=emit)
    found, last, _ = run(x)
    assert any(said) == (name not in BY_LOOP) and said
    assert_same(found, outputs)
    assert_same(last, state)


@pytest.mark.parametrize("name", ["a gain each", "a sum"])
def test_filters_go_on_from_chunk_to_chunk(name: str) -> None:
    x, run = signals(2), graphpool.compile(MODELS[name]())
    whole = run(x)[0]
    run.reset_state()
    parts = list(run.stream([x[:, :5], x[:, 5:90], x[:, 90:]]))
    assert_same({key: np.concatenate([part[key] for part in parts], axis=1) for key in whole}, whole)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_stays_with_the_loop(bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    x = signals(1)
    x[0, 70, 1] = bad
    outputs = by_loop(MODELS["one gain"], x)[0]
    said = watch(monkeypatch)
    assert_same(graphpool.compile(MODELS["one gain"]())(x)[0], outputs)
    assert said == [False]


def test_many_channels_and_few_steps_stay_with_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    said = watch(monkeypatch)
    run = graphpool.compile(MODELS["one gain"]())
    run(signals(filters.MOST_CHANNELS // 2 + 1))
    run.reset_state()
    run(signals(1)[:, : filters.FEWEST_STEPS - 1])
    assert said == [False, False]
