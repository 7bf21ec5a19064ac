"""What was measured of a workload on a target, and the tables of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.bench.bounds import BOUNDS, HOIST, Bound
from tests.bench.tables import Table, short
from tests.bench.timing import Ratio, Seconds, best, ratio
from tests.bench.workloads import GRAPHPOOL, hoisted


@dataclass(frozen=True)
class Row:
    """A workload on a target.

    Attributes:
        target: where it ran.
        name: of the workload.
        title: what it is.
        seconds: of all contestants, by round.
        opponents: which of them are hand-written and meant by the bound.
        limit: the seconds of the machine's limit; 0 where none is known.
        agreement: how far the outputs of all contestants are from those of graphpool on NumPy.
        tail: the 99th percentile in seconds by contestant, where single steps were timed.
    """

    target: str
    name: str
    title: str
    seconds: Seconds
    opponents: Sequence[str]
    limit: float = 0.0
    agreement: str = "to the bit"
    tail: dict[str, float] = field(default_factory=dict)

    @property
    def opponent(self) -> str:
        """The best hand-written contestant of this run."""
        return best(self.seconds, self.opponents)

    @property
    def against(self) -> Ratio:
        """The time of graphpool as it comes, as a multiple of the opponent's."""
        return ratio(self.seconds[GRAPHPOOL], self.seconds[self.opponent])

    @property
    def bound(self) -> Bound | None:
        """What is wanted of that ratio."""
        return BOUNDS.get((self.target, self.name))

    @property
    def hoist(self) -> Ratio | None:
        """The time of hoist="auto" as a multiple of the better other way, where both were measured."""
        names = [hoisted(value) for value in ("always", "never")]
        if not {*names, hoisted("auto")} <= set(self.seconds):
            return None
        return ratio(self.seconds[hoisted("auto")], self.seconds[best(self.seconds, names)])

    def median(self, name: str) -> float:
        """The median of a contestant in seconds."""
        return float(np.median(self.seconds[name]))

    def text(self, name: str) -> str:
        """The median of a contestant: milliseconds, or microseconds of a step."""
        return short((1e6 if self.tail else 1e3) * self.median(name)) if name in self.seconds else ""


def verdict(found: float, bound: Bound | None) -> tuple[str, str]:
    """What is wanted, and whether it is so."""
    return ("", "") if bound is None else (bound.text, "yes" if found <= bound.ratio else "**no**")


def comparison(rows: Sequence[Row]) -> Table:
    """graphpool against the best hand-written contestant."""
    headings = (
        "workload",
        "target",
        "graphpool",
        "best by hand",
        "which",
        "ratio (of rounds)",
        "wanted",
        "met",
        "x limit",
    )
    found = []
    for row in rows:
        limit = short(row.median(GRAPHPOOL) / row.limit) if row.limit else ""
        wanted = verdict(row.against.median, row.bound)
        times = (row.text(GRAPHPOOL), row.text(row.opponent))
        found.append((row.name, row.target, *times, row.opponent, str(row.against), *wanted, limit))
    return Table("graphpool against the best by hand, in ms (W5: us a step)", headings, found)


def hoisting(rows: Sequence[Row]) -> Table:
    """The ways to hoist beside each other."""
    headings = ("workload", "target", "always", "never", "auto", "auto to the better (of rounds)", "wanted", "met")
    found = []
    for row in rows:
        if row.tail or hoisted("never") not in row.seconds:
            continue
        times = [row.text(hoisted(value)) for value in ("always", "never", "auto")]
        wanted = verdict(row.hoist.median, HOIST) if row.hoist else ("", "")
        found.append((row.name, row.target, *times, str(row.hoist or ""), *wanted))
    return Table("The ways of compile(..., hoist=...), in ms", headings, found)


def everything(rows: Sequence[Row]) -> Table:
    """All contestants."""
    headings = (
        "workload",
        "target",
        "contestant",
        "median",
        "smallest",
        "largest",
        "to the best by hand",
        "outputs agree",
    )
    found = []
    for row in rows:
        scale = 1e6 if row.tail else 1e3
        for name, times in row.seconds.items():
            spread = (short(scale * min(times)), short(scale * max(times)))
            if name in row.tail:
                spread = (spread[0], f"{spread[1]}, p99 {short(scale * row.tail[name])}")
            against = str(ratio(times, row.seconds[row.opponent]))
            found.append((row.name, row.target, name, row.text(name), *spread, against, row.agreement))
    return Table("All contestants, in ms (W5: us a step)", headings, found)
