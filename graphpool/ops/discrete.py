"""Where a rounding error can become a whole unit."""

from __future__ import annotations

from graphpool.graph import LEAF_OPS, Graph, Value
from graphpool.ops.table import Trait, row


def reaching_discrete(graph: Graph) -> frozenset[Value]:
    """The values in which a rounding error may jump: in a spike, a comparison, an integer, now or at a later step."""
    following = {state.current: state.next for state in graph.states}
    waiting = [
        value
        for value, node in enumerate(graph.nodes)
        if node.op not in LEAF_OPS and (Trait.DISCRETE in row(node.op).traits or node.type.dtype.kind != "f")
    ]
    seen = set(waiting)
    while waiting:
        value = waiting.pop()
        makes = (*graph.nodes[value].args, *((following[value],) if value in following else ()))
        new = [other for other in makes if other not in seen]
        seen.update(new)
        waiting += new
    return frozenset(seen)
