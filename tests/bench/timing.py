"""How the benchmarks measure: contestants interleaved, each after an untimed call, medians and ratios by round."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

ROUNDS = 7
Contestant = Callable[[], Any]


def measure(found: dict[str, Contestant]) -> dict[str, list[float]]:
    """Seconds of each contestant in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, contestant in found.items():
            contestant()
            start = time.perf_counter()
            contestant()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def report(console: Console, title: str, seconds: dict[str, list[float]], same: str) -> None:
    """A table of one workload: milliseconds, and the ratio to the first row."""
    table = Table(title=f"{title} ({same})")
    for heading in ("contestant", "ms", "ratio to the first", "smallest to largest"):
        table.add_column(heading, no_wrap=True)
    first = np.array(next(iter(seconds.values())))
    for name, rounds in seconds.items():
        ratios = np.array(rounds) / first
        spread = f"{ratios.min():.2f} to {ratios.max():.2f}"
        table.add_row(name, f"{1e3 * np.median(rounds):.2f}", f"{np.median(ratios):.2f}", spread)
    console.print(table)
