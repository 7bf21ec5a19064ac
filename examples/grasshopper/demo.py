"""Predict the spikes of a real cell: one neuron in NumPy, run by NumPy, JAX and ONNX.

A grasshopper's auditory receptor neuron hears ten seconds of sound. A model of it, fitted to the first recording by
``fit.py``, hears the same sound on three runtimes. The results go to a folder: the ONNX model, the graph, the plan, a
table and pictures.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from neuron import AdaptiveNeuron
from picture import draw_second
from recording import Recording, coincidence_factor, load_recording
from rich.console import Console
from rich.progress import track
from rich.table import Table

import graphpool

HERE = Path(__file__).parent
TARGETS = ("numpy", "jax", "onnx")
TELLING_SECOND = (6.0, 7.0)
WINDOW = 2e-3


def make_neuron(fitted: dict[str, float], dt: float) -> AdaptiveNeuron:
    """The neuron with the parameters that ``fit.py`` found on recording 1."""
    names = ("tau_v", "tau_a", "gain", "jump", "threshold", "refractory")
    return AdaptiveNeuron(1, dt=dt, **{name: fitted[name] for name in names})


def evolve(run: Any, x: Any) -> tuple[Any, float]:
    """The spikes of a whole recording and the seconds it took the second time; the first time also compiles."""
    for _ in range(2):
        run.reset_state()
        start = time.perf_counter()
        spikes = run(x)[0]
        seconds = time.perf_counter() - start
    return spikes[0, :, 0], seconds


def spike_times(spikes: Any, dt: float, shift: float) -> Any:
    """Seconds at which the cell should spike: the model's spikes, later by the cell's latency."""
    return np.flatnonzero(spikes) * dt + shift


def agreement(spikes: Any, reference: Any, dt: float) -> str:
    """Whether two spike trains are the same, and if not, where they part."""
    parted = np.flatnonzero(spikes != reference)
    return "spike for spike" if not parted.size else f"parts at {parted[0] * dt:.4f} s, in {parted.size} steps"


def compare(number: int, recording: Recording, runs: dict[str, Any], fitted: dict[str, float], table: Table) -> None:
    """Run one recording on every target and add the results to the table."""
    x = recording.stimulus[:, None]
    reference = None
    for target in track(TARGETS, description=f"recording {number}"):
        spikes, seconds = evolve(runs[target], x)
        reference = spikes if reference is None else reference
        times = spike_times(spikes, recording.dt, fitted["shift"])
        gamma = coincidence_factor(times, recording.spike_times, recording.duration, WINDOW)
        same = "the reference" if target == TARGETS[0] else agreement(spikes, reference, recording.dt)
        table.add_row(
            str(number), target, f"{seconds:.3f} s", str(int(spikes.sum())), str(len(recording.spike_times)),
            f"{gamma:.3f}", same,
        )  # fmt: skip


def make_table(steps: int) -> Table:
    """The empty table of results."""
    table = Table(expand=False, title=f"A grasshopper's auditory neuron: spikes in {steps:,} steps")
    for heading in ("recording", "target", "time", "model", "cell", "coincidence", "agreement"):
        table.add_column(heading, no_wrap=True)
    return table


def shortened(recording: Recording, seconds: float | None) -> Recording:
    """The beginning of a recording, or all of it."""
    if seconds is None:
        return recording
    steps = round(seconds / recording.dt)
    times = recording.spike_times
    return Recording(recording.stimulus[:steps], times[times < steps * recording.dt], recording.dt)


def main(folder: Path, seconds: float | None = None) -> None:
    """Run everything and write the results into a folder; ``seconds`` limits the recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted = json.loads((HERE / "fitted.json").read_text())["parameters"]
    recordings = {number: shortened(load_recording(number), seconds) for number in (1, 2)}
    first = recordings[1]
    neuron = make_neuron(fitted, first.dt)
    runs = {target: graphpool.compile(neuron, target) for target in TARGETS}
    runs["onnx"].save(folder / "grasshopper.onnx")
    (folder / "graph.txt").write_text(f"{runs['numpy'].plan.graph}\n")
    (folder / "plan.txt").write_text(f"{runs['numpy'].plan}\n")

    table = make_table(len(first.stimulus))
    for number, recording in recordings.items():
        compare(number, recording, runs, fitted, table)
        runs["jax"].reset_state()
        spikes, _, record = runs["jax"](recording.stimulus[:, None], record=True)
        times = spike_times(spikes[0, :, 0], recording.dt, fitted["shift"])
        path = folder / f"recording{number}.png"
        second = TELLING_SECOND if seconds is None else (0.0, seconds)
        draw_second(path, recording, record["membrane"][0, :, 0], times, fitted, second, WINDOW)
    Console().print(table)
    with (folder / "results.txt").open("w") as file:
        Console(file=file, width=120).print(table)
    print("Coincidence: 1 is perfect, 0 is chance (Kistler, Gerstner and van Hemmen 1997; within 2 ms, one to one).")
    print("Times are of a second run; the first also compiles. The parameters were fitted to recording 1 only.\n")
    for path in sorted(folder.iterdir()):
        print(f"  {path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="out", type=Path, help="where the results go")
    parser.add_argument("--seconds", type=float, help="only the beginning of the recordings")
    arguments = parser.parse_args()
    main(arguments.folder, arguments.seconds)
