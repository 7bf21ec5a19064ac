"""Predict the spikes of a real cell: one neuron in NumPy, run by NumPy, JAX and ONNX.

A grasshopper's auditory receptor neuron hears ten seconds of sound. A model of it, fitted to the first recording by
``fit.py``, hears the same sound on three runtimes. The results go to a folder: the ONNX model, the graph, the plan, a
table and pictures.
"""

from __future__ import annotations

import json
import sys
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
REPEATS = 3


def make_neuron(fitted: dict[str, float], dt: float) -> AdaptiveNeuron:
    """The neuron with the parameters that ``fit.py`` found on recording 1."""
    names = ("tau_v", "tau_a", "gain", "jump", "threshold", "refractory")
    return AdaptiveNeuron(1, dt=dt, **{name: fitted[name] for name in names})


def evolve(run: Any, x: Any) -> tuple[Any, float]:
    """The spikes of a whole recording and the median seconds it took, without the first call, which compiles."""
    seconds = []
    for _ in range(REPEATS + 1):
        run.reset_state()
        start = time.perf_counter()
        spikes = run(x)[0]
        seconds.append(time.perf_counter() - start)
    return spikes[0, :, 0], float(np.median(seconds[1:]))


def spike_times(spikes: Any, dt: float, shift: float) -> Any:
    """Seconds at which the cell should spike: the model's spikes, later by the cell's latency."""
    return np.flatnonzero(spikes) * dt + shift


def agreement(spikes: Any, reference: Any, dt: float) -> str:
    """Whether two spike trains are the same, and if not, where they part."""
    parted = np.flatnonzero(spikes != reference)
    return "spike for spike" if not parted.size else f"parts at {parted[0] * dt:.4f} s, in {parted.size} steps"


def compare(number: int, recording: Recording, runs: dict[str, Any], fitted: dict[str, float], table: Table) -> Any:
    """Run one recording on every target; returns the spikes of the first."""
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
    return reference


def make_table(steps: int) -> Table:
    """The empty table of results."""
    table = Table(title=f"A grasshopper's auditory neuron, {steps:,} steps")
    for heading in ("recording", "target", "time", "model's spikes", "cell's spikes", "coincidence", "agreement"):
        table.add_column(heading)
    return table


def main(folder: Path) -> None:
    """Run everything and write the results into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted = json.loads((HERE / "fitted.json").read_text())["parameters"]
    recordings = {number: load_recording(number) for number in (1, 2)}
    first = recordings[1]
    neuron = make_neuron(fitted, first.dt)
    runs = {target: graphpool.compile(neuron, target) for target in TARGETS}
    runs["onnx"].save(folder / "grasshopper.onnx")
    (folder / "graph.txt").write_text(f"{runs['numpy'].plan.graph}\n")
    (folder / "plan.txt").write_text(f"{runs['numpy'].plan}\n")

    table = make_table(len(first.stimulus))
    for number, recording in recordings.items():
        compare(number, recording, runs, fitted, table)
        runs["numpy"].reset_state()
        spikes, _, record = runs["numpy"](recording.stimulus[:, None], record=True)
        times = spike_times(spikes[0, :, 0], recording.dt, fitted["shift"])
        path = folder / f"recording{number}.png"
        draw_second(path, recording, record["membrane"][0, :, 0], times, fitted, TELLING_SECOND, WINDOW)
    Console().print(table)
    with (folder / "results.txt").open("w") as file:
        Console(file=file, width=120).print(table)
    print("Coincidence: 1 is perfect, 0 is chance (Kistler, Gerstner and van Hemmen 1997; within 2 ms, one to one).")
    print("The parameters were fitted to recording 1 only.\n")
    for path in sorted(folder.iterdir()):
        print(f"  {path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out"))
