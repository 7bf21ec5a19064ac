"""What a line in a file can ask memory for is counted before it is made; the error names the node."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import NirError
from graphpool.nir import from_nir, memory
from graphpool.nir.graph import NirGraph
from tests.nir.files import DT, affine, chain, neuron, node, spikes

MEMORY = 32 * 2**20


def conv(size: int = 1, **options: Any) -> Any:
    given = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options}
    return node("Conv2d", weight=np.ones((1, 1, size, size)), **given)


def pool(size: int, padding: int) -> Any:
    return node("SumPool2d", kernel_size=size, stride=size, padding=padding)


LARGE: dict[str, tuple[NirGraph, str]] = {
    "a long delay of many": (chain(node("Delay", delay=1e6 * DT), shape=(1000,)), "n0.*2000001 arrays of the shape"),
    "one long delay of several": (chain(node("Delay", delay=[0.0, 1e6 * DT]), shape=(1000, 2)), "n0.*2000001 arrays"),
    "neurons of one parameter": (chain(neuron("CubaLIF", 1), shape=(2**26,)), "n0.*11 arrays of the shape"),
    "an input that leads out": (chain(shape=(2**29,)), "input.*samples of the shape"),
    "outputs of weights": (chain(affine(1000, 1), shape=(2**20, 1)), r"n0.*samples of the shape \(1048576, 1000\)"),
    "padding": (chain(conv(padding=2**30), shape=(1, 2, 2)), "n0.*padded sample would have the shape"),
    "strides": (chain(conv(padding=2**30, stride=2**30), shape=(1, 2, 2)), "n0.*padded sample"),
    "dilations": (chain(conv(2, padding=2**30, dilation=2**30), shape=(1, 2, 2)), "n0.*padded sample"),
    "windows": (chain(conv(100), shape=(1, 1000, 1000)), r"n0.*windows of a sample .*\(1, 100, 100, 901, 901\)"),
    "windows of a pool": (chain(pool(2**20, 2**20), shape=(1, 2, 2)), "n0.*padded sample"),
    "one window": (chain(pool(2**13, 2**12), shape=(8, 2**11, 2**11)), "n0.*padded sample"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(LARGE))
def test_what_is_too_large_is_refused_before_it_is_made(case: str) -> None:
    graph, message = LARGE[case]
    tracemalloc.start()
    try:
        with pytest.raises(NirError, match=f"(?s)node '{message}.*at most 268435456 elements are made"):
            from_nir(graph, like="snntorch", dt=DT)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


SUMS: dict[str, tuple[NirGraph, str]] = {
    "delays": (chain(*[node("Delay", delay=20 * DT)] * 9, shape=(5,)), "n4.*41 arrays"),
    "layers": (chain(*[node("Scale", scale=1.0)] * 99, shape=(100,)), "n4.*samples"),
    "neurons": (chain(*[neuron("LIF", 1)] * 99, shape=(20,)), "n6.*7 arrays"),
}


@pytest.mark.parametrize("case", list(SUMS))
def test_what_all_nodes_hold_together_is_counted(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, message = SUMS[case]
    monkeypatch.setattr(memory, "MOST_ELEMENTS", 1000)
    with pytest.raises(NirError, match=f"(?s)node '{message} .*at most 1000 elements are made"):
        from_nir(graph, like="snntorch", dt=DT)


def test_what_fits_is_run() -> None:
    graph = chain(conv(3, padding=1), node("Delay", delay=500 * DT), shape=(1, 30, 30))
    x = spikes(1, 3, 1, 30, 30)
    run = graphpool.compile(from_nir(graph, like="snntorch", dt=DT))
    out, state, _ = run(x)
    assert not out.any() and state["n1"]["buffer"].shape == (500, 1, 30, 30)
