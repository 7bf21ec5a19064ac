"""W5: one step at a time, as on a live signal: microseconds a step, the median and the 99th percentile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphpool
from tests.bench.networks import Floats, SpikingLayer, random_input, spiking_module
from tests.bench.opponents import jax_scan, numpy_loop, onnx_step
from tests.bench.timing import wait_until_idle
from tests.bench.workloads import TARGETS

NAME = "W5"
TITLE = "W2 one step at a time, B=1"
STEPS, ROUNDS, WARM = 1_000, 7, 100
Stepper = Callable[[Floats], Floats]

OPPONENTS: dict[str, tuple[str, Callable[[list[SpikingLayer]], Stepper]]] = {
    "numpy": ("op by op", numpy_loop.spiking_stepper),
    "jax": ("jitted step, states donated", jax_scan.spiking_stepper),
    "onnx": ("step model, IoBinding, states ping-ponged", onnx_step.spiking_stepper),
}
"""By target: the name of the hand-written step, and what makes it. All take and return ``(N,)`` in NumPy."""


def steppers(layers: list[SpikingLayer]) -> dict[str, dict[str, Stepper]]:
    """By target: graphpool and its opponent."""
    found: dict[str, dict[str, Stepper]] = {}
    for target in TARGETS:
        name, make = OPPONENTS[target]
        found[target] = {"graphpool": graphpool.compile(spiking_module(layers), target).step, name: make(layers)}
    return found


def check(found: dict[str, dict[str, Stepper]], x: Floats) -> None:
    """Raise SystemExit unless all give the same bits; leaves each of them some steps on."""
    outputs = {(t, n): [step(row) for row in x] for t, group in found.items() for n, step in group.items()}
    reference = outputs["numpy", "graphpool"]
    for who, output in outputs.items():
        if not np.array_equal(output, reference):
            raise SystemExit(f"{NAME}: {' '.join(who)} parts from graphpool on numpy: nothing is timed")


def _run(step: Stepper, x: Floats) -> list[float]:
    """Seconds of each step, after some untimed ones."""
    wait_until_idle()
    for row in x[:WARM]:
        step(row)
    found = []
    for row in x[WARM:]:
        start = time.perf_counter()
        step(row)
        found.append(time.perf_counter() - start)
    return found


def measure_steps(layers: list[SpikingLayer]) -> dict[str, dict[str, Any]]:
    """By target and contestant: seconds ``(rounds, steps)``; all contestants are interleaved."""
    found = steppers(layers)
    inputs = 64 if layers[0].weight is None else len(layers[0].weight)
    x = random_input(1, WARM + STEPS, inputs)[0]
    check(found, x[:200])
    seconds: dict[str, dict[str, Any]] = {t: {n: [] for n in group} for t, group in found.items()}
    for _ in range(ROUNDS):
        for target, group in found.items():
            for name, step in group.items():
                seconds[target][name].append(_run(step, x))
    return {t: {n: np.array(rows) for n, rows in group.items()} for t, group in seconds.items()}
