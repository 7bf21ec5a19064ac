"""The text form of a graph: a type on every binder, the user's names, sources at the right margin.

:mod:`graphpool.graph.parse` reads it back.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from graphpool.graph.graph import CONST, INPUT, LEAF_OPS, PARAM, Graph, Output, Port, Value
from graphpool.graph.types import BOOL, FLOAT64, INT64, Array, DType, dtype_name, is_uniform, type_of

INLINE_LIMIT = 8
"""Constants of at most this many elements are written out; larger ones as a type and a hash."""

DIGEST_LENGTH = 32
"""In hexadecimal digits."""

SOURCE_COLUMN = 50


def print_graph(graph: Graph) -> str:
    """The text of a graph; ``str(graph)`` calls this."""
    lines = [_header(graph)]
    lines += [f"  param {reference(graph, param.value)}: {graph.type(param.value)}" for param in graph.params]
    lines += [
        f"  state {reference(graph, state.current)}: {graph.type(state.current)} = {_initial(state.init.array)}"
        for state in graph.states
    ]
    for value, node in enumerate(graph.nodes):
        if node.op not in LEAF_OPS:
            lines.append(_with_source(f"  {describe(graph, value)}", graph, value))
    lines += [
        f"  record {name_text(record.name)} = {reference(graph, record.value)}{' ' if record.kind else ''}{record.kind}"
        for record in graph.records
    ]
    lines += [f"  next {reference(graph, state.current)} = {reference(graph, state.next)}" for state in graph.states]
    return "\n".join([*lines, "}"])


def describe(graph: Graph, value: Value) -> str:
    """One node as the text form writes it, without its source."""
    node = graph.nodes[value]
    operands = ", ".join(reference(graph, arg) for arg in node.args)
    attrs = attributes_text(graph, value)
    body = " ".join(part for part in (node.op, operands, f"{{{attrs}}}" if attrs else "") if part)
    return f"{reference(graph, value)}: {node.type} = {body}"


def attributes_text(graph: Graph, value: Value) -> str:
    """The attributes of an op, as the text form writes them between braces."""
    attrs = graph.nodes[value].attrs
    return ", ".join(f"{name_text(name)}={_attribute(item)}" for name, item in attrs.items())


def reference(graph: Graph, value: Value) -> str:
    """A value as an operand: its label, or the constant itself."""
    node = graph.nodes[value]
    if node.op == CONST:
        return constant_text(node.attrs["place"].array)
    if node.op not in LEAF_OPS:
        return f"%{graph.labels[value]}"
    place = node.attrs["place"]
    if node.op != INPUT:
        return f"%{name_text((graph.params if node.op == PARAM else graph.states)[place].name)}"
    name = graph.inputs[place].name
    return f"%{'' if graph.labels[value] == name else 'input:'}{name_text(name)}"


def name_text(name: str) -> str:
    """A name as it is where it can be taken for nothing else, else between quotes, with the escapes of JSON."""
    plain = all(letter.isalnum() or letter in "._" for letter in name) and not (name.isascii() and name.isdecimal())
    return name if plain and name else json.dumps(name)


# --- constants --------------------------------------------------------------------------------------------------------
def constant_text(array: Array) -> str:
    """``0.5`` for a float64 scalar, ``0.5:f32`` for another dtype, ``[1.0, 2.0]:f64[2]`` for a small array."""
    if not is_inline(array):
        return f"<{type_of(array)} sha256:{digest(array)}>"
    if array.ndim == 0:
        default = array.dtype in (FLOAT64, INT64, BOOL)
        return _scalar(array[()], array.dtype) + ("" if default else f":{dtype_name(array.dtype)}")
    return f"{_nested(array) if array.size else '[]'}:{type_of(array)}"


def is_inline(array: Array) -> bool:
    """Whether a constant is written out."""
    return array.size <= INLINE_LIMIT and has_digits(array.dtype)


def has_digits(dtype: DType) -> bool:
    """Whether numbers of the dtype are written out: not complex ones, nor those wider than 64 bit."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8


