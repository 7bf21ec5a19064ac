"""The forward rewrite that passes share: one walk over the graph with a substitution map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphpool.graph import CONST, INPUT, LEAF_OPS, PARAM, Graph, GraphBuilder, Node, Origin, Value
from graphpool.graph.types import Array
from graphpool.ops import infer_type

Rule = Callable[["Rewrite", Value, Node, tuple[Value, ...]], Value | None]
"""Called with each op, its value in the old graph and its operands in the new one: the value that replaces it, or None
to copy the node."""


class Rewrite:
    """A new graph in the making.

    Attributes:
        graph: the old graph.
        builder: makes the new one.
        new: the new value of each old one, so far.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = GraphBuilder(graph.name, graph.dt, infer_type)
        self.new: dict[Value, Value] = {}
        self._present: tuple[Origin, ...] = ()

    # --- for rules -------------------------------------------------------------------------------------------------
    def node(self, value: Value) -> Node:
        """A node of the new graph."""
        return self.builder.nodes[value]

    def add(self, op: str, args: Sequence[Value], attrs: Mapping[str, Any] | None = None) -> Value:
        """Add a node that has the origins of the one being rewritten."""
        return self.builder.add(op, args, attrs, self._present)

    def constant(self, array: Any) -> Value:
        """Add a constant that has the origins of the node being rewritten."""
        return self.builder.constant(array, self._present)

    def literal(self, value: Value) -> Array | None:
        """The array of a constant of the new graph, else None."""
        node = self.node(value)
        return node.attrs["place"].array if node.op == CONST else None

    # --- hooks that a pass may override ----------------------------------------------------------------------------
    def leaf(self, value: Value, node: Node) -> Value:
        """The new value of an input, a parameter, a state or a constant."""
        graph, builder = self.graph, self.builder
        if node.op == CONST:
            return builder.constant(node.attrs["place"].array, graph.origins[value])
        if node.op == INPUT:
            port = graph.inputs[node.attrs["place"]]
            return builder.input(port.name, node.type, port.kind, port.clock)
        if node.op == PARAM:
            return builder.param(graph.params[node.attrs["place"]].name, node.type)
        state = graph.states[node.attrs["place"]]
        return builder.state(state.name, state.init.array, state.clock)

    def root(self, value: Value) -> Value:
        """The new value of something that leaves the graph."""
        return self.new[value]

    # --- running ---------------------------------------------------------------------------------------------------
    def run(self, rule: Rule, keep: Callable[[Value], bool] = lambda value: True) -> Graph:
        """Walk the graph in order; nodes and constants that ``keep`` refuses are left out."""
        for value, node in enumerate(self.graph.nodes):
            self._present = self.graph.origins[value]
            if node.op in LEAF_OPS:
                if node.op != CONST or keep(value):
                    self.new[value] = self.leaf(value, node)
            elif keep(value):
                args = tuple(self.new[arg] for arg in node.args)
                replaced = rule(self, value, node, args)
                if replaced is None:
                    replaced = self.add(node.op, args, node.attrs)
                self.new[value] = replaced
        return self._finish()

    def _finish(self) -> Graph:
        for state in self.graph.states:
            self.builder.set_next(self.new[state.current], self.root(state.next))
        for output in self.graph.outputs:
            self.builder.output(output.name, self.root(output.value), output.kind, output.clock)
        for record in self.graph.records:
            self.builder.record(record.name, self.root(record.value), record.kind)
        return self.builder.build()
