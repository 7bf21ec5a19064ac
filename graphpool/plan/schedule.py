"""Making plans: strongly connected components of the graph with its next-to-current edges, in topological order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphpool.errors import TargetError, format_error
from graphpool.graph import LEAF_OPS, STATE, Graph, Value
from graphpool.graph.cycles import time_graph
from graphpool.graph.rates import Rate, infer_rates
from graphpool.plan.affine import filter_states, find_affine
from graphpool.plan.causality import check_causality
from graphpool.plan.checker import check_plan
from graphpool.plan.needs import Part, make_regions, split_last
from graphpool.plan.plan import EMITS, HOISTS, Emit, Hoist, Plan, RegionKind, handed_values


def make_plan(
    graph: Graph,
    hoist: Hoist = "always",
    *,
    one_step: bool = False,
    emit: Emit = "each",
    affine: bool = False,
    rule: str = "",
) -> Plan:
    """Plan a graph.

    Args:
        graph: a verified graph.
        hoist: see :class:`~graphpool.plan.plan.Plan`.
        one_step: plan a single time step, without any loop.
        emit: see :class:`~graphpool.plan.plan.Plan`.
        affine: whether the target may run affine regions without a loop; else they are scans.
        rule: how the target chooses under ``hoist="auto"``.

    Raises:
        TargetError: an unknown ``hoist`` or ``emit``.
        CausalityError: a value depends on itself within one step.
        PlanError: the plan is not valid (a defect of the planner, never of a model).
    """
    for name, given, known in (("hoist", hoist, HOISTS), ("emit", emit, EMITS)):
        if given not in known:
            raise TargetError(format_error(f"{name}={given!r}", hint=f"one of {', '.join(map(repr, known))}"))
    check_causality(graph)
    rates = infer_rates(graph)
    stream = [
        value for value, node in enumerate(graph.nodes) if rates[value] is Rate.STREAM and node.op not in LEAF_OPS
    ]
    if one_step:
        parts = [Part("map", stream)] if stream else []
    elif hoist == "never":
        whole = bool(stream or graph.states)
        parts = [Part("scan", stream, list(range(len(graph.states))))] if whole else []
    else:
        parts = list(_partition(graph, rates, affine))
    if emit == "last" and not one_step:
        parts = split_last(graph, parts)
    regions = make_regions(graph, rates, parts, emit="each" if one_step else emit)
    once = tuple(
        value for value, node in enumerate(graph.nodes) if rates[value] is not Rate.STREAM and node.op not in LEAF_OPS
    )
    plan = Plan(graph, once, handed_values(graph, rates, regions), regions, hoist, one_step, emit, affine, rule)
    check_plan(plan)
    return plan


def _partition(graph: Graph, rates: tuple[Rate, ...], affine: bool) -> Iterator[Part]:
    """Components in topological order; maps that stand next to each other become one."""
    import networkx

    edges = time_graph(graph).subgraph([value for value, rate in enumerate(rates) if rate is Rate.STREAM])
    condensed = networkx.condensation(edges)
    members = {number: sorted(data["members"]) for number, data in condensed.nodes(data=True)}
    place = {state.current: number for number, state in enumerate(graph.states)}
    filters = filter_states(graph, rates) if affine else frozenset()

    def is_map(component: int) -> bool:
        return all(graph.nodes[value].op != STATE for value in members[component])

    pending: list[Value] = []
    for component in _maps_first(condensed, members, is_map):
        values = members[component]
        nodes = [value for value in values if graph.nodes[value].op not in LEAF_OPS]
        if is_map(component):
            pending += nodes
            continue
        if pending:
            yield Part("map", sorted(pending))
            pending = []
        states = sorted(place[value] for value in values if value in place)
        found = find_affine(graph, rates, filters, nodes, states) if affine else None
        kind = "affine" if found else _kind_of(nodes, states, edges.has_edge(values[0], values[0]))
        yield Part(kind, nodes, states, found)
    if pending:
        yield Part("map", sorted(pending))


def _kind_of(nodes: list[Value], states: list[int], feeds_itself: bool) -> RegionKind:
    """How a component that holds states runs."""
    if nodes or len(states) > 1:
        return "scan"
    return "hold" if feeds_itself else "shift"


def _maps_first(condensed: Any, members: dict[int, list[Value]], is_map: Callable[[int], bool]) -> Iterator[int]:
    """A topological order that takes every map that is ready before the next scan: fewer and larger regions."""
    import heapq

    waiting = {component: condensed.in_degree(component) for component in condensed}

    def key(component: int) -> tuple[bool, Value, int]:
        return (not is_map(component), members[component][0], component)

    ready = [key(component) for component, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    while ready:
        component = heapq.heappop(ready)[2]
        yield component
        for following in condensed.successors(component):
            waiting[following] -= 1
            if waiting[following] == 0:
                heapq.heappush(ready, key(following))
