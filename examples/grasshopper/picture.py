"""The picture of a recording: firing rates over all of it, and one telling second of sound, membrane and spikes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from recording import WINDOW, Recording, match_spikes
from scipy.ndimage import gaussian_filter1d

from graphpool import TSContinuous, TSEvent

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

SOUND, MODEL, CELL, HIT, MISS = "#7a8a99", "#2b5c8a", "#e08e45", "#2e8b57", "#d1495b"
TELLING_SECOND = (6.0, 7.0)
BIN = 1e-3
"""Seconds; spikes are counted in bins of this width."""
SMOOTHING = 50e-3
"""Seconds; the standard deviation of the Gaussian that averages the counts."""


def firing_rate(spikes: TSEvent, t_stop: float, name: str) -> TSContinuous:
    """Spikes per second over time, from 0 s on."""
    counts = spikes.raster(BIN, t_start=0.0, t_stop=t_stop, add_events=True)
    rate = gaussian_filter1d(counts / BIN, SMOOTHING / BIN, axis=0, mode="reflect")
    return TSContinuous.from_clocked(rate, BIN, name=name)


def draw(path: Path, recording: Recording, spikes: TSEvent, membrane: TSContinuous, fitted: dict[str, float]) -> None:
    """Draw a recording beside the model's spikes and membrane, and save the picture.

    Spikes and membrane of the model, and the sound, are shown later by the cell's latency.
    """
    sound = recording.sound.delay(fitted["shift"])
    figure, (top, second, third, fourth) = plt.subplots(
        4, 1, figsize=(14, 9), height_ratios=(2, 1.5, 2.5, 1.5), layout="constrained"
    )
    for name, train, color in (("model", spikes, MODEL), ("cell", recording.spikes, CELL)):
        firing_rate(train, recording.sound.t_stop, name).plot(target=top, color=color, linewidth=1.2)
    top.set(title="", xlabel="", ylabel="firing rate\n(spikes per second)", xlim=(0.0, recording.sound.t_stop))
    top.legend(loc="lower right", frameon=False, ncols=2)

    start, stop = TELLING_SECOND if sound.t_stop > TELLING_SECOND[1] else (sound.t_start, sound.t_stop)
    top.axvspan(start, stop, color=SOUND, alpha=0.15)
    sound.clip(start, stop).plot(target=second, color=SOUND, linewidth=0.6)
    second.set(title="", xlabel="", ylabel=f"sound\n({sound.units})")
    membrane.clip(start, stop).plot(target=third, color=MODEL, linewidth=0.8, label="membrane of the model")
    third.axhline(fitted["threshold"], color="black", linewidth=0.8, linestyle="--", label="threshold")
    third.set(title="", xlabel="", ylabel="membrane\n(thresholds)")
    third.legend(loc="lower right", frameon=False, ncols=2)
    found = _draw_trains(fourth, spikes.clip(start, stop), recording.spikes.clip(start, stop))
    fourth.set_xlabel("time (s)")
    for axes in (second, third, fourth):
        axes.set_xlim(start, stop)
    figure.suptitle(f"A grasshopper's auditory neuron, from {start:g} to {stop:g} s: {found}", x=0.01, ha="left")
    for axes in (top, second, third, fourth):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_trains(axes: Any, model: TSEvent, cell: TSEvent) -> str:
    """Both spike trains, coloured by whether the other train has a partner; returns the headline."""
    pairs = match_spikes(model.times, cell.times)
    for row, (train, partners) in enumerate(zip((model, cell), np.array(pairs, int).reshape(-1, 2).T, strict=True)):
        found = np.isin(np.arange(len(train)), partners)
        for color, chosen in ((HIT, found), (MISS, ~found)):
            axes.eventplot(train.times[chosen], lineoffsets=1 - row, linelengths=0.8, colors=color, linewidths=1.5)
    axes.set_yticks([1, 0], ["model", "cell"])
    axes.set_ylim(-0.6, 1.6)
    return (
        f"the cell fires {len(cell)} times, the model finds {len(pairs)} of them within {WINDOW * 1e3:g} ms (green) "
        f"and fires {len(model) - len(pairs)} times more (red)"
    )
