"""Graphs as large as files may be: time and memory grow with them, not with their square."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from graphpool.errors import NirError
from graphpool.nir import from_nir, reading, repairs
from graphpool.nir.graph import NirGraph, NirNode
from graphpool.nir.importing import module_names
from graphpool.nir.reading import read_nir
from graphpool.nir.recurrence import late_edges
from graphpool.nir.repairs import flatten
from graphpool.nir.semantics import PRESETS
from tests.nir.files import DT, affine, chain, neuron, node, write

SECONDS = 8.0
"""Far more than it takes, and far less than the square of it."""


@contextmanager
def soon() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


def scales(count: int) -> dict[str, NirNode | NirGraph]:
    return {f"s{number}": node("Scale", scale=1.0) for number in range(count)}


def inside(inner: NirGraph, *more: str) -> NirGraph:
    """A graph of one inner graph, and of nodes between it and the output."""
    nodes = {"input": node("Input", shape=[2]), "g": inner, **{name: node("Scale", scale=1.0) for name in more}}
    edges = [("input", "g"), *[edge for name in more for edge in (("g", name), (name, "output"))]]
    return NirGraph({**nodes, "output": node("Output")}, edges if more else [*edges, ("g", "output")])


def parallel(count: int, more: list[tuple[str, str]]) -> NirGraph:
    edges = [edge for number in range(count) for edge in (("i", f"s{number}"), (f"s{number}", "o"))]
    return NirGraph({"i": node("Input"), **scales(count), "o": node("Output")}, [*edges, *more])


def dangling() -> NirGraph:
    """Inner edges that repeat those of the Input, from places that are not there."""
    return inside(parallel(5000, [(f"x{number}", f"s{number % 5000}") for number in range(80_000)]))


def passing() -> NirGraph:
    return NirGraph({"i": node("Input"), "o": node("Output")}, [("i", "o")])


def empty_graphs() -> NirGraph:
    names = [f"g{number}" for number in range(4000)]
    nodes = {"input": node("Input", shape=[2]), **{name: passing() for name in names}, "s": node("Scale", scale=1.0)}
    order = [*nodes, "output"]
    return NirGraph({**nodes, "output": node("Output")}, list(zip(order, order[1:], strict=False)))


def recurrent_weights() -> NirGraph:
    """Weights around one neuron, as Spyx writes them."""
    edges = [(source, target) for k in range(8000) for source, target in ((f"s{k}", "lif"), ("lif", f"s{k}"))]
    inputs = [("i", f"s{k}") for k in range(8000)]
    weights = {name: affine(2, 2) for name in scales(8000)}
    nodes = {"i": node("Input"), **weights, "lif": neuron("LIF"), "o": node("Output")}
    return inside(NirGraph(nodes, [*inputs, *edges, ("lif", "o")]))


FLAT: dict[str, Callable[[], NirGraph]] = {
    "dangling": dangling,
    "empty graphs": empty_graphs,
    "recurrent weights": recurrent_weights,
}


@pytest.mark.parametrize("case", list(FLAT))
def test_large_graphs_are_flattened_soon(case: str) -> None:
    graph = FLAT[case]()
    with soon():
        flatten(graph, rewire=True)


@pytest.mark.parametrize("preset", ["snntorch", "norse"])
def test_many_long_cycles_take_little_time_and_memory(preset: str) -> None:
    graph = chain(*[neuron("IF") for _ in range(4000)])
    graph.edges += [(f"n{late}", f"n{early}") for early in range(10) for late in range(20, 4000)]
    flat = flatten(graph)
    tracemalloc.start()
    try:
        with soon():
            late = late_edges(flat, PRESETS[preset], set())
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert len(late) == 39_800


def test_a_long_cycle_without_a_state_is_named_in_short() -> None:
    graph = chain(*[node("Scale", scale=1.0) for _ in range(2000)])
    graph.edges.append(("n1999", "n0"))
    with pytest.raises(NirError, match="without a state: n0 -> n1 -> .* -> n9 -> ... -> n1990 -> .* -> n1999 -> n0"):
        from_nir(graph, like="exact", dt=DT)


def test_empty_graphs_side_by_side_add_up() -> None:
    nodes: dict[str, NirNode | NirGraph] = {"input": node("Input", shape=[2])}
    edges, before = [], ["input"]
    for stage in range(8):
        now = [f"a{stage}", f"b{stage}"]
        nodes |= {name: passing() for name in now}
        edges += [(source, name) for source in before for name in now]
        before = now
    edges += [*[(name, "s") for name in before], ("s", "output")]
    graph = NirGraph({**nodes, "s": node("Scale", scale=1.0), "output": node("Output")}, edges)
    x = np.arange(4.0).reshape(1, 2, 2)
    np.testing.assert_array_equal(from_nir(graph, like="exact", dt=DT)(x)[0], 2**8 * x)


@pytest.mark.parametrize("limit", [25, 1000])
def test_edges_that_stand_for_too_many_are_refused(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = inside(parallel(30, []), *[f"t{number}" for number in range(32)])
    assert len(from_nir(graph, like="exact", dt=DT).edges) == 30 + 30 * 32 + 32
    monkeypatch.setattr(repairs, "MOST_EDGES", limit)
    with pytest.raises(NirError, match=f"(?s)node 'g.o': the edges through .* at most {limit} are read"):
        from_nir(graph, like="exact", dt=DT)


def test_names_that_become_one_are_told_apart_soon() -> None:
    names = ["".join(signs) for signs in product("!#$%", repeat=6)]
    flat = flatten(chain(node("Scale", scale=1.0)))
    flat.nodes = {name: node("Scale", scale=1.0) for name in names}
    with soon():
        found = module_names(flat, [])
    assert len(set(found.values())) == len(names) + 2
    assert max(map(len, found.values())) < 20


def test_many_edges_are_read_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "net.nir", chain(*[node("Scale", scale=1.0) for _ in range(3)]))
    with h5py.File(path, "a") as file:
        del file["node/edges"]
        pairs = np.array([[f"a{number}", "b"] for number in range(90_000)], dtype=object)
        file["node"].create_dataset("edges", data=pairs, dtype=h5py.string_dtype())
    with soon():
        graph = read_nir(path)
    assert graph.edges[0] == ("a0", "b") and graph.edges[-1] == ("a89999", "b") and len(graph.edges) == 90_000
    monkeypatch.setattr(reading, "MOST_TEXT", 1)
    pairs = read_nir(write(tmp_path / "net.nir", chain(node("Scale", scale=1.0)))).edges
    assert pairs == [("input", "n0"), ("n0", "output")]
