"""The opponents of the benchmark do what graphpool does, and the benchmark notices where one does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bench import page, stepping
from tests.bench.agreement import Disagreement, agree, compare
from tests.bench.bounds import BOUNDS
from tests.bench.networks import rate_layer, recurrent_layer, stack
from tests.bench.results import Row, comparison
from tests.bench.workloads import (
    DEFAULT,
    GRAPHPOOL,
    TARGETS,
    Workload,
    grasshopper,
    rate,
    spiking,
    w2_layers,
    workloads,
)

SMALL = {
    "stack": lambda: spiking("stack", "", stack(8, 12, 5, gains=(3.0, 4.0)), 3, 40),
    "recurrent": lambda: spiking("recurrent", "", recurrent_layer(8, gain=2.0, threshold=1.0), 3, 40),
    "forward rate": lambda: rate("forward rate", "", rate_layer(recurrent=False), 40, batch=2),
    "recurrent rate": lambda: rate("recurrent rate", "", rate_layer(recurrent=True), 40, batch=2),
    "demo": lambda: grasshopper("demo", 2_000),
}


@pytest.mark.parametrize("name", SMALL)
def test_all_contestants_agree_with_graphpool(name: str) -> None:
    workload = replace(SMALL[name](), hoists=(DEFAULT,))
    reference = workload.graphpool("numpy")()
    assert reference[0].any(), "something happens"
    for target in TARGETS:
        found = workload.contestants(target)
        assert set(found) >= set(workload.opponents[target]) | {GRAPHPOOL}
        agree(workload, found, reference)


def test_the_steps_of_all_opponents_are_those_of_graphpool() -> None:
    layers = stack(8, 12, 5, gains=(3.0, 4.0))
    found = stepping.steppers(layers)
    assert all(len(group) == 2 for group in found.values())
    stepping.check(found, np.random.default_rng(1).integers(-64, 65, size=(40, 8)).astype(np.float32) / 32)


def _flipped(workload: Workload) -> tuple[np.ndarray, list[np.ndarray]]:
    output, states = workload.graphpool("numpy")()
    output = output.copy()
    output[0, 5, 0] = 1 - output[0, 5, 0]
    return output, states


def test_a_contestant_that_does_something_else_is_refused() -> None:
    workload = SMALL["stack"]()
    output, states = reference = workload.graphpool("numpy")()
    compare(workload, "itself", reference, reference)
    for name, result in {
        "a spike more": _flipped(workload),
        "a wider dtype": (output.astype(float), states),
        "time first": (np.swapaxes(output, 0, 1), states),
        "another state": (output, [states[0] + 1, *states[1:]]),
        "a state less": (output, states[1:]),
    }.items():
        with pytest.raises(Disagreement, match=f"stack: {name}"):
            compare(workload, name, result, reference)


def test_some_five_to_ten_percent_of_the_neurons_spike() -> None:
    for workload in workloads():
        if workload.name.endswith(("W1 B=1", "W2 B=1", "W3 B=1")):
            assert 0.04 < workload.graphpool("jax")()[0].mean() < 0.11, workload.name
    assert [layer.size for layer in w2_layers()] == [256, 256, 10]


def test_every_bound_is_of_something_that_is_measured() -> None:
    measured = {(t, workload.name) for workload in workloads() for t in TARGETS} | {(t, stepping.NAME) for t in TARGETS}
    assert set(BOUNDS) <= measured


def test_the_ratio_is_to_the_best_opponent_of_the_run() -> None:
    seconds = {GRAPHPOOL: [2.0, 2.0, 4.0], "slow": [9.0, 9.0, 9.0], "fast": [1.0, 2.0, 2.0]}
    row = Row("jax", "W1 B=1", "", seconds, ["slow", "fast"])
    assert row.opponent == "fast"
    assert str(row.against) == "2.00 (1.00 to 2.00)"
    assert comparison([row]).rows[0][6:8] == ("<= 1.1", "**no**")


def test_a_section_of_the_page_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- one: written by the benchmark -->\nold\n<!-- end of one -->\nafter\n")
    monkeypatch.setattr(page, "PAGE", path)
    for _ in range(2):
        page.write_section("one", r"new \1")
    assert path.read_text() == (
        "before\n<!-- one: written by the benchmark -->\n\nnew \\1\n\n<!-- end of one -->\nafter\n"
    )
    with pytest.raises(ValueError, match="0 sections 'two'"):
        page.write_section("two", "")
