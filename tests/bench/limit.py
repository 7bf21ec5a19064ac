"""What this machine can do at best: the speed of a large matrix product and of moving memory, measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tests.bench.timing import wait_until_idle
from tests.bench.workloads import Workload

SIZE = 2048
FLOATS = 2**24
REPEATS = 7


@dataclass(frozen=True)
class Limit:
    """Peaks of the machine.

    Attributes:
        flops: a second, of a float32 product of two 2048 x 2048 matrices, on all cores.
        bandwidth: bytes a second, read and written, of copies of 64 MB on each core at once.
    """

    flops: float
    bandwidth: float

    def seconds(self, workload: Workload) -> float:
        """The time in which the machine could do a workload's products and then move its bytes."""
        return workload.flops / self.flops + workload.traffic / self.bandwidth

    def __str__(self) -> str:
        return f"{self.flops / 1e9:.0f} GF/s in a matrix product, {self.bandwidth / 1e9:.0f} GB/s in copies"


def _shortest(call: Callable[[], object]) -> float:
    wait_until_idle()
    call()
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def measure_limit() -> Limit:
    """Measure the peaks: the best of several, for a limit is what can be reached."""
    a, b, c = (np.ones((SIZE, SIZE), np.float32) for _ in range(3))
    product = _shortest(lambda: np.matmul(a, b, out=c))
    cores = os.cpu_count() or 1
    pairs = [(np.ones(FLOATS, np.float32), np.ones(FLOATS, np.float32)) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        copies = _shortest(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs)))
    return Limit(2 * SIZE**3 / product, cores * 2 * 4 * FLOATS / copies)
