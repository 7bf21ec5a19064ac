"""Causality: within one step, no value may depend on itself; only a state may close a cycle."""

from __future__ import annotations

from graphpool.errors import CausalityError, format_error
from graphpool.graph import Graph
from graphpool.graph.text import describe


def check_causality(graph: Graph) -> None:
    """Check that the graph without its next-to-current edges is acyclic.

    The tracer cannot make such a graph, since it runs the step; a graph built or rewritten by hand can be one.

    Raises:
        CausalityError: prints the cycle and the user's lines.
    """
    if all(arg < value for value, node in enumerate(graph.nodes) for arg in node.args):
        return
    import networkx

    edges = networkx.DiGraph((arg, value) for value, node in enumerate(graph.nodes) for arg in node.args)
    try:
        cycle = [edge[0] for edge in networkx.find_cycle(edges)]
    except networkx.NetworkXNoCycle:
        raise CausalityError(f"graph {graph.name!r}: nodes are not in topological order") from None
    lines = []
    for value in cycle:
        origin = graph.origins[value][0] if graph.origins[value] else ""
        lines.append(f"{describe(graph, value)}    {origin}".rstrip())
    raise CausalityError(
        format_error(
            "a value depends on itself within one step",
            where=graph.name,
            details=lines,
            hint="let a state break the cycle: read its value of the step before",
        )
    )
