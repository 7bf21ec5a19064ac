"""``make bench``: graphpool on every runtime against the best that was written by hand for it.

Outputs and states are proved to agree before anything is timed. ``make bench ARGS="W1 W4"`` measures what begins with
one of the words and prints it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from graphpool.plan import HOISTS
from tests.bench import bounds, stepping
from tests.bench.limit import Limit, measure_limit
from tests.bench.timing import Ratio, Seconds, best, measure, ratio
from tests.bench.workloads import TARGETS, Workload, hoisted, w2_layers, workloads


@dataclass
class Row:
    """A workload on a target.

    Attributes:
        target, name, title: which.
        seconds: of all contestants, by round.
        opponent: the best hand-written contestant.
        against: graphpool's time as a multiple of its.
        limit: seconds of the machine's limit, or None.
        hoist: the time of hoist="auto" as a multiple of the better other, or None.
    """

    target: str
    name: str
    title: str
    seconds: Seconds
    opponent: str
    against: Ratio
    limit: float | None = None
    hoist: Ratio | None = None
    tail: dict[str, float] = field(default_factory=dict)

    @property
    def bound(self) -> bounds.Bound | None:
        """What is wanted."""
        return bounds.BOUNDS.get((self.target, self.name))


def check(workload: Workload, target: str, results: dict[str, Any]) -> None:
    """Raise SystemExit unless all outputs and states agree, to the bit or as far as the workload allows."""
    (first, (output, states)), *others = results.items()
    for name, (other, following) in others:
        where = f"{workload.name} on {target}: {name} parts from {first}"
        if other.shape != output.shape or other.dtype != output.dtype or not isinstance(other, np.ndarray):
            raise SystemExit(f"{where} in shape or dtype: nothing is timed")
        apart = np.mean(abs(np.asarray(other, float) - np.asarray(output, float)) > workload.tolerance)
        if apart > workload.share:
            raise SystemExit(f"{where} in {apart:.2%} of the outputs: nothing is timed")
        for one, two in zip(states, following, strict=True):
            if workload.share == 0 and np.any(abs(np.ravel(one) - np.ravel(two)) > workload.tolerance):
                raise SystemExit(f"{where} in its last states: nothing is timed")


def run_workload(workload: Workload, limit: Limit) -> list[Row]:
    """A workload on all targets; the results of each target agree with those of NumPy's."""
    rows, reference = [], workload.graphpool("numpy")()
    for target in TARGETS:
        found = workload.contestants(target)
        check(workload, target, {"graphpool on numpy": reference} | {name: call() for name, call in found.items()})
        seconds = measure(found)
        opponent = best(seconds, list(workload.opponents[target]))
        row = Row(
            target, workload.name, workload.title, seconds, opponent, ratio(seconds["graphpool"], seconds[opponent])
        )
        row.limit = limit.seconds(workload)
        if "auto" in HOISTS:
            better = best(seconds, [hoisted(value) for value in HOISTS if value != "auto"])
            row.hoist = ratio(seconds[hoisted("auto")], seconds[better])
        rows.append(row)
    return rows


def run_steps() -> list[Row]:
    """W5 on all targets."""
    rows = []
    for target, group in stepping.measure_steps(w2_layers()).items():
        seconds = {name: list(np.median(times, axis=1)) for name, times in group.items()}
        opponent = best(seconds, [name for name in group if name != "graphpool"])
        row = Row(
            target, stepping.NAME, stepping.TITLE, seconds, opponent, ratio(seconds["graphpool"], seconds[opponent])
        )
        row.tail = {name: float(np.quantile(times, 0.99)) for name, times in group.items()}
        rows.append(row)
    return rows


def show(console: Console, row: Row) -> None:
    """A table of one workload on one target."""
    unit, scale = ("us a step", 1e6) if row.tail else ("ms", 1e3)
    table = Table(title=f"{row.name} on {row.target}: {row.title}")
    for heading in ("contestant", unit, "smallest to largest", "ratio to the opponent", "x limit"):
        table.add_column(heading, no_wrap=True)
    for name, times in row.seconds.items():
        spread = f"{scale * min(times):.3g} to {scale * max(times):.3g}"
        if row.tail:
            spread += f", p99 {scale * row.tail[name]:.3g}"
        limit = f"{np.median(times) / row.limit:.1f}" if row.limit else ""
        mark = " *" if name == row.opponent else ""
        table.add_row(
            name + mark, f"{scale * np.median(times):.4g}", spread, str(ratio(times, row.seconds[row.opponent])), limit
        )
    console.print(table)
    said = [f"hoist=auto {row.hoist} of the better, wanted {bounds.HOIST.text}"] if row.hoist else []
    if row.bound:
        met = "met" if row.against.median <= row.bound.ratio else "NOT met"
        said.append(f"graphpool {row.against}, wanted {row.bound.text}: {met}")
    console.print("; ".join(said))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="W1 ... W5, demo; all of them by default")
    parts = tuple(parser.parse_args().parts) or ("",)
    console = Console()
    limit = measure_limit()
    console.print(f"limit of the machine: {limit}")
    rows = []
    for workload in workloads():
        if workload.name.startswith(parts):
            rows += run_workload(workload, limit)
            for row in rows[-len(TARGETS) :]:
                show(console, row)
    if stepping.NAME.startswith(parts):
        rows += run_steps()
        for row in rows[-len(TARGETS) :]:
            show(console, row)


if __name__ == "__main__":
    main()
