"""Where the one step of a recurrent edge sits.

NIR has recurrence as a cycle, LIF -> W -> LIF, and no word about its delay. Each cycle gets one late edge: out of a
neuron (``delay="spikes"``), or into one (``delay="weights"``). Which one, where a cycle has several: out of that which
a walk from the inputs along the edges comes to last, or into the first, so that what runs forward is never late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
        cycles = list(_cycles(flat, late))
        if not cycles:
            return list(late | dict.fromkeys(edge for edge in lagging if edge not in prompt))
        for cycle in cycles:
            leaving = _leaving(flat, cycle)
            edge = leaving if semantics.delay == "spikes" else _entering(flat, cycle)
            late[edge] = None
            if edge != leaving:
                prompt.add(leaving)
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


def _cycles(flat: FlatGraph, late: Mapping[Edge, None]) -> Iterator[list[str]]:
    """The cycles that one walk in depth from the inputs closes, each as its nodes in the order of the walk."""
    following: dict[str, list[str]] = {}
    for edge in flat.edges:
        if edge not in late:
            following.setdefault(edge[0], []).append(edge[1])
    done: set[str] = set()
    for start in [*flat.inputs, *flat.nodes]:
        if start in done:
            continue
        path, places, open_ = [start], {start: 0}, [iter(following.get(start, ()))]
        while open_:
            target = next(open_[-1], None)
            if target is None:
                open_.pop()
                done.add(path[-1])
                del places[path.pop()]
            elif target in places:
                yield path[places[target] :]
            elif target not in done:
                places[target] = len(path)
                path.append(target)
                open_.append(iter(following.get(target, ())))


def _leaving(flat: FlatGraph, cycle: list[str]) -> Edge:
    """The edge of a cycle out of its last neuron."""
    place = _find(flat, cycle, range(len(cycle) - 1, -1, -1))
    return cycle[place], cycle[(place + 1) % len(cycle)]


def _entering(flat: FlatGraph, cycle: list[str]) -> Edge:
    """The edge of a cycle into the neuron that the walk came by first."""
    place = _find(flat, cycle, range(len(cycle)))
    return cycle[place - 1], cycle[place]


def _find(flat: FlatGraph, cycle: list[str], places: range) -> int:
    for place in places:
        if _type(flat, cycle[place]) in STATEFUL:
            return place
    shown = " -> ".join([*cycle, cycle[0]])
    hint = "a cycle needs a neuron, or a Delay of at least one time step"
    raise NirError(format_error(f"a cycle without a state: {shown}", where="the NIR graph", hint=hint))
