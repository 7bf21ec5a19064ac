"""From a text to a graph, against the op table."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphpool.errors import TypeRuleError
from graphpool.graph import Attributes, Graph, TensorType
from graphpool.graph.literals import Find
from graphpool.graph.parse import parse
from graphpool.ops import infer_type, row

NOT_ATTRIBUTES = {"xp", "ranks"}


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
    return parse(text, infer_checked, constants)


def infer_checked(name: str, types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    """The type of an op's result, for a graph that anybody may have written.

    Raises:
        TypeRuleError: the operands do not fit, or the attributes are not those of the op.
        GraphError: there is no such op.
    """
    type_ = infer_type(name, types, attrs)
    wanted = _attribute_names(name, len(types))
    if set(attrs) != wanted:
        listed, given = (", ".join(sorted(names)) or "none" for names in (wanted, attrs))
        raise TypeRuleError(f"its attributes are {listed}; got {given}")
    return type_


@lru_cache(maxsize=1000)
def _attribute_names(name: str, operands: int) -> frozenset[str]:
    """What the kernel of a row takes beside its operands."""
    parameters = list(inspect.signature(row(name).kernel).parameters.values())[1:]
    leading = 0 if any(one.kind is one.VAR_POSITIONAL for one in parameters) else operands
    named = [one.name for one in parameters[leading:] if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return frozenset(named) - NOT_ATTRIBUTES
