"""Affine regions: components whose nodes are a gain times a state plus a drive.

:mod:`graphpool.ops.affine` tells what speaks against running a state as a filter; integers are exact in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graphpool.graph import Graph, Value
from graphpool.graph.rates import Rate
from graphpool.ops.affine import affine_cycles
from graphpool.plan.plan import Affine


def find_affine(
    graph: Graph, rates: Sequence[Rate], filters: Collection[Value], nodes: Sequence[Value], states: Sequence[int]
) -> Affine | None:
    """How the one state of a component goes on, if its nodes are ``gain * state + drive``, or a part of that.

    ``filters`` are the present values of the states that may run as filters.
    """
    if len(states) != 1 or not 1 <= len(nodes) <= 2:
        return None
    state = graph.states[states[0]]
    type_, inside = graph.type(state.current), {state.current, *nodes}
    current, gain, drive = state.current, None, None
    for value in nodes:
        node = graph.nodes[value]
        others = [arg for arg in node.args if arg not in inside]
        if node.op not in ("mul", "add") or current not in node.args or len(others) != 1 or node.type != type_:
            return None
        if node.op == "mul" and value == nodes[0] and rates[others[0]] is not Rate.STREAM:
            gain = others[0]
        elif node.op == "add" and value == nodes[-1]:
            drive = others[0]
        else:
            return None
        current = value
    if type_.dtype.kind == "f" and state.current not in filters:
        return None
    return None if type_.dtype.kind != "f" and gain is not None else Affine(gain, drive)


def filter_states(graph: Graph, rates: Sequence[Rate]) -> frozenset[Value]:
    """The present values of the states of floats that may run as filters, as they stand."""
    cycles = affine_cycles(graph, rates)
    return frozenset(one.state.current for one in cycles if one.is_canonical and not one.objection)
