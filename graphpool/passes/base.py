"""What a pass is, and how a list of passes runs.

A pass maps a graph to a graph and tells whether it changed anything and why. Passes are frozen dataclasses with a short
name, so that a pipeline prints as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from graphpool.errors import GraphError, PassError, TypeRuleError
from graphpool.graph import Graph, verify
from graphpool.ops import infer_type


@dataclass(frozen=True)
class Note:
    """Something a pass did or refused, with its reason."""

    by: str
    value: str
    text: str

    def __str__(self) -> str:
        return f"{self.by}: {self.value}: {self.text}"


@dataclass(frozen=True)
class PassResult:
    """What a pass gives back."""

    graph: Graph
    changed: bool
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Pass:
    """Base class of all passes."""

    name: ClassVar[str] = ""

    def run(self, graph: Graph) -> PassResult:
        """The rewritten graph; the one given stays as it is."""
        raise NotImplementedError

    def result(self, before: Graph, after: Graph, notes: Iterable[Note] = ()) -> PassResult:
        """A result that says whether anything changed."""
        return PassResult(after, after != before, tuple(notes))


Observer = Callable[[Pass, Graph, PassResult], None]
"""Called after each pass with the graph before it and its result: to print, dump or time."""


def run_passes(
    graph: Graph, passes: Sequence[Pass], observers: Sequence[Observer] = ()
) -> tuple[Graph, tuple[Note, ...]]:
    """Run passes in order, verifying the graph after each.

    Raises:
        PassError: a pass broke the graph; names the pass and those before it.
    """
    notes: list[Note] = []
    for place, each in enumerate(passes):
        try:
            result = each.run(graph)
            verify(result.graph, infer_type)
        except (GraphError, TypeRuleError) as error:
            before = ", ".join(earlier.name for earlier in passes[:place]) or "nothing"
            raise PassError(f"pass {each.name!r} broke the graph (after {before}): {error}") from error
        for observe in observers:
            observe(each, graph, result)
        notes += result.notes
        graph = result.graph
    return graph, tuple(notes)
