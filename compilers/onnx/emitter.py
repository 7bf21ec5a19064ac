"""Writing the nodes of one ONNX graph: names, constants, and the few helpers that every lowering needs.

An :class:`Emitter` writes the main graph or the body of a loop. Its stream tensors carry the same *leading
axes*: time and batch in the main graph of a whole evolution, batch alone in a body and in a one-step model.
All other tensors have no leading axes. Constants are known here: transposing a weight costs no node. What is made of
parameters that are inputs of the file is *ready*: the same for every sample and step, and not known here.

Names are made of the graph's labels and counters, so the same module traced twice gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graphpool.compilers.base import Lowerings
from graphpool.graph import Attributes, TensorType, type_of
from graphpool.graph.types import BOOL, Array, DType, Shape


@dataclass(frozen=True)
class Tensor:
    """A tensor in the file.

    Attributes:
        name: its name.
        type: dtype and shape of one sample at one step.
        array: its value where it is a constant, else None.
        ready: it is no constant, and yet has no leading axes.
        packed: in the file, its sample has no axes of length 1: what only adds or drops such axes needs no node.
    """

    name: str
    type: TensorType
    array: Array | None = None
    ready: bool = False
    packed: bool = False

    @property
    def stream(self) -> bool:
        """Whether it has the leading axes."""
        return self.array is None and not self.ready

    @property
    def rank(self) -> int:
        """The rank of one sample."""
        return self.type.rank

    @property
    def stored(self) -> TensorType:
        """The type of one sample in the file."""
        return pack_type(self.type) if self.packed else self.type


def pack_type(type_: TensorType) -> TensorType:
    """The type without axes of length 1."""
    return TensorType(type_.dtype, tuple(size for size in type_.shape if size != 1))


Operand = Tensor | str
"""What a node reads: where only the name counts, the name alone will do."""


@dataclass(frozen=True)
class Call:
    """A node to lower. The operands of elementwise rows come aligned."""

    args: tuple[Tensor, ...]
    attrs: Attributes
    type: TensorType


Lowering = Callable[["Emitter", Call], str]
"""Writes the nodes of one op and returns the name of the result. At least one operand is a stream."""

lowers: Lowerings[Lowering] = Lowerings("onnx")
"""The lowerings by op."""


class Emitter:
    """The nodes of one ONNX graph.

    Args:
        prefix: of every name made here; a body must not reuse a name of the graph around it.
        lead: gives the name of the vector of the lengths of the leading axes; writes it when first asked.
        leading: how many leading axes there are.
        outer: the emitter of the graph around a body.
    """

    def __init__(self, prefix: str, lead: Callable[[], str], leading: int, outer: Emitter | None = None) -> None:
        self.prefix = prefix
        self.leading = leading
        self.nodes: list[onnx.NodeProto] = []
        self.at = "top"
        self._lead = lead
        self._outer = outer
        self._counts: Counter[str] = Counter()
        self._constants: dict[object, Tensor] = {}
        self._read: set[str] = outer._read if outer is not None else set()
        self._full_shapes: dict[tuple[str, Shape], str] = {}

    def with_leading(self, lead: Callable[[], str], leading: int) -> Emitter:
        """An emitter into the same graph, for streams with other leading axes."""
        other = Emitter(self.prefix, lead, leading)
        other.nodes, other._counts, other._constants = self.nodes, self._counts, self._constants
        other._read, other._full_shapes = self._read, self._full_shapes
        return other

    def without_leading(self) -> Emitter:
        """An emitter into the same graph, for what is the same at every sample and step: no leading axes at all."""
        return self.with_leading(lambda: self.ints([]).name, 0)

    @property
    def lead(self) -> str:
        """The name of the vector of the leading lengths."""
        return self._lead()

    def emit(self, op: str, *inputs: Operand, name: str | None = None, **attrs: Any) -> str:
        """Write one node with one output, and return the output's name."""
        return self.emit_many(op, inputs, [name or self.fresh(op)], **attrs)[0]

    def emit_many(self, op: str, inputs: Iterable[Operand], outputs: Sequence[str], **attrs: Any) -> Sequence[str]:
        """Write one node with given outputs."""
        names = [entry if isinstance(entry, str) else entry.name for entry in inputs]
        self._read.update(names)
        self.nodes.append(helper.make_node(op, names, outputs, name=outputs[0], **attrs))
        return outputs

    def fresh(self, stem: str) -> str:
        """A new name that tells which value of the graph is being written (``at``) and by which op."""
        name = f"{self.prefix}{self.at}.{stem}"
        self._counts[name] += 1
        return name if self._counts[name] == 1 else f"{name}.{self._counts[name]}"

    # --- constants ---------------------------------------------------------------------------------
    def constant(self, array: Array) -> Tensor:
        """A constant of the main graph, which bodies capture; equal ones are stored once."""
        return self._outer.constant(array) if self._outer is not None else self._store(array)

    def named(self, name: str, array: Array) -> Tensor:
        """A constant under its own name, shared with nothing: people look for weights in files."""
        self._constants[name] = Tensor(name, type_of(array), array)
        return self._constants[name]

    def _store(self, array: Array) -> Tensor:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"{self.prefix}const.{len(self._constants)}"
            self._constants[key] = Tensor(name, type_of(array), array)
        return self._constants[key]

    def initializers(self) -> list[onnx.TensorProto]:
        """The constants that a node reads; some serve the lowerings only, or are stored transposed."""
        return [
            numpy_helper.from_array(tensor.array, tensor.name)
            for tensor in self._constants.values()
            if tensor.array is not None and tensor.name in self._read
        ]

    def scalar(self, number: float, dtype: DType) -> Tensor:
        """A constant of rank 0."""
        return self.constant(np.array(number, dtype))

    def ints(self, numbers: Iterable[int]) -> Tensor:
        """Axes, sizes, positions: kept in this very graph; shape inference of a body sees no outer values."""
        return self._store(np.array(list(numbers), np.int64))

    # --- helpers -----------------------------------------------------------------------------------
    def unsqueeze(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """New axes of length 1 in the sample, counted from the end of the result."""
        if not axes:
            return x
        if x.array is not None:
            return self.constant(np.expand_dims(x.array, tuple(axes)))
        rank = x.rank + len(axes)
        new, rest = {axis % rank for axis in axes}, iter(x.type.shape)
        shape = tuple(1 if axis in new else next(rest) for axis in range(rank))
        name = self.emit("Unsqueeze", x, self.ints(sorted(axes)))
        return Tensor(name, TensorType(x.type.dtype, shape), ready=x.ready)

    def pad(self, x: Tensor, rank: int) -> Tensor:
        """A stream with axes of length 1 between its leading and its sample axes, up to a sample rank."""
        missing = rank - x.rank
        if not x.stream or missing <= 0:
            return x
        return self.unsqueeze(x, [axis - x.rank for axis in range(-missing, 0)])

    def pack(self, x: Tensor) -> Tensor:
        """A stream in a shape whose sample has no axes of length 1."""
        if x.packed or 1 not in x.type.shape:
            return replace(x, packed=True)
        name = self.emit("Reshape", x, self.ints([0] * self.leading + list(pack_type(x.type).shape)))
        return Tensor(name, x.type, packed=True)

    def unpack(self, x: Tensor) -> Tensor:
        """A tensor in its own shape."""
        if x.stored == x.type:
            return replace(x, packed=False)
        name = self.emit("Reshape", x, self.ints([0] * self.leading + list(x.type.shape)))
        return Tensor(name, x.type)

    def align(self, args: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Operands of an elementwise op, as :func:`graphpool.ops.align`: streams of one sample rank."""
        rank = max(arg.rank for arg in args)
        return tuple(self.pad(arg, rank) for arg in args)

    def full_shape(self, shape: Shape, lead: str | None = None) -> str:
        """The vector of the leading lengths followed by ``shape``."""
        lead = lead or self.lead
        if not shape:
            return lead
        key = (lead, shape)
        if key not in self._full_shapes:
            self._full_shapes[key] = self.emit("Concat", lead, self.ints(shape), axis=0)
        return self._full_shapes[key]

    def lift(self, x: Tensor, lead: str | None = None) -> Tensor:
        """A stream in its own shape; another tensor repeated over the leading axes, outside of any body: once."""
        if x.stream:
            return self.unpack(x)
        if self._outer is not None:
            return self._outer.lift(x, lead or self.lead)
        return Tensor(self.emit("Expand", x, self.full_shape(x.type.shape, lead)), x.type)

    def cast(self, x: Operand, dtype: DType) -> str:
        """In another dtype."""
        return self.emit("Cast", x, to=helper.np_dtype_to_tensor_dtype(dtype))

    def where(self, condition: Operand, x: Operand, y: Operand, dtype: DType) -> str:
        """Selection; onnxruntime has none for bool."""
        if dtype != BOOL:
            return self.emit("Where", condition, x, y)
        chosen = self.emit("And", condition, x)
        return self.emit("Or", chosen, self.emit("And", self.emit("Not", condition), y))
