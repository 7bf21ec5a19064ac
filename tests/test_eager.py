"""Calling modules: when they are compiled again, what is broadcast, and what a call leaves on the module."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import weakref
from collections import deque
from copy import copy, deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Parameter, SimulationParameter, State
from graphpool.errors import InputError, StateError, TraceError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate
from tests.runtimes.models import Leaky, assert_same, make_net, signal, step_loop

front = importlib.import_module("graphpool.compile")  # the package's attribute of that name is the function


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The modules that were compiled, in order."""
    seen: list[Any] = []
    compile_ = front.compile

    def counting(net: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(net)
        return compile_(net, *args, **kwargs)

    monkeypatch.setattr(front, "compile", counting)
    return seen


@dataclasses.dataclass
class Settings:
    factor: float = 2.0


class Function:
    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, x: Any) -> Any:
        return self.slope * x


class Plain(Module):
    """A step that reads whatever lies in its attributes."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(shape=2)
        self.weight = Parameter(np.ones(2))
        self.total = State(np.zeros(2))
        for name, item in attributes.items():
            setattr(self, name, item)

    def step(self, x: Any) -> Any:
        self.total = self.total + x * self.weight * self.factor()
        return self.total


# --- when a module is compiled ------------------------------------------------------------------------------
def test_a_module_is_compiled_once(compiled: list[Any]) -> None:
    net: Any = make_net()
    for x in (signal(5, 2), signal(3, 2), signal(1, 1, 2)):
        net(x)
        net(x, record=True)
    net.reset_state()
    net(signal(4, 5, 2))
    assert compiled == [net]


def test_other_values_of_parameters_and_states_compile_nothing(compiled: list[Any]) -> None:
    net: Any = Leaky(2)
    x = signal(5, 2)
    net(x)
    net.gain = [3.0, 4.0]
    net.set_attributes({"tau": 5e-3})
    net.gain[:] *= 2
    net.v = [0.5, 0.25]
    expected = step_loop(net, x[None])
    np.testing.assert_allclose(net(x)[0], expected, rtol=1e-12)
    net.reset_parameters()
    net.reset_state()
    np.testing.assert_allclose(net(x)[0], step_loop(Leaky(2), x[None]), rtol=1e-12)
    assert len(compiled) == 1


class Scaled(Plain):
    def factor(self) -> Any:
        return self.k


class Listed(Plain):
    def factor(self) -> Any:
        return self.ks[0][-1]


class Configured(Plain):
    def factor(self) -> Any:
        return self.settings.factor


class Keyed(Plain):
    def factor(self) -> Any:
        return self.table["k"]


class Chosen(Plain):
    def factor(self) -> Any:
        return 2.0 if "two" in self.chosen else 3.0


class Calling(Plain):
    def factor(self) -> Any:
        return self.function(1.0)


class Holding(Plain):
    def factor(self) -> Any:
        return float(self.objects[0])


def replace(name: str, value: Any) -> Any:
    return lambda net: setattr(net, name, value)


CHANGES = {
    "simulation parameter": (lambda: Scaled(k=SimulationParameter(2.0)), replace("k", 3.0)),
    "constant array": (lambda: Scaled(k=SimulationParameter(np.array([2.0, 2.0]))), replace("k", [3.0, 3.0])),
    "number": (lambda: Scaled(k=2.0), replace("k", 3.0)),
    "array": (lambda: Scaled(k=np.full(2, 2.0)), lambda net: net.k.__setitem__(slice(None), 3.0)),
    "list": (lambda: Listed(ks=[[1.0, 2.0]]), lambda net: net.ks[0].append(3.0)),
    "deque": (lambda: Listed(ks=deque([(2.0,)])), lambda net: net.ks.appendleft((3.0,))),
    "dict": (lambda: Keyed(table={"k": 2.0}), lambda net: net.table.update(k=3.0)),
    "set": (lambda: Chosen(chosen={"two"}), lambda net: net.chosen.clear()),
    "dataclass": (lambda: Configured(settings=Settings()), lambda net: setattr(net.settings, "factor", 3.0)),
    "namespace": (
        lambda: Configured(settings=SimpleNamespace(factor=2.0)),
        lambda net: setattr(net.settings, "factor", 3.0),
    ),
    "function": (lambda: Calling(function=lambda x: 2 * x), replace("function", lambda x: 3 * x)),
    "callable": (lambda: Calling(function=Function(2.0)), lambda net: setattr(net.function, "slope", 3.0)),
    "object array": (
        lambda: Holding(objects=np.array([2.0, None])),
        lambda net: net.objects.__setitem__(0, 3.0),
    ),
}


@pytest.mark.parametrize("kind", list(CHANGES))
def test_what_a_step_reads_as_plain_values_compiles_again(kind: str, compiled: list[Any]) -> None:
    make, change = CHANGES[kind]
    net, x = make(), signal(4, 2)
    expected = np.cumsum(x, axis=0)
    np.testing.assert_allclose(net(x)[0][0], 2 * expected)
    net(x)
    assert len(compiled) == 1
    change(net)
    net.reset_state()
    np.testing.assert_allclose(net(x)[0][0], 3 * expected)
    assert len(compiled) == 2


def test_an_attribute_that_contains_itself_does_no_harm(compiled: list[Any]) -> None:
    loop: list[Any] = [1.0]
    loop.append(loop)
    other = SimpleNamespace(k=2.0)
    other.own = other
    net = Scaled(k=2.0, loop=loop, other=other)
    net.parent = SimpleNamespace(child=net)
    net(signal(4, 2))
    net.weight = [5.0, 5.0]
    net(signal(4, 2))
    assert len(compiled) == 1


class Pair(Module):
    def __init__(self) -> None:
        super().__init__(shape=2)
        self.first = Linear((2, 2), weight=np.eye(2))
        self.second = Linear((2, 2), weight=2 * np.eye(2))
        self.used = self.first

    def step(self, x: Any) -> Any:
        return self.used.step(x)


def test_a_change_of_the_structure_compiles_again(compiled: list[Any]) -> None:
    net: Any = make_net()
    x = signal(4, 2)
    net(x)
    net.append(Linear((3, 1), weight=np.ones((3, 1))))
    assert net(x)[0].shape == (1, 4, 1)
    net.append(Rate(1, tau=0.1), "last")
    net(x)
    net.last = LIF(1)
    net(x)
    assert len(compiled) == 4


def test_an_alias_that_names_another_child_compiles_again(compiled: list[Any]) -> None:
    net, x = Pair(), signal(4, 2)
    np.testing.assert_array_equal(net(x)[0][0], x)
    net.used = net.second
    np.testing.assert_array_equal(net(x)[0][0], 2 * x)
    assert len(compiled) == 2


def test_another_initial_state_compiles_again_since_a_graph_holds_it(compiled: list[Any]) -> None:
    net: Any = Leaky(2)
    net(signal(3, 2))
    del net.v
    net.v = State([1.0, 2.0])
    np.testing.assert_array_equal(net(np.zeros((0, 2)))[1]["v"], [1, 2])
    assert len(compiled) == 2


class Equal(Module):
    """A class that compares by value and so has no hash."""

    def __init__(self, k: float) -> None:
        super().__init__(shape=2)
        self.k = k

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    def step(self, x: Any) -> Any:
        return x * self.k


def test_modules_are_told_apart_by_identity(compiled: list[Any]) -> None:
    one, two = Equal(2.0), Equal(3.0)
    x = signal(4, 2)
    for _ in range(2):
        np.testing.assert_array_equal(one(x)[0][0], 2 * x)
        np.testing.assert_array_equal(two(x)[0][0], 3 * x)
    assert len(compiled) == 2


def test_a_module_that_was_called_can_go_and_its_copy_is_another(compiled: list[Any]) -> None:
    net = make_net()
    net.refers_to_itself = SimpleNamespace(net=net)
    x = signal(4, 2)
    out = net(x)[0]
    copy = deepcopy(net)
    copy.reset_state()
    assert_same(copy(x)[0], out)
    gc.collect()  # modules of other tests go now, not while this one counts
    size, gone = len(front._eager), weakref.ref(net)
    compiled.clear()
    del net
    gc.collect()
    assert gone() is None
    assert len(front._eager) == size - 1


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
