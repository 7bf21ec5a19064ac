"""Loops joined with the loop behind them, where little lies between.

A plan takes everything out of a loop that lies on no cycle, so a neuron with a synapse and a membrane becomes two
loops with a sum between them. Where every step of a loop costs more than such a sum, one loop with the sum inside is
faster, and the value between the two need not be stored for all steps. The results are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from graphpool.graph import Value
from graphpool.plan.checker import check_plan
from graphpool.plan.needs import Part, make_regions
from graphpool.plan.plan import Plan

FREE = frozenset({"reshape", "squeeze", "expand"})
CHEAP = frozenset({"add", "sub", "mul", "neg", "maximum", "minimum"}) | FREE
MOST = 4
"""How many nodes that are not free may lie between two loops that become one."""


def join_loops(plan: Plan) -> Plan:
    """The plan with loops joined; its regions stand in an order in which they can run, as before."""
    joining = _Joining(plan)
    if not joining.run():
        return plan
    parts = list(joining.ordered())
    joined = replace(plan, regions=make_regions(plan.graph, plan.rates, parts, plan.emit))
    check_plan(joined)
    return joined


class _Joining:
    """The parts of a plan, one for each node of a map, and which reads from which.

    Parts are numbered in an order in which they can run; a joined one has the number of its last.
    """

    def __init__(self, plan: Plan) -> None:
        import networkx

        self.graph = plan.graph
        self.parts = dict(enumerate(_split(plan)))
        self.first = {number: number for number in self.parts}
        home = {value: number for number, part in self.parts.items() for value in part.nodes}
        home |= {self.graph.states[at].current: number for number, part in self.parts.items() for at in part.states}
        self.edges: Any = networkx.DiGraph()
        self.edges.add_nodes_from(self.parts)
        for number, part in self.parts.items():
            read = [arg for value in part.nodes for arg in self.graph.nodes[value].args]
            read += [self.graph.states[place].next for place in part.states]
            self.edges.add_edges_from((home[value], number) for value in read if home.get(value, number) != number)

    def run(self) -> bool:
        """Join whatever can be joined; whether there was anything."""
        joined = False
        for number in list(self.parts):
            while number in self.parts and self.parts[number].kind == "scan" and self._join(number):
                joined = True
        return joined

    def ordered(self) -> Iterator[Part]:
        """The parts in an order in which they can run; maps that stand next to each other become one."""
        import networkx

        def key(number: int) -> tuple[bool, int]:
            return self.parts[number].kind != "map", number

        pending: list[Value] = []
        for number in networkx.lexicographical_topological_sort(self.edges, key):
            part = self.parts[number]
            if part.kind == "map":
                pending += part.nodes
                continue
            if pending:
                yield Part("map", sorted(pending))
                pending = []
            yield part
        if pending:
            yield Part("map", sorted(pending))

    def _join(self, last: int) -> bool:
        """Join a loop with one before it and with all that lies between, if that is little."""
        for first in self._loops_near(last):
            between = self._between(first, last)
            if self._is_little(between):
                self._contract(last, {first, *between})
                return True
        return False

    def _loops_near(self, number: int) -> list[int]:
        """The loops from which a way through cheap nodes leads to a loop."""
        found, seen, waiting = [], {number}, [number]
        while waiting:
            for before in self.edges.predecessors(waiting.pop()):
                if before in seen:
                    continue
                seen.add(before)
                if self.parts[before].kind == "scan":
                    found.append(before)
                elif self._is_little({before}):
                    waiting.append(before)
        return sorted(found, reverse=True)

    def _between(self, first: int, last: int) -> set[int]:
        """The parts on the ways from one to another."""
        earliest = self.first[first]
        before = _reached(last, lambda number: (n for n in self.edges.predecessors(number) if n > earliest))
        return _reached(first, lambda number: (n for n in self.edges.successors(number) if n in before))

    def _is_little(self, between: set[int]) -> bool:
        parts = [self.parts[number] for number in between]
        ops = [self.graph.nodes[value].op for part in parts for value in part.nodes]
        cheap = all(part.kind == "map" for part in parts) and CHEAP.issuperset(ops)
        return cheap and sum(op not in FREE for op in ops) <= MOST

    def _contract(self, last: int, before: set[int]) -> None:
        parts = [self.parts[number] for number in (*sorted(before), last)]
        nodes = sorted(value for part in parts for value in part.nodes)
        self.parts[last] = Part("scan", nodes, sorted(place for part in parts for place in part.states))
        self.first[last] = min(self.first[number] for number in (*before, last))
        for number in before:
            for other in list(self.edges.predecessors(number)):
                self.edges.add_edge(other, last)
            for other in list(self.edges.successors(number)):
                self.edges.add_edge(last, other)
            self.edges.remove_node(number)
            del self.parts[number]
        self.edges.remove_edges_from([(last, last)])


def _split(plan: Plan) -> Iterator[Part]:
    for region in plan.regions:
        if region.kind == "map":
            yield from (Part("map", [value]) for value in region.nodes)
        else:
            yield Part(region.kind, list(region.nodes), list(region.states), region.affine)


def _reached(start: int, following: Callable[[int], Iterable[int]]) -> set[int]:
    """What can be reached from a part, which does not belong to it."""
    seen, waiting = {start}, [start]
    while waiting:
        new = set(following(waiting.pop())) - seen
        seen |= new
        waiting += new
    return seen - {start}
