"""The nodes of one value: which shapes its operands get, and the lowering of its op."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from graphpool.compilers.onnx import bits, convolution, elementwise, indexing, lowerings, noise, shaping
from graphpool.compilers.onnx.emitter import Call, Emitter, Tensor, lowers, pack_type
from graphpool.graph import Graph, TensorType, Value
from graphpool.ops import Trait, row

FAMILIES = (lowerings, convolution, elementwise, bits, shaping, indexing, noise)
"""The modules that fill the registry."""

READ_READY = frozenset({"matmul", "conv", "take"})
"""Ops that, beside the elementwise ones, are lowered for operands that are ready. For others these are repeated over
the leading axes."""

REGROUPING = frozenset({"reshape", "squeeze", "expand"})
"""Ops that may do no more than add or drop axes of length 1."""

Known = dict[Value, Tensor]
"""The tensor of each value that has been written."""


def has_lowering(op: str) -> bool:
    """Whether there are ONNX nodes for an op."""
    return lowers.get(op) is not None


class NodeWriter:
    """Writes the nodes of values of a graph.

    Args:
        graph: the graph.
        labels: a unique label for each of its values.
    """

    def __init__(self, graph: Graph, labels: Sequence[str]) -> None:
        self.graph = graph
        self.labels = labels

    def write(self, emitter: Emitter, values: Iterable[Value], known: Known) -> None:
        """Write values in order; their tensors go to ``known``."""
        for value in values:
            emitter.at = f"{self._place(value)}v{self.labels[value]}"
            known[value] = self._written(emitter, value, known)

    def _place(self, value: Value) -> str:
        """The module that a value comes from, for the names of its nodes: ``fc1/``, ``rlif/lif/``."""
        origins = self.graph.origins[value] if self.graph.origins else ()
        path = origins[0].module.partition("/")[2] if origins else ""
        return f"{path}/" if path else ""

    def packs(self, value: Value, nodes: Iterable[Value]) -> bool:
        """Whether all of the given nodes that read a value can do so without its axes of length 1."""
        shape = self.graph.type(value).shape
        readers = [self.graph.nodes[node] for node in nodes if value in self.graph.nodes[node].args]
        return all(
            _regroups(reader.op, self.graph.type(value), reader.type)
            or (Trait.ELEMENTWISE in row(reader.op).traits and reader.type.shape == shape)
            for reader in readers
        )

    def _written(self, emitter: Emitter, value: Value, known: Known) -> Tensor:
        node = self.graph.nodes[value]
        args = tuple(known[arg] for arg in node.args)
        if args[0].stream and _regroups(node.op, args[0].type, node.type):
            return replace(emitter.pack(args[0]), type=node.type)
        packed = None
        if Trait.ELEMENTWISE in row(node.op).traits:
            packed = _packed(emitter, args, node.type)
            args = packed or emitter.align([emitter.unpack(arg) for arg in args])
        elif node.op not in READ_READY:
            args = tuple(emitter.lift(arg) if arg.ready else emitter.unpack(arg) for arg in args)
        else:
            args = tuple(emitter.unpack(arg) for arg in args)
        lowering = lowers.get(node.op)
        assert lowering is not None, node.op  # check_lowerable has seen to it
        type_ = node.type if packed is None else pack_type(node.type)
        return Tensor(lowering(emitter, Call(args, node.attrs, type_)), node.type, packed=packed is not None)


def _regroups(op: str, before: TensorType, after: TensorType) -> bool:
    """Whether an op does no more than add or drop axes of length 1."""
    return op in REGROUPING and 0 not in after.shape and pack_type(before) == pack_type(after)


def _packed(emitter: Emitter, args: Sequence[Tensor], type_: TensorType) -> tuple[Tensor, ...] | None:
    """The operands of an elementwise op without axes of length 1, where some are so already and all can be."""
    streams = [arg for arg in args if arg.stream]
    if all(arg.stored == arg.type for arg in streams) or any(arg.ready and arg.rank for arg in args):
        return None
    if any(arg.type.shape != type_.shape for arg in streams):
        return None
    return tuple(_packed_operand(emitter, arg, type_) for arg in args)


def _packed_operand(emitter: Emitter, arg: Tensor, type_: TensorType) -> Tensor:
    if arg.stream:
        packed = emitter.pack(arg)
        return Tensor(packed.name, packed.stored)
    if arg.array is None or not arg.rank:
        return arg
    lengths = (1,) * (type_.rank - arg.rank) + arg.type.shape
    kept = tuple(length for length, own in zip(lengths, type_.shape, strict=True) if own != 1)
    return arg if kept == arg.type.shape else emitter.constant(arg.array.reshape(kept))