def digest(array: Array) -> str:
    """The hash of a constant: of its type and its bytes, on any machine the same."""
    content = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes()
    return hashlib.sha256(f"{type_of(array)}\n".encode() + content).hexdigest()[:DIGEST_LENGTH]


def large_constants(graph: Graph) -> dict[str, Array]:
    """The constants of a graph that its text does not write out, by their hash."""
    arrays = [node.attrs["place"].array for node in graph.nodes if node.op == CONST]
    arrays = [array for array in arrays if not is_inline(array)]
    inits = [state.init.array for state in graph.states]
    arrays += [array for array in inits if not is_inline(array) and not _is_fill(array)]
    return {digest(array): array for array in arrays}


def _nested(array: Array) -> str:
    if array.ndim == 0:
        return _scalar(array[()], array.dtype)
    return f"[{', '.join(_nested(row) for row in array)}]"


def _scalar(item: Any, dtype: DType) -> str:
    if dtype == BOOL:
        return "true" if item else "false"
    if np.issubdtype(dtype, np.integer):
        return str(int(item))
    if np.isnan(item):
        return _nan(item, dtype)
    if not np.isfinite(item):
        return "inf" if item > 0 else "-inf"
    plain = item == 0 or 1e-4 <= abs(float(item)) < 1e6
    text = str(np.format_float_positional(item, trim="0") if plain else np.format_float_scientific(item, trim="0"))
    # The shortest digits of a narrow float are read by way of float64, which may round twice.
    return text if dtype.type(text) == item else repr(float(item))


def _nan(item: Any, dtype: DType) -> str:
    """There are many; the usual one is written as such, any other with its bits."""
    bits, usual = (int(np.asarray(one, dtype).view(f"u{dtype.itemsize}")) for one in (item, np.nan))
    return "nan" if bits == usual else f"nan({bits:#x})"


def _is_fill(array: Array) -> bool:
    return has_digits(array.dtype) and is_uniform(array)


def _initial(array: Array) -> str:
    return f"fill {_scalar(array.flat[0], array.dtype)}" if _is_fill(array) else constant_text(array)


# --- the parts of a line ----------------------------------------------------------------------------------------------
def _attribute(item: Any) -> str:
    if isinstance(item, np.dtype):
        return dtype_name(item)
    if isinstance(item, bool):
        return "true" if item else "false"
    if item is None:
        return "none"
    if isinstance(item, tuple):
        return f"({', '.join(map(_attribute, item))}{',' if len(item) == 1 else ''})"
    return json.dumps(item) if isinstance(item, str) else str(item)


def _header(graph: Graph) -> str:
    inputs = ", ".join(
        f"{reference(graph, port.value)}: {graph.type(port.value)}{_kind(port)}" for port in graph.inputs
    )
    is_alone = [out.name for out in graph.outputs] == ["output"]
    outputs = ", ".join(
        ("" if is_alone else f"{name_text(out.name)} = ") + reference(graph, out.value) + _kind(out)
        for out in graph.outputs
    )
    dt = "" if graph.dt is None else f" dt={float(graph.dt)!r}"
    return f"graph {name_text(graph.name)}({inputs}) -> ({outputs}){dt} {{"


def _kind(entry: Port | Output) -> str:
    if entry.clock != 1:
        return f" {entry.kind} clock={entry.clock}"
    return "" if entry.kind == "continuous" else f" {entry.kind}"


def _with_source(text: str, graph: Graph, value: Value) -> str:
    if not graph.origins[value]:
        return text
    origin = graph.origins[value][0]
    more = f"  (+{len(graph.origins[value]) - 1})" if len(graph.origins[value]) > 1 else ""
    source = f"{origin.module}  {origin.file}:{origin.line}  {origin.text}{more}"
    return f"{text:<{SOURCE_COLUMN}}  # {_on_one_line(source)}"


def _on_one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)
