"""Small files and traces of what frameworks have run, for tests that run without them."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.interop.runs import Run

FOLDER = Path(__file__).parents[1] / "nir" / "fixtures"


def name_of(run: Run) -> str:
    """A file name that tells what it is."""
    words = [run.framework, run.kind, *(str(value) for value in run.switches.values())]
    if run.like != run.framework:
        words.insert(1, run.like.removeprefix(f"{run.framework}-"))
    return re.sub(r"[^a-z0-9]+", "-", "-".join([*words, "" if run.exact else "real"]).lower()).strip("-")


def write(run: Run, steps: int) -> None:
    """Keep a network as its framework's file, and the steps of its trace in which rounding does not decide."""
    import nir

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.nir"
        nir.write(path, run.graph)
        graph = np.frombuffer(path.read_bytes(), np.uint8)  # within the archive: HDF5 alone takes twenty times as much
    about = {name: getattr(run, name) for name in ("framework", "kind", "like", "dt", "exact", "mended")}
    text = json.dumps(about | {"switches": dict(run.switches)})
    arrays = {"inputs": run.inputs[:steps], "outputs": run.outputs[:steps]}
    np.savez_compressed(FOLDER / f"{name_of(run)}.npz", graph=graph, about=text, **arrays)


def read(path: Path, folder: Path) -> Run:
    """A run whose graph is a file in a folder, as the framework's exporter gave it."""
    with np.load(path, allow_pickle=False) as archive:
        about: dict[str, Any] = json.loads(str(archive["about"]))
        graph = folder / f"{path.stem}.nir"
        graph.write_bytes(archive["graph"].tobytes())
        return Run(graph=graph, inputs=archive["inputs"], outputs=archive["outputs"], **about)


def paths() -> list[Path]:
    """All fixtures."""
    return sorted(FOLDER.glob("*.npz"))
