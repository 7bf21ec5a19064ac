"""Plans: which work is in the time loop, why, and that the checker refuses what is not a schedule."""

from __future__ import annotations

import dataclasses

import networkx
import numpy as np
import pytest

import graphpool
from graphpool.errors import CausalityError, GraphError, PlanError, TargetError
from graphpool.graph import Node, Origin
from graphpool.graph.cycles import time_graph
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from graphpool.parameters import Parameter, State
from graphpool.passes import EXACT, FLOAT32, run_passes
from graphpool.plan import Rate as R
from graphpool.plan import check_plan, compute_once, make_plan
from tests.golden.models import MODELS, Delayed, InPlace, Leaky, weights
from tests.trace.stepping import module_of

V = State(np.zeros(3))


def graph_of(module, passes=EXACT):
    return run_passes(graphpool.trace(module).replace(records=()), passes)[0]


def plan_of(module, *args, **kwargs):
    return make_plan(graph_of(module), *args, **kwargs)


def kinds(plan):
    return [region.kind for region in plan.regions]


def ops_in(plan, kind):
    return [plan.graph.nodes[value].op for region in plan.regions if region.kind == kind for value in region.nodes]


def leak(self, x):
    self.v = self.v * 0.5 + x
    return np.tanh(self.v)


def delay(self, x):
    before = self.v
    self.v = x * 2
    return before


# --- regions ---------------------------------------------------------------------------------------------------------
def test_a_linear_layer_is_one_map():
    plan = plan_of(Linear((3, 2)))
    assert kinds(plan) == ["map"]
    assert ops_in(plan, "map").count("matmul") == 1


def test_a_recurrence_is_a_scan_that_holds_the_minimum():
    plan = plan_of(module_of(leak, v=V))
    assert kinds(plan) == ["scan", "map"]
    assert ops_in(plan, "scan") == ["mul", "add"]
    assert ops_in(plan, "map") == ["tanh"]


def test_what_drives_a_recurrence_is_a_map_before_it():
    plan = plan_of(Leaky(3))
    assert kinds(plan) == ["map", "scan"]
    assert ops_in(plan, "map") == ["mul"]
    assert [plan.graph.nodes[value].op for value in plan.once] == ["div", "exp", "sub"]


def test_a_deep_net_alternates():
    layers = [layer for _ in range(3) for layer in (Linear((3, 3), weight=weights(3, 3)), Rate(3))]
    plan = plan_of(Sequential(*layers))
    assert kinds(plan) == ["map", "scan"] * 3 + ["map"]
    assert "matmul" not in ops_in(plan, "scan")


def test_a_delay_is_a_shift():
    plan = plan_of(module_of(delay, v=V))
    assert kinds(plan) == ["map", "shift"]
    assert plan.regions[1].states == (0,)
    assert plan.regions[1].outputs == (plan.graph.states[0].current,)


def test_a_chain_of_delays_is_one_shift_each():
    def step(self, x):
        last, self.w, self.v = self.w, self.v, x
        return last

    plan = plan_of(module_of(step, v=V, w=V))
    assert kinds(plan) == ["shift", "shift"]
    names = [plan.graph.states[region.states[0]].name for region in plan.regions]
    assert names == ["v", "w"]


def test_a_state_that_takes_a_parameter_or_a_constant_is_a_shift():
    def step(self, x):
        out = self.v + self.w
        self.v, self.w = self.p, 1.0
        return out + x

    plan = plan_of(module_of(step, v=V, w=V, p=Parameter(np.ones(3))))
    assert sorted(kinds(plan)) == ["map", "shift", "shift"]
    assert plan.handed == (plan.graph.params[0].value,)


def test_a_state_that_nothing_writes_is_held():
    plan = plan_of(module_of(lambda self, x: x + self.v, v=V))
    assert [(region.kind, region.nodes) for region in plan.regions if region.states] == [("hold", ())]


