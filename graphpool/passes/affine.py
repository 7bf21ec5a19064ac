r"""Affine states in one form: a gain times the state plus a drive.

For a state s, a step that is written as any sums and differences, with products and quotients by what does not change
over time, is

.. math:: s_{t+1} = g\, s_t + d_t

where the gain g is computed once per parameter set and the drive d for all steps at once: what stays in the loop is one
product and one sum, and a target may run that as a filter. :mod:`graphpool.ops.affine` tells for which states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from graphpool.graph import Graph, Node, State, Value
from graphpool.graph.rates import Rate, infer_rates
from graphpool.ops.affine import affine_cycles
from graphpool.passes.base import Note, Pass, PassResult
from graphpool.passes.rewrite import Rewrite


@dataclass(frozen=True)
class AffineStates(Pass):
    """Rewrite steps of affine states to a gain and a drive."""

    name: ClassVar[str] = "affine"

    def run(self, graph: Graph) -> PassResult:
        rewrite = _Rewrite(graph, infer_rates(graph))
        return self.result(graph, rewrite.run(_rule), rewrite.notes)


Form = tuple[Value | None, Value | None]
"""A value on the cycle of a state, in the new graph: the gain on the state and the drive; None for 0."""


class _Rewrite(Rewrite):
    def __init__(self, graph: Graph, rates: Sequence[Rate]) -> None:
        super().__init__(graph)
        self.chosen: dict[Value, State] = {}
        self.on_cycle: dict[Value, State] = {}
        self.forms: dict[Value, Form] = {}
        self.notes: list[Note] = []
        for cycle in affine_cycles(graph, rates):
            if not cycle.objection and not cycle.is_canonical:
                self.chosen[cycle.state.next] = cycle.state
                self.on_cycle |= dict.fromkeys(cycle.values, cycle.state)
            said = f"its step stays as written: {cycle.objection}" if cycle.objection else "it is a gain and a drive"
            self.notes.append(Note("affine", f"%{cycle.state.name}", said))

    def leaf(self, value: Value, node: Node) -> Value:
        new = super().leaf(value, node)
        if value in self.on_cycle:
            self.forms[value] = (self.constant(node.type.dtype.type(1)), None)
        return new

    def apply(self, op: str, x: Value | None, y: Value | None = None) -> Value | None:
        """An op whose operands may be 0."""
        if x is None and op in ("mul", "div", "neg"):
            return None
        if x is None:
            return y if op == "add" else self.apply("neg", y)
        if y is None and op != "neg":
            return x
        return self.add(op, [x] if y is None else [x, y])


def _rule(rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
    assert isinstance(rewrite, _Rewrite)
    if value not in rewrite.on_cycle:
        return None
    gain, drive = rewrite.forms[value] = _form(rewrite, node, args, rewrite.on_cycle[value])
    if value not in rewrite.chosen:
        return None
    current = rewrite.new[rewrite.chosen[value].current]
    return rewrite.apply("add", rewrite.apply("mul", gain, current), drive)


def _form(rewrite: _Rewrite, node: Node, args: tuple[Value, ...], state: State) -> Form:
    """The form of a node; what lies on the cycle of another state drives this one."""
    inside = [rewrite.on_cycle.get(old) is state for old in node.args]
    forms: list[Form] = [
        rewrite.forms[old] if own else (None, new) for old, new, own in zip(node.args, args, inside, strict=True)
    ]
    if node.op == "neg":
        return rewrite.apply("neg", forms[0][0]), rewrite.apply("neg", forms[0][1])
    if node.op in ("add", "sub"):
        (gain, drive), (other_gain, other_drive) = forms
        return rewrite.apply(node.op, gain, other_gain), rewrite.apply(node.op, drive, other_drive)
    place = inside.index(True)
    gain, drive = forms[place]
    return rewrite.apply(node.op, gain, args[1 - place]), rewrite.apply(node.op, drive, args[1 - place])
