"""The picture of some decisions: the image, its spikes, those of the hidden layer and those that decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import digits
import matplotlib
import numpy as np

import graphpool

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

INPUT, HIDDEN, OUTPUT, RIGHT, WRONG = "#7a8a99", "#2b5c8a", "#9fb3c8", "#2e8b57", "#d1495b"
SHOWN = 4
"""Decisions in the picture, one a row; the last is the first wrong one."""


def draw(path: Path, network: Any, held_out: digits.Digits) -> None:
    """Run the network on the held-out images, draw some of its decisions and save the picture."""
    run = graphpool.compile(network, "numpy")
    output, _, record = run(held_out.spikes, record=True)
    hidden = network.recorded("1", record)
    decided = digits.decide(output)
    wrong = np.flatnonzero(decided != held_out.labels)
    chosen = [*np.flatnonzero(decided == held_out.labels)[: SHOWN - 1], *wrong[:1]]

    figure, rows = plt.subplots(
        len(chosen), 4, figsize=(13, 2.4 * len(chosen)), width_ratios=(1, 2.2, 2.2, 2.2), layout="constrained"
    )
    for number, (image, left, middle, right) in zip(chosen, rows, strict=True):
        image.imshow(held_out.images[number], cmap="gray_r")
        image.set(xticks=[], yticks=[], ylabel=f"this is a {held_out.labels[number]}")
        _draw_spikes(left, held_out.spikes[number], INPUT)
        _draw_spikes(middle, hidden[number], HIDDEN)
        _draw_counts(right, output[number].sum(axis=0), decided[number], held_out.labels[number])
    titles = ("image", "spikes of its 64 pixels", f"spikes of the {hidden.shape[-1]} hidden neurons", "decision")
    for axes, title in zip(rows[0], titles, strict=True):
        axes.set_title(title)
    for axes in rows[-1, 1:3]:
        axes.set_xlabel("time (ms)")
    rows[-1, 3].set_xlabel("digit")
    right = np.mean(decided == held_out.labels)
    figure.suptitle(
        f"Reading digits with spikes: {right:.1%} of {len(decided)} images that it never saw", x=0.01, ha="left"
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_spikes(axes: Any, spikes: Any, color: str) -> None:
    """A dot for each spike ``(steps, neurons)``, over milliseconds."""
    steps, neurons = np.nonzero(spikes)
    axes.scatter(steps * digits.DT * 1e3, neurons, s=5, color=color, marker="|", linewidths=1.2)
    axes.set(xlim=(-digits.DT * 1e3, digits.STEPS * digits.DT * 1e3), ylim=(spikes.shape[1], -1), ylabel="neuron")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_counts(axes: Any, counts: Any, decided: int, label: int) -> None:
    """How often each output neuron fired; the most frequent one decides."""
    colors = [OUTPUT] * len(counts)
    colors[decided] = RIGHT if decided == label else WRONG
    axes.bar(np.arange(len(counts)), counts, color=colors)
    verdict = "right" if decided == label else "wrong"
    axes.set(xticks=range(len(counts)), ylabel="output spikes", ylim=(0, digits.STEPS + 5))
    axes.text(0.02, 0.88, f"read as {decided}: {verdict}", color=colors[decided], transform=axes.transAxes)
    axes.spines[["top", "right"]].set_visible(False)
