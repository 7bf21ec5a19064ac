"""From a text to a graph, against the op table."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from graphpool.errors import GraphError, TypeRuleError, format_error
from graphpool.graph import CONST, Attributes, Graph, TensorType
from graphpool.graph.literals import Find
from graphpool.graph.parse import parse
from graphpool.graph.text import describe
from graphpool.ops import infer_type, row

NOT_ATTRIBUTES = {"xp", "ranks"}
POSITIONED = ("take", "put")
"""The ops whose second operand is positions in the first axis of the first."""

LOWEST, HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def parse_graph(text: str, constants: Mapping[str, Any] | Find | None = None) -> Graph:
    """Read a graph from its text form: ``parse_graph(str(graph), graph.constants()) == graph``, always.

    Sources, at the right margin of a text, are comments: the graph has none. Nothing of the text is executed. A value
    of more than 2**28 elements is refused, and so are initial states that the text fills, of more than 2**24 together.

    Args:
        text: what ``str(graph)`` gives, or the like of it by hand.
        constants: the large constants, which the text shows as a type and a hash, by that hash; see
            :meth:`~graphpool.graph.Graph.constants`.

    Raises:
        GraphError: the text is malformed, or a constant is missing or another one. Names line and column, and what was
            expected there.
    """
    graph = parse(text, infer_checked, constants)
    check_positions(graph)
    return graph


def check_positions(graph: Graph) -> None:
    """Raise where a constant position lies outside of its axis.

    Raises:
        GraphError: names the line of the text.
    """
    for value, node in enumerate(graph.nodes):
        place = graph.nodes[node.args[1]] if node.op in POSITIONED else None
        if place is None or place.op != CONST:
            continue
        found, size = place.attrs["place"].array, graph.type(node.args[0]).shape[0]
        wrong = found[(found < 0) | (found >= size)]
        if wrong.size:
            what = f"{node.op}: position {wrong[0]} is out of bounds for an axis of length {size}"
            raise GraphError(format_error(what, line=describe(graph, value)))


def infer_checked(name: str, types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    """The type of an op's result, for a graph that anybody may have written.

    Raises:
        TypeRuleError: the operands do not fit, or the attributes are not those of the op.
        GraphError: there is no such op.
    """
    for attribute, examples in _examples(name).items():
        if attribute in attrs and not _is_like(attrs[attribute], examples):
            raise TypeRuleError(f"{attribute} is not of the kind of {examples[0]!r}; got {attrs[attribute]!r}")
    type_ = infer_type(name, types, attrs)
    wanted, needed = _attribute_names(name, len(types))
    if not needed <= set(attrs) <= wanted:
        listed, given = (", ".join(sorted(names)) or "none" for names in (wanted, attrs))
        raise TypeRuleError(f"its attributes are {listed}; got {given}")
    return type_


@lru_cache(maxsize=1000)
def _examples(name: str) -> dict[str, list[Any]]:
    """What the samples of a row have for each of its attributes."""
    examples: dict[str, list[Any]] = {}
    for sample in row(name).samples():
        for attribute, item in sample.attrs.items():
            examples.setdefault(attribute, []).append(item)
    return examples


def _is_like(item: Any, examples: Sequence[Any]) -> bool:
    """Whether an attribute is of the kind of one of the examples: an int may stand for a float."""
    if isinstance(item, tuple):
        tuples = [one for one in examples if isinstance(one, tuple)]
        return bool(tuples) and all(_is_like(one, [inner for each in tuples for inner in each]) for one in item)
    kinds = {_kind(one) for one in examples}
    if _kind(item) is int:
        return LOWEST <= item <= HIGHEST and not kinds.isdisjoint((int, float))
    return _kind(item) in kinds


def _kind(item: Any) -> type:
    return np.dtype if isinstance(item, np.dtype) else type(item)  # each dtype has a class of its own


@lru_cache(maxsize=1000)
def _attribute_names(name: str, operands: int) -> tuple[frozenset[str], frozenset[str]]:
    """What the kernel of a row takes beside its operands, and what of that it needs."""
    parameters = list(inspect.signature(row(name).kernel).parameters.values())[1:]
    leading = 0 if any(one.kind is one.VAR_POSITIONAL for one in parameters) else operands
    named = [one for one in parameters[leading:] if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    needed = frozenset(one.name for one in named if one.default is one.empty)
    return frozenset(one.name for one in named) - NOT_ATTRIBUTES, needed - NOT_ATTRIBUTES
