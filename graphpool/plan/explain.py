"""The plan in words: its regions, and why a value runs where it runs."""

from __future__ import annotations

from dataclasses import astuple

from graphpool.graph import LEAF_OPS, STATE, Value
from graphpool.graph.cycles import time_graph
from graphpool.graph.rates import Rate
from graphpool.graph.text import describe, reference
from graphpool.ops.affine import affine_cycles
from graphpool.plan.plan import Plan, Region

HEADLINES = {
    "map": "all time steps at once",
    "shift": "one step late",
    "hold": "the same at every step",
    "scan": "step by step",
    "affine": "a filter: with or without a loop, as the target chooses",
    "last": "the last time step only",
}


def print_plan(plan: Plan) -> str:
    """The text of a plan; ``str(plan)`` calls this."""
    mode = "one step" if plan.one_step else f"hoist={plan.hoist!r}"
    if plan.emit == "last":
        mode += ", emit='last'"
    lines = [f"plan {plan.graph.name} ({mode}) {{"]
    if plan.once:
        lines.append("  once: computed per parameter set")
        lines += [f"    {describe(plan.graph, value)}" for value in plan.once]
    for number, region in enumerate(plan.regions):
        lines += _region_lines(plan, number, region)
    return "\n".join([*lines, "}"])


def _region_lines(plan: Plan, number: int, region: Region) -> list[str]:
    graph = plan.graph
    what = "one step" if plan.one_step else HEADLINES[region.kind]
    lines = [f"  region {number}: {region.kind}, {what}"]
    if region.states:
        lines.append(f"    carries {', '.join('%' + graph.states[place].name for place in region.states)}")
    lines += [f"    {describe(graph, value)}" for value in region.nodes]
    for place in region.states:
        state = graph.states[place]
        lines.append(f"    next %{state.name} = {reference(graph, state.next)}")
    if region.outputs and region.kind != "map":
        lines.append(f"    stores {', '.join(reference(graph, value) for value in region.outputs)}")
    if region.finals and region.kind != "last":
        lines.append(f"    keeps the last {', '.join(reference(graph, value) for value in region.finals)}")
    return lines


def explain(plan: Plan, label: str) -> str:
    """One sentence on why a value runs where it runs."""
    graph = plan.graph
    value = graph.find(label)
    name = reference(graph, value)
    rate = plan.rates[value]
    if rate is Rate.CONST:
        return f"{name} is known when compiling."
    if rate is Rate.PARAM:
        return f"{name} {_explain_param(plan, value)}"
    number = plan.region_of(value)
    if graph.nodes[value].op == STATE and plan.one_step:
        return f"{name} is a state, read at the start of the one step that this plan runs."
    if number is None:
        return f"{name} is an input."
    if plan.one_step:
        return f"{name} runs in region {number}, which is the one step that this plan runs."
    return f"{name} {_explain_region(plan, number, value)}"


def _explain_region(plan: Plan, number: int, value: Value) -> str:
    graph, region = plan.graph, plan.regions[number]
    if region.kind == "map":
        return f"runs over all time steps at once (region {number}, map): it lies on no cycle through a state."
    if region.kind == "hold":
        return f"never changes (region {number}, hold): no step assigns it."
    if region.kind == "last":
        return f"runs at the last time step only (region {number}, last): emit='last', and nothing else needs it."
    if region.kind == "shift":
        following = reference(graph, graph.states[region.states[0]].next)
        return f"is {following} one step late (region {number}, shift): the state lies on no cycle."
    if region.affine is not None:
        state = f"%{graph.states[region.states[0]].name}"
        gain, drive = (None if one is None else reference(graph, one) for one in astuple(region.affine))
        terms = [state if gain is None else f"{gain} * {state}", *([] if drive is None else [drive])]
        exact = graph.type(graph.find(state)).dtype.kind != "f"
        why = "integers are exact in any order" if exact else "nothing discrete depends on it"
        return (
            f"needs no time loop where that is faster (region {number}, affine): {state} becomes "
            f"{' + '.join(terms)}, and {why}."
        )
    return f"runs step by step (region {number}, scan): {_explain_scan(plan, value)}"


def _explain_param(plan: Plan, value: Value) -> str:
    if plan.graph.nodes[value].op in LEAF_OPS:
        return "is a parameter."
    import networkx

    needed = networkx.ancestors(time_graph(plan.graph), value)
    names = [f"%{param.name}" for param in plan.graph.params if param.value in needed]
    return f"is computed once per parameter set: it depends on {', '.join(names)} and on no input or state."


def _explain_scan(plan: Plan, value: Value) -> str:
    cycle = _cycle_through(plan, value)
    if cycle:
        return f"it lies on the cycle {' -> '.join(cycle)}{_no_filter(plan, value)}."
    if plan.hoist == "never":
        return "hoist='never' keeps everything in the loop; it lies on no cycle through a state."
    return f"it lies on no cycle through a state, but {plan.rule}."


def _no_filter(plan: Plan, value: Value) -> str:
    """Why a state whose step is affine is in the loop all the same."""
    if not plan.affine:
        return ""
    found = [one for one in affine_cycles(plan.graph, plan.rates) if value in one.values and one.objection]
    return f"; %{found[0].state.name} does not run as a filter: {found[0].objection}" if found else ""


def _cycle_through(plan: Plan, value: Value) -> list[str]:
    """The shortest cycle through a value, as labels; empty where there is none."""
    import networkx

    graph, edges = plan.graph, time_graph(plan.graph)
    paths = [
        networkx.shortest_path(edges, following, value)
        for following in edges.successors(value)
        if networkx.has_path(edges, following, value)
    ]
    if not paths:
        return []
    return [reference(graph, step) for step in (value, *min(paths, key=len))]
