"""A graph as others see it: nodes and edges for networkx, rows for a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphpool.graph.graph import CONST, LEAF_OPS, Graph, Output, Record, Value
from graphpool.graph.rates import infer_rates
from graphpool.graph.text import attributes_text, reference

if TYPE_CHECKING:
    import networkx

OP = "op"


def to_networkx(graph: Graph) -> networkx.MultiDiGraph[Value]:
    """See :meth:`graphpool.graph.Graph.to_networkx`."""
    import networkx

    view: networkx.MultiDiGraph[Value] = networkx.MultiDiGraph(name=graph.name, dt=graph.dt)
    rates = infer_rates(graph)
    outputs, records = _names(graph.outputs), _names(graph.records)
    for value, node in enumerate(graph.nodes):
        view.add_node(
            value,
            label=graph.labels[value],
            kind=_kind(graph, value),
            op=node.op,
            attributes=_attributes(graph, value),
            type=node.type,
            rate=str(rates[value]),
            origins=graph.origins[value],
            outputs=outputs.get(value, ()),
            records=records.get(value, ()),
        )
        for place, arg in enumerate(node.args):
            view.add_edge(arg, value, kind="operand", place=place, delay=0)
    for state in graph.states:
        view.add_edge(state.next, state.current, kind="next", state=state.name, delay=1)
    return view


def table(graph: Graph) -> list[dict[str, str]]:
    """See :meth:`graphpool.graph.Graph.table`."""
    rates = infer_rates(graph)
    rows = []
    for value, node in enumerate(graph.nodes):
        origin = next(iter(graph.origins[value]), None)
        rows.append(
            {
                "value": reference(graph, value),
                "kind": _kind(graph, value),
                "op": node.op,
                "operands": ", ".join(reference(graph, arg) for arg in node.args),
                "attributes": attributes_text(graph, value) if node.op not in LEAF_OPS else "",
                "type": str(node.type),
                "rate": str(rates[value]),
                "module": origin.module if origin else "",
                "source": str(origin) if origin else "",
            }
        )
    return rows


def _names(entries: Iterable[Output | Record]) -> dict[Value, tuple[str, ...]]:
    names: dict[Value, tuple[str, ...]] = {}
    for entry in entries:
        names[entry.value] = (*names.get(entry.value, ()), entry.name)
    return names


def _kind(graph: Graph, value: Value) -> str:
    op = graph.nodes[value].op
    return op if op in LEAF_OPS else OP


def _attributes(graph: Graph, value: Value) -> dict[str, Any]:
    """Those of an op, and the array of a constant."""
    node = graph.nodes[value]
    if node.op == CONST:
        return {"array": node.attrs["place"].array}
    return {} if node.op in LEAF_OPS else dict(node.attrs)
