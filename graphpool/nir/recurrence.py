"""Where the one step of a recurrent edge sits.

NIR has recurrence as a cycle, LIF -> W -> LIF, and no word about its delay. Each cycle gets one late edge: out of its
last neuron on a walk from the inputs along the edges (``delay="spikes"``), or where it closes, into what the walk came
by first (``delay="weights"``). So what runs forward is late only if weights on the way back are on its way, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphpool.errors import NirError, format_error
from graphpool.nir.graph import SPIKING, STATEFUL, Edge
from graphpool.nir.repairs import FlatGraph
from graphpool.nir.semantics import Semantics

MOST_WALKS = 1000


def late_edges(flat: FlatGraph, semantics: Semantics, delayed: set[str]) -> list[Edge]:
    """The edges that bring what their source gave one step before.

    Args:
        flat: the graph.
        semantics: of which ``delay`` and ``output_lag`` count.
        delayed: Delay nodes on cycles, which have a step to give: what leaves them is late.

    Raises:
        NirError: a cycle without a neuron; it is named.
    """
    lagging = [edge for edge in flat.edges if semantics.output_lag and _type(flat, edge[0]) in SPIKING]
    late = dict.fromkeys(edge for edge in flat.edges if edge[0] in delayed)
    if semantics.delay == "spikes":
        late |= dict.fromkeys(lagging)
    prompt: set[Edge] = set()
    for _ in range(MOST_WALKS):
        open_ = False
        for cycle in _cycles(flat, late):
            open_ = True
            leaving = cycle.leaving()
            edge = leaving if semantics.delay == "spikes" else cycle.closing()
            late[edge] = None
            if edge != leaving:
                prompt.add(leaving)
        if not open_:
            return list(late | dict.fromkeys(edge for edge in lagging if edge not in prompt))
    raise NirError(format_error("the graph has too many cycles", where="the NIR graph", hint="join layers of neurons"))


def cyclic_delays(flat: FlatGraph) -> set[str]:
    """The Delay nodes that lie on a cycle."""
    import networkx

    graph = networkx.DiGraph(flat.edges)
    inside = [part for part in networkx.strongly_connected_components(graph) if len(part) > 1]
    inside += [{source} for source, target in flat.edges if source == target]
    return {name for part in inside for name in part if _type(flat, name) == "Delay"}


def _type(flat: FlatGraph, name: str) -> str:
    return flat.nodes[name].type if name in flat.nodes else "Input"


@dataclass(frozen=True)
class _Cycle:
    """A cycle that a walk closes: what it came by last. Holds the walk itself, which goes on.

    Attributes:
        path: the nodes on the walk.
        neurons: the places on it that neurons have.
        start: where the cycle begins.
    """

    path: list[str]
    neurons: list[int]
    start: int

    def leaving(self) -> Edge:
        """The edge of the cycle out of its last neuron."""
        if not self.neurons or self.neurons[-1] < self.start:
            raise self._no_state()
        place = self.neurons[-1] + 1
        return self.path[place - 1], self.path[place if place < len(self.path) else self.start]

    def closing(self) -> Edge:
        """The edge of the cycle into what the walk came by first."""
        return self.path[-1], self.path[self.start]

    def _no_state(self) -> NirError:
        nodes = self.path[self.start :]
        shown = nodes if len(nodes) <= 20 else [*nodes[:10], "...", *nodes[-10:]]
        what = f"a cycle without a state: {' -> '.join([*shown, nodes[0]])}"
        hint = "a cycle needs a neuron, or a Delay of at least one time step"
        return NirError(format_error(what, where="the NIR graph", hint=hint))


def _cycles(flat: FlatGraph, late: Mapping[Edge, None]) -> Iterator[_Cycle]:
    """The cycles that one walk in depth from the inputs closes."""
    following: dict[str, list[str]] = {}
    for edge in flat.edges:
        if edge not in late:
            following.setdefault(edge[0], []).append(edge[1])
    done: set[str] = set()
    for start in [*flat.inputs, *flat.nodes]:
        if start not in done:
            yield from _cycles_from(flat, start, following, done)


def _cycles_from(flat: FlatGraph, start: str, following: dict[str, list[str]], done: set[str]) -> Iterator[_Cycle]:
    path: list[str] = []
    neurons: list[int] = []
    places: dict[str, int] = {}
    open_: list[Iterator[str]] = []

    def enter(name: str) -> None:
        if _type(flat, name) in STATEFUL:
            neurons.append(len(path))
        places[name] = len(path)
        path.append(name)
        open_.append(iter(following.get(name, ())))

    enter(start)
    while open_:
        target = next(open_[-1], None)
        if target is None:
            open_.pop()
            name = path.pop()
            done.add(name)
            del places[name]
            if neurons and neurons[-1] == len(path):
                neurons.pop()
        elif target in places:
            yield _Cycle(path, neurons, places[target])
        elif target not in done:
            enter(target)
