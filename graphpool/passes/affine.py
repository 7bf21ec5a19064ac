r"""Affine states in one form: a gain times the state plus a drive.

For a state s, a step that is written as any sums and differences, with products and quotients by what does not change
over time, is

.. math:: s_{t+1} = g\, s_t + d_t

where the gain g is computed once per parameter set and the drive d for all steps at once: what stays in the loop is one
product and one sum, and a target may run that as a filter. The rounding is another one than that of the step as
written, so this is done only where nothing discrete depends on the state (see :mod:`graphpool.ops.discrete`), and
only for few channels: with many, a step of the loop is long enough to pay for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from graphpool.graph import LEAF_OPS, STATE, Graph, Node, State, Value
from graphpool.graph.cycles import time_graph
from graphpool.graph.rates import Rate, infer_rates
from graphpool.ops.discrete import reaching_discrete
from graphpool.passes.base import Note, Pass, PassResult
from graphpool.passes.rewrite import Rewrite

CHANNELS = 64
"""The largest state, in elements, whose step is rewritten."""


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
        self.on_cycle: set[Value] = set()
        self.forms: dict[Value, Form] = {}
        self.notes: list[Note] = []
        jumping, states = reaching_discrete(graph), {state.current: state for state in graph.states}
        for cycle in _cycles(graph, rates):
            state = states[next(value for value in cycle if value in states)]
            if not _is_affine(graph, rates, cycle, state):
                continue
            reason = _objection(graph, state, jumping)
            if not reason:
                self.chosen[state.next] = state
                self.on_cycle |= cycle
            said = f"its step stays as written: {reason}" if reason else "its step becomes a gain and a drive"
            self.notes.append(Note("affine", f"%{state.name}", said))

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


def _cycles(graph: Graph, rates: Sequence[Rate]) -> list[set[Value]]:
    """The components with one state and some nodes, in order."""
    import networkx

    edges = time_graph(graph).subgraph([value for value, rate in enumerate(rates) if rate is Rate.STREAM])
    found: list[set[Value]] = [set(each) for each in networkx.strongly_connected_components(edges)]
    cycles = [each for each in found if len(each) > 1 and sum(graph.nodes[v].op == STATE for v in each) == 1]
    return sorted(cycles, key=min)


def _is_affine(graph: Graph, rates: Sequence[Rate], cycle: Collection[Value], state: State) -> bool:
    """Whether the step of a state is affine, in another form than a gain and a drive."""
    type_ = graph.type(state.current)
    nodes = [graph.nodes[value] for value in sorted(cycle) if graph.nodes[value].op not in LEAF_OPS]
    if type_.dtype.kind != "f" or any(node.type != type_ for node in nodes):
        return False
    if [node.op for node in nodes] in (["mul"], ["add"], ["mul", "add"]):
        return False
    return all(_keeps_form(node, rates, cycle) for node in nodes)


def _objection(graph: Graph, state: State, jumping: Collection[Value]) -> str:
    """Why the step of an affine state is better left as it is, if it is."""
    if state.current in jumping:
        return "something discrete depends on it"
    size = graph.type(state.current).size
    return f"it has {size} channels, more than {CHANNELS}" if size > CHANNELS else ""


def _keeps_form(node: Node, rates: Sequence[Rate], cycle: Collection[Value]) -> bool:
    inside = [arg in cycle for arg in node.args]
    fixed = [rates[arg] is not Rate.STREAM for arg in node.args]
    if node.op in ("neg", "add", "sub"):
        return True
    if node.op == "mul":
        return inside in ([True, False], [False, True]) and any(fixed)
    return node.op == "div" and inside == [True, False] and fixed[1]


def _rule(rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
    assert isinstance(rewrite, _Rewrite)
    if value not in rewrite.on_cycle:
        return None
    gain, drive = rewrite.forms[value] = _form(rewrite, node, args)
    if value not in rewrite.chosen:
        return None
    current = rewrite.new[rewrite.chosen[value].current]
    return rewrite.apply("add", rewrite.apply("mul", gain, current), drive)


def _form(rewrite: _Rewrite, node: Node, args: tuple[Value, ...]) -> Form:
    forms: list[Form] = [rewrite.forms.get(old, (None, new)) for old, new in zip(node.args, args, strict=True)]
    if node.op == "neg":
        return rewrite.apply("neg", forms[0][0]), rewrite.apply("neg", forms[0][1])
    if node.op in ("add", "sub"):
        (gain, drive), (other_gain, other_drive) = forms
        return rewrite.apply(node.op, gain, other_gain), rewrite.apply(node.op, drive, other_drive)
    place = 0 if node.args[0] in rewrite.on_cycle else 1
    gain, drive = forms[place]
    return rewrite.apply(node.op, gain, args[1 - place]), rewrite.apply(node.op, drive, args[1 - place])
