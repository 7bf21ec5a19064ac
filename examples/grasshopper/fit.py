"""Fit an adaptive leaky integrate-and-fire neuron to recording 1 and test it, untouched, on recording 2.

Run from the shell; takes a few minutes, gives the same answer every time for the same seed:

    python examples/grasshopper/fit.py

The search draws parameters at random from ranges that physiology allows, then draws again and again around
the best so far. The loop over the 200,000 steps of the recording costs most, so each pass through it
simulates some hundred candidates at once. What counts is the coincidence factor, at a rate close to the
cell's: the factor alone would rather buy a few more hits with many false alarms. In the end it is not the
highest peak that wins but the candidate whose neighbours, with every parameter a percent or so off, do best:
its score does not hang on rounding.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from neuron import AdaptiveNeuron
from numpy.typing import NDArray
from recording import WINDOW, Recording, coincidence_factor, load_recording

import graphpool

Floats = NDArray[np.float64]
Trains = list[NDArray[np.int64]]

THRESHOLD = 1.0
"""Fixed: gain, jump and threshold scaled alike give the same spikes, so it sets the unit of the membrane."""

PRIOR = {
    "tau_v": (0.1e-3, 10e-3),
    "gain": (1.0, 40.0),
    "tau_a": (5e-3, 500e-3),
    "jump": (0.005, 2.0),
    "refractory": (0.5e-3, 6e-3),
}
"""Range of each parameter, drawn log-uniformly: times in seconds, gain and jump in units of the threshold."""

LATENCIES = (0.0, 15e-3)
"""Range in seconds of the delay from sound at the ear to the spike at the electrode."""

RATE_TOLERANCE = 0.05
"""The model's number of spikes may differ from the cell's by this share, at no loss of score."""

BATCH = 500
CHUNK = 20_000
"""Steps that all candidates run at a time."""

DRAW_PASSES = 6
REFINE_PASSES = 24
ELITE = 40
FINALISTS = 15
NEIGHBOURS = 32
NEIGHBOUR_SPREAD = 0.01
"""Relative standard deviation of every parameter of a neighbour."""


def draw_prior(rng: np.random.Generator, count: int) -> Floats:
    """Logarithms of `count` candidates drawn from `PRIOR`, one per row, columns in its order."""
    low, high = np.log(np.array(list(PRIOR.values()))).T
    return rng.uniform(low, high, size=(count, len(PRIOR)))


def draw_near(rng: np.random.Generator, elite: Floats, count: int) -> Floats:
    """Logarithms of `count` candidates around those in `elite`, kept inside `PRIOR`."""
    low, high = np.log(np.array(list(PRIOR.values()))).T
    spread = 1.5 * np.cov(elite.T) + np.diag(np.full(len(PRIOR), 0.01**2))
    return np.clip(rng.multivariate_normal(elite.mean(axis=0), spread, size=count), low, high)


@cache
def compiled(size: int, dt: float) -> Any:
    """The neuron of the demo, as many of them as there are candidates, on JAX."""
    neutral = dict.fromkeys(PRIOR, 1.0)
    neurons = AdaptiveNeuron(size, threshold=THRESHOLD, dt=dt, **neutral)
    return graphpool.compile(neurons, "jax", dtype="float64")


def spike_steps(stimulus: Floats, dt: float, candidates: Floats) -> Trains:
    """Steps at which each candidate spikes.

    Args:
        stimulus: amplitude, one value per step.
        dt: seconds per step.
        candidates: one set of parameters per row, columns in the order of `PRIOR`.
    """
    size = len(candidates)
    values = dict(zip(PRIOR, candidates.T, strict=True))
    run = compiled(size, dt)
    run.reset_state()
    run.set_parameters(AdaptiveNeuron(size, threshold=THRESHOLD, dt=dt, **values).parameters())
    parts = np.split(stimulus, range(CHUNK, len(stimulus), CHUNK))
    chunks = (np.broadcast_to(part[:, None], (len(part), size)) for part in parts)
    found = [np.stack(np.nonzero(spikes[0])) + [[CHUNK * n], [0]] for n, spikes in enumerate(run.stream(chunks))]
    steps, owner = np.concatenate(found, axis=1)
    order = np.argsort(owner, kind="stable")
    return np.split(steps[order], np.cumsum(np.bincount(owner, minlength=size))[:-1])


def best_shifts(recording: Recording, trains: Trains) -> Floats:
    """Latency in seconds at which each train has most spikes near one of the cell's, within `WINDOW`.

    A model's spike is in the middle of its step, as `TSEvent` has it. Counts are averaged over a millisecond of
    latencies: the middle of a plateau beats a lone peak.
    """
    dt, reach = recording.dt, round(WINDOW / recording.dt)
    shifts = np.arange(round(LATENCIES[0] / dt), round(LATENCIES[1] / dt) + 1)
    near = np.zeros(len(recording.sound.samples[:, 0]) + shifts[-1] + 1)
    for step in np.rint(recording.spikes.times / dt).astype(int):
        near[max(step - reach, 0) : step + reach + 1] = 1
    average = np.full(21, 1 / 21)
    hits = [np.convolve(near[train[:, None] + shifts].sum(axis=0), average, "same") for train in trains]
    best: Floats = (shifts[np.argmax(hits, axis=1)] - 0.5) * dt
    return best


def gammas(recording: Recording, trains: Trains, shifts: Floats) -> Floats:
    """Coincidence factor of each train, `shifts` seconds late; -1 for one too fast to have any."""
    too_many = recording.sound.duration / (2 * WINDOW)
    return np.array(
        [
            coincidence_factor((train + 0.5) * recording.dt + shift, recording.spikes.times, recording.sound.duration)
            if len(train) < too_many
            else -1.0
            for train, shift in zip(trains, shifts, strict=True)
        ]
    )


def scores_of(recording: Recording, trains: Trains, shifts: Floats) -> Floats:
    """Coincidence factor of each train, less what its number of spikes is off beyond `RATE_TOLERANCE`."""
    counts = np.array([len(train) for train in trains])
    off = np.abs(np.log(np.maximum(counts, 1) / len(recording.spikes.times)))
    loss: Floats = np.maximum(off - np.log1p(RATE_TOLERANCE), 0)
    return gammas(recording, trains, shifts) - loss


def search(recording: Recording, rng: np.random.Generator, track: Callable[[int], Iterable[int]]) -> Floats:
    """Logarithms of the candidates tried on `recording`, best first."""
    found, scores = np.empty((0, len(PRIOR))), np.empty(0)
    for turn in track(DRAW_PASSES + REFINE_PASSES):
        drawn = draw_prior(rng, BATCH) if turn < DRAW_PASSES else draw_near(rng, found[:ELITE], BATCH)
        trains = spike_steps(recording.sound.samples[:, 0], recording.dt, np.exp(drawn))
        new = scores_of(recording, trains, best_shifts(recording, trains))
        found, scores = np.concatenate([found, drawn]), np.concatenate([scores, new])
        order = np.argsort(-scores, kind="stable")
        found, scores = found[order], scores[order]
        print(f"pass {turn + 1}: best score {scores[0]:.4f}, elite from {scores[ELITE - 1]:.4f}", flush=True)
    return found


def round_digits(candidates: Floats, dt: float) -> Floats:
    """Candidates with three significant digits, and the refractory period a whole number of steps."""
    rounded: Floats = np.vectorize(lambda value: float(f"{value:.3g}"))(candidates)
    rounded[:, -1] = np.round(np.rint(candidates[:, -1] / dt) * dt, 6)
    return rounded


def most_robust(recording: Recording, rng: np.random.Generator, found: Floats) -> dict[str, float]:
    """Parameters of the finalist whose neighbours score best.

    The finalists are the mean of the elite and the best single candidates, rounded. The neighbours of a
    finalist, every parameter off by `NEIGHBOUR_SPREAD`, share its latency.
    """
    finalists = np.vstack([found[:ELITE].mean(axis=0), found[:FINALISTS]])
    rounded = round_digits(np.exp(finalists), recording.dt)
    shifts = best_shifts(recording, spike_steps(recording.sound.samples[:, 0], recording.dt, rounded))
    noise = rng.normal(0, NEIGHBOUR_SPREAD, size=(NEIGHBOURS, *rounded.shape))
    around = (rounded * np.exp(noise)).reshape(-1, len(PRIOR))
    trains = spike_steps(recording.sound.samples[:, 0], recording.dt, around)
    scores = scores_of(recording, trains, np.tile(shifts, NEIGHBOURS)).reshape(NEIGHBOURS, -1)
    best = int(np.argmax(scores.mean(axis=0)))
    values = [*rounded[best].tolist(), round(float(shifts[best]), 6)]
    return dict(zip([*PRIOR, "shift"], values, strict=True))


def evaluate(recording: Recording, fitted: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """Coincidence factor of the fitted model on a recording, of its neighbours, and numbers of spikes."""
    center = np.array([fitted[name] for name in PRIOR])
    noise = rng.normal(0, NEIGHBOUR_SPREAD, size=(NEIGHBOURS, len(PRIOR)))
    trains = spike_steps(recording.sound.samples[:, 0], recording.dt, np.vstack([center, center * np.exp(noise)]))
    gamma = gammas(recording, trains, np.full(len(trains), fitted["shift"]))
    return {
        "coincidence_factor": round(float(gamma[0]), 4),
        "neighbours_mean": round(float(gamma[1:].mean()), 4),
        "neighbours_min": round(float(gamma[1:].min()), 4),
        "model_spikes": len(trains[0]),
        "cell_spikes": len(recording.spikes.times),
    }


def result_of(fitted: dict[str, float], dt: float, seed: int) -> dict[str, object]:
    """What goes into `fitted.json`: times in seconds, the other parameters in units of the threshold."""
    rng = np.random.default_rng(seed)
    steps = round(fitted["refractory"] / dt)
    return {
        "parameters": {**fitted, "threshold": THRESHOLD, "reset": 0.0, "refractory_steps": steps, "dt": dt},
        "units": "times in seconds; gain, jump, threshold and reset in units of the threshold",
        "window": WINDOW,
        "seed": seed,
        "recording_1": evaluate(load_recording(1), fitted, rng),
        "recording_2": evaluate(load_recording(2), fitted, rng),
    }


def passes(count: int) -> Iterable[int]:
    """Count the passes of the search, with a progress bar if `rich` is installed."""
    try:
        bar: Iterable[int] = import_module("rich.progress").track(range(count), description="search")
    except ModuleNotFoundError:
        return range(count)
    return bar


def main() -> None:
    """Fit on recording 1, test on both, write `fitted.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1, help="seed of the search (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("fitted.json"))
    arguments = parser.parse_args()

    rng, began = np.random.default_rng(arguments.seed), time.perf_counter()
    first = load_recording(1)
    fitted = most_robust(first, rng, search(first, rng, passes))
    print(f"the search took {time.perf_counter() - began:.0f} s")
    result = result_of(fitted, first.dt, arguments.seed)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
