"""Affine regions: which states are a gain times themselves plus a drive, and which must stay as they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import PlanError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, ExpSyn, Linear, Rate
from graphpool.ops.affine import CHANNELS
from graphpool.parameters import Parameter, State
from graphpool.passes import AFFINE, EXACT, run_passes
from graphpool.plan import Plan, check_plan, make_plan
from tests.trace.stepping import module_of

V = State(np.zeros(3))


def rewritten(module: Any) -> tuple[Any, list[str]]:
    graph, notes = run_passes(graphpool.trace(module).replace(records=()), (*AFFINE, *EXACT))
    return graph, [str(note) for note in notes]


def plan_of(module: Any, **options: Any) -> Plan:
    return make_plan(rewritten(module)[0], affine=True, **options)


def affine_states(plan: Plan) -> list[str]:
    places = [region.states[0] for region in plan.regions if region.kind == "affine"]
    return [plan.graph.states[place].name for place in places]


def ops_of(plan: Plan, kind: str) -> list[str]:
    return [plan.graph.nodes[value].op for region in plan.regions if region.kind == kind for value in region.nodes]


STEPS = {
    "leak": lambda self, x: self.v * 0.5 + x,
    "leak, written otherwise": lambda self, x: x + self.p * self.v,
    "relaxation": lambda self, x: self.v + self.p * (-self.v + x),
    "synapse": lambda self, x: (self.v + x) * self.p,
    "quotient": lambda self, x: (self.v - x) / self.p,
    "difference": lambda self, x: x - self.v * 0.25,
    "difference of both": lambda self, x: (self.v - self.p * self.v) - (x - self.v),
    "sum": lambda self, x: self.v + x,
    "sum of a constant": lambda self, x: self.v + self.p,
    "decay": lambda self, x: self.v * self.p,
    "twice": lambda self, x: self.v * 0.5 + (x - self.v) * 0.25,
    "negative": lambda self, x: -(self.v * 0.5) + x,
    "itself once more": lambda self, x: self.v * self.p + self.v,
}


def state_module(step: Any) -> Any:
    def whole(self: Any, x: Any) -> Any:
        self.v = step(self, x)
        return self.v * 2

    return module_of(whole, v=State(np.linspace(-1, 1, 3)), p=Parameter(np.array([0.5, 0.25, 0.75])))


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_affine_steps_are_found_and_mean_what_they_say(step: Any) -> None:
    module = state_module(step)
    plan = plan_of(module)
    assert affine_states(plan) == ["v"]
    assert ops_of(plan, "affine") in (["mul", "add"], ["add"], ["mul"])
    assert "scan" not in [region.kind for region in plan.regions]
    x = np.random.default_rng(0).normal(size=(2, 40, 3))
    runs = [
        graphpool.compile(plan.graph, target, dtype="float64", parameters=module.parameters())
        for target in ("numpy", "onnx")
    ]
    expected = []
    for sample in x:
        module.reset_state()
        expected.append([module.step(row) for row in sample])
    for run in runs:
        np.testing.assert_allclose(run(x)[0], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (lambda self, x: self.v * x, "the gain changes over time"),
        (lambda self, x: x / self.v, "the state is a divisor"),
        (lambda self, x: self.v * self.v, "it is a square"),
        (lambda self, x: np.tanh(self.v) + x, "it is no sum"),
        (lambda self, x: np.roll(self.v, 1) * 0.5 + x, "channels mix"),
    ],
)
def test_what_is_not_affine_is_a_scan(step: Any, why: str) -> None:
    assert affine_states(plan_of(state_module(step))) == [], why


def test_whether_a_value_is_nan_depends_on_no_rounding() -> None:
    def filled(self: Any, x: Any) -> Any:
        self.v = self.v * 0.5 + x
        return np.where(np.isnan(self.v), 1.0, self.v)

    assert affine_states(plan_of(module_of(filled, v=V))) == ["v"]


def test_nothing_is_rewritten_where_something_discrete_depends_on_the_state() -> None:
    def compared(self: Any, x: Any) -> Any:
        self.v = self.v + 0.5 * (-self.v + x)
        self.w = np.where(self.v > 1, self.w, x)
        return self.w

    def much_later(self: Any, x: Any) -> Any:
        fired = self.w > 1
        self.w = self.u
        self.u = self.v
        self.v = self.v + 0.5 * (-self.v + x)
        return fired

    for step in (compared, much_later):
        module = module_of(step, v=V, w=V, u=V)
        graph, notes = rewritten(module)
        assert notes == ["affine: %v: its step stays as written: something discrete depends on it"]
        assert affine_states(make_plan(graph, affine=True)) == []
    assert affine_states(plan_of(Sequential(Linear((3, 3)), LIF(3)))) == []


def test_integers_are_exact_in_any_order() -> None:
    def count(self: Any, x: Any) -> Any:
        self.n = self.n + 1
        return np.where(self.n > 2, x, 0.0)

    plan = plan_of(module_of(count, n=State(np.zeros(3, np.int64))))
    assert affine_states(plan) == ["n"]
    assert plan.explain("%n").endswith("%n becomes %n + 1, and integers are exact in any order.")


def test_states_of_many_channels_stay_as_written() -> None:
    assert affine_states(plan_of(Rate(CHANNELS))) == ["x"]
    graph, notes = rewritten(Rate(CHANNELS + 1))
    assert affine_states(make_plan(graph, affine=True)) == []
    assert notes == [f"affine: %x: its step stays as written: it has {CHANNELS + 1} channels, more than {CHANNELS}"]


@pytest.mark.parametrize("target", ["numpy", "onnx"])
def test_a_filter_drives_another(target: str) -> None:
    """Fault: what lies on the cycle of the first state counts as a share of the second."""

    def step(self: Any, x: Any) -> Any:
        between = x - self.v * 0.25
        self.v = between + 0.5 * self.v
        self.w = self.w + 0.5 * (between - self.w)
        self.u = (self.u + self.v + self.w) * 0.5
        return self.u

    module = module_of(step, v=V, w=V, u=V)
    assert affine_states(plan_of(module)) == ["v", "w", "u"]
    x = np.random.default_rng(0).normal(size=(30, 3))
    expected = [module.step(row) for row in x]
    out = graphpool.compile(module_of(step, v=V, w=V, u=V), target, dtype="float64")(x)[0][0]
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-13)


def test_two_states_on_one_cycle_are_not_affine() -> None:
    def step(self: Any, x: Any) -> Any:
        self.v, self.w = self.v * 0.5 + self.w, self.w * 0.25 + self.v + x
        return self.w

    assert affine_states(plan_of(module_of(step, v=V, w=V))) == []


def test_targets_without_affine_regions_get_scans_of_the_steps_as_written() -> None:
    net = Sequential(Linear((3, 3)), Rate(3))
    run = graphpool.compile(net, "jax")
    assert "affine" not in [region.kind for region in run.plan.regions]
    assert "neg" in ops_of(run.plan, "scan")
    never = graphpool.compile(net, hoist="never")
    assert [region.kind for region in never.plan.regions] == ["scan"]
    assert "neg" in ops_of(never.plan, "scan")


def test_explain_shows_gain_and_drive() -> None:
    plan = plan_of(ExpSyn(3))
    assert plan.explain("%isyn") == (
        "%isyn needs no time loop where that is faster (region 1, affine): %isyn becomes %1 * %isyn + %2, and nothing "
        "discrete depends on it."
    )
    assert (
        plan.explain("%2")
        == "%2 runs over all time steps at once (region 0, map): it lies on no cycle through a state."
    )


def test_the_checker_refuses_another_gain() -> None:
    from dataclasses import replace

    plan = plan_of(ExpSyn(3))
    region = plan.regions[1]
    assert region.affine is not None
    wrong = replace(region, affine=replace(region.affine, gain=None))
    with pytest.raises(PlanError, match="its state does not go on as"):
        check_plan(replace(plan, regions=(plan.regions[0], wrong)))
    with pytest.raises(PlanError, match="a scan with affine="):
        check_plan(replace(plan, regions=(plan.regions[0], replace(region, kind="scan"))))
