"""Constant folding: what depends on constants only is computed now, by the kernels that define the ops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graphpool.graph import Graph, Node, Value
from graphpool.ops import evaluate
from graphpool.passes.base import Pass, PassResult
from graphpool.passes.rewrite import Rewrite


@dataclass(frozen=True)
class Fold(Pass):
    """Replace nodes whose operands are all constants by their value."""

    name: ClassVar[str] = "fold"

    def run(self, graph: Graph) -> PassResult:
        return self.result(graph, Rewrite(graph).run(_fold))


def _fold(rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
    arrays = [rewrite.literal(arg) for arg in args]
    known = [array for array in arrays if array is not None]
    if len(known) != len(arrays):
        return None
    with np.errstate(all="ignore"):
        result = evaluate(node.op, np, known, [array.ndim for array in known], node.attrs)
    return rewrite.constant(result)
