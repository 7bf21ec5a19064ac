"""From the parts of a schedule to regions: what each reads, what leaves it, and of what the last step is enough.

All of it is one walk over the edges of the graph, so planning stays linear in the depth of a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from graphpool.graph import Graph, Value
from graphpool.graph.rates import Rate
from graphpool.plan.plan import Affine, Emit, Region, RegionKind


@dataclass(frozen=True)
class Part:
    """A region in the making: its kind, its nodes in topological order, the positions of its states."""

    kind: RegionKind
    nodes: list[Value]
    states: list[int] = field(default_factory=list)
    affine: Affine | None = None


def split_last(graph: Graph, parts: Sequence[Part]) -> list[Part]:
    """The parts where outputs are emitted at the last step only: what serves these alone runs once, at the end.

    A state that is nothing but the value of the step before, and that nothing reads, comes after that.
    """
    whole = {record.value for record in graph.records}
    last = {output.value for output in graph.outputs}
    late: list[Value] = []
    late_shifts: list[Part] = []
    for part in reversed(parts):
        for value in reversed(part.nodes):
            if part.kind == "map" and value not in whole:
                late.append(value)
                last.update(graph.nodes[value].args)
            else:
                whole.update(graph.nodes[value].args)
        for place in part.states:
            state = graph.states[place]
            if part.kind == "shift" and state.current not in whole | last:
                last.add(state.next)
                late_shifts.append(part)
            else:
                whole.add(state.next)
    if not late:
        return list(parts)
    removed = set(late)
    kept = [replace(part, nodes=[value for value in part.nodes if value not in removed]) for part in parts]
    kept = [part for part, before in zip(kept, parts, strict=True) if before not in late_shifts]
    kept = [part for part in kept if part.nodes or part.states]
    return [*kept, Part("last", sorted(late)), *reversed(late_shifts)]


def make_regions(graph: Graph, rates: Sequence[Rate], parts: Sequence[Part], emit: Emit) -> tuple[Region, ...]:
    """The regions of the parts, in the same order."""
    home = {value: number for number, part in enumerate(parts) for value in part.nodes}
    home |= {graph.states[place].current: number for number, part in enumerate(parts) for place in part.states}
    whole, last = _leaving(graph, parts, home, emit)
    outputs: list[set[Value]] = [set() for _ in parts]
    finals: list[set[Value]] = [set() for _ in parts]
    for value in whole & home.keys():
        outputs[home[value]].add(value)
    for value in (last - whole) & home.keys():
        finals[home[value]].add(value)
    return tuple(_region(graph, rates, part, outputs[number], finals[number]) for number, part in enumerate(parts))


def _leaving(graph: Graph, parts: Sequence[Part], home: dict[Value, int], emit: Emit) -> tuple[set[Value], set[Value]]:
    """The values that leave their region: those needed at every step, and those needed at the last one."""
    whole = {record.value for record in graph.records}
    last = {output.value for output in graph.outputs}
    for number, part in enumerate(parts):
        needed = last if part.kind == "last" else whole
        for value in part.nodes:
            needed.update(arg for arg in graph.nodes[value].args if home.get(arg) != number)
    carrier = {place: number for number, part in enumerate(parts) for place in part.states}
    # In reverse, so that a state that another one is the delay of is known to be read.
    for place in sorted(range(len(graph.states)), key=lambda place: carrier.get(place, -1), reverse=True):
        state, number = graph.states[place], carrier.get(place, -1)
        if home.get(state.next) == number:
            continue
        # Of what a state that nothing reads takes, the last is enough.
        unread = number >= 0 and parts[number].kind == "shift" and state.current not in whole | last
        (last if unread and emit == "last" else whole).add(state.next)
    return (whole | last, set()) if emit == "each" else (whole, last)


def _region(
    graph: Graph, rates: Sequence[Rate], part: Part, outputs: Iterable[Value], finals: Iterable[Value]
) -> Region:
    inside = {*part.nodes, *(graph.states[place].current for place in part.states)}
    read = tuple(dict.fromkeys(_reads(graph, part)))
    return Region(
        kind=part.kind,
        nodes=tuple(part.nodes),
        states=tuple(part.states),
        inputs=tuple(value for value in read if value not in inside and rates[value] is Rate.STREAM),
        invariants=tuple(value for value in read if rates[value] is not Rate.STREAM),
        outputs=tuple(sorted(outputs)),
        finals=tuple(sorted(finals)),
        affine=part.affine,
    )


def _reads(graph: Graph, part: Part) -> Iterator[Value]:
    for value in part.nodes:
        yield from graph.nodes[value].args
    yield from (graph.states[place].next for place in part.states)
