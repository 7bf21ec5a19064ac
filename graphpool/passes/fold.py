"""Constant folding: what depends on constants only is computed now, by the kernels that define the ops.

A file of a few lines could ask for all memory that way, so what exceeds a limit stays: it is computed before the first
step, as is what depends on parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graphpool.graph import CONST, Graph, Node, Value
from graphpool.ops import evaluate
from graphpool.passes.base import Pass, PassResult
from graphpool.passes.rewrite import Rewrite

LARGEST_FOLDED = 2**24
"""In elements, of all results together; a graph with large constants may make four times as many as those have."""


@dataclass(frozen=True)
class Fold(Pass):
    """Replace nodes whose operands are all constants by their value."""

    name: ClassVar[str] = "fold"

    def run(self, graph: Graph) -> PassResult:
        held = sum(node.type.size for node in graph.nodes if node.op == CONST)
        return self.result(graph, Rewrite(graph).run(_Folding(max(LARGEST_FOLDED, 4 * held))))


class _Folding:
    """The rule, and how many elements it may still make."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self, rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
        arrays = [rewrite.literal(arg) for arg in args]
        known = [array for array in arrays if array is not None]
        if len(known) != len(arrays) or node.type.size > self._left:
            return None
        self._left -= node.type.size
        with np.errstate(all="ignore"):
            result = evaluate(node.op, np, known, [array.ndim for array in known], node.attrs)
        return rewrite.constant(result)
