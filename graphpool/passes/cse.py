"""Common subexpressions: nodes with the same op, operands and attributes become one, with the origins of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from graphpool.graph import CONST, Graph, Node, Value
from graphpool.ops import Trait, row
from graphpool.passes.base import Pass, PassResult
from graphpool.passes.rewrite import Rewrite


@dataclass(frozen=True)
class CommonSubexpressions(Pass):
    """Merge nodes that compute the same."""

    name: ClassVar[str] = "cse"

    def run(self, graph: Graph) -> PassResult:
        return self.result(graph, _Merge(graph).run(_merge))


class _Merge(Rewrite):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.seen: dict[Any, Value] = {}

    def leaf(self, value: Value, node: Node) -> Value:
        if node.op != CONST:
            return super().leaf(value, node)
        found = self.seen.get(node.attrs)
        if found is None:
            found = self.seen[node.attrs] = super().leaf(value, node)
        else:
            self.builder.add_origins(found, self.graph.origins[value])
        return found


def _merge(rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
    assert isinstance(rewrite, _Merge)
    swaps = Trait.COMMUTATIVE in row(node.op).traits
    key = (node.op, tuple(sorted(args)) if swaps else args, node.attrs)
    found = rewrite.seen.get(key)
    if found is None:
        rewrite.seen[key] = found = rewrite.add(node.op, args, node.attrs)
    else:
        rewrite.builder.add_origins(found, rewrite.graph.origins[value])
    return found
