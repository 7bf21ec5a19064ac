"""From the text form back to a graph.

A line is a statement; what follows ``#`` is a comment. The grammar stands in ``docs/files.md``. Text is untrusted:
nothing of it is executed, and nothing is allocated that it does not hold, but for the initial states that it fills.
Those are few, or others hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphpool.errors import GraphError, TypeRuleError
from graphpool.graph.builder import SIGNALS, GraphBuilder, Infer
from graphpool.graph.graph import Graph, Value
from graphpool.graph.literals import Find, LiteralReader
from graphpool.graph.scanner import LARGEST_FILL, LARGEST_VALUE, Scanner
from graphpool.graph.text import name_text
from graphpool.graph.types import Array, Literal, TensorType, type_of

Key = tuple[str, str]
"""What a text calls a value: whether it is a number, a name or the name of an input; and the number or name."""

Held = Callable[[int, TensorType], None]
"""Raises where nobody holds the state of that number and type."""


def parse(
    text: str, infer: Infer, constants: Mapping[str, Any] | Find | None = None, held: Held | None = None
) -> Graph:
    """Read a graph from its text form; see :func:`graphpool.parse_graph`.

    Args:
        text: what ``str(graph)`` gives, or the like of it by hand.
        infer: the type rules of the op table.
        constants: the arrays of the large constants by their hash, as :meth:`~graphpool.graph.Graph.constants` gives
            them; or a function of hash and type.
        held: asked before a state is filled; where there is none, texts fill only a little.

    Raises:
        GraphError: the text is malformed; names line and column, and what was expected.
    """
    if not isinstance(text, str):
        raise GraphError(f"the text form of a graph is a string, got {type(text).__name__}")
    given = constants or {}
    find = (lambda name, _: given.get(name)) if isinstance(given, Mapping) else given
    return _Parser(text, infer, find, held).graph()


@dataclass(frozen=True)
class _Output:
    """An output, whose value the header names before it is made."""

    name: str | None
    operand: Key | Value
    kind: str
    clock: int
    at: int


class _Parser:
    def __init__(self, text: str, infer: Infer, find: Find, held: Held | None) -> None:
        self.scan = Scanner(text)
        self.infer = infer
        self.read = LiteralReader(self.scan, find)
        self.held = held
        self.values: dict[Key, Value] = {}
        self.constants: dict[Literal | str, Value] = {}
        self.states: set[Value] = set()
        self.finished: set[Value] = set()

    # --- statements ---------------------------------------------------------------------------------------------------
    def graph(self) -> Graph:
        outputs = self._header()
        while not self.scan.take("}"):
            self._statement()
            self.scan.end_of_line()
        self.scan.end_of_line()
        if self.scan.at < len(self.scan.text):
            raise self.scan.expected("the end of the text")
        for output in outputs:
            value = self._resolve(output.operand, output.at) if isinstance(output.operand, tuple) else output.operand
            self.builder.output("output" if output.name is None else output.name, value, output.kind, output.clock)
        return self.builder.build()

    def _header(self) -> list[_Output]:
        self.scan.blank_lines()
        start = self.scan.here()
        if self.scan.word() != "graph":
            self.scan.at = start
            raise self.scan.expected("'graph'")
        self.builder = GraphBuilder(self.scan.name("the name of the graph"), None, self.infer)
        self.scan.items("(", ")", self._input)
        self.scan.expect("->")
        outputs = self.scan.items("(", ")", self._output)
        unnamed = [output for output in outputs if output.name is None]
        if len(outputs) > 1 and unnamed:
            raise self.scan.error("several outputs, one without a name", unnamed[0].at, hint="name = %value")
        if self.scan.take("dt"):
            self.scan.expect("=")
            self.builder.dt = self.read.time_step()
        self.scan.expect("{")
        self.scan.end_of_line()
        return outputs

    def _input(self) -> None:
        key, at = self._key("an input, such as %x")
        self.scan.expect(":")
        type_ = self.scan.type()
        self._bind(key, self.builder.input(self._name_of(key, at), type_, self._kind()), at)

    def _output(self) -> _Output:
        start, name = self.scan.here(), None
        if self.scan.sees('"'):
            name = self.scan.string()
            self.scan.expect("=")
        elif (word := self.scan.word()) and self.scan.take("="):
            name = word
        else:  # the word was a constant, or none
            self.scan.at = start
        at = self.scan.here()
        operand = self._key("")[0] if self.scan.sees("%") else self._constant()
        return _Output(name, operand, self._kind(), self._clock(), at)

    def _kind(self) -> str:
        return self.scan.word() or "continuous"

    def _signal(self) -> str:
        """The kind of a record that is a signal; a word that is none begins the next line."""
        return next((kind for kind in SIGNALS if self.scan.take(kind)), "")

    def _clock(self) -> int:
        if not self.scan.take("clock"):
            return 1
        self.scan.expect("=")
        return self.scan.count()

    def _statement(self) -> None:
        if self.scan.sees("%"):
            return self._node()
        start = self.scan.here()
        match self.scan.word():
            case "param":
                key, at = self._key("a parameter, such as %w")
                self.scan.expect(":")
                self._bind(key, self.builder.param(self._name_of(key, at), self.scan.type()), at)
            case "state":
                self._state()
            case "record":
                name = self.scan.name("the name of a record")
                self.scan.expect("=")
                self.builder.record(name, self._operand(), self._signal())
            case "next":
                self._next()
            case _:
                self.scan.at = start
                raise self.scan.expected("'param', 'state', 'record', 'next', a value such as %0, or '}'")

    def _state(self) -> None:
        key, at = self._key("a state, such as %v")
        name = self._name_of(key, at)
        self.scan.expect(":")
        type_ = self.scan.type()
        self.scan.expect("=")
        start = self.scan.here()
        init = self._filled(type_) if self.scan.take("fill") else self.read.array()
        if type_of(init) != type_:
            raise self.scan.error(f"the initial value of a state of type {type_} is {type_of(init)}", start)
        value = self.builder.state(name, init)
        self.states.add(value)
        self._bind(key, value, at)

    def _filled(self, type_: TensorType) -> Array:
        if self.held is None:
            return self.read.filled(type_, LARGEST_FILL)
        self.held(len(self.states), type_)
        return self.read.filled(type_, LARGEST_VALUE)

    def _next(self) -> None:
        key, at = self._key("a state, such as %v")
        current = self._resolve(key, at)
        if current not in self.states:
            raise self.scan.error("this is no state, so that it has no next value", at)
        if current in self.finished:
            raise self.scan.error("a second next value of one state", at)
        self.finished.add(current)
        self.scan.expect("=")
        self.builder.set_next(current, self._operand())

    def _node(self) -> None:
        key, at = self._key("")
        if key[0] != "number":
            raise self.scan.error("a value that an op makes has a number, such as %0", at)
        self.scan.expect(":")
        start = self.scan.here()
        type_ = self.scan.type()
        self.scan.expect("=")
        op = self.scan.word()
        if op is None:
            raise self.scan.expected("an op")
        operands: list[Value] = []
        while not (self.scan.sees("{") or self.scan.sees("\n") or self.scan.at >= len(self.scan.text)):
            if operands:
                self.scan.expect(",")
            operands.append(self._operand())
        attrs = self.read.attributes() if self.scan.sees("{") else {}
        self._bind(key, self._add(op, operands, attrs, at), at)
        inferred = self.builder.type(self.values[key])
        if inferred != type_:
            raise self.scan.error(f"declared {type_}, but {op} gives {inferred}", start)

    def _add(self, op: str, operands: list[Value], attrs: dict[str, Any], at: int) -> Value:
        try:
            return self.builder.add(op, operands, attrs)
        except (TypeRuleError, GraphError) as error:
            raise self.scan.error(f"{op}: {error}", at) from error
        except KeyError as error:
            raise self.scan.error(f"{op}: no attribute {error}", at) from error
        except Exception as error:
            # A type rule reads attributes as the tracer makes them: what it does with others, nobody says.
            raise self.scan.error(f"{op}: wrong attributes: {type(error).__name__}: {error}", at) from error

    # --- values -------------------------------------------------------------------------------------------------------
    def _key(self, what: str) -> tuple[Key, int]:
        """What stands for a value: ``%0``, ``%name``, ``%"name"``; ``%input:name`` where a parameter has that name."""
        at = self.scan.here()
        if not self.scan.take("%"):
            raise self.scan.expected(what or "a value, such as %0")
        text = self.scan.text
        following = text[self.scan.at : self.scan.at + 1]
        if following == '"':
            return ("name", self.scan.string()), at
        if not (following.isalnum() or following in ("_", ".")):
            raise self.scan.expected("a name or a number after '%'")
        name = self.scan.name("a name")
        after = text[self.scan.at : self.scan.at + 2]
        if name == "input" and after[:1] == ":" and (after[1:].isalnum() or after[1:] in ('"', "_", ".")):
            self.scan.at += 1
            return ("input", self.scan.name("the name of an input")), at
        return ("number" if name.isascii() and name.isdecimal() else "name", name), at

    def _name_of(self, key: Key, at: int) -> str:
        if key[0] == "number":
            raise self.scan.error(f'a number stands for what an op makes; as a name, it is %"{key[1]}"', at)
        return key[1]

    def _bind(self, key: Key, value: Value, at: int) -> None:
        if key in self.values:
            raise self.scan.error(f"a second value {_shown(key)}", at)
        self.values[key] = value

    def _resolve(self, key: Key, at: int) -> Value:
        if key not in self.values:
            raise self.scan.error(f"there is no value {_shown(key)} before this place", at)
        return self.values[key]

    def _operand(self) -> Value:
        return self._resolve(*self._key("")) if self.scan.sees("%") else self._constant()

    # --- constants ----------------------------------------------------------------------------------------------------
    def _constant(self) -> Value:
        """A constant; one that the text names twice becomes one."""
        if self.scan.sees("<"):
            name, type_, at = self.read.reference()
            if name not in self.constants:
                self.constants[name] = self.builder.constant(self.read.found(name, type_, at))
            return self.constants[name]
        literal = Literal(self.read.array())
        if literal not in self.constants:
            self.constants[literal] = self.builder.constant(literal.array)
        return self.constants[literal]


def _shown(key: Key) -> str:
    kind, name = key
    return f"%{'input:' if kind == 'input' else ''}{name if kind == 'number' else name_text(name)}"
