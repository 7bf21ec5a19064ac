"""What the demo measures and writes: a table of results, the graph, the plan."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from recording import coincidence
from rich.console import Console
from rich.table import Table

from graphpool import TSContinuous, TSEvent

EXPLANATION = """\
Coincidence: 1 is perfect, 0 is chance (Kistler, Gerstner and van Hemmen 1997), one to one, within 2 ms.
Times are of a second run; the file hears the sound block by block. Only recording 1 was fitted to.
"""


class Report:
    """Collects the results of all runs.

    Args:
        folder: where the results go; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.table = Table(expand=False, title="Spikes of a grasshopper's auditory neuron")
        for heading in ("recording", "target", "time", "model", "cell", "coincidence", "agreement"):
            self.table.add_column(heading, no_wrap=True)
        self.first: dict[int, TSEvent] = {}

    def write_plan(self, plan: Any) -> None:
        """Write the graph and the plan of the model."""
        (self.folder / "graph.txt").write_text(f"{plan.graph}\n")
        (self.folder / "plan.txt").write_text(f"{plan}\n")

    def time(self, listen: Callable[..., TSEvent], model: Any, sound: TSContinuous) -> tuple[TSEvent, float]:
        """The spikes, and the seconds it took the second time; the first time also compiles."""
        for _ in range(2):
            model.reset_all()
            start = time.perf_counter()
            spikes = listen(model, sound)
            seconds = time.perf_counter() - start
        return spikes, seconds

    def add(self, number: int, name: str, seconds: float, model: TSEvent, cell: TSEvent) -> None:
        """Add the spikes of one model to the table, beside the cell's and those of the first model."""
        if number in self.first:
            same = "spike for spike" if np.array_equal(model.times, self.first[number].times) else "parts"
        else:
            self.first[number], same = model, "the reference"
        row = (str(number), name, f"{seconds:.3f} s", str(len(model)), str(len(cell)))
        self.table.add_row(*row, f"{coincidence(model, cell):.3f}", same)

    def finish(self) -> None:
        """Print and write the table, and list the files."""
        with (self.folder / "results.txt").open("w") as file:
            for console in (Console(), Console(file=file, width=120)):
                console.print(self.table)
        print(EXPLANATION)
        for path in sorted(self.folder.iterdir()):
            print(f"  {path}  {path.stat().st_size:,} bytes")