def test_two_states_on_one_cycle_are_one_scan_and_two_cycles_are_two():
    def together(self, x):
        self.v, self.w = self.w + x, self.v * 0.5
        return self.v

    def apart(self, x):
        self.v = self.v * 0.5 + x
        self.w = self.w * 0.5 + self.v
        return self.w

    plan = plan_of(module_of(together, v=V, w=V))
    assert [len(region.states) for region in plan.regions if region.kind == "scan"] == [2]
    plan = plan_of(module_of(apart, v=V, w=V))
    assert kinds(plan) == ["scan", "scan"]
    assert [plan.graph.states[r.states[0]].name for r in plan.regions if r.kind == "scan"] == ["v", "w"]


def test_neighbouring_maps_are_one():
    def step(self, x):
        return np.tanh(x) + 1, x * 2, np.exp(x)

    assert kinds(plan_of(module_of(step))) == ["map"]


def test_never_keeps_all_in_one_scan():
    plan = plan_of(Sequential(Linear((3, 3)), LIF(3)), "never")
    assert kinds(plan) == ["scan"]
    assert len(plan.regions[0].states) == len(plan.graph.states)
    assert "matmul" in ops_in(plan, "scan")
    assert kinds(plan_of(module_of(lambda self, x: x), "never")) == []


def test_one_step_is_one_map_without_states():
    plan = plan_of(Sequential(Linear((3, 3)), LIF(3)), one_step=True)
    assert kinds(plan) == ["map"]
    assert plan.regions[0].states == ()
    assert {state.next for state in plan.graph.states} <= set(plan.regions[0].outputs)
    assert kinds(plan_of(module_of(lambda self, x: x), one_step=True)) == []


def test_an_unknown_hoist_is_refused():
    with pytest.raises(TargetError, match=r"(?s)hoist='bogus'.*one of 'auto', 'always', 'never'"):
        make_plan(graph_of(Linear((3, 2))), hoist="bogus")


RECURRENT = Sequential(Linear((3, 3)), LIF(3, has_rec=True, w_rec=weights(3, 3)))
RATE = Sequential(Linear((3, 3)), Rate(3, has_rec=True, w_rec=weights(3, 3)), Linear((3, 3)))


@pytest.mark.parametrize(
    "module",
    [*(make() for make in MODELS.values()), RECURRENT, RATE, Sequential(*(Linear((3, 3)) for _ in range(3)), LIF(3))],
    ids=lambda module: type(module).__name__,
)
@pytest.mark.parametrize("passes", [EXACT, FLOAT32], ids=["float64", "float32"])
def test_whatever_is_in_a_scan_lies_on_a_cycle(module, passes):
    plan = make_plan(graph_of(module, passes))
    edges = time_graph(plan.graph)
    for region in plan.regions:
        for value in region.nodes if region.kind == "scan" else ():
            cycle = any(networkx.has_path(edges, after, value) for after in edges.successors(value))
            assert cycle, f"{plan.graph.nodes[value].op} is in a scan and on no cycle"


def test_recurrent_weights_are_the_only_product_in_a_scan():
    assert ops_in(plan_of(RECURRENT), "scan").count("matmul") == 1
    assert ops_in(plan_of(RECURRENT), "map").count("matmul") == 1
    assert ops_in(plan_of(RATE), "map").count("matmul") == 2


def test_the_order_of_a_plan_does_not_depend_on_chance():
    assert str(plan_of(MODELS["spiking"]())) == str(plan_of(MODELS["spiking"]()))


# --- rates and once --------------------------------------------------------------------------------------------------
def test_rates_of_a_plan():
    plan = plan_of(Leaky(3))
    rates = {plan.graph.labels[value]: rate for value, rate in enumerate(plan.rates)}
    assert (rates["i"], rates["v"], rates["tau"]) == (R.STREAM, R.STREAM, R.PARAM)
    assert [rate for label, rate in rates.items() if label.startswith("const")] == [R.CONST, R.CONST]
    assert [rates[str(number)] for number in range(6)] == [R.PARAM, R.PARAM, R.STREAM, R.PARAM, R.STREAM, R.STREAM]


def test_once_is_computed_wide_and_handed_over_rounded():
    plan = make_plan(graph_of(Leaky(3), FLOAT32))
    made = compute_once(plan, {"tau": np.array(20e-3)})
    decay = np.exp(-0.001 / np.array(20e-3))
    assert [array.dtype for array in made.values()] == [np.float32, np.float32]
    assert list(made.values()) == [np.float32(decay), np.float32(1 - decay)]
    assert tuple(made) == plan.handed


