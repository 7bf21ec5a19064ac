"""Loops with little between them become one."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear
from graphpool.parameters import State
from graphpool.passes import EXACT, run_passes
from graphpool.plan import join_loops, make_plan
from tests.trace.stepping import module_of

V = State(np.zeros(3))


def kinds(module: Any, **options: Any) -> list[str]:
    graph, _ = run_passes(graphpool.trace(module).replace(records=()), EXACT)
    return [region.kind for region in join_loops(make_plan(graph, "auto", **options)).regions]


def chain(between: Any) -> Any:
    def step(self: Any, x: Any) -> Any:
        self.v = np.tanh(self.v + x)
        self.w = np.tanh(self.w - between(self.v))
        return self.w

    return module_of(step, v=V, w=V)


def test_a_neuron_is_one_loop_and_a_layer_is_outside() -> None:
    assert kinds(Sequential(Linear((2, 3)), LIF(3))) == ["map", "scan", "shift"]
    net = Sequential(Linear((2, 3)), LIF(3), Linear((3, 4)), LIF(4))
    assert kinds(net).count("scan") == 2
    assert kinds(net, emit="last").count("scan") == 2


def test_what_is_large_stays_between_them() -> None:
    assert kinds(chain(lambda v: v * 2 + 1)).count("scan") == 1
    assert kinds(chain(np.exp)).count("scan") == 2
    assert kinds(chain(lambda v: v @ np.eye(3))).count("scan") == 2
    assert kinds(chain(lambda v: v * 2 + 1 - v * v + 3 * v)).count("scan") == 2


def test_a_way_around_keeps_them_apart() -> None:
    def step(self: Any, x: Any) -> Any:
        self.v = np.tanh(self.v + x)
        self.w = np.tanh(self.w - self.v - np.exp(self.v))
        return self.w

    assert kinds(module_of(step, v=V, w=V)).count("scan") == 2


def test_three_in_a_row_and_a_branch_become_one() -> None:
    def step(self: Any, x: Any) -> Any:
        self.u = np.tanh(self.u + x)
        self.v = np.tanh(self.v + self.u)
        self.w = np.tanh(self.w + self.v + self.u)
        return self.w + np.exp(self.u)

    module = module_of(step, u=V, v=V, w=V)
    assert kinds(module) == ["scan", "map"]
    x = np.random.default_rng(0).normal(size=(2, 7, 3))
    wanted = graphpool.compile(module, "numpy", dtype="float64", hoist="never")(x)[0]
    np.testing.assert_allclose(graphpool.compile(module, "onnx", dtype="float64")(x)[0], wanted, rtol=1e-12)
