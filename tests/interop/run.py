"""``make interop``: random networks of every framework, run there and here, and the table of what agrees.

Writes docs/interop.md; with ``--fixtures`` also tests/nir/fixtures, what the ordinary tests run without the frameworks.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track

from tests.interop import fixtures
from tests.interop.runs import TARGETS, Run

FRAMEWORKS = ("snntorch", "norse", "spyx", "sinabs", "rockpool")
SEEDS = (0, 7)
"""So many networks of each kind, with coarse and with real numbers."""
PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
BEGIN, END = "<!-- written by make interop -->\n", "<!-- until here -->"
HEADINGS = ("framework", "network", "read with", "networks", "steps", *TARGETS, "the export")


@dataclass
class Row:
    """All networks of one kind."""

    first: Run
    networks: int = 0
    steps: int = 0
    agreed: Counter[str] = field(default_factory=Counter)
    spikes: float = 0.0

    def add(self, run: Run) -> int:
        """Compare one network; returns the steps in which all agree."""
        agreed = run.compare()
        steps = min(agreed.values())
        self.agreed.update(agreed)
        self.networks, self.steps = self.networks + 1, self.steps + len(run.inputs)
        self.spikes += float(abs(run.outputs[:steps]).sum())
        return steps

    def cells(self, version: str) -> list[str]:
        """For the table."""
        run = self.first
        switches = "".join(f", {name}={value!r}" for name, value in run.switches.items())
        options = f'`like="{run.like}"{switches}`'.replace("'", '"')
        counts = [str(count) for count in (self.networks, self.steps, *(self.agreed[target] for target in TARGETS))]
        return [f"{run.framework} {version}", run.kind, options, *counts, run.mended]


def compare_all(frameworks: Iterable[str], keep: bool) -> list[Row]:
    """Run and compare everything; the first networks that do not stay silent are kept as fixtures.

    Raises:
        AssertionError: a network parts from its framework, or all of a kind stay silent.
    """
    rows: dict[tuple[str, ...], Row] = {}
    for name in frameworks:
        framework = importlib.import_module(f"tests.interop.with_{name}")
        runs = [run for seed in SEEDS for run in framework.runs(seed)]
        for run in track(runs, description=name):
            row = rows.setdefault((run.framework, run.kind, run.like, str(run.switches)), Row(run))
            steps = row.add(run)
            path = fixtures.FOLDER / f"{fixtures.name_of(run)}.npz"
            if keep and run.outputs[:steps].any() and not path.exists() and (run.exact or not row.first.exact):
                fixtures.write(run, min(steps, 30))
    for row in rows.values():
        assert row.spikes, f"{row.first.framework}, {row.first.kind}: no network spikes"
    return list(rows.values())


def write_page(rows: list[Row]) -> None:
    """The table between its marks."""
    versions = {row.first.framework: importlib.metadata.version(row.first.framework) for row in rows}
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|"]
    lines += ["| " + " | ".join(row.cells(versions[row.first.framework])) + " |" for row in rows]
    count = sum(row.networks for row in rows)
    lines += ["", f"{count} networks in all; nir {importlib.metadata.version('nir')}."]
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + rest.split(END)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frameworks", nargs="*", default=FRAMEWORKS, help="some of them: compares only")
    parser.add_argument("--fixtures", action="store_true", help="also write what the ordinary tests run")
    given = parser.parse_args()
    if given.fixtures:
        shutil.rmtree(fixtures.FOLDER, ignore_errors=True)
    rows = compare_all(given.frameworks, given.fixtures)
    if set(given.frameworks) == set(FRAMEWORKS):
        write_page(rows)
        print(f"wrote {PAGE.relative_to(PAGE.parents[1])}")
    for row in rows:
        print(f"{row.first.framework}, {row.first.kind}: {dict(row.agreed)} of {row.steps} steps")


if __name__ == "__main__":
    main()
