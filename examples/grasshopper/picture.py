"""The picture of one telling second: the sound, the model's membrane, and both spike trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from recording import Recording, match_spikes

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

SOUND, MEMBRANE, HIT, MISS = "#7a8a99", "#2b5c8a", "#2e8b57", "#d1495b"


def draw_second(
    path: Path, recording: Recording, membrane: Any, times: Any, fitted: dict[str, float],
    second: tuple[float, float], window: float,
) -> None:  # fmt: skip
    """Draw stimulus, membrane and spikes between two times, in seconds, and save the picture.

    The stimulus and the membrane are drawn later by the cell's latency, like the model's spikes.
    """
    start, stop = second
    clock = np.arange(len(recording.stimulus)) * recording.dt + fitted["shift"]
    shown = (clock >= start) & (clock < stop)
    figure, (top, middle, bottom) = plt.subplots(
        3, 1, sharex=True, figsize=(14, 7), height_ratios=(2, 3, 2), layout="constrained"
    )
    top.plot(clock[shown], recording.stimulus[shown], color=SOUND, linewidth=0.6)
    top.set_ylabel("sound\n(share of largest)")
    middle.plot(clock[shown], membrane[shown], color=MEMBRANE, linewidth=0.8, label="membrane of the model")
    middle.axhline(fitted["threshold"], color="black", linewidth=0.8, linestyle="--", label="threshold")
    middle.set_ylabel("membrane\n(thresholds)")
    middle.legend(loc="lower right", frameon=False, ncols=2)
    found = _draw_trains(bottom, recording, times, second, window)
    bottom.set_xlabel("time (s)")
    bottom.set_xlim(start, stop)
    figure.suptitle(found, x=0.01, ha="left")
    for axes in (top, middle, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_trains(axes: Any, recording: Recording, times: Any, second: tuple[float, float], window: float) -> str:
    """Both spike trains, coloured by whether the other train has a partner; returns the headline."""
    pairs = match_spikes(times, recording.spike_times, window)
    partners = ({i for i, _ in pairs}, {j for _, j in pairs})
    counts = []
    for row, (train, matched) in enumerate(zip((times, recording.spike_times), partners, strict=True)):
        inside = [i for i, t in enumerate(train) if second[0] <= t < second[1]]
        for color, chosen in (
            (HIT, [i for i in inside if i in matched]),
            (MISS, [i for i in inside if i not in matched]),
        ):
            axes.eventplot(
                np.asarray(train)[chosen], lineoffsets=1 - row, linelengths=0.8, colors=color, linewidths=1.5
            )
        counts.append((len(inside), sum(i in matched for i in inside)))
    axes.set_yticks([1, 0], ["model", "cell"])
    axes.set_ylim(-0.6, 1.6)
    (model, hits), (cell, found) = counts
    return (
        f"A grasshopper's auditory neuron: the cell fires {cell} times in this second, the model finds {found} of "
        f"them within {window * 1e3:g} ms (green) and fires {model - hits} times more (red)"
    )
