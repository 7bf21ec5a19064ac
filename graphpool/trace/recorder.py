"""The recorder of one trace: it adds nodes to a graph builder with their origins, and remembers failures.

A failure stays: one that the user's code swallows still fails the trace at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from graphpool.errors import TraceError, TypeRuleError, format_error
from graphpool.graph import LEAF_OPS, Attributes, GraphBuilder, Origin, TensorType, Value
from graphpool.graph.types import Array, DType
from graphpool.ops import infer_type
from graphpool.trace.source import calling_origin

REFUSED_KINDS = {
    "c": "a complex",
    "O": "an object",
    "U": "a string",
    "S": "a bytes",
    "M": "a datetime",
    "m": "a timedelta",
}
OWN_OPERATORS = (
    "np.matrix and masked arrays mean other operators: make it np.asarray(...), with @ or np.where(mask, a, b)"
)


class Recorder:
    """Adds nodes on behalf of the tracers of one trace."""

    def __init__(self, name: str, dt: float | None) -> None:
        self.builder = GraphBuilder(name, dt, infer_type)
        self.root = name
        self.modules: list[str] = [name]
        self.failure: TraceError | None = None
        self.active = True
        self._at: Origin | None = None
        self._numbers: dict[Any, int] = {}
        self._number_of: list[int] = []

    @property
    def module(self) -> str:
        """The path of the module whose step is running."""
        return self.modules[-1]

    # --- lines -----------------------------------------------------------------------------------------------------
    def origin(self) -> Origin | None:
        """The user's line that is running."""
        return self._at or calling_origin(self.module)

    @contextmanager
    def at(self, origin: Origin | None) -> Iterator[None]:
        """Meanwhile, nodes and failures belong to that line."""
        before, self._at = self._at, origin
        try:
            yield
        finally:
            self._at = before

    # --- failing ---------------------------------------------------------------------------------------------------
    def fail(
        self,
        what: str,
        *,
        hint: str = "",
        operands: Iterable[Value] = (),
        kind: type[TraceError] = TraceError,
        origin: Origin | None = None,
        cause: BaseException | None = None,
    ) -> NoReturn:
        """Raise a :class:`TraceError` that shows the user's line, and remember it."""
        origin = origin or self.origin()
        error = kind(
            format_error(
                what,
                where=self.module,
                line=str(origin) if origin else "",
                details=[self._operand_line(value) for value in operands],
                hint=hint,
            )
        )
        self.failure = self.failure or error
        raise error from cause

    def _operand_line(self, value: Value) -> str:
        nodes = self.builder.nodes
        node = nodes[value]
        if node.op in LEAF_OPS:
            kind, _, label = self.builder.leaf_name(value).partition(" ")
            return f"{label} : {node.type}  {kind}" if label else f"{node.type}  {kind}"
        origins = self.builder.origins(value)
        number = sum(earlier.op not in LEAF_OPS for earlier in nodes[:value])
        made = f"  from {origins[0].module}, {origins[0]}" if origins else ""
        return f"%{number} : {node.type}{made}"

    # --- adding nodes ----------------------------------------------------------------------------------------------
    def emit(self, op: str, args: Sequence[Value], attrs: Mapping[str, Any] | None = None) -> Value:
        """Add a node.

        Raises:
            TypeRuleError: the operands do not fit; shows the user's line and the operands.
        """
        if not self.active:
            raise TraceError(
                format_error(
                    "a traced value is used after its trace has ended",
                    hint="keep values that outlive a step in a State",
                )
            )
        origin = self.origin()
        try:
            return self.builder.add(op, args, Attributes(attrs), [origin] if origin else [])
        except TypeRuleError as error:
            self.fail(f"{op}: {error}", operands=args, kind=TypeRuleError, origin=origin, cause=error)

    def plain(self, item: Any, dtype: DType | None = None) -> Array:
        """An operand that is not traced as an array; of what derives from arrays, only one in a file means the same."""
        if isinstance(item, np.ndarray) and type(item) not in (np.ndarray, np.memmap):
            self.fail(f"a {type(item).__name__} of shape {item.shape} cannot be part of a graph", hint=OWN_OPERATORS)
        return np.asarray(item, dtype=dtype)

    def constant(self, item: Any, dtype: DType | None = None) -> Value:
        """Add a constant; Python numbers take ``dtype``."""
        array = self.plain(item, dtype)
        if array.dtype.kind in REFUSED_KINDS:
            kind = REFUSED_KINDS[array.dtype.kind]
            self.fail(f"{kind} array cannot be part of a graph: {array!r}", hint="use numbers or bools")
        return self.builder.constant(array)

    def cast(self, value: Value, dtype: DType) -> Value:
        """The value in another dtype; the same value where it has it already."""
        return value if self.type(value).dtype == dtype else self.emit("cast", [value], {"dtype": dtype})

    def broadcast(self, value: Value, shape: tuple[int, ...]) -> Value:
        """The value repeated to a shape; the same value where it has it already."""
        return value if self.type(value).shape == shape else self.emit("broadcast", [value], {"shape": shape})

    def type(self, value: Value) -> TensorType:
        """The type of a value."""
        return self.builder.type(value)

    # --- value numbers ---------------------------------------------------------------------------------------------
    def same(self, first: Value, second: Value) -> bool:
        """Whether two values are computed alike, so that they are equal at every step."""
        return self._number(first) == self._number(second)

    def _number(self, value: Value) -> int:
        numbers = self._number_of
        for node in self.builder.nodes[len(numbers) : value + 1]:
            key = (node.op, tuple(numbers[arg] for arg in node.args), node.attrs, node.type)
            numbers.append(self._numbers.setdefault(key, len(self._numbers)))
        return numbers[value]
