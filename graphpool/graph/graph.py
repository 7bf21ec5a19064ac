"""The graph: a flat, typed, acyclic program for one time step of one sample.

A value is the index of the node that makes it; nodes stand in topological order. Inputs, parameters, present states
and constants are nodes without operands. State is a side table of *(current, next)* pairs, never a cyclic reference:
every ``next`` takes effect together, at the end of the step, so hashing, rewriting and printing see a plain acyclic
graph. Only :mod:`graphpool.plan` looks at the cycles that close from one step to the following one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphpool.graph.types import Array, Attributes, Literal, TensorType

if TYPE_CHECKING:
    import networkx

Value = int
"""A value is the index of its node."""

INPUT, PARAM, STATE, CONST = "input", "param", "state", "const"
LEAF_OPS = frozenset({INPUT, PARAM, STATE, CONST})

SAMPLE = "sample"
"""The kind, and the name, of the input that holds the number of the sample in its batch; nobody gives it a signal."""


@dataclass(frozen=True)
class Node:
    """One op applied to values.

    Attributes:
        op: the name of a row of the op table, or one of ``LEAF_OPS``.
        args: the operands.
        attrs: the row's attributes; of a leaf, its place in the side table (a constant: its array).
        type: the type of the result.
    """

    op: str
    args: tuple[Value, ...]
    attrs: Attributes
    type: TensorType


@dataclass(frozen=True)
class Origin:
    """Where in the user's model a node comes from."""

    module: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Port:
    """An input: ``kind`` is ``continuous``, ``event`` or ``sample``, ``clock`` its ratio to the graph's dt."""

    name: str
    value: Value
    kind: str = "continuous"
    clock: int = 1


@dataclass(frozen=True)
class Param:
    """A parameter: an input of the graph that changes between evolutions only."""

    name: str
    value: Value


@dataclass(frozen=True)
class State:
    """A state: ``current`` holds ``init`` at the first step and, at each later one, the ``next`` of the step before."""

    name: str
    current: Value
    init: Literal
    next: Value
    clock: int = 1


@dataclass(frozen=True)
class Output:
    """What leaves the graph at each step. With a ``clock`` of k > 1 it has k rows a step, ``(k, N)``."""

    name: str
    value: Value
    kind: str = "continuous"
    clock: int = 1


@dataclass(frozen=True)
class Record:
    """A value that ``record=True`` shows, under the dotted path of its module.

    With a ``kind``, ``continuous`` or ``event``, it is a signal, ``(N,)`` at each step; a time series
    where the run is timed.
    """

    name: str
    value: Value
    kind: str = ""


@dataclass(frozen=True, eq=False)
class Graph:
    """An immutable graph. ``dt`` is in seconds, or None where no module has one.

    Equality is structural: names and origins do not count, nor where inputs, parameters, states and constants stand
    among the nodes. ``str(graph)`` is the text form, which :func:`graphpool.parse_graph` reads.
    """

    name: str
    dt: float | None
    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    params: tuple[Param, ...]
    states: tuple[State, ...]
    outputs: tuple[Output, ...]
    records: tuple[Record, ...] = ()
    origins: tuple[tuple[Origin, ...], ...] = ()

    def type(self, value: Value) -> TensorType:
        """The type of a value."""
        return self.nodes[value].type

    def replace(self, **changes: Any) -> Graph:
        """A copy with other fields."""
        return dataclasses.replace(self, **changes)

    def roots(self) -> Iterator[Value]:
        """The values that leave a step: outputs, the next states, records."""
        yield from (output.value for output in self.outputs)
        yield from (state.next for state in self.states)
        yield from (record.value for record in self.records)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A name for each value: the user's for inputs, parameters and states, else its number among the others."""
        named = {param.value: param.name for param in self.params}
        named |= {state.current: state.name for state in self.states}
        taken = set(named.values())
        for port in self.inputs:
            named[port.value] = f"input:{port.name}" if port.name in taken else port.name
        labels, number = [], 0
        for value, node in enumerate(self.nodes):
            if node.op == CONST:
                labels.append(f"const{value}")
            elif node.op in LEAF_OPS:
                labels.append(named[value])
            else:
                labels.append(str(number))
                number += 1
        return tuple(labels)

    def find(self, label: str) -> Value:
        """The value that the text form calls ``label`` (with or without its ``%``).

        Raises:
            KeyError: there is no such value.
        """
        bare = label.removeprefix("%")
        try:
            return self.labels.index(bare)
        except ValueError:
            raise KeyError(f"no value %{bare} in graph {self.name!r}") from None

    @cached_property
    def _structure(self) -> tuple[Any, ...]:
        """What the text form says, without names: ops are numbered among themselves, leaves stand for themselves."""
        keys: dict[Value, Any] = {}
        ops: list[Any] = []
        for value, node in enumerate(self.nodes):
            if node.op in LEAF_OPS:
                keys[value] = node.op, node.attrs.get("place")
            else:
                ops.append((node.op, tuple(map(keys.get, node.args)), node.attrs, node.type))
                keys[value] = len(ops) - 1
        return (
            self.dt,
            tuple(ops),
            tuple((self.type(port.value), port.kind, port.clock) for port in self.inputs),
            tuple(self.type(param.value) for param in self.params),
            tuple((self.type(state.current), state.init, keys.get(state.next), state.clock) for state in self.states),
            tuple((keys.get(output.value), output.kind, output.clock) for output in self.outputs),
            tuple((keys.get(record.value), record.kind) for record in self.records),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self._structure == other._structure

    def __hash__(self) -> int:
        return hash(self._structure)

    def __str__(self) -> str:
        from graphpool.graph.text import print_graph

        return print_graph(self)

    def save(
        self, path: Any, *, parameters: Mapping[str, Any] | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        """Write the graph, with values of its parameters and states, to a ``.gpz`` file; whole or not at all.

        :func:`graphpool.load` compiles it again, for any target. Sources are comments of the file's text.

        Args:
            path: ends in ``.gpz``; a file that is there is replaced.
            parameters: nested values of all parameters.
            state: nested values of states, of one sample or of a batch; by default the initial ones.

        Raises:
            TargetError: another ending.
            ParameterError: a value is missing, unknown or does not fit.
            StateError: a value is unknown or does not fit.
            OSError: the file cannot be written.
        """
        from graphpool.graph.files import write_model

        write_model(path, self, parameters or {}, state or {})

    def constants(self) -> dict[str, Array]:
        """The constants that the text form shows as a type and a hash only, by that hash; they cannot be written."""
        from graphpool.graph.text import large_constants

        return large_constants(self)

    def to_networkx(self) -> networkx.MultiDiGraph[Value]:
        """The graph for networkx: to search, to measure, to draw.

        Returns:
            A directed graph whose nodes are values (the indices of :attr:`nodes`) with ``label``, ``kind`` (``input``,
            ``param``, ``state``, ``const`` or ``op``), ``op``, ``attributes``, ``type``, ``rate``, ``origins``, and the
            names of the ``outputs`` and ``records`` that show it. An edge leads from an operand to what is made of it
            (``kind="operand"``, ``place`` among the operands, ``delay=0``), or from the next value of a state to its
            present one (``kind="next"``, ``state``, ``delay=1`` step). Without the latter there are no cycles.
        """
        from graphpool.graph.view import to_networkx

        return to_networkx(self)

    def table(self) -> list[dict[str, str]]:
        """A row for each value, all text: its reference, kind, op, operands, attributes, type, rate, module, source."""
        from graphpool.graph.view import table

        return table(self)
