"""How much memory a million steps take: a process of its own streams them in chunks and reads its own peak.

``python -m tests.bench.memory TARGET`` prints what it found as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear
from tests.bench.networks import Floats
from tests.bench.tables import Table

STEPS, CHANNELS, CHUNK = 1_000_000, 8, 10_000
BOUND = 100
"""MB above the first chunk."""


def peak() -> float:
    """The largest resident set of this process so far, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def chunks() -> Iterator[Floats]:
    """The input, a chunk at a time."""
    rng = np.random.default_rng(1)
    for _ in range(STEPS // CHUNK):
        yield rng.normal(size=(1, CHUNK, CHANNELS)).astype(np.float32)


def stream(target: str) -> dict[str, Any]:
    """Stream all chunks; peaks in MB and the seconds after the first chunk."""
    weight = np.random.default_rng(0).normal(size=(CHANNELS, CHANNELS))
    run = graphpool.compile(Sequential(Linear((CHANNELS, CHANNELS), weight=weight), LIF(CHANNELS)), target)
    first, start, spikes = 0.0, 0.0, 0
    for output in run.stream(chunks()):
        spikes += int(output.sum())
        if not first:
            first, start = peak(), time.perf_counter()
    return {"first": first, "peak": peak(), "seconds": time.perf_counter() - start, "spikes": spikes}


def measure_memory(targets: tuple[str, ...]) -> Table:
    """Each target in a process of its own."""
    found = []
    for target in targets:
        command = [sys.executable, "-m", "tests.bench.memory", target]
        result = json.loads(subprocess.check_output(command, cwd=Path(__file__).parents[2]))
        above = result["peak"] - result["first"]
        numbers = (f"{result['first']:.0f}", f"{above:.1f}", f"<= {BOUND}", "yes" if above <= BOUND else "**no**")
        found.append((target, *numbers, f"{result['seconds']:.1f}"))
    headings = ("target", "peak after the first chunk, MB", "above it at the end, MB", "wanted", "met", "s")
    return Table(f"{STEPS:,} steps of {CHANNELS} channels, streamed by {CHUNK:,}", headings, found)


if __name__ == "__main__":
    print(json.dumps(stream(sys.argv[1])))
