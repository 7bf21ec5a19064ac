"""What runs outside of the time loop on JAX under ``hoist="auto"``."""

from __future__ import annotations

from graphpool.graph import Graph, Value


def is_outside(graph: Graph, value: Value, batch: int, steps: int, differentiated: bool) -> bool:
    """Whether a node that lies on no cycle is run for all steps at once."""
    node = graph.nodes[value]
    if node.op != "matmul":
        return False
    inputs = graph.type(node.args[1]).shape[0] if graph.type(node.args[1]).rank else 1
    return inputs > 4
