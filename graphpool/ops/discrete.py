"""Where a rounding error can become a whole unit."""

from __future__ import annotations

from graphpool.graph import LEAF_OPS, Graph, Value
from graphpool.ops.table import Trait, row


def reaches_discrete(graph: Graph, start: Value) -> bool:
    """Whether a rounding error in a value may jump: in a spike, a comparison, an integer, now or at a later step."""
    following = {state.next: state.current for state in graph.states}
    readers: dict[Value, list[Value]] = {}
    for value, node in enumerate(graph.nodes):
        for arg in node.args:
            readers.setdefault(arg, []).append(value)
    seen, waiting = {start}, [start]
    while waiting:
        value = waiting.pop()
        node = graph.nodes[value]
        if node.op not in LEAF_OPS and (Trait.DISCRETE in row(node.op).traits or node.type.dtype.kind != "f"):
            return True
        found = [*readers.get(value, ()), *((following[value],) if value in following else ())]
        waiting += [other for other in found if other not in seen]
        seen.update(found)
    return False
