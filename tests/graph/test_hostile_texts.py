"""Texts that ask for much, or that chance has changed: a graph or a clear error, soon and without memory."""

from __future__ import annotations

import random
import re
import tracemalloc

import pytest

import graphpool
from graphpool.errors import GraphError
from graphpool.graph import scanner as scanning
from tests.golden.models import MODELS
from tests.graph.test_parse import GOOD


@pytest.mark.parametrize(
    "fills",
    [["f64[1000000000000]"], ["f64[268435457]"], ["f64[1,268435456,2]"], ["f64[200000]", "f64[16777216]"]],
)
def test_huge_fills_allocate_nothing(fills: list[str]) -> None:
    lines = [f"  state %v{number}: {type_} = fill 0.0" for number, type_ in enumerate(fills)]
    tracemalloc.start()
    try:
        with pytest.raises(GraphError, match="at most 268435456 elements|more than 16777216 elements"):
            graphpool.parse_graph("\n".join(["graph g() -> () {", *lines, "}"]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**23


def test_a_fill_is_held_once() -> None:
    tracemalloc.start()
    try:
        graph = graphpool.parse_graph("graph g() -> (%v) {\n  state %v: f64[1048576] = fill 0.5\n  next %v = %v\n}")
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert graph.states[0].init.array.nbytes == 2**23 <= held < 1.5 * 2**23


@pytest.mark.parametrize(
    "text",
    [
        "graph g() -> () {\n" + "(" * 10**6,
        "graph g(" + "%" * 10**6,
        'graph "' + "\\" * 10**6,
        "graph " + "a" * 10**6,
        "graph g() -> () dt=" + "1" * 10**6,
        "graph g() -> () dt=" + "1." * 10**6,
        "graph g() -> () dt=1e" + "1" * 10**6 + "x",
        "#" * 10**6,
        "\n" * 10**6,
        " \t" * 10**6,
        "graph g() -> (" + "a" * 10**6,
        "graph g() -> (" + "1, " * 10**5,
        "graph g() -> () {\n  %0: f64 = mul " + "1.0, " * 10**5,
        "graph g() -> () {\n  %0: f64[" + "1," * 10**6,
        "graph g() -> () {\n" + "  record r = 1.0\n" * 30_000 + "}",
        "graph g() -> () {\n" + "".join(f"  record r{n} = 1.0\n" for n in range(30_000)),
    ],
)
def test_long_texts_are_refused_soon(text: str) -> None:
    """A pattern or a table that is quadratic would take hours here."""
    with pytest.raises(GraphError) as caught:
        graphpool.parse_graph(text)
    assert len(str(caught.value)) < 10_000


def test_a_text_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "LARGEST_TEXT", 100)
    with pytest.raises(GraphError, match="a text of 306 characters is too long; at most 100"):
        graphpool.parse_graph(GOOD.ljust(306))


def test_a_changed_text_is_a_graph_or_a_clear_error() -> None:
    chance = random.Random(3)
    texts = [GOOD, *(re.sub("  #.*", "", str(graphpool.trace(make()))) for make in MODELS.values())]
    pieces = [
        *'%{}()[]=:,"<>#\\\n -.e0',
        "nan",
        "inf",
        "f64",
        "next",
        "fill",
        "true",
        "none",
        "sha256:",
        "99999",
        "\0",
        "é",
    ]
    refused = 0
    for _ in range(4000):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text))
            text = text[:start] + chance.choice([*pieces, ""]) + text[start + chance.choice([0, 1, 1, 5]) :]
        try:
            graph = graphpool.parse_graph(text)
        except GraphError:
            refused += 1
        else:
            assert graphpool.parse_graph(str(graph), graph.constants()) == graph
    assert 2000 < refused < 4000
