"""A region as a list of statements: the nodes of the graph, and what the NumPy target adds to them.

A value is a node of the graph, or one of those that the target adds: a view with other axes, a copy. Added values have
numbers above those of the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from graphpool.compilers.numpy.derived import Derived, Fitting, Make, Padding, Repeated, Shaping
from graphpool.graph import Graph, Value
from graphpool.graph.types import Shape, TensorType
from graphpool.plan import Rate


class Kind(Enum):
    """How a statement makes its value."""

    INTO = auto()
    """It fills a buffer that it is given."""
    VIEW = auto()
    """It shows its operand's memory in another shape."""
    CALL = auto()
    """A kernel makes an array, which may show the memory of any of its operands."""


Lines = Callable[[str, list[str], list[str]], list[str]]
"""The buffer to fill, the operands and the scratch buffers, all by name, to lines of Python."""


@dataclass(frozen=True)
class Statement:
    """One value and how it is made.

    Attributes:
        value: its number.
        args: the operands.
        kind: how it is made.
        lines: the text (INTO).
        make: the function of the operands (VIEW, CALL).
        keeps_order: whether the elements of the view lie as those of the operand do (VIEW).
        shape: the shape that makes the view, if nothing but a shape does (VIEW).
        fresh: the text that makes the same in an array of its own (INTO), if there is one.
        replaces: the operands in whose buffer the result may be written, if nothing else needs them (INTO).
        scratch: further buffers it needs while it runs (INTO).
    """

    value: Value
    args: tuple[Value, ...]
    kind: Kind
    lines: Lines | None = None
    make: Callable[..., Any] | None = None
    keeps_order: bool = False
    shape: Value | None = None
    fresh: Callable[[list[str]], str] | None = None
    replaces: frozenset[int] = frozenset()
    scratch: tuple[TensorType, ...] = ()


@dataclass
class Scope:
    """What a region's statements are collected in.

    Attributes:
        graph: the graph.
        rates: of its values.
        positive: the thresholds that are known to be positive and finite.
        outer: how many leading axes its arrays have: 2 (time and batch) or 1 (batch).
        statements: in the order in which they run.
        types: of the values that were added.
        derived: what is made once.
        bound: the objects that the text calls by name.
    """

    graph: Graph
    rates: tuple[Rate, ...]
    positive: frozenset[Value]
    outer: int
    statements: list[Statement] = field(default_factory=list)
    types: dict[Value, TensorType] = field(default_factory=dict)
    derived: dict[Value, Derived] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free = count(len(self.graph.nodes))

    def type(self, value: Value) -> TensorType:
        """The type of a node or an added value."""
        return self.types[value] if value in self.types else self.graph.type(value)

    def is_stream(self, value: Value) -> bool:
        """Whether a value has the leading axes."""
        return value in self.types or self.rates[value] is Rate.STREAM

    def bind(self, item: Any) -> str:
        """The name of an object in the text."""
        if id(item) not in self._names:
            self._names[id(item)] = f"k{len(self.bound)}"
            self.bound[self._names[id(item)]] = item
        return self._names[id(item)]

    def into(self, value: Value, args: tuple[Value, ...], lines: Lines, **more: Any) -> None:
        """Add a statement that fills a buffer."""
        self.statements.append(Statement(value, args, Kind.INTO, lines=lines, **more))

    def view(self, value: Value, arg: Value, make: Callable[..., Any], keeps_order: bool = True) -> None:
        """Add a view; one that keeps the order is made by its shape alone."""
        shape = self.shape(self.type(value).shape) if keeps_order else None
        self.statements.append(Statement(value, (arg,), Kind.VIEW, make=make, keeps_order=keeps_order, shape=shape))

    def call(self, value: Value, args: tuple[Value, ...], make: Callable[..., Any]) -> None:
        """Add a call of a kernel."""
        self.statements.append(Statement(value, args, Kind.CALL, make=make))

    def copied(self, arg: Value) -> Value:
        """A copy of a value, in a buffer of its own."""
        value = self._added(self.type(arg))
        self.into(value, (arg,), copy_lines)
        return value

    def padded(self, arg: Value, rank: int) -> Value:
        """A stream with axes of length 1 between its leading and its sample axes."""
        own = self.type(arg)
        if not self.is_stream(arg) or own.rank >= rank:
            return arg
        if (key := ("pad", arg, rank)) not in self._known:
            shape = (1,) * (rank - own.rank) + own.shape
            self._known[key] = self._added(TensorType(own.dtype, shape))
            self.view(self._known[key], arg, Padding(own.rank, rank))
        return self._known[key]

    def fitted(self, arg: Value, shape: Shape, always: bool = False) -> Value:
        """What is no stream, repeated to the leading axes and a shape where that is small or asked for."""
        if self.is_stream(arg):
            return arg
        return self.derive(("fit", arg, shape, always), arg, Fitting(shape, always))

    def squeezed(self, arg: Value, axes: tuple[int, ...]) -> Value:
        """A value without axes of length 1, counted from the end."""
        own = self.type(arg)
        gone = {axis % own.rank for axis in axes}
        value = self._added(TensorType(own.dtype, tuple(n for axis, n in enumerate(own.shape) if axis not in gone)))
        self.view(value, arg, partial(np.squeeze, axis=axes))
        return value

    def constant(self, item: float, like: TensorType) -> Value:
        """A number in the shape of a result."""
        array = np.asarray(item, like.dtype)
        return self.derive(("constant", item, like), None, Repeated(array, Fitting(like.shape, False)))

    def shape(self, shape: Shape, folded: bool = False) -> Value:
        """The leading axes and a shape, as a tuple; folded, all but the last are one."""
        return self.derive(("shape", shape, folded), None, Shaping(shape, folded))

    def derive(self, key: tuple[Any, ...], source: Value | None, make: Make) -> Value:
        """Something made once; equal keys give the same."""
        if key not in self._known:
            self._known[key] = next(self._free)
            self.derived[self._known[key]] = Derived(source, make)
        return self._known[key]

    def _added(self, type_: TensorType) -> Value:
        value = next(self._free)
        self.types[value] = type_
        return value


def copy_lines(out: str, args: list[str], scratch: list[str]) -> list[str]:
    """One array into another; NumPy converts dtypes as ``astype`` does."""
    return [f"{out}[...] = {args[0]}"]
