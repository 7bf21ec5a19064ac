"""The plan: which work needs the time loop.

A plan partitions the stream nodes of a graph into regions, in an order in which they can run:

``map``
    no state involved: runs over all time steps at once, with time and batch as leading axes;
``shift``
    a state on no cycle: its value is its next value, one step late;
``hold``
    a state that no step assigns: it keeps its value;
``scan``
    a cycle through states: runs step by step, and holds no node that could be outside;
``affine``
    a scan of one state that becomes a gain times itself plus a drive: a target may run it without a loop;
``last``
    what is needed at the last step alone, where outputs are emitted there only.

What depends on parameters only is computed ``once`` per parameter set and handed to the regions ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from graphpool.graph import CONST, Graph, Value
from graphpool.graph.rates import Rate, infer_rates

RegionKind = Literal["map", "shift", "hold", "scan", "affine", "last"]
Hoist = Literal["auto", "always", "never"]
HOISTS: tuple[Hoist, ...] = ("auto", "always", "never")
Emit = Literal["each", "last"]
EMITS: tuple[Emit, ...] = ("each", "last")


@dataclass(frozen=True)
class Affine:
    """How the state of an affine region goes on: ``gain * state + drive``.

    Attributes:
        gain: a parameter, a constant or a value computed once; None for 1.
        drive: a value of any rate; None for 0.
    """

    gain: Value | None
    drive: Value | None


@dataclass(frozen=True)
class Region:
    """A part of the plan that runs as one.

    Attributes:
        kind: how it runs.
        nodes: the nodes it computes, in topological order.
        states: the positions in ``graph.states`` of the states it carries.
        inputs: stream values made outside and read inside, in a scan one slice a step. A carried state may take
            such a value as its next.
        invariants: constants and values computed once that are read inside.
        outputs: values made inside that are needed outside; a scan stores them for every step.
        finals: values made inside of which the last step alone is needed outside; they are stored once.
        affine: how the state of an affine region goes on. Its nodes say the same, as a scan.
    """

    kind: RegionKind
    nodes: tuple[Value, ...]
    states: tuple[int, ...]
    inputs: tuple[Value, ...]
    invariants: tuple[Value, ...]
    outputs: tuple[Value, ...]
    finals: tuple[Value, ...] = ()
    affine: Affine | None = None


@dataclass(frozen=True)
class Plan:
    """How a graph runs. ``str(plan)`` shows the regions; :meth:`explain` tells why a value is where it is.

    Attributes:
        graph: the graph, after all passes.
        once: nodes that no stream reaches, computed once per parameter set, in topological order.
        handed: the values that regions, outputs or states read and that are neither streams nor constants:
            parameters themselves and results of ``once``. The runtime hands them over ready.
        regions: the stream part.
        hoist: ``"always"`` takes out of the loop whatever lies on no cycle; ``"never"`` keeps all in one scan;
            with ``"auto"`` the target has chosen, by :attr:`rule`.
        one_step: the plan runs one time step: one map region over the batch, the states read and returned.
        emit: ``"each"``: outputs are emitted at each step; ``"last"``: at the last step only.
        affine: whether the target may run filters without a loop.
        rule: by what the target keeps in the loop, under ``"auto"``, what lies on no cycle; words for :meth:`explain`.
    """

    graph: Graph
    once: tuple[Value, ...]
    handed: tuple[Value, ...]
    regions: tuple[Region, ...]
    hoist: Hoist
    one_step: bool = False
    emit: Emit = "each"
    affine: bool = False
    rule: str = ""

    @cached_property
    def rates(self) -> tuple[Rate, ...]:
        """The rate of each value."""
        return infer_rates(self.graph)

    def region_of(self, value: Value) -> int | None:
        """The number of the region that makes a value (a state: that carries it), or None."""
        for number, region in enumerate(self.regions):
            carried = (self.graph.states[place].current for place in region.states)
            if value in region.nodes or value in carried:
                return number
        return None

    def explain(self, label: str) -> str:
        """One sentence on why the value that the text form calls ``label`` runs where it runs.

        Raises:
            KeyError: there is no such value.
        """
        from graphpool.plan.explain import explain

        return explain(self, label)

    def __str__(self) -> str:
        from graphpool.plan.explain import print_plan

        return print_plan(self)


def handed_values(graph: Graph, rates: Sequence[Rate], regions: Iterable[Region]) -> tuple[Value, ...]:
    """What regions, outputs and states read that is neither a stream nor a constant."""
    read = {value for region in regions for value in region.invariants} | set(graph.roots())
    return tuple(sorted(value for value in read if rates[value] is not Rate.STREAM and graph.nodes[value].op != CONST))
