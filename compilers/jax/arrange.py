"""Fewer and larger regions: on JAX a pass over memory costs more than a few operations in a loop.

The plan cuts wherever a value lies on no cycle. Here only matrix products that are worth it stay outside of the loop;
all that stands between two of them runs in one scan. The order of each operation's operands stays, so rounding does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from graphpool.compilers.jax.cost import is_outside
from graphpool.graph import Value
from graphpool.plan import Plan, Region, check_plan
from graphpool.plan.needs import Part, make_regions


@dataclass
class _Stage:
    """What can run once the products of the stages before it are known."""

    outside: list[Value] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def arranged(self) -> Iterator[Part]:
        if self.outside:
            yield Part("map", sorted(self.outside))
        if any(part.kind == "scan" for part in self.parts):
            nodes = sorted(value for part in self.parts for value in part.nodes)
            yield Part("scan", nodes, sorted(place for part in self.parts for place in part.states))
        else:
            yield from self.parts


def arranged(plan: Plan) -> Plan:
    """The plan with the regions that suit JAX: products worth it, and one loop between them."""
    return arrange(plan, partial(is_outside, plan.graph))


def arrange(plan: Plan, is_outside: Callable[[Value], bool]) -> Plan:
    """The plan with other regions, which compute the same.

    Args:
        plan: of a whole evolution, with the regions of ``hoist="always"``.
        is_outside: whether a node of a map region is worth a pass over memory of its own.
    """
    stages: list[_Stage] = [_Stage()]
    number: dict[Value, int] = {}
    first: list[Part] = []
    late: list[Part] = []

    def stage(at: int) -> _Stage:
        stages.extend(_Stage() for _ in range(len(stages), at + 1))
        return stages[at]

    for region in plan.regions:
        part = Part(region.kind, list(region.nodes), list(region.states))
        if region.kind == "hold":
            first.append(part)
        elif region.kind == "last" or (region.kind == "shift" and not region.outputs):
            late.append(part)
        elif region.kind == "map":
            for at, nodes in _by_stage(plan, region, is_outside, number, stage).items():
                stage(at).parts.append(Part("map", nodes))
        else:
            at = max((number.get(value, 0) for value in region.inputs), default=0)
            number |= dict.fromkeys((*region.nodes, *(plan.graph.states[place].current for place in region.states)), at)
            stage(at).parts.append(replace(part, kind="shift" if region.kind == "shift" else "scan"))
    parts = [*first, *(part for each in stages for part in each.arranged()), *late]
    made = replace(plan, regions=make_regions(plan.graph, plan.rates, _merged(parts), plan.emit))
    check_plan(made)
    return made


def _by_stage(
    plan: Plan,
    region: Region,
    is_outside: Callable[[Value], bool],
    number: dict[Value, int],
    stage: Callable[[int], _Stage],
) -> dict[int, list[Value]]:
    """The nodes of a map by stage; those outside go there at once, and open the next one."""
    found: dict[int, list[Value]] = {}
    for value in region.nodes:
        at = max((number.get(arg, 0) for arg in plan.graph.nodes[value].args), default=0)
        if is_outside(value):
            at += 1
            stage(at).outside.append(value)
        else:
            found.setdefault(at, []).append(value)
        number[value] = at
    return found


def _merged(parts: list[Part]) -> list[Part]:
    """Maps that stand next to each other become one."""
    merged: list[Part] = []
    for part in parts:
        if merged and part.kind == merged[-1].kind == "map":
            merged[-1] = Part("map", sorted([*merged[-1].nodes, *part.nodes]))
        else:
            merged.append(part)
    return merged
