"""What time series cost, against the plain NumPy that does the same and against a runtime without them.

Results are proved to be equal before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import graphpool
from graphpool import TSContinuous, TSEvent
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear, Rate
from tests.bench.tables import Table, short
from tests.bench.timing import Contestant, measure, ratio

STEPS, CHANNELS, EVENTS = 100_000, 16, 1_000_000
LONG, WIDE, MANY = 1_000_000, 64, 10_000_000
DT = 1e-3


def equal(found: dict[str, Contestant]) -> dict[str, Contestant]:
    """The contestants, which have given equal results."""
    results = [np.asarray(contestant()) for contestant in found.values()]
    if not all(np.array_equal(results[0], other) for other in results):
        raise SystemExit(f"{', '.join(found)} disagree: nothing is timed")
    return found


def layer(target: str, make: Callable[[], Any]) -> dict[str, Contestant]:
    """A runtime on an array, and the same with a clock around it on a series."""
    x = np.random.default_rng(0).normal(size=(STEPS, CHANNELS))
    series = TSContinuous.from_clocked(x, DT)
    run = graphpool.compile(make(), target)
    timed = run.copy().timed(dt=DT)

    def plain() -> Any:
        run.reset_state()
        return run(x)[0][0]

    def with_series() -> Any:
        timed.reset_all()
        return timed(series)[0].samples

    return equal({"arrays": plain, "TSContinuous in and out": with_series})


def events_out() -> dict[str, Contestant]:
    """Spikes of a raster as events."""
    raster = (np.random.default_rng(0).random((STEPS, CHANNELS)) < 0.02).astype(np.float32)
    return equal(
        {
            "np.nonzero": lambda: np.nonzero(raster)[1],
            "TSEvent.from_raster": lambda: TSEvent.from_raster(raster, DT).channels,
        }
    )


def raster(add_events: bool, steps: int = STEPS, events: int = EVENTS) -> dict[str, Contestant]:
    """Events into bins."""
    rng = np.random.default_rng(0)
    times = (np.sort(rng.integers(0, steps, events)) + 0.5) * DT
    channels = rng.integers(0, CHANNELS, events)
    series = TSEvent(times, channels, t_start=0.0, t_stop=steps * DT, num_channels=CHANNELS)

    def plain() -> Any:
        rows = np.floor(times / DT).astype(np.int64)
        if add_events:
            counts = np.bincount(rows * CHANNELS + channels, minlength=steps * CHANNELS)
            return counts.reshape(steps, CHANNELS)
        found = np.zeros((steps, CHANNELS), dtype=bool)
        found[rows, channels] = True
        return found

    return equal({"NumPy": plain, "TSEvent.raster": lambda: series.raster(DT, add_events=add_events)})


def resample(steps: int = STEPS, channels: int = CHANNELS) -> dict[str, Contestant]:
    """A clocked signal at as many other times."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(steps, channels))
    series = TSContinuous.from_clocked(samples, DT)
    times = np.sort(rng.integers(0, 10 * steps, steps)) * (DT / 10) + DT / 20
    return equal(
        {
            "NumPy": lambda: samples[np.floor(times / DT).astype(np.int64)],
            "TSContinuous.resample": lambda: series.resample(times).samples,
        }
    )


def networks() -> dict[str, Callable[[], Any]]:
    """The networks that a clock is put around."""
    weight = np.eye(CHANNELS)
    return {
        "Rate(16)": lambda: Rate(CHANNELS),
        "Linear(16, 16) + Rate(16)": lambda: Sequential(Linear((CHANNELS, CHANNELS), weight=weight), Rate(CHANNELS)),
    }


SERIES: dict[str, Callable[[], dict[str, Contestant]]] = {
    **{
        f"{name} on {target}, {STEPS} x {CHANNELS}": partial(layer, target, make)
        for name, make in networks().items()
        for target in ("numpy", "onnx")
    },
    f"events out of {STEPS} x {CHANNELS}": events_out,
    f"{EVENTS} events into bins, bools": partial(raster, False),
    f"{EVENTS} events into bins, counts": partial(raster, True),
    f"resample {STEPS} x {CHANNELS}": resample,
    f"{MANY} events into bins, bools": partial(raster, False, LONG, MANY),
    f"{MANY} events into bins, counts": partial(raster, True, LONG, MANY),
    f"resample {LONG} x {WIDE}": partial(resample, LONG, WIDE),
}


def measure_series() -> Table:
    """Everything above, each against the first of its contestants."""
    rows = []
    for title, make in SERIES.items():
        seconds = measure(make())
        first = next(iter(seconds.values()))
        for name, times in seconds.items():
            rows.append((title, name, short(1e3 * float(np.median(times))), str(ratio(times, first))))
    return Table("Time series", ("what", "how", "ms", "ratio to the first (of rounds)"), rows)
