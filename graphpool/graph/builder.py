"""Building and verifying graphs.

The builder checks the type of every node as it is added and merges nothing: common subexpressions are a pass. Type
rules belong to the op table, which stands above this package; they come in as ``infer``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from graphpool.errors import GraphError, TypeRuleError
from graphpool.graph.graph import (
    CONST,
    INPUT,
    LEAF_OPS,
    PARAM,
    SAMPLE,
    STATE,
    Graph,
    Node,
    Origin,
    Output,
    Param,
    Port,
    Record,
    State,
    Value,
)
from graphpool.graph.types import Array, Attributes, Literal, TensorType, is_known, type_of

Infer = Callable[[str, tuple[TensorType, ...], Attributes], TensorType]
"""The type rule of an op: raises :class:`~graphpool.errors.TypeRuleError` where operands do not fit."""

SIGNALS = ("continuous", "event")
KINDS = (*SIGNALS, SAMPLE)

_whole: WeakValueDictionary[tuple[int, Infer], Graph] = WeakValueDictionary()
"""The graphs that were found whole, by id and by the rules that said so. A graph never changes: nobody looks twice."""


class GraphBuilder:
    """Makes a graph node by node.

    Args:
        name: the name of the graph.
        dt: the time step in seconds, or None.
        infer: the type rules of the op table.
    """

    def __init__(self, name: str, dt: float | None, infer: Infer) -> None:
        self.name = name
        self.dt = dt
        self._infer = infer
        self.nodes: list[Node] = []
        self._origins: list[tuple[Origin, ...]] = []
        self._inputs: list[Port] = []
        self._params: list[Param] = []
        self._states: dict[Value, tuple[str, Literal, int]] = {}
        self._next: dict[Value, Value] = {}
        self._outputs: list[Output] = []
        self._records: list[Record] = []

    @property
    def inputs(self) -> Sequence[Port]:
        """The ports added so far."""
        return self._inputs

    def type(self, value: Value) -> TensorType:
        """The type of a value added before."""
        return self.nodes[value].type

    def origins(self, value: Value) -> tuple[Origin, ...]:
        """The origins of a value added before."""
        return self._origins[value]

    def add_origins(self, value: Value, origins: Iterable[Origin]) -> None:
        """Unite further origins with those of a value."""
        self._origins[value] = tuple(dict.fromkeys((*self._origins[value], *origins)))

    def leaf_name(self, value: Value) -> str:
        """What an input, parameter, state or constant is called in messages."""
        for port in self._inputs:
            if port.value == value:
                return f"input %{port.name}"
        for param in self._params:
            if param.value == value:
                return f"parameter %{param.name}"
        if value in self._states:
            return f"state %{self._states[value][0]}"
        return "constant"

    def _append(self, node: Node, origins: Iterable[Origin]) -> Value:
        self.nodes.append(node)
        self._origins.append(tuple(dict.fromkeys(origins)))
        return len(self.nodes) - 1

    def _leaf(self, op: str, type_: TensorType, place: object, origins: Iterable[Origin] = ()) -> Value:
        return self._append(Node(op, (), Attributes({"place": place}), type_), origins)

    def input(self, name: str, type_: TensorType, kind: str = "continuous", clock: int = 1) -> Value:
        """Add an input port."""
        value = self._leaf(INPUT, type_, len(self._inputs))
        self._inputs.append(Port(name, value, kind, clock))
        return value

    def param(self, name: str, type_: TensorType) -> Value:
        """Add a parameter."""
        value = self._leaf(PARAM, type_, len(self._params))
        self._params.append(Param(name, value))
        return value

    def state(self, name: str, init: Array, clock: int = 1) -> Value:
        """Add a state, and return its present value; :meth:`set_next` completes it."""
        literal = Literal(init)
        value = self._leaf(STATE, type_of(literal.array), len(self._states))
        self._states[value] = (name, literal, clock)
        return value

    def constant(self, array: Any, origins: Iterable[Origin] = ()) -> Value:
        """Add a constant array."""
        literal = Literal(np.asarray(array))
        return self._leaf(CONST, type_of(literal.array), literal, origins)

    def add(
        self,
        op: str,
        args: Sequence[Value],
        attrs: Mapping[str, Any] | None = None,
        origins: Iterable[Origin] = (),
    ) -> Value:
        """Add an op.

        Raises:
            TypeRuleError: the operands do not fit.
        """
        attributes = attrs if isinstance(attrs, Attributes) else Attributes(attrs)
        type_ = self._infer(op, tuple(self.type(arg) for arg in args), attributes)
        return self._append(Node(op, tuple(args), attributes, type_), origins)

    def set_next(self, current: Value, value: Value) -> None:
        """Say which value the state takes at the end of the step."""
        self._next[current] = value

    def output(self, name: str, value: Value, kind: str = "continuous", clock: int = 1) -> None:
        """Add an output."""
        self._outputs.append(Output(name, value, kind, clock))

    def record(self, name: str, value: Value, kind: str = "") -> None:
        """Add a recorded value; see :class:`~graphpool.graph.graph.Record`."""
        self._records.append(Record(name, value, kind))

    def build(self) -> Graph:
        """The finished graph, verified.

        Raises:
            GraphError: a state without a next value, or whatever :func:`verify` finds.
        """
        missing = [name for value, (name, _, _) in self._states.items() if value not in self._next]
        if missing:
            raise GraphError(f"graph {self.name!r}: states without a next value: {', '.join(missing)}")
        graph = Graph(
            name=self.name,
            dt=self.dt,
            nodes=tuple(self.nodes),
            inputs=tuple(self._inputs),
            params=tuple(self._params),
            states=tuple(
                State(name, value, init, self._next[value], clock)
                for value, (name, init, clock) in self._states.items()
            ),
            outputs=tuple(self._outputs),
            records=tuple(self._records),
            origins=tuple(self._origins),
        )
        verify(graph, self._infer)
        return graph


def verify(graph: Graph, infer: Infer) -> None:
    """Check that a graph is whole: order, types, names, side tables.

    Raises:
        GraphError: lists everything that is wrong.
    """
    if _whole.get((id(graph), infer)) is graph:
        return
    problems = [*_reference_problems(graph)]
    if not problems:
        problems = [*_node_problems(graph, infer), *_table_problems(graph), *_name_problems(graph)]
    if problems:
        raise GraphError("\n    ".join([f"graph {graph.name!r} is malformed:", *problems]))
    _whole[id(graph), infer] = graph


def _reference_problems(graph: Graph) -> Iterable[str]:
    """What refers to nothing; the other checks look up values without asking."""
    if len(graph.origins) != len(graph.nodes):
        yield f"{len(graph.nodes)} nodes but {len(graph.origins)} sets of origins"
    for value, node in enumerate(graph.nodes):
        late = [arg for arg in node.args if not 0 <= arg < value]
        if late:
            yield f"node {value} ({node.op}): operands {late} do not come before it"
    for value in graph.roots():
        if not 0 <= value < len(graph.nodes):
            yield f"a root refers to node {value}, which does not exist"
    tables: tuple[tuple[str, list[Value]], ...] = (
        (INPUT, [port.value for port in graph.inputs]),
        (PARAM, [param.value for param in graph.params]),
        (STATE, [state.current for state in graph.states]),
    )
    for op, values in tables:
        leaves = [value for value, node in enumerate(graph.nodes) if node.op == op]
        if sorted(values) != leaves:
            yield f"{op} nodes {leaves} but the table names {values}"
            continue
        for place, value in enumerate(values):
            if graph.nodes[value].attrs.get("place") != place:
                yield f"node {value} ({op}): its place is {graph.nodes[value].attrs.get('place')}, not {place}"


def _node_problems(graph: Graph, infer: Infer) -> Iterable[str]:
    for value, node in enumerate(graph.nodes):
        if not is_known(node.type.dtype):
            yield f"node {value} ({node.op}): values of dtype {node.type.dtype} cannot be part of a graph"
        if node.op in LEAF_OPS:
            yield from (f"node {value} ({node.op}): {problem}" for problem in _leaf_problems(node))
            continue
        for name, item in node.attrs.items():
            if not _is_attribute(item):
                yield f"node {value} ({node.op}): the attribute {name} is a {type(item).__name__}"
        try:
            inferred = infer(node.op, tuple(graph.type(arg) for arg in node.args), node.attrs)
        except (TypeRuleError, GraphError) as error:
            yield f"node {value} ({node.op}): {error}"
        except KeyError as error:
            yield f"node {value} ({node.op}): no attribute {error}"
        else:
            if inferred != node.type:
                yield f"node {value} ({node.op}): declared {node.type}, inferred {inferred}"


def _is_attribute(item: Any) -> bool:
    if isinstance(item, tuple):
        return all(map(_is_attribute, item))
    return item is None or type(item) in (bool, int, float, str) or (isinstance(item, np.dtype) and is_known(item))


def _leaf_problems(node: Node) -> Iterable[str]:
    if node.args:
        yield "a leaf with operands"
    if node.op == CONST:
        literal = node.attrs.get("place")
        if not isinstance(literal, Literal):
            yield "a constant without its array"
        elif type_of(literal.array) != node.type:
            yield f"declared {node.type}, the array is {type_of(literal.array)}"


def _table_problems(graph: Graph) -> Iterable[str]:
    if graph.dt is not None and not 0 < graph.dt < math.inf:
        yield f"dt={graph.dt} s is no time step"
    for state in graph.states:
        current, following = graph.type(state.current), graph.type(state.next)
        if not current == following == type_of(state.init.array):
            yield f"state {state.name}: current {current}, next {following}, init {type_of(state.init.array)}"
    clocked: tuple[Port | State, ...] = (*graph.inputs, *graph.states)
    for entry in clocked:
        if entry.clock != 1:
            yield f"{entry.name}: clock {entry.clock}; only 1 is supported"
    for output in graph.outputs:
        if output.clock < 1 or output.clock > 1 and graph.type(output.value).shape[:-1] != (output.clock,):
            yield f"{output.name}: clock {output.clock} of {graph.type(output.value)}, which has no such rows"
    ports: tuple[Port | Output, ...] = (*graph.inputs, *graph.outputs)
    for port in ports:
        if port.kind not in KINDS:
            yield f"{port.name}: kind {port.kind!r} is none of {', '.join(KINDS)}"
    for record in graph.records:
        type_ = graph.type(record.value)
        if record.kind and (record.kind not in SIGNALS or len(type_.shape) != 1):
            yield f"{record.name}: kind {record.kind!r} of {type_}; vectors are {' or '.join(SIGNALS)}"


def _name_problems(graph: Graph) -> Iterable[str]:
    registered: tuple[Param | State, ...] = (*graph.params, *graph.states)
    values = [entry.name for entry in registered]
    for paths in (values, [rec.name for rec in graph.records]):
        inner = {path[:place] for path in paths for place, letter in enumerate(path) if letter == "."}
        yield from (f"{path!r} is a value and a module at once" for path in sorted(inner.intersection(paths)))
    for names in (
        values,
        [port.name for port in graph.inputs],
        [output.name for output in graph.outputs],
        [rec.name for rec in graph.records],
    ):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            yield f"names used twice: {', '.join(twice)}"
