"""Affine states: those that become a gain times themselves plus a drive.

Such a state needs no step loop: it is a first-order filter of its drive. Run as one, it may be rounded in another
order. So a component counts as affine only where nothing discrete can be reached from its state, in this step or a
later one: a rounding error there would be a spike more or less. Integers are exact in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graphpool.graph import Graph, Value
from graphpool.graph.rates import Rate
from graphpool.plan.plan import Affine


def find_affine(
    graph: Graph,
    rates: Sequence[Rate],
    jumping: Collection[Value],
    nodes: Sequence[Value],
    states: Sequence[int],
) -> Affine | None:
    """How the one state of a component goes on, if its nodes are ``gain * state + drive``, or a part of that.

    ``jumping`` are the values that reach something discrete: see :mod:`graphpool.ops.discrete`.
    """
    if len(states) != 1 or not 1 <= len(nodes) <= 2:
        return None
    state = graph.states[states[0]]
    current, gain, drive = state.current, None, None
    for value in nodes:
        node = graph.nodes[value]
        if node.op not in ("mul", "add") or node.args.count(current) != 1 or node.type != graph.type(state.current):
            return None
        other = node.args[1 - node.args.index(current)]
        if node.op == "mul" and value == nodes[0] and rates[other] is not Rate.STREAM:
            gain = other
        elif node.op == "add" and value == nodes[-1]:
            drive = other
        else:
            return None
        current = value
    if node.type.dtype.kind == "f":
        return None if state.current in jumping else Affine(gain, drive)
    return Affine(gain, drive) if gain is None else None
