"""Goldens: the graph as traced, after each pass, and the plan, as text in ``tests/golden/texts``.

``make golden`` rewrites them; read the diff before you keep it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import graphpool
from graphpool.graph import Graph
from graphpool.passes import AFFINE, FLOAT32, Pass, PassResult, run_passes
from graphpool.plan import make_plan
from tests.golden.models import MODELS

TEXTS = Path(__file__).parent / "texts"


def text_of(name: str) -> str:
    graph = graphpool.trace(MODELS[name]())
    parts = [f"=== traced\n{graph}"]

    def observe(each: Pass, before: Graph, result: PassResult) -> None:
        change = str(result.graph) if result.changed else "(unchanged)"
        parts.append("\n".join([f"=== after {each.name}", *map(str, result.notes), change]))

    final, _ = run_passes(graph, (*AFFINE, *FLOAT32), [observe])
    parts.append(f"=== plan\n{make_plan(final, affine=True)}")
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("name", list(MODELS))
def test_graphs_and_plans_are_the_golden_ones(
    name: str, rewrite_goldens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    path, text = TEXTS / f"{name}.txt", text_of(name)
    if rewrite_goldens:
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; if that is meant, run make golden"
