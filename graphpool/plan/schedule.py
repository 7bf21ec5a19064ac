"""Making plans: strongly connected components of the graph with its next-to-current edges, in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from graphpool.errors import TargetError, format_error
from graphpool.graph import CONST, LEAF_OPS, STATE, Graph, Value
from graphpool.graph.rates import Rate, infer_rates
from graphpool.plan.causality import check_causality
from graphpool.plan.checker import check_plan
from graphpool.plan.plan import HOISTS, Hoist, Plan, Region, RegionKind


def make_plan(graph: Graph, hoist: Hoist = "always", *, one_step: bool = False) -> Plan:
    """Plan a graph.

    Args:
        graph: a verified graph.
        hoist: see :class:`~graphpool.plan.plan.Plan`.
        one_step: plan a single time step, without any loop.

    Raises:
        TargetError: an unknown ``hoist``.
        CausalityError: a value depends on itself within one step.
        PlanError: the plan is not valid (a defect of the planner, never of a model).
    """
    if hoist not in HOISTS:
        raise TargetError(format_error(f"hoist={hoist!r}", hint=f"one of {', '.join(map(repr, HOISTS))}"))
    check_causality(graph)
    rates = infer_rates(graph)
    stream = [
        value for value, node in enumerate(graph.nodes) if rates[value] is Rate.STREAM and node.op not in LEAF_OPS
    ]
    if one_step:
        parts: list[tuple[RegionKind, list[Value], list[int]]] = [("map", stream, [])] if stream else []
    elif hoist == "never":
        whole = bool(stream or graph.states)
        parts = [("scan", stream, list(range(len(graph.states))))] if whole else []
    else:
        parts = list(_partition(graph, rates))
    regions = tuple(_region(graph, rates, *part) for part in parts)
    once = tuple(
        value for value, node in enumerate(graph.nodes) if rates[value] is not Rate.STREAM and node.op not in LEAF_OPS
    )
    plan = Plan(graph, once, _handed(graph, rates, regions), regions, hoist, one_step)
    check_plan(plan)
    return plan


def time_graph(graph: Graph) -> Any:
    """The networkx graph of what needs what: operands to nodes, and next values to the states they become."""
    import networkx

    edges: Any = networkx.DiGraph()
    edges.add_nodes_from(range(len(graph.nodes)))
    edges.add_edges_from((arg, value) for value, node in enumerate(graph.nodes) for arg in node.args)
    edges.add_edges_from((state.next, state.current) for state in graph.states)
    return edges


def _partition(graph: Graph, rates: tuple[Rate, ...]) -> Iterator[tuple[RegionKind, list[Value], list[int]]]:
    """Components in topological order; maps that stand next to each other become one."""
    import networkx

    edges = time_graph(graph).subgraph([value for value, rate in enumerate(rates) if rate is Rate.STREAM])
    condensed = networkx.condensation(edges)
    members = {number: sorted(data["members"]) for number, data in condensed.nodes(data=True)}
    place = {state.current: number for number, state in enumerate(graph.states)}

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
            yield "map", sorted(pending), []
            pending = []
        states = sorted(place[value] for value in values if value in place)
        yield _kind_of(graph, nodes, states, edges.has_edge(values[0], values[0])), nodes, states
    if pending:
        yield "map", sorted(pending), []


def _kind_of(graph: Graph, nodes: list[Value], states: list[int], feeds_itself: bool) -> RegionKind:
    """How a component that holds states runs."""
    if nodes or len(states) > 1:
        return "scan"
    return "hold" if feeds_itself else "shift"


def _maps_first(condensed: Any, members: dict[int, list[Value]], is_map: Any) -> Iterator[int]:
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


def _region(graph: Graph, rates: tuple[Rate, ...], kind: RegionKind, nodes: list[Value], states: list[int]) -> Region:
    carried = [graph.states[place] for place in states]
    inside = set(nodes) | {state.current for state in carried}
    read = _unique((*(arg for value in nodes for arg in graph.nodes[value].args), *(state.next for state in carried)))
    outside_reads = set(_reads_outside(graph, set(nodes), set(states)))
    return Region(
        kind=kind,
        nodes=tuple(nodes),
        states=tuple(states),
        inputs=tuple(value for value in read if value not in inside and rates[value] is Rate.STREAM),
        invariants=tuple(value for value in read if rates[value] is not Rate.STREAM),
        outputs=tuple(sorted(value for value in inside if value in outside_reads)),
    )


def _reads_outside(graph: Graph, nodes: set[Value], states: set[int]) -> Iterator[Value]:
    """The values that something outside of the given nodes and states reads."""
    for value, node in enumerate(graph.nodes):
        if value not in nodes:
            yield from node.args
    yield from (output.value for output in graph.outputs)
    yield from (record.value for record in graph.records)
    yield from (state.next for place, state in enumerate(graph.states) if place not in states)


def _handed(graph: Graph, rates: tuple[Rate, ...], regions: tuple[Region, ...]) -> tuple[Value, ...]:
    read = {value for region in regions for value in region.invariants} | set(graph.roots())
    return tuple(sorted(value for value in read if rates[value] is not Rate.STREAM and graph.nodes[value].op != CONST))


def _unique(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))
