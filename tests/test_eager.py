"""Calling modules: what is broadcast, and what a call leaves on the module."""

from __future__ import annotations

import importlib
from copy import copy
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Parameter, State
from graphpool.errors import InputError, StateError, TraceError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module
from tests.runtimes.models import Leaky, assert_same, make_net, signal

front = importlib.import_module("graphpool.compile")  # the package's attribute of that name is the function


# --- what goes in -------------------------------------------------------------------------------------------
def test_one_channel_drives_all_inputs() -> None:
    def run(x: Any) -> Any:
        return Leaky(2)(x)[0]

    wave = signal(6)
    expected = run(np.stack([wave, wave], axis=-1))
    assert_same(run(wave), expected)
    assert_same(run(wave.tolist()), expected)
    assert_same(run(wave[:, None]), expected)
    assert_same(run(wave[None, :, None]), expected)
    assert run(np.stack([wave, wave])[..., None]).shape == (2, 6, 2)
    assert run(np.zeros(0)).shape == (1, 0, 2)


@pytest.mark.parametrize("x", [np.zeros((5, 3)), 1.0, [[1.0], [2.0, 3.0]], np.full((5, 2), 1j), None, "a"])
def test_an_input_that_does_not_fit_changes_nothing(x: Any) -> None:
    net: Any = Leaky(2)
    net(signal(3, 2))
    before = net.state()
    with pytest.raises(InputError):
        net(x)
    assert_same(net.state(), before)


# --- what a call leaves -------------------------------------------------------------------------------------
def test_the_state_stays_on_the_module_and_goes_on() -> None:
    x, net = signal(8, 2), make_net()
    whole = make_net()(x)[0]
    first, state, record = net(x[:3], record=True)
    assert_same(net.state()["1_LIF"], state["1_LIF"])
    assert_same(record["1_LIF"]["vmem"][0, -1], net[1].vmem)
    second = net(x[3:])[0]
    assert_same(np.concatenate([first, second], axis=1), whole)
    net.reset_state()
    np.testing.assert_array_equal([net.step(row) for row in x[:3]], first[0])
    assert_same(net(x[3:])[0], second)


def test_a_batch_stays_on_the_module_until_a_reset() -> None:
    net: Any = Leaky(2)
    net(signal(3, 4, 2))
    assert net.v.shape == (3, 2)
    held = net.state()
    for use in (lambda: net(signal(4, 2)), lambda: net(signal(2, 4, 2)), lambda: net.step([0.0, 0.0])):
        with pytest.raises(StateError, match="reset_state"):
            use()
    assert_same(net.state(), held)
    x = signal(3, 4, 2)
    together = net(x)[0]
    for sample in range(3):
        alone: Any = Leaky(2)
        alone.v = held["v"][sample]
        assert_same(alone(x[sample])[0][0], together[sample])
    net.reset_state()
    assert net.v.shape == (2,)
    assert net(signal(4, 2))[0].shape == (1, 4, 2)


def test_the_dtype_of_the_parameters_is_kept() -> None:
    weight = np.ones((2, 2), np.float32)
    out = Linear((2, 2), weight=weight)(signal(3, 2))[0]
    assert out.dtype == np.float32
    assert Linear((2, 2))(signal(3, 2).astype(np.float32))[0].dtype == np.float64
    assert Sequential(Linear((2, 2), weight=weight), Linear((2, 2)))(signal(3, 2))[0].dtype == np.float64


class JaxLeaky(Leaky):
    runtime_target = "jax"


def test_a_class_names_the_runtime_of_its_calls() -> None:
    x = signal(5, 2)
    net = JaxLeaky(2)
    np.testing.assert_allclose(net(x)[0], Leaky(2)(x)[0], rtol=1e-12)
    assert type(front._eager[id(net)][2]).__name__ == "JaxRuntime"


def test_a_failed_call_leaves_the_module_as_it_was() -> None:
    class Failing(Leaky):
        def step(self, i: Any) -> Any:
            self.v = self.v + i
            return 1 if i.sum() > 0 else 2

    net: Any = Failing(2)
    before = net.state()
    with pytest.raises(TraceError, match=r"np\.where"):
        net(signal(3, 2))
    assert_same(net.state(), before)


