"""The graph over time: what needs what, with the edges that close from one step to the next."""

from __future__ import annotations

from typing import Any

from graphpool.graph.graph import Graph


def time_graph(graph: Graph) -> Any:
    """A networkx graph of values: operands lead to nodes, and next values to the states that they become."""
    import networkx

    edges: Any = networkx.DiGraph()
    edges.add_nodes_from(range(len(graph.nodes)))
    edges.add_edges_from((arg, value) for value, node in enumerate(graph.nodes) for arg in node.args)
    edges.add_edges_from((state.next, state.current) for state in graph.states)
    return edges
