"""What depends on parameters only, computed once per parameter set.

It runs as traced, mostly in float64, by NumPy with the kernels of the op table, and every target gets the rounded
results ready: float32 ``exp`` differs between NumPy, JAX and onnxruntime in about half of all values.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from graphpool.errors import PrecisionWarning
from graphpool.graph import CONST, Value
from graphpool.graph.types import Array
from graphpool.ops import evaluate
from graphpool.plan.plan import Plan


def compute_once(plan: Plan, parameters: Mapping[str, Array]) -> dict[Value, Array]:
    """The values that the regions read, from the parameters by dotted name.

    Returns:
        One array for each value in ``plan.handed``, of exactly its type.
    """
    graph = plan.graph
    made: dict[Value, Array] = {param.value: parameters[param.name] for param in graph.params}
    for value, node in enumerate(graph.nodes):
        if node.op == CONST:
            made[value] = node.attrs["place"].array
    with np.errstate(all="ignore"):
        for value in plan.once:
            node = graph.nodes[value]
            operands = [made[arg] for arg in node.args]
            ranks = [graph.type(arg).rank for arg in node.args]
            made[value] = np.asarray(evaluate(node.op, np, operands, ranks, node.attrs))
            if node.op == "cast":
                _warn_of_overflow(plan, value, operands[0], made[value])
    return {value: made[value] for value in plan.handed}


def _warn_of_overflow(plan: Plan, value: Value, before: Array, after: Array) -> None:
    lost = np.ravel(np.isfinite(before) & ~np.isfinite(after))
    if lost.any():
        origins = plan.graph.origins[value]
        where = f" ({origins[0]})" if origins else ""
        warnings.warn(
            PrecisionWarning(
                f"a value computed from parameters, {np.ravel(before)[lost][0].item()}, overflows in "
                f"{after.dtype.name}{where}; compile with dtype='float64' to keep it"
            ),
            stacklevel=2,
        )
