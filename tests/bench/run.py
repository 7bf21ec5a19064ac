"""``make bench``: every runtime, hoisted and not, against the step loop that a user of NumPy would write.

Outputs are proved equal before anything is timed. Contestants run interleaved, several rounds in one process, each
after an untimed call; figures are medians over rounds, ratios are medians of per-round ratios with their smallest and
largest. Also: what time series cost, and how long importing, tracing and planning take.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from series import SERIES
from timing import ROUNDS, Contestant, measure, report

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from graphpool.passes import FLOAT32, run_passes
from graphpool.plan import make_plan

TARGETS = ("numpy", "jax", "onnx")


def spiking(n: int) -> Any:
    """Linear and LIF, with weights that make about every tenth neuron spike at a step."""
    rng = np.random.default_rng(0)
    return Sequential(Linear((n, n), weight=rng.normal(size=(n, n)) / np.sqrt(n)), LIF(n, threshold=2.0))


def rate(recurrent: bool) -> Any:
    """The seed network: one input, five rate units."""
    rng = np.random.default_rng(0)
    weights = {"has_rec": True, "w_rec": rng.normal(size=(5, 5)) / 5} if recurrent else {}
    return Sequential(Linear((1, 5), weight=rng.normal(size=(1, 5))), Rate(5, **weights))


WORKLOADS: dict[str, tuple[Callable[[], Any], int, int]] = {
    "Linear(512) + LIF(512), T=500, B=1": (lambda: spiking(512), 1, 500),
    "Linear(512) + LIF(512), T=500, B=16": (lambda: spiking(512), 16, 500),
    "Linear(1, 5) + Rate(5), T=1000, B=1": (lambda: rate(False), 1, 1000),
    "the same, recurrent": (lambda: rate(True), 1, 1000),
}


def step_loop(net: Any, x: Any) -> Any:
    """What a user of NumPy would write: the module's own step, sample by sample."""
    outputs = []
    for sample in x:
        net.reset_state()
        outputs.append([net.step(row) for row in sample])
    return np.array(outputs)


def contestants(make: Callable[[], Any], x: Any) -> dict[str, Contestant]:
    """All ways to run a workload, each from the initial state."""

    def evolve(run: Any) -> Any:
        run.reset_state()
        return run(x)[0]

    found: dict[str, Contestant] = {}
    for target in TARGETS:
        for hoist in ("always", "never"):
            run = graphpool.compile(make(), target, hoist=hoist)
            found[f"{target}, hoist={hoist}"] = lambda run=run: evolve(run)
    if x.shape[0] == 1:
        net = make()
        found["NumPy step loop"] = lambda: step_loop(net, x)
    return found


def agreement(outputs: dict[str, Any]) -> str:
    """The share of outputs that differ from the first contestant's by more than rounding."""
    reference = np.asarray(next(iter(outputs.values())), dtype=np.float64)
    worst = max(np.mean(abs(np.asarray(item) - reference) > 1e-3) for item in outputs.values())
    if worst > 0.01:
        raise SystemExit(f"the contestants disagree in {worst:.1%} of all outputs: nothing is timed")
    return f"at most {worst:.2%} of the outputs differ"


def start_up(console: Console) -> None:
    """Importing in a fresh process, and tracing and planning by depth."""
    command = "import time; t = time.perf_counter(); import graphpool; print(time.perf_counter() - t)"
    imports = [float(subprocess.check_output([sys.executable, "-c", command])) for _ in range(ROUNDS)]
    console.print(f"import graphpool: {np.median(imports):.3f} s ({min(imports):.3f} to {max(imports):.3f})")
    for depth in (25, 50, 100):
        net = Sequential(*[layer for _ in range(depth) for layer in (Linear((8, 8)), LIF(8))])
        start = time.perf_counter()
        make_plan(run_passes(graphpool.trace(net), FLOAT32)[0])
        console.print(f"trace, passes and plan of {depth} layers: {time.perf_counter() - start:.2f} s")


def main() -> None:
    """Measure everything."""
    console = Console()
    start_up(console)
    for title, (make, batch, steps) in track(WORKLOADS.items(), description="workloads"):
        x = np.random.default_rng(1).normal(size=(batch, steps, make().size_in)).astype(np.float32)
        found = contestants(make, x)
        same = agreement({name: contestant() for name, contestant in found.items()})
        report(console, title, measure(found), same)
    for title, make in track(SERIES.items(), description="time series"):
        found = make()
        report(console, title, measure(found), "equal")


if __name__ == "__main__":
    main()
