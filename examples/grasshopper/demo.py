"""Predict the spikes of a real cell: one neuron in NumPy, run by NumPy, JAX and ONNX.

A grasshopper's auditory receptor neuron hears ten seconds of sound. The sound is a ``TSContinuous``, the cell's spikes
are a ``TSEvent``. A model of the cell, fitted to the first recording by ``fit.py``, hears the same sound on three
runtimes, and from its ``.onnx`` file half a second at a time. For a cell or a sensor of your own, change
``recording.py``, which makes the two series, and ``neuron.py``, the model. The results go to a folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from neuron import AdaptiveNeuron
from picture import draw
from recording import load_recording
from report import Report
from rich.progress import track

import graphpool
from graphpool import TSContinuous, TSEvent

FITTED = json.loads((Path(__file__).parent / "fitted.json").read_text())["parameters"]
BLOCK = 0.5
"""Seconds of sound that the model from the file hears at a time."""


def make_neuron(dt: float) -> AdaptiveNeuron:
    """The neuron with the parameters that ``fit.py`` found on recording 1."""
    names = ("tau_v", "tau_a", "gain", "jump", "threshold", "refractory")
    return AdaptiveNeuron(1, dt=dt, **{name: FITTED[name] for name in names})


def hear(model: Any, sound: TSContinuous) -> TSEvent:
    """The model's spikes, from the whole sound at once."""
    spikes: TSEvent = model(sound)[0]
    return spikes


def hear_in_blocks(model: Any, sound: TSContinuous) -> TSEvent:
    """The model's spikes, from one block after the other: clock and state go on."""
    blocks, rows = [], round(BLOCK / model.dt)
    for begin in range(0, len(sound), rows):
        spikes, _, _ = model(sound, num_timesteps=min(rows, len(sound) - begin))
        blocks.append(spikes)
    joined: TSEvent = blocks[0].append_t(blocks[1:])
    return joined


def main(folder: Path, seconds: float | None = None) -> None:
    """Run everything and write the results into a folder; ``seconds`` limits the recordings."""
    report = Report(folder)
    recordings = [load_recording(number, seconds) for number in (1, 2)]
    neuron = make_neuron(recordings[0].dt)
    models = {target: graphpool.compile(neuron, target).timed() for target in ("numpy", "jax", "onnx")}
    models["onnx"].save(folder / "grasshopper.onnx")
    models["file"] = graphpool.load(folder / "grasshopper.onnx").timed()
    report.write_plan(models["numpy"].plan)

    for number, recording in enumerate(recordings, start=1):
        for name, model in track(models.items(), description=f"recording {number}"):
            spikes, elapsed = report.time(hear_in_blocks if name == "file" else hear, model, recording.sound)
            heard = spikes.delay(FITTED["shift"])  # the cell's latency
            report.add(number, name, elapsed, heard, recording.spikes)
        heard.save(folder / f"model{number}.npz")
        models["jax"].reset_all()
        _, _, record = models["jax"](recording.sound, record=True)
        membrane = TSContinuous.from_clocked(record["membrane"][0], recording.dt, t_start=FITTED["shift"])
        draw(folder / f"recording{number}.png", recording, heard, membrane, FITTED)
    report.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="out", type=Path, help="where the results go")
    parser.add_argument("--seconds", type=float, help="only the beginning of the recordings")
    arguments = parser.parse_args()
    main(arguments.folder, arguments.seconds)
