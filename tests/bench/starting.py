"""How long it takes to begin: importing in a fresh process; tracing, passes and plan by depth; compiling."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear
from graphpool.passes import FLOAT32, run_passes
from graphpool.plan import make_plan
from tests.bench.tables import Table, short
from tests.bench.workloads import TARGETS

ROUNDS = 3
DEPTHS = (25, 50, 100)
BOUND, BOUND_DEPTH = 2.0, 50
"""Seconds from the trace to the plan of so many layers."""
IMPORT = "import time; t = time.perf_counter(); import graphpool; print(time.perf_counter() - t)"


def _deep(layers: int) -> Any:
    return Sequential(*[layer for _ in range(layers // 2) for layer in (Linear((8, 8)), LIF(8))])


def depth() -> Table:
    """Seconds of each stage for deep networks; half of the layers are Linear, half LIF."""
    found = []
    for layers in DEPTHS:
        stages = []
        for _ in range(ROUNDS):
            net, times = _deep(layers), [time.perf_counter()]
            traced = graphpool.trace(net)
            times.append(time.perf_counter())
            graph, _ = run_passes(traced, FLOAT32)
            times.append(time.perf_counter())
            make_plan(graph)
            times.append(time.perf_counter())
            stages.append([*np.diff(times), times[-1] - times[0]])
        trace, passes, plan, total = np.median(stages, axis=0)
        wanted = (f"< {BOUND:g}", "yes" if total < BOUND else "**no**") if layers == BOUND_DEPTH else ("", "")
        each = f"{1e3 * total / layers:.1f}"
        found.append((str(layers), f"{trace:.2f}", f"{passes:.2f}", f"{plan:.2f}", f"{total:.2f}", *wanted, each))
    headings = ("layers", "trace, s", "passes, s", "plan, s", "all, s", "wanted", "met", "ms a layer")
    return Table("Trace to plan by depth", headings, found)


def start_up() -> Table:
    """Milliseconds of the import, and of compiling a small network and running it once."""
    imports = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(ROUNDS)]
    rows = [("import graphpool, in a fresh process", short(1e3 * float(np.median(imports))))]
    for target in TARGETS:
        graphpool.compile(_deep(2), target)(np.zeros((1, 10, 8), np.float32))  # imports the engine
        start = time.perf_counter()
        graphpool.compile(_deep(2), target)(np.zeros((1, 10, 8), np.float32))
        rows.append((f"compile Linear + LIF for {target} and run it once", short(1e3 * (time.perf_counter() - start))))
    return Table("Start-up", ("what", "ms"), rows)
