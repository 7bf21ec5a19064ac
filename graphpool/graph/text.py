"""The text form of a graph: a type on every binder, the user's names, sources at the right margin."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from graphpool.graph.graph import CONST, LEAF_OPS, Graph, Value
from graphpool.graph.types import BOOL, FLOAT64, INT64, Array, DType, dtype_name, type_of

INLINE_LIMIT = 8
"""Constants of at most this many elements are written out; larger ones as a type and a hash."""

SOURCE_COLUMN = 50


def print_graph(graph: Graph) -> str:
    """The text of a graph; ``str(graph)`` calls this."""
    lines = [_header(graph)]
    lines += [f"  param %{param.name}: {graph.type(param.value)}" for param in graph.params]
    lines += [
        f"  state %{state.name}: {graph.type(state.current)} = {_initial(state.init.array)}" for state in graph.states
    ]
    for value, node in enumerate(graph.nodes):
        if node.op not in LEAF_OPS:
            lines.append(_with_source(f"  {describe(graph, value)}", graph, value))
    lines += [f"  record {record.name} = {reference(graph, record.value)}" for record in graph.records]
    lines += [f"  next %{state.name} = {reference(graph, state.next)}" for state in graph.states]
    return "\n".join([*lines, "}"])


def describe(graph: Graph, value: Value) -> str:
    """One node as the text form writes it, without its source."""
    node = graph.nodes[value]
    operands = ", ".join(reference(graph, arg) for arg in node.args)
    attrs = ", ".join(f"{name}={_attribute(item)}" for name, item in node.attrs.items())
    body = " ".join(part for part in (node.op, operands, f"{{{attrs}}}" if attrs else "") if part)
    return f"%{graph.labels[value]}: {node.type} = {body}"


def reference(graph: Graph, value: Value) -> str:
    """A value as an operand: its label, or the constant itself."""
    node = graph.nodes[value]
    if node.op == CONST:
        return constant_text(node.attrs["place"].array)
    return f"%{graph.labels[value]}"


def constant_text(array: Array) -> str:
    """``0.5`` for a float64 scalar, ``0.5:f32`` for another dtype, ``[1.0, 2.0]:f64[2]`` for a small array."""
    if array.size > INLINE_LIMIT:
        digest = hashlib.sha256(array.tobytes()).hexdigest()[:16]
        return f"<{type_of(array)} sha256:{digest}>"
    if array.ndim == 0:
        default = array.dtype in (FLOAT64, INT64, BOOL)
        return _scalar(array[()], array.dtype) + ("" if default else f":{dtype_name(array.dtype)}")
    return f"{_nested(array)}:{type_of(array)}"


def _nested(array: Array) -> str:
    if array.ndim == 0:
        return _scalar(array[()], array.dtype)
    return f"[{', '.join(_nested(row) for row in array)}]"


def _scalar(item: Any, dtype: DType) -> str:
    if dtype == BOOL:
        return "true" if item else "false"
    if np.issubdtype(dtype, np.integer):
        return str(int(item))
    if np.isfinite(item):
        plain = item == 0 or 1e-4 <= abs(item) < 1e6
        return str(np.format_float_positional(item, trim="0") if plain else np.format_float_scientific(item, trim="0"))
    return "nan" if np.isnan(item) else ("inf" if item > 0 else "-inf")


def _initial(array: Array) -> str:
    if array.size and array.tobytes() == np.full_like(array, array.flat[0]).tobytes():
        return f"fill {_scalar(array.flat[0], array.dtype)}"
    return constant_text(array)


def _attribute(item: Any) -> str:
    if isinstance(item, np.dtype):
        return dtype_name(item)
    if isinstance(item, bool):
        return "true" if item else "false"
    if item is None:
        return "none"
    if isinstance(item, tuple):
        return f"({', '.join(map(_attribute, item))})"
    return str(item)


def _header(graph: Graph) -> str:
    def kind(entry: Any) -> str:
        return " event" if entry.kind == "event" else ""

    inputs = ", ".join(f"%{graph.labels[port.value]}: {graph.type(port.value)}{kind(port)}" for port in graph.inputs)
    outputs = ", ".join(
        (f"{out.name} = " if len(graph.outputs) > 1 else "") + reference(graph, out.value) + kind(out)
        for out in graph.outputs
    )
    dt = "" if graph.dt is None else f" dt={graph.dt!r}"
    return f"graph {graph.name}({inputs}) -> ({outputs}){dt} {{"


def _with_source(text: str, graph: Graph, value: Value) -> str:
    if not graph.origins[value]:
        return text
    origin = graph.origins[value][0]
    more = f"  (+{len(graph.origins[value]) - 1})" if len(graph.origins[value]) > 1 else ""
    return f"{text:<{SOURCE_COLUMN}}  # {origin.module}  {origin.file}:{origin.line}  {origin.text}{more}"
