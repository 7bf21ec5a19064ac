"""Dead code: nodes that no output, state or record needs. A declared state stays: it is returned and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graphpool.graph import Graph
from graphpool.passes.base import Pass, PassResult
from graphpool.passes.rewrite import Rewrite


@dataclass(frozen=True)
class DeadCode(Pass):
    """Drop nodes and constants that nothing needs; inputs, parameters and states stay."""

    name: ClassVar[str] = "dce"

    def run(self, graph: Graph) -> PassResult:
        needed = set(graph.roots())
        for value in reversed(range(len(graph.nodes))):
            if value in needed:
                needed.update(graph.nodes[value].args)
        return self.result(graph, Rewrite(graph).run(lambda *_: None, keep=needed.__contains__))
