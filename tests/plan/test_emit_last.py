"""Plans that emit the last step only: what serves the outputs alone runs once, and nothing is stored for each step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import PlanError, TargetError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from graphpool.parameters import State
from graphpool.passes import EXACT, run_passes
from graphpool.plan import Plan, check_plan, make_plan
from tests.trace.stepping import module_of

V = State(np.zeros(3))


def plan_of(module: Any, hoist: Any = "always", *, record: bool = False) -> Plan:
    graph = graphpool.trace(module)
    return make_plan(run_passes(graph if record else graph.replace(records=()), EXACT)[0], hoist, emit="last")


def kinds(plan: Plan) -> list[str]:
    return [region.kind for region in plan.regions]


def stored(plan: Plan) -> list[Any]:
    """The ops of the values that are stored for every step."""
    return [plan.graph.nodes[value].op for region in plan.regions for value in region.outputs]


def test_a_readout_runs_once() -> None:
    plan = plan_of(Sequential(Linear((3, 3)), LIF(3), Linear((3, 2))))
    assert kinds(plan)[-2:] == ["last", "shift"]
    last = plan.regions[-2]
    assert [plan.graph.nodes[value].op for value in last.nodes] == ["matmul"]
    assert last.finals == (plan.graph.outputs[0].value,)
    assert plan.explain(plan.graph.labels[last.nodes[0]]).endswith(
        f"runs at the last time step only (region {len(plan.regions) - 2}, last): emit='last', and nothing else "
        "needs it."
    )


def test_the_outputs_of_a_scan_are_not_stored() -> None:
    plan = plan_of(Rate(3, has_rec=True))
    assert kinds(plan) == ["scan", "last"]
    assert stored(plan) == []
    assert len(plan.regions[0].finals) == 1
    assert "keeps the last" in str(plan)


def test_an_accumulator_stores_nothing() -> None:
    def step(self: Any, x: Any) -> Any:
        self.v = self.v + np.tanh(x)
        return self.v

    plan = plan_of(module_of(step, v=V))
    assert kinds(plan) == ["map", "scan"]
    assert stored(plan) == ["tanh"]  # what the loop reads
    assert plan.regions[1].finals == (plan.graph.outputs[0].value,)


def test_records_stay_whole() -> None:
    plan = plan_of(Rate(3), record=True)
    assert {record.value for record in plan.graph.records} <= {v for region in plan.regions for v in region.outputs}


def test_a_delayed_output_needs_the_step_before() -> None:
    def step(self: Any, x: Any) -> Any:
        before = self.v
        self.v = np.tanh(x)
        return before

    plan = plan_of(module_of(step, v=V))
    assert kinds(plan) == ["map", "shift"]
    assert plan.regions[1].finals == (plan.graph.states[0].current,)


def test_everything_in_the_loop_stores_nothing_either() -> None:
    plan = plan_of(Sequential(Linear((3, 3)), LIF(3), Linear((3, 2))), "never")
    assert kinds(plan) == ["scan"]
    assert stored(plan) == []
    assert plan.regions[0].finals == (plan.graph.outputs[0].value,)


def test_what_is_needed_at_each_step_and_at_the_last_is_stored_once() -> None:
    def step(self: Any, x: Any) -> Any:
        y = np.tanh(x)
        self.v = np.sin(self.v) + y
        return y, self.v

    plan = plan_of(module_of(step, v=V))
    assert kinds(plan) == ["map", "scan"]
    assert plan.regions[0].finals == ()
    assert stored(plan) == ["tanh"]


def test_the_checker_refuses_what_is_not_kept() -> None:
    plan = plan_of(Rate(3))
    scan = plan.regions[0]
    with pytest.raises(PlanError, match="which no earlier region makes"):
        check_plan(replace(plan, regions=(replace(scan, finals=()), *plan.regions[1:])))
    with pytest.raises(PlanError, match="outputs are emitted at each step"):
        check_plan(replace(plan, emit="each"))


def test_an_unknown_emit_is_refused() -> None:
    with pytest.raises(TargetError, match=r"(?s)emit='first'.*one of 'each', 'last'"):
        graphpool.compile(Rate(3), emit="first")
