"""Models that emit the last step only: the same last row, states and records as those that emit each."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError, ModuleError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear, Module
from graphpool.parameters import Parameter, State
from tests.runtimes.models import TARGETS, Counter, Leaky, Picture, TwoInTwoOut, assert_same, make_net, signal


class Delayed(Module):
    """Outputs of every kind: the state of the step before, a state that nobody writes, a parameter, the input."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.scale = Parameter(np.array([1.5, 2.5]))
        self.before = State(np.ones(2))
        self.held = State(np.full(2, 3.0))

    def step(self, x: Any) -> Any:
        before, self.before = self.before, x * self.scale
        return before, self.held, self.scale, x, before + self.held


class Chain(Module):
    """Two delays, one of the other, that leave; and two that nothing reads."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.first, self.second = State(np.ones(2)), State(np.full(2, 2.0))
        self.unread, self.unread_too = State(np.zeros(2)), State(np.zeros(2))

    def step(self, x: Any) -> Any:
        late, self.second, self.first = self.second, self.first, np.tanh(x)
        self.unread_too, self.unread = self.unread, x * 2
        return late, x + 1


class Unread(Module):
    """Two delays of a state that nothing reads."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.v, self.first, self.second = State(np.zeros(2)), State(np.ones(2)), State(np.full(2, 2.0))

    def step(self, x: Any) -> Any:
        self.second, self.first = self.first, self.v
        self.v = np.tanh(self.v + x)
        return self.v


def readout() -> Any:
    return Sequential(make_net(), Linear((3, 2), weight=np.arange(6).reshape(3, 2) / 8))


MODELS: dict[str, Any] = {
    "readout": (readout, None),
    "leaky": (lambda: Leaky(2), None),
    "ports": (TwoInTwoOut, None),
    "number": (lambda: Picture(0.0), {"x": ()}),
    "counter": (Counter, None),
    "delayed": (Delayed, None),
    "chain": (Chain, None),
    "unread": (Unread, None),
    "nothing but a product": (lambda: Linear((2, 3), weight=np.arange(6).reshape(2, 3) / 8), None),
}


def inputs(name: str, *leading: int) -> Any:
    if name == "ports":
        return {"a": signal(*leading, 2), "b": signal(*leading, seed=1)}
    return signal(*leading) if name == "number" else signal(*leading, 2)


def last_row(outputs: Any) -> Any:
    return {key: array[:, -1] for key, array in outputs.items()} if isinstance(outputs, dict) else outputs[:, -1]


def both(name: str, target: str, **options: Any) -> tuple[Any, Any]:
    make, shapes = MODELS[name]
    options = {"dtype": "float64", "input_shapes": shapes, **options}
    return tuple(graphpool.compile(make(), target, emit=emit, **options) for emit in ("each", "last"))


@pytest.mark.parametrize("hoist", ["always", "never"])
@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("target", TARGETS)
def test_the_last_step_is_that_of_all_steps(target: str, name: str, hoist: str) -> None:
    each, last = both(name, target, hoist=hoist)
    for steps in (7, 1, 2):
        x = inputs(name, 3, steps)
        wanted, state, record = each(x, record=True)
        for recording in (False, True):
            run = last.copy()
            out, own_state, own_record = run(x, record=recording)
            assert_same(out, last_row(wanted))
            assert_same(own_state, state)
            if recording:
                assert_same(own_record, record)
        last.set_state(state)


@pytest.mark.parametrize("target", TARGETS)
def test_steps_streams_and_lengths(target: str) -> None:
    each, last = both("readout", target)
    x = signal(3, 12, 2)
    np.testing.assert_array_equal(last.copy().step(x[:, 0]), each.copy().step(x[:, 0]))
    chunks = [x[:, :5], x[:, 5:6], x[:, 6:]]
    streamed, whole = list(last.copy().stream(chunks)), each.copy()(x)[0]
    assert [chunk.shape for chunk in streamed] == [(3, 2)] * 3
    np.testing.assert_array_equal(np.stack(streamed, axis=1), whole[:, [4, 5, 11]])
    ended = last.copy()(x, lengths=[5, 12, 1])[0]
    np.testing.assert_array_equal(ended, whole[np.arange(3), [4, 11, 0]])


@pytest.mark.parametrize("target", TARGETS)
def test_there_must_be_a_step(target: str) -> None:
    last = both("readout", target)[1]
    last(signal(3, 4, 2))
    before = last.state()
    with pytest.raises(InputError, match="takes at least one"):
        last(signal(3, 0, 2))
    with pytest.raises(InputError, match="a whole number from 1 to 4"):
        last(signal(3, 4, 2), lengths=[4, 0, 1])
    assert_same(last.state(), before)


def test_files_keep_it(tmp_path: Any) -> None:
    each, last = both("readout", "onnx")
    x = signal(2, 9, 2)
    wanted = each(x)[0][:, -1]
    for name in ("net.onnx", "net.gpz"):
        last.save(tmp_path / name)
        again = graphpool.load(tmp_path / name)
        again.reset_state()
        np.testing.assert_array_equal(again(x)[0], wanted)
        assert again.signature.emit == "last"
        with pytest.raises(InputError, match="takes at least one"):
            again(signal(2, 0, 2))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(last))(x)[0], wanted)


def test_one_row_is_no_time_series() -> None:
    with pytest.raises(ModuleError, match="gives no time series"):
        both("readout", "numpy")[1].timed(dt=1e-3)


def test_the_pure_functions_of_jax_emit_it_too() -> None:
    each, last = both("readout", "jax", dtype="float32")
    x = signal(3, 6, 2).astype(np.float32)
    arguments = each.parameters(), each.state(), x
    wanted, state, _ = each.apply(*arguments)
    out, own_state, _ = last.apply(*arguments)
    np.testing.assert_array_equal(out, wanted[:, -1])
    assert out.shape == (3, 2)
    with pytest.raises(InputError, match="takes at least one"):
        last.apply(*arguments[:2], x[:, :0])
    for name, array in own_state["0_Sequential"]["1_LIF"].items():
        np.testing.assert_array_equal(array, state["0_Sequential"]["1_LIF"][name])
