"""Which states are filters: their step is a gain times the state plus a drive, however it is written.

Run as a filter, such a state is rounded in another order than written. That is no harm, unless something discrete
depends on it, in this step or a later one: there a rounding error may become a spike more or less. And it gains nothing
where channels are many: then a step of the loop is long enough to pay for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from graphpool.graph import LEAF_OPS, STATE, Graph, Node, State, Value
from graphpool.graph.cycles import time_graph
from graphpool.graph.rates import Rate
from graphpool.ops.table import Trait, row

CHANNELS = 64
"""The largest state, in elements, that runs as a filter."""

CANONICAL = (["mul"], ["add"], ["mul", "add"])
"""The nodes of a step that is a gain and a drive as it stands."""


@dataclass(frozen=True)
class AffineCycle:
    """A state whose step is affine, and the values on its cycle.

    Attributes:
        state: the state.
        values: the state's present value and all that is made of it on the way to the next one.
        is_canonical: whether the step is a product with a gain and a sum with a drive as it stands.
        objection: why the state had better stay in the loop as it is written; empty where it may run as a filter.
    """

    state: State
    values: frozenset[Value]
    is_canonical: bool
    objection: str


def affine_cycles(graph: Graph, rates: Sequence[Rate]) -> Iterator[AffineCycle]:
    """The affine states of floats, in order. Each is alone on its cycle, and its gain does not change over time."""
    import networkx

    edges = time_graph(graph).subgraph([value for value, rate in enumerate(rates) if rate is Rate.STREAM])
    states = {state.current: state for state in graph.states}
    jumping = reaching_discrete(graph)
    components: list[set[Value]] = [set(each) for each in networkx.strongly_connected_components(edges)]
    for cycle in sorted((each for each in components if len(each) > 1), key=min):
        own = [value for value in cycle if graph.nodes[value].op == STATE]
        nodes = [graph.nodes[value] for value in sorted(cycle) if graph.nodes[value].op not in LEAF_OPS]
        type_ = graph.type(own[0])
        if len(own) > 1 or type_.dtype.kind != "f" or any(node.type != type_ for node in nodes):
            continue
        if all(_keeps_form(node, rates, cycle) for node in nodes):
            once = all(sum(arg in cycle for arg in node.args) == 1 for node in nodes)
            is_canonical = once and [node.op for node in nodes] in CANONICAL
            objection = _objection(type_.size, own[0] in jumping)
            yield AffineCycle(states[own[0]], frozenset(cycle), is_canonical, objection)


def _keeps_form(node: Node, rates: Sequence[Rate], cycle: Collection[Value]) -> bool:
    inside = [arg in cycle for arg in node.args]
    fixed = [rates[arg] is not Rate.STREAM for arg in node.args]
    if node.op in ("neg", "add", "sub"):
        return True
    if node.op == "mul":
        return inside in ([True, False], [False, True]) and any(fixed)
    return node.op == "div" and inside == [True, False] and fixed[1]


def _objection(size: int, jumps: bool) -> str:
    if jumps:
        return "something discrete depends on it"
    return f"it has {size} channels, more than {CHANNELS}" if size > CHANNELS else ""


def reaching_discrete(graph: Graph) -> frozenset[Value]:
    """The values in which a rounding error may jump: in a spike, a comparison, an integer, now or at a later step.

    Whether a value is NaN does not depend on how others are rounded.
    """
    following = {state.current: state.next for state in graph.states}
    waiting = [
        value
        for value, node in enumerate(graph.nodes)
        if node.op not in (*LEAF_OPS, "isnan")
        and (Trait.DISCRETE in row(node.op).traits or node.type.dtype.kind != "f")
    ]
    seen = set(waiting)
    while waiting:
        value = waiting.pop()
        makes = (*graph.nodes[value].args, *((following[value],) if value in following else ()))
        new = [other for other in makes if other not in seen]
        seen.update(new)
        waiting += new
    return frozenset(seen)
