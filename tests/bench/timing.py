"""How the benchmarks measure.

Contestants run interleaved, round by round, in one process. Threads of OpenBLAS and onnxruntime spin for a while after
a call and would take a core from the next contestant, so each waits until the process is idle, makes one untimed call,
and is then timed. Figures are medians over rounds; ratios are medians of per-round ratios, with the smallest and the
largest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDS = 15
FEWEST_ROUNDS = 3
BUDGET = 6.0
"""Seconds that one set of contestants may take, if the fewest rounds allow it."""
SLOW = 0.25
"""Seconds from which a call is no longer preceded by an untimed one: it is warm after a fraction of itself."""

Contestant = Callable[[], Any]
Seconds = Mapping[str, Sequence[float]]


def wait_until_idle(longest: float = 2.0) -> None:
    """Return when no thread of this process computes any more."""
    stop = time.perf_counter() + longest
    while time.perf_counter() < stop:
        before, start = time.process_time(), time.perf_counter()
        time.sleep(0.004)
        if time.process_time() - before < 0.1 * (time.perf_counter() - start):
            return


def timed(contestant: Contestant, warm: bool) -> float:
    """Seconds of one call, alone; ``warm`` puts an untimed call before it."""
    wait_until_idle()
    if warm:
        contestant()
    start = time.perf_counter()
    contestant()
    return time.perf_counter() - start


def measure(found: Mapping[str, Contestant], first: Mapping[str, float] | None = None) -> Seconds:
    """Seconds of each contestant in each round; slow ones get fewer rounds.

    Args:
        found: the contestants; each has been called before.
        first: roughly the seconds of each, where they are known.
    """
    if first is None:
        first = {name: timed(contestant, warm=False) for name, contestant in found.items()}
    cost = sum(seconds if seconds > SLOW else 2 * seconds + 0.02 for seconds in first.values())
    rounds = max(FEWEST_ROUNDS, min(ROUNDS, int(BUDGET / cost)))
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, contestant in found.items():
            seconds[name].append(timed(contestant, warm=first[name] <= SLOW))
    return seconds


@dataclass(frozen=True)
class Ratio:
    """One contestant's time as a multiple of another's: the median, smallest and largest of the rounds."""

    median: float
    smallest: float
    largest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.smallest:.2f} to {self.largest:.2f})"


def ratio(one: Sequence[float], other: Sequence[float]) -> Ratio:
    """The ratio of two contestants that ran in the same rounds."""
    found = np.array(one) / np.array(other)
    return Ratio(float(np.median(found)), float(found.min()), float(found.max()))


def best(seconds: Seconds, names: Sequence[str]) -> str:
    """The contestant with the smallest median."""
    return min(names, key=lambda name: float(np.median(seconds[name])))
