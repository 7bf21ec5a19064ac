"""NIR files written by hand, field by field, so that anything can be wrong in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graphpool.nir.graph import NirGraph, NirNode

DT = 2.0**-10
"""A time step with which decays are exact in float32."""


def node(kind: str, **fields: Any) -> NirNode:
    """A node; numbers and lists become arrays."""
    return NirNode(kind, {key: value if isinstance(value, str) else np.asarray(value) for key, value in fields.items()})


def chain(*nodes: NirNode, shape: Any = (2,), output: Any = None) -> NirGraph:
    """Input, nodes ``n0``, ``n1``, ..., output."""
    names = ["input", *(f"n{number}" for number in range(len(nodes))), "output"]
    ends = node("Input", shape=shape), node("Output", **({} if output is None else {"shape": output}))
    held = dict(zip(names, [ends[0], *nodes, ends[1]], strict=True))
    return NirGraph(dict(held), list(pairwise(names)))


def neuron(kind: str, n: int = 2, **changes: Any) -> NirNode:
    """A neuron of n elements with exact decays: euler leaves 3/4 of the membrane and 1/2 of the current."""
    values = {"tau": 4 * DT, "tau_mem": 4 * DT, "tau_syn": 2 * DT, "r": 4.0, "v_leak": 0.0, "w_in": 2.0}
    values |= {"v_threshold": 1.0, "v_reset": 0.0}
    names = {
        "I": "r", "LI": "tau r v_leak", "IF": "r v_threshold v_reset", "LIF": "tau r v_leak v_threshold v_reset",
        "CubaLI": "tau_syn tau_mem r v_leak w_in", "CubaLIF": "tau_syn tau_mem r v_leak v_threshold v_reset w_in",
    }[kind].split()  # fmt: skip
    return node(kind, **{name: np.full(n, changes.get(name, values[name])) for name in names})


def affine(rows: int, columns: int, seed: int = 0, bias: bool = True) -> NirNode:
    """Weights (out, in), multiples of 1/64, whose sums are exact in float32."""
    draws = np.random.default_rng(seed)
    weight = draws.integers(-32, 64, (rows, columns)) / 64
    return (
        node("Affine", weight=weight, bias=draws.integers(0, 8, rows) / 64) if bias else node("Linear", weight=weight)
    )


def spikes(*shape: int, seed: int = 0) -> Any:
    """Random spikes."""
    return np.random.default_rng(seed).integers(0, 2, shape) * 1.0


def write(path: Path, graph: NirGraph) -> Path:
    """The graph as a file, as the nir package writes it."""
    with h5py.File(path, "w") as file:
        file.create_dataset("version", data="1.0.8", dtype=h5py.string_dtype())
        write_graph(file.create_group("node"), graph)
    return path


def write_graph(group: Any, graph: NirGraph) -> None:
    group.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
    write_edges(group, graph.edges)
    write_metadata(group, graph.metadata)
    held = group.create_group("nodes")
    for name, item in graph.nodes.items():
        inner = held.create_group(name)
        if isinstance(item, NirGraph):
            write_graph(inner, item)
        else:
            write_node(inner, item)


def write_node(group: Any, item: NirNode) -> None:
    group.create_dataset("type", data=item.type, dtype=h5py.string_dtype())
    for key, value in item.fields.items():
        if isinstance(value, str):
            group.create_dataset(key, data=value, dtype=h5py.string_dtype())
        else:
            group.create_dataset(key, data=value, compression="gzip" if np.ndim(value) else None)
    write_metadata(group, item.metadata)


def write_edges(group: Any, edges: Iterable[tuple[str, str]]) -> None:
    listed = [list(edge) for edge in edges]
    group.create_dataset("edges", data=np.array(listed, dtype=object).reshape(-1, 2), dtype=h5py.string_dtype())


def write_metadata(group: Any, metadata: Mapping[str, Any]) -> None:
    if metadata:
        held = group.create_group("metadata")
        for name, value in metadata.items():
            held.create_dataset(name, data=value)
