"""What the programs that ran have met, measured on the plans that ran, and what they should meet."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from graphpool.graph import LEAF_OPS, Attributes, type_of
from graphpool.ops import OPS, infer_type
from graphpool.plan import Plan, Rate
from tests.fuzz.drawing import MAX_RANK
from tests.fuzz.programs import STATES, Program
from tests.fuzz.statements import IN_PLACE, KINDS_OF, VIEWS, family

OTHERS = 3
"""How many other ops each op is read by, and reads."""

WRAPPED = {
    "argmax": "the trace casts it to int64 at once",
    "argmin": "the trace casts it to int64 at once",
    "limit": "np.nan_to_num puts it into a where",
}
"""Ops whose result goes to one op only."""

JUMPS = "it jumps, and sums and products differ in the last place between runtimes"
FLOATS, INTEGERS = "it gives floats, and bits are of integers", "it gives integers, which are cast to floats first"
NEVER: dict[tuple[str, str], str] = {
    ("functions", "bits"): FLOATS,
    ("spiking", "bits"): FLOATS,
    ("noise", "bits"): FLOATS,
    ("bits", "functions"): INTEGERS,
    ("bits", "spiking"): INTEGERS,
    ("functions", "spiking"): JUMPS,
    ("linear", "spiking"): JUMPS,
    ("scanning", "spiking"): JUMPS,
    ("noise", "spiking"): JUMPS,
}
"""Families of which the second cannot read the first, or not in a fuzz that compares to the bit."""

REGIONS = {"map", "scan", "shift", "hold", "last"}
"""The kinds that a plan may have before a target rearranges it."""

READS_NOTHING = frozenset({"noise"})
"""It reads its own count and the number of the sample."""


def arity(op: str) -> int:
    """The number of operands that a row is tested with."""
    return len(next(iter(OPS[op].samples())).args)


@cache
def ranks(op: str) -> list[int]:
    """The ranks of the results that a row is tested with, as far as the fuzz goes."""
    made = {
        len(infer_type(op, tuple(map(type_of, sample.args)), Attributes(sample.attrs)).shape)
        for sample in OPS[op].samples()
    }
    return sorted(rank for rank in made if rank < MAX_RANK)


@dataclass
class Coverage:
    """Counts of what was met.

    Attributes:
        ranks: op, and rate and rank of its result.
        streams: op that a step ran, and the dtype that was compiled for.
        ready: op and, of each operand, whether it is known before the first step, where the result is a stream.
        pairs: op and op that reads its result.
        regions: kinds of regions.
        lines: a line that changes an array, the kind of its dtype, and what made it: a view, an alias, a state, a line.
        written: states that were assigned.
    """

    ranks: Counter[tuple[str, Rate, int]] = field(default_factory=Counter)
    streams: Counter[tuple[str, str]] = field(default_factory=Counter)
    ready: Counter[tuple[str, tuple[bool, ...]]] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)
    lines: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)

    def add(self, plan: Plan, dtype: str) -> None:
        """Count what runs in a plan."""
        graph = plan.graph
        self.regions.update(region.kind for region in plan.regions)
        for value, node in enumerate(graph.nodes):
            if node.op in LEAF_OPS:
                continue
            self.ranks[node.op, plan.rates[value], len(node.type.shape)] += 1
            self.pairs.update((graph.nodes[arg].op, node.op) for arg in node.args if graph.nodes[arg].op in OPS)
            if plan.rates[value] is Rate.STREAM:
                self.streams[node.op, dtype] += 1
                self.ready[node.op, tuple(plan.rates[arg] is not Rate.STREAM for arg in node.args)] += 1

    def add_lines(self, program: Program) -> None:
        """Count the lines of a program that change something."""
        for statement in program.statements:
            if statement.kind in IN_PLACE:
                changed = statement.args[0]
                self.lines[statement.kind, program.kinds[changed], _origin(program.makers[changed])] += 1
            elif statement.kind == "write":
                self.written[statement.extra] += 1

    def missing_streams(self, *dtypes: str) -> list[str]:
        """The ops that no step ran which was compiled for one of the dtypes."""
        return [op for op in OPS if not any(self.streams[op, dtype] for dtype in dtypes)]

    def missing(self) -> Iterator[str]:
        """What was not met and should have been, one thing at a time."""
        for op in OPS:
            for rate, rank in itertools.product(_rates(op), ranks(op)):
                if not self.ranks[op, rate, rank]:
                    yield f"{op} of {rate}s of rank {rank}"
            yield from self._missing_operands(op)
        yield from (f"{op} in single precision" for op in self.missing_streams("float32"))
        yield from self._missing_pairs()
        yield from self._missing_lines()
        yield from (f"state {name}" for name in STATES if not self.written[name])
        yield from sorted(REGIONS - set(self.regions))

    def _missing_operands(self, op: str) -> Iterator[str]:
        if op in READS_NOTHING:
            return
        for ready in itertools.product((False, True), repeat=arity(op)):
            if not all(ready) and not self.ready[op, ready]:
                yield f"{op} with operands ready: {ready}"

    def _missing_pairs(self) -> Iterator[str]:
        readers, read = defaultdict(set), defaultdict(set)
        for made, reader in self.pairs:
            readers[made].add(reader)
            read[reader].add(made)
        for op in OPS:
            if op not in WRAPPED and len(readers[op]) < OTHERS:
                yield f"{op} read by more than {sorted(readers[op])}"
            if op not in READS_NOTHING and len(read[op]) < OTHERS:
                yield f"{op} reading more than {sorted(read[op])}"
        families = {family(op) for op in OPS}
        met = {(family(made), family(reader)) for made, reader in self.pairs}
        for pair in itertools.product(sorted(families), repeat=2):
            if pair not in met and pair not in NEVER and pair[1] not in READS_NOTHING:
                yield f"{pair[1]} reading {pair[0]}"

    def _missing_lines(self) -> Iterator[str]:
        dtypes = {(line, kind) for line, kind, _ in self.lines}
        origins = {(line, origin) for line, _, origin in self.lines}
        for line, (letters, _) in IN_PLACE.items():
            yield from (f"{line} of {kind}" for kind in KINDS_OF[letters[-1]] if (line, kind) not in dtypes)
            for origin in ("view", "alias", "state", "line"):
                if (line, origin) not in origins:
                    yield f"{line} of a {origin}"


def _origin(maker: str) -> str:
    """What kind of variable that is which something made."""
    if maker == "alias":
        return "alias"
    if maker in VIEWS:
        return "view"
    return "state" if maker in ("state", "read", "write") else "line"


def _rates(op: str) -> tuple[Rate, ...]:
    return (Rate.STREAM,) if op in READS_NOTHING else (Rate.PARAM, Rate.STREAM)
