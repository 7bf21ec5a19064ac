"""``make bench``: graphpool on every runtime against the best that was written by hand for it.

Outputs and states are proved to agree before anything is timed. The whole run writes its tables and a chart into
docs/benchmarks.md; ``make bench ARGS="W1 W4"`` measures what begins with one of the words, and only prints it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from rich.console import Console

from tests.bench import machine, page, stepping
from tests.bench.agreement import agree
from tests.bench.chart import draw
from tests.bench.limit import Limit, measure_limit
from tests.bench.memory import measure_memory
from tests.bench.results import Row, comparison, everything, hoisting
from tests.bench.series import measure_series
from tests.bench.starting import depth, start_up
from tests.bench.tables import Table
from tests.bench.timing import measure
from tests.bench.workloads import GRAPHPOOL, TARGETS, Workload, w2_layers, workloads

OTHERS: dict[str, Callable[[], Table]] = {
    "depth": depth,
    "start": start_up,
    "memory": lambda: measure_memory(TARGETS),
    "series": measure_series,
}
PICTURE = "![Time of graphpool as a multiple of the best hand-written program's](benchmarks.png)"
PACKAGES = ("numpy", "scipy", "jax", "jaxlib", "onnx", "onnxruntime")


def run_workload(workload: Workload, limit: Limit) -> list[Row]:
    """A workload on all targets."""
    rows, reference = [], workload.graphpool("numpy")()
    for target in TARGETS:
        found = workload.contestants(target)
        first, agreement = agree(workload, found, reference)
        row = (target, workload.name, workload.title, measure(found, first), list(workload.opponents[target]))
        rows.append(Row(*row, limit=limit.seconds(workload), agreement=agreement))
    return rows


def run_steps() -> list[Row]:
    """W5 on all targets: medians of each round, and the tail over all of them."""
    rows = []
    for target, group in stepping.measure_steps(w2_layers()).items():
        seconds = {name: list(np.median(times, axis=1)) for name, times in group.items()}
        tail = {name: float(np.quantile(times, 0.99)) for name, times in group.items()}
        opponents = [name for name in group if name != GRAPHPOOL]
        rows.append(Row(target, stepping.NAME, stepping.TITLE, seconds, opponents, tail=tail))
    return rows


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    known = f"W1 ... W5, demo, {', '.join(OTHERS)}; all by default"
    parser.add_argument("parts", nargs="*", help=f"beginnings of names: {known}")
    asked = parser.parse_args().parts
    parts = tuple(asked) or ("",)
    others = machine.OtherProcesses()
    console, limit, rows = Console(), measure_limit(), []
    console.print(f"limit of the machine: {limit}")
    for workload in workloads():
        if workload.name.startswith(parts):
            rows += run_workload(workload, limit)
            everything(rows[-len(TARGETS) :]).show(console)
    if stepping.NAME.startswith(parts):
        rows += run_steps()
        everything(rows[-len(TARGETS) :]).show(console)
    tables = [comparison(rows), hoisting(rows)] if rows else []
    tables += [make() for name, make in OTHERS.items() if name.startswith(parts)]
    for table in tables:
        table.show(console)
    console.print(str(others))
    if not asked:
        titles = [f"* {name}: {title}" for name, title in dict((row.name, row.title) for row in rows).items()]
        where = f"Measured on: {machine.describe(PACKAGES)}; {limit}. {others}."
        texts = [where, PICTURE, "\n".join(titles), *(table.markdown() for table in (*tables, everything(rows)))]
        page.write_section("bench", "\n\n".join(texts))
        draw(page.CHART, rows)


if __name__ == "__main__":
    main()