# --- modules in the old way ---------------------------------------------------------------------------------
class Raster(Module):
    """A whole evolution on rasters, as people write it without a step."""

    def __init__(self, n: int) -> None:
        super().__init__(shape=n)
        self.gain = Parameter(np.full(n, 2.0))
        self.v = State(np.zeros(n))

    def evolve(self, input_data: Any, record: bool = False) -> Any:
        out = np.empty_like(input_data)
        for t, row in enumerate(input_data):
            self.v = self.v + self.gain * row
            out[t] = self.v
        return out, self.state(), {"v": out} if record else {}


def test_a_module_that_overrides_evolve_runs_as_it_stands(compiled: list[Any]) -> None:
    x, net = signal(5, 2), Raster(2)
    out, state, record = net(x, record=True)
    np.testing.assert_array_equal(out, 2 * np.cumsum(x, axis=0))
    np.testing.assert_array_equal(state["v"], out[-1])
    np.testing.assert_array_equal(net.v, out[-1])
    assert list(record) == ["v"] and net(x)[2] == {}
    assert compiled == []


def test_an_evolve_of_ones_own_takes_batches() -> None:
    class Batched(Raster):
        def evolve(self, input_data: Any, record: bool = False) -> Any:
            data, (v,) = self._auto_batch(input_data, (self.v,))
            out = np.empty_like(data)
            for t in range(data.shape[1]):
                v = v + self.gain * data[:, t]
                out[:, t] = v
            self.v = v[0]
            return out, {"v": v}, {}

    x = np.stack([signal(5, 2), -signal(5, 2)])
    np.testing.assert_array_equal(Batched(2)(x)[0], 2 * np.cumsum(x, axis=1))
    assert Batched(2)(x[0, :, 0])[0].shape == (1, 5, 2), "one channel drives both"
    batched = Batched(2)
    assert batched._auto_batch(x, (np.ones((2, 3)), 1.0), [(3,), ()])[1][0].shape == (2, 3)
    for wrong in (np.zeros((5, 3)), np.zeros((1, 5, 2, 2))):
        with pytest.raises(InputError, match="Batched"):
            batched(wrong)
    with pytest.raises(StateError, match=r"shape \(3, 2\) for 2 samples of shape \(2,\)"):
        batched._auto_batch(x, (np.ones((3, 2)),), [(2,)])


def test_a_loop_over_rows_does_not_compile() -> None:
    with pytest.raises(TraceError, match=r"(?s)Raster: a loop over the time steps.*in enumerate.*step\(self, x\)"):
        graphpool.compile(Raster(2))
    with pytest.raises(TraceError, match=r"only a step can be compiled.*(?s:.*)write step\(self, x\)"):
        graphpool.compile(Module(shape=2))
    with pytest.raises(NotImplementedError, match="defines no step"):
        Module(shape=2)(signal(3, 2))


def test_an_evolve_around_the_step_runs_and_compiles_alike() -> None:
    class Doubled(Linear):
        def evolve(self, input_data: Any, record: bool = False) -> Any:
            output, state, recorded = super().evolve(input_data, record)
            return output * 2, state, recorded

    x, net = signal(5, 2), Doubled((2, 3), weight=np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(net(x)[0][0], 2 * (x @ net.weight))
    np.testing.assert_array_equal(graphpool.compile(net, dtype="float64")(x)[0], net(x)[0])


def test_an_attribute_of_the_class_counts() -> None:
    class Gained(Module):
        gain = 2.0

        def __init__(self) -> None:
            super().__init__(shape=1)

        def step(self, x: Any) -> Any:
            return self.gain * x

    module = Gained()
    assert module(np.ones((1, 1)))[0][0, 0, 0] == 2
    Gained.gain = 3.0
    assert module(np.ones((1, 1)))[0][0, 0, 0] == 3


def test_a_shallow_copy_of_a_module_or_a_runtime_has_its_own_state() -> None:
    module = LIF(2)
    run = graphpool.compile(module, "numpy")
    for other, original in ((copy(module), module), (copy(run), run)):
        other(np.ones((3, 2)))
        assert not np.any(original.state()["vmem"])
        assert np.any(other.state()["vmem"])
