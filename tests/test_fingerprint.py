"""When a module that is called has to be compiled again."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import weakref
from collections import deque
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import LIF, Linear, Module, Rate
from tests.runtimes.models import Leaky, assert_same, make_net, signal, step_loop

front = importlib.import_module("graphpool.compile")  # the package's attribute of that name is the function


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
