"""Networks of other frameworks give their spikes, from files and traces that `make interop` has left.

How those came about, and how they are compared, stands in tests/interop; docs/interop.md lists the frameworks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphpool.nir import PRESETS
from graphpool.nir.graph import NirGraph
from graphpool.nir.reading import read_nir
from tests.interop import fixtures
from tests.interop.runs import TARGETS, run_on

PATHS = fixtures.paths()
NO_FRAMEWORK_WRITES = {"Scale", "I", "CubaLI", "Delay"}
"""Of the primitives of NIR; tests/nir/test_neurons.py and test_layers.py run these against plain loops."""

PRIMITIVES = {
    "Affine", "Linear", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "LI", "IF", "LIF", "CubaLIF",
    "Threshold", *NO_FRAMEWORK_WRITES,
}  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_network_gives_what_its_framework_gave(path: Path, target: str, tmp_path: Path) -> None:
    run = fixtures.read(path, tmp_path)
    output = run_on(run.network(), target, run.inputs)
    if run.exact:
        np.testing.assert_array_equal(output, run.outputs)
    else:
        np.testing.assert_allclose(output, run.outputs, rtol=1e-5, atol=1e-5)


def types(graph: NirGraph) -> set[str]:
    """All types of nodes in a graph and the graphs in it."""
    found: set[str] = set()
    for node in graph.nodes.values():
        found |= types(node) if isinstance(node, NirGraph) else {node.type}
    return found


def test_every_primitive_and_every_preset_is_among_them(tmp_path: Path) -> None:
    runs = [fixtures.read(path, tmp_path) for path in PATHS]
    assert {run.like for run in runs} == set(PRESETS) - {"exact"}, "which is no framework's"
    met = set().union(*(types(read_nir(run.graph)) for run in runs))
    assert met >= PRIMITIVES - NO_FRAMEWORK_WRITES
    assert not met & NO_FRAMEWORK_WRITES, "these are written after all"


def test_most_presets_are_told_apart(tmp_path: Path) -> None:
    """Fault: a network on which the semantics make no difference proves nothing."""
    apart = set()
    for path in PATHS:
        run = fixtures.read(path, tmp_path)
        for like in PRESETS:
            if (run.like, like) in apart:
                continue
            other = replace(run, like=like, switches={})
            if not np.array_equal(run_on(other.network(), "numpy", run.inputs), run.outputs):
                apart.add((run.like, like))
    alike = {("norse", "snntorch"), ("snntorch", "norse")}
    every = {(one, other) for one in PRESETS for other in PRESETS if one != other and one != "exact"}
    assert every - apart <= alike
