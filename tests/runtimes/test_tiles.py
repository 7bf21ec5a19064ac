"""Long runs go tile by tile; the results are those of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import graphpool
from graphpool.runtimes import tiles
from tests.runtimes.models import assert_close, assert_same, runtime, signal


def test_short_runs_are_one_tile_and_long_tiles_are_multiples(monkeypatch: Any) -> None:
    monkeypatch.setattr(tiles, "MOST_BYTES", 1000)
    assert tiles.tile_length(100, 10) == 100
    assert tiles.tile_length(101, 10) == 64
    assert tiles.tile_length(101, 100) == 10
    assert tiles.tile_length(101, 10**6) == 1
    assert tiles.tile_length(5, 0) == 5


def test_the_bytes_of_a_plan_are_those_of_what_it_stores() -> None:
    run = runtime("net", "onnx", "float32")
    at_least = 4 * (2 + 3 + 3)  # the input, the product and the spikes
    assert at_least <= tiles.bytes_of_plan(run.plan) <= 4 * at_least
    assert tiles.bytes_of_signature(run.signature, records=False) >= at_least


@pytest.mark.parametrize("emit", ["each", "last"])
@pytest.mark.parametrize("loaded", [False, True], ids=["compiled", "loaded"])
@pytest.mark.parametrize("name", ["net", "leaky"])
def test_tiles_equal_one_run(name: str, loaded: bool, emit: str, tmp_path: Path, monkeypatch: Any) -> None:
    source, parameters = runtime(name, "onnx").artifact.source, runtime(name, "onnx").parameters()
    run = graphpool.compile(source, "onnx", parameters=parameters, emit=emit)
    if loaded:
        run.save(tmp_path / "net.onnx", record=True)
        run = graphpool.load(tmp_path / "net.onnx")
    x = signal(3, 50, 2)
    wanted = run.copy()(x, record=True)
    monkeypatch.setattr(tiles, "MOST_BYTES", 1500)
    ran: list[int] = []
    execute = run._run_session
    monkeypatch.setattr(
        run,
        "_run_session",
        lambda mode, inputs, states: (ran.append(inputs[0].shape[1]), execute(mode, inputs, states))[1],
    )
    same = assert_close if name == "leaky" else assert_same
    for got, expected in zip(run(x, record=True), wanted, strict=True):
        same(got, expected)
    assert len(ran) > 2 and sum(ran) == 50 and len(set(ran[:-1])) == 1