# --- words -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("module", "options", "label", "sentence"),
    [
        (Leaky(3), {}, "%i", "%i is an input."),
        (Leaky(3), {}, "tau", "%tau is a parameter."),
        (Leaky(3), {}, "%const3", "-0.001 is known when compiling."),
        (Leaky(3), {}, "%1", "%1 is computed once per parameter set: it depends on %tau and on no input or state."),
        (Leaky(3), {}, "%4",
         "%4 runs over all time steps at once (region 0, map): it lies on no cycle through a state."),
        (Leaky(3), {}, "%5", "%5 runs step by step (region 1, scan): it lies on the cycle %5 -> %v -> %2 -> %5."),
        (Leaky(3), {}, "%v", "%v runs step by step (region 1, scan): it lies on the cycle %v -> %2 -> %5 -> %v."),
        (Leaky(3), {"hoist": "never"}, "%4",
         "%4 runs step by step (region 0, scan): hoist='never' keeps everything in the loop; it lies on no cycle "
         "through a state."),
        (Leaky(3), {"hoist": "never"}, "%2",
         "%2 runs step by step (region 0, scan): it lies on the cycle %2 -> %5 -> %v -> %2."),
        (Leaky(3), {"one_step": True}, "%5", "%5 runs in region 0, which is the one step that this plan runs."),
        (Leaky(3), {"one_step": True}, "%v", "%v is a state, read at the start of the one step that this plan runs."),
        (Delayed(), {}, "%before", "%before is %0 one step late (region 1, shift): the state lies on no cycle."),
        (Delayed(), {"hoist": "never"}, "%before",
         "%before runs step by step (region 0, scan): hoist='never' keeps everything in the loop; it lies on no "
         "cycle through a state."),
        (module_of(lambda self, x: x + self.v, v=V), {}, "%v",
         "%v never changes (region 0, hold): no step assigns it."),
    ],
)  # fmt: skip
def test_explain(module, options, label, sentence):
    assert plan_of(module, **options).explain(label) == sentence


def test_explain_names_every_parameter():
    parameters = {name: Parameter(1.0) for name in "abc"}
    plan = plan_of(module_of(lambda self, x: x * (self.a + self.b), **parameters))
    assert plan.explain("%0") == "%0 is computed once per parameter set: it depends on %a, %b and on no input or state."
    with pytest.raises(KeyError, match="no value %nothing"):
        plan.explain("%nothing")


def test_the_text_of_a_plan():
    assert str(plan_of(module_of(leak, v=V))) == (
        "plan Made (hoist='always') {\n"
        "  region 0: scan, step by step\n"
        "    carries %v\n"
        "    %0: f64[3] = mul %v, 0.5\n"
        "    %1: f64[3] = add %0, %x\n"
        "    next %v = %1\n"
        "    stores %1\n"
        "  region 1: map, all time steps at once\n"
        "    %2: f64[3] = tanh %1\n"
        "}"
    )
    assert str(plan_of(module_of(delay, v=V))).splitlines()[3:] == [
        "  region 1: shift, one step late", "    carries %v", "    next %v = %0", "    stores %v", "}",
    ]  # fmt: skip
    assert str(plan_of(Leaky(3), one_step=True)).startswith(
        "plan Leaky (one step) {\n  once: computed per parameter set\n    %0: f64 = div -0.001, %tau\n"
    )
    assert "  region 0: map, one step\n" in str(plan_of(Leaky(3), one_step=True))


# --- the checker -----------------------------------------------------------------------------------------------------
def with_region(number, **changes):
    def change(plan):
        regions = list(plan.regions)
        regions[number] = dataclasses.replace(regions[number], **changes)
        return {"regions": tuple(regions)}

    return change


def swapped(plan):
    return {"regions": plan.regions[::-1]}


