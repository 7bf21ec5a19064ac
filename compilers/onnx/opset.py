"""The opset of a file: the lowest one that its nodes need.

Nodes are written as of opset 17. A file with bitwise operators is of opset 18, where some nodes are written otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import helper

FLOOR = 17
"""The floor: most files need no more."""

BITWISE = frozenset({"BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"})
"""They came with opset 18."""

REDUCTIONS = frozenset({"ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"})
"""Their axes became an input in opset 18."""


def needed_opset(nodes: Iterable[onnx.NodeProto]) -> int:
    """The lowest opset that has all nodes, those of bodies included."""
    needs_more = any(node.op_type in BITWISE for node in _everywhere(nodes))
    return FLOOR + 1 if needs_more else FLOOR


def _everywhere(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _everywhere(attribute.g.node)


def in_opset(nodes: Iterable[onnx.NodeProto], opset: int) -> list[onnx.NodeProto]:
    """The nodes as an opset has them."""
    if opset == FLOOR:
        return list(nodes)
    written: list[onnx.NodeProto] = []
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                body = in_opset(attribute.g.node, opset)
                del attribute.g.node[:]
                attribute.g.node.extend(body)
        axes = next((one for one in node.attribute if one.name == "axes"), None)
        if node.op_type in REDUCTIONS and axes is not None:
            # In the graph of the node itself: shape inference of a body sees no outer values.
            name = f"{node.name}:axes"
            written.append(helper.make_node("Constant", [], [name], name=name, value_ints=list(axes.ints)))
            node.attribute.remove(axes)
            node.input.append(name)
        written.append(node)
    return written
