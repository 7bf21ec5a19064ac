"""States that stand still: a run whose samples end at different steps, or that is longer than its input.

A target that compiles a program for one number of steps pads shorter inputs. The pass adds an input ``active`` of shape
``()``, and each state takes its next value only where that is true, so nothing behind the end of an input counts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from graphpool.graph import INPUT, STATE, Graph, Node, Output, Port, State, TensorType, Value
from graphpool.graph.types import BOOL, Attributes, Literal
from graphpool.passes.base import Pass, PassResult


@dataclass(frozen=True)
class Freeze(Pass):
    """Add the input ``active``, the last one, and let states keep their values where it is false.

    All values of the graph stay where they are, so what is computed once serves both graphs.

    Attributes:
        keep_outputs: outputs become further states, behind all others: each holds what the output last was at an
            active step, and 0 before the first one.
    """

    name: ClassVar[str] = "freeze"
    keep_outputs: bool = False

    def run(self, graph: Graph) -> PassResult:
        nodes, origins = list(graph.nodes), list(graph.origins)

        def add(node: Node, like: Value | None = None) -> Value:
            nodes.append(node)
            origins.append(() if like is None else graph.origins[like])
            return len(nodes) - 1

        active = add(Node(INPUT, (), Attributes({"place": len(graph.inputs)}), TensorType(BOOL, ())))

        def frozen(current: Value, following: Value) -> Value:
            if following == current:
                return current
            return add(Node("where", (active, following, current), Attributes({}), nodes[current].type), following)

        states = [replace(state, next=frozen(state.current, state.next)) for state in graph.states]
        names = {state.name for state in graph.states} | {param.name for param in graph.params}
        for output in graph.outputs if self.keep_outputs else ():
            type_ = graph.type(output.value)
            current = add(Node(STATE, (), Attributes({"place": len(states)}), type_), output.value)
            name = _free_name(f"last {output.name}", names)
            init = Literal(np.zeros(type_.shape, type_.dtype))
            states.append(State(name, current, init, frozen(current, output.value)))
        outputs: tuple[Output, ...] = () if self.keep_outputs else graph.outputs
        port = Port(_free_name("active", {entry.name for entry in graph.inputs}), active)
        after = graph.replace(
            nodes=tuple(nodes),
            origins=tuple(origins),
            inputs=(*graph.inputs, port),
            states=tuple(states),
            outputs=outputs,
        )
        return self.result(graph, after)


def _free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a mark behind it where something is called so already."""
    while name in taken:
        name += "'"
    return name