# Of InPlace: map (0), scan of trace (1), map (2), scan of count (3).
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swapped, "which no earlier region makes"),
        (with_region(1, outputs=()), r"region 2: reads \d+, which no earlier region makes"),
        (with_region(1, outputs=(0,)), "region 1: output 0 is not made inside"),
        (with_region(1, inputs=()), r"region 1: node \d+ reads \[\d+\], not declared or not made yet"),
        (with_region(1, invariants=()), r"region 1: node \d+ reads \[\d+\], not declared or not made yet"),
        (with_region(1, states=()), r"states carried: \[1\], expected \[0, 1\]"),
        (with_region(1, kind="map"), "region 1: a map carries states"),
        (with_region(1, kind="shift"), "region 1: a shift has one state and nothing else"),
        (with_region(3, nodes=()), r"region 3: state count has no next value"),
        (with_region(0, nodes=()), r"region 0: output \d+ is not made inside"),
        (lambda plan: {"regions": plan.regions + plan.regions[:1]}, r"nodes run: \[.*\], expected \["),
        (lambda plan: {"regions": plan.regions[:3]}, r"states carried: \[0\], expected \[0, 1\]"),
        (lambda plan: with_region(1, nodes=plan.regions[1].nodes[::-1])(plan), "not declared or not made yet"),
        (with_region(3, outputs=()), r"output.1: value \d+ is not stored by its region"),
        (lambda plan: {"one_step": True}, r"states carried: \[0, 1\], expected \[\]"),
    ],
)
def test_the_checker_refuses(change, message):
    plan = plan_of(InPlace())
    check_plan(plan)
    with pytest.raises(PlanError, match=message) as caught:
        check_plan(dataclasses.replace(plan, **change(plan)))
    assert "the plan of graph 'InPlace' is not valid:" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plan: {"once": ()}, r"computed once: \[\], expected \["),
        (lambda plan: {"once": plan.once[::-1]}, r"once: node \d+ needs \[\d+\] first"),
        (lambda plan: {"once": plan.once + plan.once[:1]}, "computed once: "),
        (lambda plan: {"handed": ()}, r"region 0: reads \d+, which no earlier region makes"),
        (lambda plan: {"handed": (*plan.handed, plan.graph.find("%5"))}, r"handed value \d+ is computed nowhere"),
    ],
)
def test_the_checker_refuses_what_is_computed_once(change, message):
    plan = plan_of(Leaky(3))
    with pytest.raises(PlanError, match=message):
        check_plan(dataclasses.replace(plan, **change(plan)))


def test_the_checker_wants_the_next_states_of_one_step():
    plan = plan_of(module_of(delay, v=V), one_step=True)
    region = dataclasses.replace(plan.regions[0], outputs=())
    with pytest.raises(PlanError, match=r"v: value \d+ is not stored by its region"):
        check_plan(dataclasses.replace(plan, regions=(region,)))


# --- causality -------------------------------------------------------------------------------------------------------
def cyclic():
    graph = graph_of(module_of(leak, v=V))
    mul, add = graph.find("%0"), graph.find("%1")
    nodes = list(graph.nodes)
    nodes[mul] = Node("mul", (add, nodes[mul].args[1]), nodes[mul].attrs, nodes[mul].type)
    return graph.replace(nodes=tuple(nodes))


def test_a_cycle_within_a_step_is_printed_with_the_lines():
    with pytest.raises(CausalityError) as caught:
        make_plan(cyclic())
    text = str(caught.value)
    assert text.startswith("Made: a value depends on itself within one step\n")
    for part in ("%0: f64[3] = mul %1, 0.5    tests/plan/test_plan.py:", "%1: f64[3] = add %0, %x    tests/plan/",
                 "self.v = self.v * 0.5 + x", "hint: let a state break the cycle"):  # fmt: skip
        assert part in text
    assert isinstance(caught.value, GraphError)


def test_nodes_out_of_order_are_refused():
    graph = graph_of(module_of(lambda self, x: np.tanh(np.exp(x))))
    order = [0, 2, 1]
    nodes = [Node(n.op, tuple(order[arg] for arg in n.args), n.attrs, n.type) for n in (graph.nodes[i] for i in order)]
    with pytest.raises(CausalityError, match="not in topological order"):
        make_plan(graph.replace(nodes=tuple(nodes), origins=((), (Origin("m", "f", 1, "t"),), ())))
