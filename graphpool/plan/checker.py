"""A small checker: the planner may be clever, because every plan it makes is validated here."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from graphpool.errors import PlanError
from graphpool.graph import CONST, LEAF_OPS, Value
from graphpool.graph.rates import Rate
from graphpool.plan.affine import filter_states, find_affine
from graphpool.plan.plan import Plan, Region


def check_plan(plan: Plan) -> None:
    """Check that each node runs once, each operand is ready, and each state is carried by one region.

    Raises:
        PlanError: lists everything that is wrong.
    """
    problems = [*_once_problems(plan), *_region_problems(plan), *_root_problems(plan)]
    if problems:
        raise PlanError("\n    ".join([f"the plan of graph {plan.graph.name!r} is not valid:", *problems]))


def _ready_before(plan: Plan) -> set[Value]:
    graph = plan.graph
    ready = {value for value, node in enumerate(graph.nodes) if node.op == CONST}
    ready |= {port.value for port in graph.inputs} | set(plan.handed)
    if plan.one_step:
        ready |= {state.current for state in graph.states}
    return ready


def _once_problems(plan: Plan) -> Iterator[str]:
    made = {param.value for param in plan.graph.params}
    made |= {value for value, node in enumerate(plan.graph.nodes) if node.op == CONST}
    for value in plan.once:
        missing = [arg for arg in plan.graph.nodes[value].args if arg not in made]
        if missing:
            yield f"once: node {value} needs {missing} first"
        made.add(value)
    expected = [
        value
        for value, node in enumerate(plan.graph.nodes)
        if node.op not in LEAF_OPS and plan.rates[value] is not Rate.STREAM
    ]
    if sorted(plan.once) != expected:
        yield f"computed once: {sorted(plan.once)}, expected {expected}"
    for value in plan.handed:
        if value not in made:
            yield f"handed value {value} is computed nowhere"


def _region_problems(plan: Plan) -> Iterator[str]:
    graph, ready = plan.graph, _ready_before(plan)
    at_last: set[Value] = set()
    filters = filter_states(graph, plan.rates) if any(region.affine for region in plan.regions) else frozenset()
    carried: list[int] = []
    ran: list[Value] = []
    for number, region in enumerate(plan.regions):
        states = [graph.states[place] for place in region.states]
        known = ready | at_last if _reads_last_only(region) else ready
        for value in (*region.inputs, *region.invariants):
            if value not in known:
                yield f"region {number}: reads {value}, which no earlier region makes"
        local = {*region.inputs, *region.invariants} | {state.current for state in states}
        for value in region.nodes:
            unknown = [arg for arg in graph.nodes[value].args if arg not in local]
            if unknown:
                yield f"region {number}: node {value} reads {unknown}, not declared or not made yet"
            local.add(value)
        for state in states:
            if state.next not in local:
                yield f"region {number}: state {state.name} has no next value"
        for value in (*region.outputs, *region.finals):
            if value not in local - set(region.inputs):
                yield f"region {number}: output {value} is not made inside"
        yield from _kind_problems(plan, number, region, filters)
        ready |= set(region.outputs)
        at_last |= set(region.finals)
        carried += region.states
        ran += region.nodes
    expected = [] if plan.one_step else list(range(len(graph.states)))
    if sorted(carried) != expected:
        yield f"states carried: {sorted(carried)}, expected {expected}"
    stream = [
        value for value, node in enumerate(graph.nodes) if node.op not in LEAF_OPS and plan.rates[value] is Rate.STREAM
    ]
    if sorted(ran) != stream:
        yield f"nodes run: {sorted(ran)}, expected {stream}"


def _reads_last_only(region: Region) -> bool:
    """Whether a region reads no more than the last step of what it reads."""
    return region.kind == "last" or (region.kind == "shift" and not region.outputs and not region.finals)


def _kind_problems(plan: Plan, number: int, region: Region, filters: Collection[Value]) -> Iterator[str]:
    if region.kind in ("map", "last") and region.states:
        yield f"region {number}: a {region.kind} carries states"
    if region.kind in ("shift", "hold") and (region.nodes or len(region.states) != 1):
        yield f"region {number}: a {region.kind} has one state and nothing else"
    if region.kind == "last" and region.outputs:
        yield f"region {number}: it runs at the last step, and stores {region.outputs} for every step"
    if (region.kind == "affine") != (region.affine is not None):
        yield f"region {number}: a {region.kind} with affine={region.affine}"
    elif region.affine and region.affine != find_affine(plan.graph, plan.rates, filters, region.nodes, region.states):
        yield f"region {number}: its state does not go on as {region.affine} says"
    if plan.emit == "each" and region.finals:
        yield f"region {number}: keeps the last of {region.finals} only, but outputs are emitted at each step"


def _root_problems(plan: Plan) -> Iterator[str]:
    """Whatever leaves the graph must be an input, handed over, constant, or an output of its region."""
    stored = {value for region in plan.regions for value in region.outputs} | _ready_before(plan)
    finals = {value for region in plan.regions for value in region.finals}
    emitted = stored | finals if plan.emit == "last" else stored
    for output in plan.graph.outputs:
        if output.value not in emitted:
            yield f"{output.name}: value {output.value} is not stored by its region"
    named = [(record.name, record.value) for record in plan.graph.records]
    if plan.one_step:
        named += [(state.name, state.next) for state in plan.graph.states]
    for name, value in named:
        if value not in stored:
            yield f"{name}: value {value} is not stored by its region"
