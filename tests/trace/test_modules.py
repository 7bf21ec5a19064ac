"""Modules in modules, records, the names of ports and outputs, and the lines that nodes come from."""

from __future__ import annotations

import numpy as np
import pytest

import graphpool
from graphpool.nn.modules import Module
from graphpool.parameters import Parameter, State
from tests.trace.stepping import assert_means_the_same, module_of

V = State(np.array([0.5, -1.0, 2.0]))
W = Parameter(np.array([1.0, -0.5, 0.25]))
COUNT, SINGLE = State(np.zeros(3, np.int64)), State(np.array([0.5, 1.5, -0.25], np.float32))


# --- children --------------------------------------------------------------------------------------------------------
class Leak(Module):
    def __init__(self, decay):
        super().__init__(shape=3)
        self.decay = Parameter(decay)
        self.v = State(np.zeros(3))

    def step(self, x, gain=1.0):
        x += 1
        self.v = self.decay * self.v + gain * x
        return self.v


class Nested(Module):
    def __init__(self):
        super().__init__(shape=3)
        self.first, self.second = Leak(0.5), Leak(0.25)

    def step(self, x):
        inner = self.first.step(x, gain=2.0)
        inner += 100
        return x, self.second.step(inner), self.second.step(self.first.v), self.second.v - self.first.v


class Shared(Module):
    def __init__(self):
        super().__init__(shape=3)
        self.one = Leak(0.5)
        self.other = self.one

    def step(self, x):
        self.one.step(x)
        return self.other.step(x)


@pytest.mark.parametrize("make", [Nested, Shared])
def test_children_are_stepped_as_often_as_written(make):
    assert_means_the_same(make)


def test_of_a_shared_child_the_first_path_owns_parameters_and_states():
    graph = graphpool.trace(Shared())
    assert [param.name for param in graph.params] == ["one.decay"]
    assert [state.name for state in graph.states] == ["one.v"]


# --- records, names and origins --------------------------------------------------------------------------------------
def test_records_show_the_value_at_their_line():
    def step(self, x):
        self.record("double", x * 2)
        self.record("whole", x)
        self.record("number", 3)
        x += 100
        return x

    record = assert_means_the_same(lambda: module_of(step, v=V))
    assert list(record) == ["double", "whole", "number", "v"]
    np.testing.assert_array_equal(record["double"], 2 * record["whole"])
    assert abs(record["whole"]).max() <= 3
    assert (record["number"].dtype, record["number"].shape) == (np.int64, (2, 5))


def test_ports_and_outputs_have_the_names_of_the_step():
    def step(self, left, right):
        return left, right

    graph = graphpool.trace(module_of(step))
    assert [port.name for port in graph.inputs] == ["left", "right"]
    assert [output.name for output in graph.outputs] == ["output.0", "output.1"]
    assert [output.name for output in graphpool.trace(module_of(lambda self, x: x)).outputs] == ["output"]


@pytest.mark.parametrize(
    ("attributes", "dtype"),
    [
        ({}, "f64"),
        ({"f": SINGLE}, "f32"),
        ({"f": SINGLE, "v": V}, "f64"),
        ({"n": COUNT}, "f64"),
        ({"w": W}, "f64"),
    ],
)
def test_the_port_has_the_widest_float_among_parameters_and_states(attributes, dtype):
    graph = graphpool.trace(module_of(lambda self, x: x, **attributes))
    assert str(graph.type(graph.inputs[0].value)) == f"{dtype}[3]"


def test_every_node_shows_the_line_that_makes_it():
    def step(self, x):
        view = x[::-1]
        decay = np.exp(-self.w)
        return view, decay * x

    graph = graphpool.trace(module_of(step, w=W))
    texts = {
        node.op: graph.origins[value][0].text
        for value, node in enumerate(graph.nodes)
        if node.op not in ("input", "param")
    }
    assert texts == {
        "slice": "view = x[::-1]",
        "neg": "decay = np.exp(-self.w)",
        "exp": "decay = np.exp(-self.w)",
        "mul": "return view, decay * x",
    }
    assert {origin.file for origins in graph.origins for origin in origins} <= {"tests/trace/test_modules.py"}


def test_a_long_step_traces_without_recursion():
    def step(self, x):
        for _ in range(1500):
            self.v = self.v + x
        self.v[x > 0] = x[x > 0]
        return self.v

    assert len(graphpool.trace(module_of(step, v=V)).nodes) > 1500
