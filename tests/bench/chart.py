"""The chart of docs/benchmarks.md: graphpool's time beside the best hand-written one, and what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from tests.bench.results import Row

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

TITLES = {
    "numpy": "NumPy, against op by op",
    "jax": "JAX, against lax.scan",
    "onnx": "ONNX, against Scan and step models",
}
MET, MISSED, FREE = "#2e8b57", "#d1495b", "#7a8a99"


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Draw a panel for each target: the ratio of times by workload, its spread over rounds, and the bound."""
    targets = [target for target in TITLES if any(row.target == target for row in rows)]
    figure, panels = plt.subplots(
        1, len(targets), figsize=(14, 5.5), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for axes, target in zip(panels[0], targets, strict=True):
        _draw_panel(axes, [row for row in rows if row.target == target])
        axes.set_title(TITLES[target])
    figure.suptitle(
        "Time of graphpool as a multiple of the best hand-written program's: left of 1 is faster", x=0.01, ha="left"
    )
    figure.supxlabel(
        "green: within the wanted bound (black mark), red: not yet; grey: no bound; thin line: all rounds", fontsize=9
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_panel(axes: plt.Axes, rows: Sequence[Row]) -> None:
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        found, bound = row.against, row.bound
        color = FREE if bound is None else MET if found.median <= bound.ratio else MISSED
        axes.barh(place, found.median - 1, left=1, height=0.6, color=color)
        axes.plot([found.smallest, found.largest], [place, place], color="black", linewidth=0.8)
        text = f"{found.median:.2g}"
        axes.text(
            1, place, text, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=9, color=color
        )
        if bound is not None:
            axes.plot([bound.ratio] * 2, [place - 0.42, place + 0.42], color="black", linewidth=2)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.6, linestyle="--")
    axes.margins(x=0.12)
    axes.set_yticks(places, [row.name for row in rows])
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.spines[["top", "right"]].set_visible(False)
