"""A network from snnTorch, deployed: NIR in, three runtimes, one ONNX file.

``train.py`` trained a small spiking network in snnTorch to read handwritten digits, and wrote it to ``digits.nir``.
Here that file is read, run by NumPy, JAX and ONNX on images that the network has never seen, and written as an
``.onnx`` file, which any onnxruntime runs. ``snntorch.csv`` holds what snnTorch itself decides for the same images. The
results go to a folder. For a network of your own, change ``digits.py``, which makes the spike trains, and the options
of ``from_nir``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import digits
import numpy as np
from picture import draw
from rich.console import Console
from rich.progress import track
from rich.table import Table

import graphpool

FOLDER = Path(__file__).parent


def read_network() -> Any:
    """The network, with the semantics of snnTorch's own modules."""
    return graphpool.from_nir(FOLDER / "digits.nir", like="snntorch-subtract", dt=digits.DT)


def results(runs: dict[str, Any], held_out: digits.Digits) -> Table:
    """What each runtime decides, beside the truth and snnTorch."""
    theirs = np.loadtxt(FOLDER / "snntorch.csv", dtype=int)
    table = Table(title=f"{len(theirs)} handwritten digits, {digits.STEPS} steps each")
    for heading in ("target", "time", "right", "accuracy", "as snnTorch decides", "spikes"):
        table.add_column(heading, no_wrap=True)
    table.add_row("snnTorch", "", *score(theirs, held_out), "", "")
    spikes, first = held_out.spikes, None
    for name, run in track(runs.items(), description="reading digits"):
        for _ in range(2):  # the first time compiles
            run.reset_state()
            start = time.perf_counter()
            output, _, _ = run(spikes)
            seconds = time.perf_counter() - start
        first = output if first is None else first
        decided = digits.decide(output)
        same = "the reference" if first is output else f"{np.sum(output != first)} differ"
        agreed = f"{np.sum(decided == theirs)} of {len(theirs)}"
        table.add_row(name, f"{seconds * 1e3:.0f} ms", *score(decided, held_out), agreed, same)
    return table


def score(decided: Any, held_out: digits.Digits) -> tuple[str, str]:
    """How many images are read right, and which share."""
    right = decided == held_out.labels
    return f"{right.sum()}", f"{right.mean():.1%}"


def main(folder: Path) -> None:
    """Run everything and write the results into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _, held_out = digits.load()
    network = read_network()
    print(network)
    runs = {target: graphpool.compile(network, target) for target in ("numpy", "jax", "onnx")}
    runs["onnx"].save(folder / "digits.onnx")
    runs["file"] = graphpool.load(folder / "digits.onnx")
    table = results(runs, held_out)
    draw(folder / "digits.png", network, held_out)
    with (folder / "digits.txt").open("w") as file:
        for console in (Console(), Console(file=file, width=120)):
            console.print(table)
    for path in (folder / "digits.onnx", folder / "digits.png", folder / "digits.txt"):
        print(f"  {path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="out", type=Path, help="where the results go")
    main(parser.parse_args().folder)
