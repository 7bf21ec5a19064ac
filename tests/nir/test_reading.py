"""Files, whole and hostile: what is read is what was written, and what lies is an error that takes no memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import graphpool
from graphpool.errors import GraphpoolError, MissingExtraError, NirError, NirWarning
from graphpool.nir import from_nir, reading
from graphpool.nir.graph import FIELDS, NirGraph
from graphpool.nir.reading import read_nir
from tests.nir.files import DT, affine, chain, neuron, node, spikes, write

MEMORY = 64 * 2**20


def read(source: Any) -> Any:
    return from_nir(source, like="snntorch", dt=DT)


def every_primitive() -> nir.NIRGraph:
    """One graph with all of them, made by the nir package."""
    one = np.ones(4)
    neurons = {
        "if": nir.IF(one, one, 0 * one),
        "cuba": nir.CubaLIF(2 * DT * one, 4 * DT * one, 4 * one, 0 * one, one, 0 * one, 2 * one),
        "lif": nir.LIF(4 * DT * one, 4 * one, 0 * one, one, 0 * one),
        "i": nir.I(one),
        "li": nir.LI(4 * DT * one, 4 * one, 0 * one),
        "cubali": nir.CubaLI(2 * DT * one, 4 * DT * one, 4 * one, 0 * one, 2 * one),
    }
    layers = {
        "conv1": nir.Conv1d(12, np.ones((2, 1, 3)) / 4, 1, "same", 1, 1, np.ones(2)),
        "flat1": nir.Flatten({"input": np.array([2, 12])}, 0, -1),
        "linear": nir.Linear(np.eye(48, 24)),
        "affine": nir.Affine(np.eye(4, 48), np.zeros(4)),
        "scale": nir.Scale(2 * one),
        "delay": nir.Delay(DT * one),
        "threshold": nir.Threshold(one / 2),
    }
    names = ["input", *layers, *neurons, "output"]
    nodes = {"input": nir.Input(np.array([1, 12])), **layers, **neurons, "output": nir.Output(np.array([4]))}
    return nir.NIRGraph(nodes, list(pairwise(names)))


def pictures() -> nir.NIRGraph:
    nodes = {
        "input": nir.Input(np.array([1, 6, 6])),
        "conv": nir.Conv2d((6, 6), np.ones((2, 1, 3, 3)) / 4, 1, 1, 1, 1, np.zeros(2)),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "avg": nir.AvgPool2d(np.array([3, 3]), np.array([1, 1]), np.array([0, 0])),
        "output": nir.Output(np.array([2, 1, 1])),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)))


@pytest.mark.parametrize("make", [every_primitive, pictures])
def test_a_file_of_the_nir_package_is_its_graph(make: Callable[[], nir.NIRGraph], tmp_path: Path) -> None:
    graph = make()
    nir.write(tmp_path / "net.nir", graph)
    from_file, from_object = read(tmp_path / "net.nir"), read(graph)
    x = spikes(2, 20, *from_file.input_shapes["input"])
    np.testing.assert_array_equal(from_file(x)[0], from_object(x)[0])
    assert from_file.repairs == from_object.repairs == ()


def test_the_graphs_of_the_tests_above_hold_every_primitive() -> None:
    kinds = {type(item).__name__ for make in (every_primitive, pictures) for item in make().nodes.values()}
    assert kinds == set(FIELDS)


def test_a_path_may_be_text(tmp_path: Path) -> None:
    path = write(tmp_path / "net.nir", chain(affine(2, 2)))
    assert read(str(path)).edges == read(path).edges == (("input", "n0"), ("n0", "output"))


def test_an_older_file_has_no_v_reset_and_no_w_in(tmp_path: Path) -> None:
    item = neuron("CubaLIF")
    del item.fields["v_reset"], item.fields["w_in"]
    net = read(write(tmp_path / "net.nir", chain(item)))
    assert net["n0"].v_reset == 0 and net["n0"].w_in == 1


def test_fields_that_nobody_knows_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "net.nir", chain(affine(2, 2)))
    with h5py.File(path, "a") as file:
        file["node/nodes/n0"]["more"] = h5py.SoftLink("/nowhere")
        file["node/nodes/n0"]["large"] = h5py.ExternalLink("/etc/passwd", "/")
        file["node"]["author"] = "someone"
    assert read(path).order == ("n0",)


def test_metadata_are_numbers_and_text(tmp_path: Path) -> None:
    graph = chain(affine(2, 2))
    graph.metadata = {"dt": 1e-3, "who": "someone", "many": np.arange(5)}
    graph.nodes["n0"].metadata = {"time_step": 2e-3}
    found = read_nir(write(tmp_path / "net.nir", graph))
    assert found.metadata == {"dt": 1e-3, "who": "someone"}
    assert found.nodes["n0"].metadata == {"time_step": 2e-3}


class Tensor:
    """Stands for a tensor of a framework that is being trained."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def detach(self) -> Any:
        return self.array

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("detach it first")


def test_tensors_that_require_gradients_are_taken() -> None:
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([2])), "n": nir.Scale(np.ones(2)), "output": nir.Output(np.array([2]))},
        [("input", "n"), ("n", "output")],
    )
    graph.nodes["n"].scale = Tensor(np.array([2.0, 3.0]))
    np.testing.assert_array_equal(read(graph)(np.ones((1, 2)))[0][0, 0], [2, 3])
    graph.nodes["n"].scale = object()
    with pytest.raises(NirError, match="node 'n'"):
        read(graph)


# --- hostile ----------------------------------------------------------------------------------------------------------
Change = Callable[[Any], None]


def _replace(group: Any, name: str, **declared: Any) -> None:
    if name in group:
        del group[name]
    group.create_dataset(name, **declared)


def _virtual(file: Any) -> None:
    layout = h5py.VirtualLayout(shape=(2, 2), dtype="f8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "data", shape=(2, 2))
    del file["node/nodes/n0/weight"]
    file["node/nodes/n0"].create_virtual_dataset("weight", layout)


def _external(file: Any) -> None:
    _replace(file["node/nodes/n0"], "weight", shape=(2, 2), dtype="f8", external=[("/etc/hostname", 0, 32)])


def _many_names(file: Any) -> None:
    text = "x" * 2**20
    del file["node/edges"]
    edges = file["node"].create_dataset("edges", shape=(4, 2), dtype=h5py.string_dtype())
    edges[0] = [text + "y", "n0"]


def _deep(file: Any) -> None:
    group = file["node/nodes"]
    for _ in range(40):
        inner = group.create_group("deep")
        inner.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
        inner.create_dataset("edges", data=np.empty((0, 2), dtype=object), dtype=h5py.string_dtype())
        group = inner.create_group("nodes")


def _itself(file: Any) -> None:
    file["node/nodes/n1"] = file["node"]


def _plug_in(file: Any) -> None:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((2, 2))
    settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    del file["node/nodes/n0/weight"]
    space = h5py.h5s.create_simple((2, 2))
    h5py.h5d.create(file["node/nodes/n0"].id, b"weight", h5py.h5t.IEEE_F64LE, space, settings)


def _of(path: str, name: str, **declared: Any) -> Change:
    return lambda file: _replace(file[path], name, **declared)


def _link(path: str, name: str, link: Any) -> Change:
    def change(file: Any) -> None:
        del file[path][name]
        file[path][name] = link

    return change


def _swap(path: str, name: str, make: Change) -> Change:
    def change(file: Any) -> None:
        del file[path][name]
        make(file[path])

    return change


def _small_numbers(file: Any) -> None:
    _replace(file[N0], "weight", shape=(2**9, 2**9), dtype="i1", compression="gzip")


def _many_large(file: Any) -> None:
    for name in ("weight", "bias"):
        _replace(file[N0], name, shape=(2**8, 2**8), dtype="f8", chunks=(1, 1))


N0 = "node/nodes/n0"
HOSTILE: dict[str, tuple[Change, str]] = {
    "huge shape": (_of(N0, "weight", shape=(2**20, 2**20), dtype="f8", chunks=(1, 1)), "the file declares"),
    "huge chunk": (_of(N0, "weight", shape=(2, 2), maxshape=(None, None), dtype="f8", chunks=(2**14, 2**14)), ""),
    "many large": (_many_large, "'n0'.*the file declares"),
    "many small": (_small_numbers, "the file declares 2097"),
    "external link": (_link(N0, "weight", h5py.ExternalLink("/etc/passwd", "/")), "'weight' is a ExternalLink"),
    "soft link": (_link(N0, "weight", h5py.SoftLink("/version")), "'weight' is a SoftLink"),
    "soft link to itself": (_link(N0, "weight", h5py.SoftLink(f"/{N0}/weight")), "'weight'"),
    "link to nodes": (_link("node", "nodes", h5py.ExternalLink("other.h5", "/")), "'nodes' is a ExternalLink"),
    "virtual": (_virtual, "the data of 'weight' lie in another file"),
    "external data": (_external, "the data of 'weight' lie in another file"),
    "plug-in": (_plug_in, "compressed by the filters .32015."),
    "long names": (_many_names, "text of 1048577 bytes"),
    "deep": (_deep, "graphs lie 33 deep"),
    "itself": (_itself, "graphs lie 33 deep"),
    "compound": (_of(N0, "weight", data=np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])), "'weight' is of"),
    "complex": (_of(N0, "weight", data=np.zeros((2, 2), complex)), "'weight' is of complex128"),
    "references": (_of(N0, "weight", shape=(2,), dtype=h5py.ref_dtype), "'weight' is of object"),
    "ragged": (_of(N0, "weight", shape=(2,), dtype=h5py.vlen_dtype("f8")), "'weight' is of object"),
    "text": (_of(N0, "weight", data="much", dtype=h5py.string_dtype()), "'weight' is 'much'"),
    "texts": (_of(N0, "weight", data=["a", "b"], dtype=h5py.string_dtype()), "'weight' is text of the shape"),
    "a group": (_swap(N0, "weight", lambda group: group.create_group("weight")), "'weight' is no dataset"),
    "no type": (lambda file: file[N0].__delitem__("type"), "node 'n0': it has no type"),
    "type": (_of(N0, "type", data=3), "its type is no text"),
    "types": (_of(N0, "type", data=["a", "b"], dtype=h5py.string_dtype()), "'type' is text of the shape"),
    "no edges": (lambda file: file["node"].__delitem__("edges"), "the graph has no edges"),
    "edges": (_of("node", "edges", data=np.zeros((2, 2))), "pairs of names"),
    "triples": (_of("node", "edges", data=[["a", "b", "c"]], dtype=h5py.string_dtype()), "pairs of names"),
    "no nodes": (lambda file: file["node"].__delitem__("nodes"), "there is no 'nodes'"),
    "a dataset": (_swap("node", "nodes", lambda group: group.create_dataset("nodes", data=1)), "'nodes' is no group"),
    "no node": (lambda file: file.__delitem__("node"), "there is no 'node'"),
    "one node": (_of("node", "type", data="LIF", dtype=h5py.string_dtype()), "the node is a LIF"),
    "not utf-8": (_of("node", "edges", data=np.array([[b"\xff", b"n0"]])), "'edges' has text that is no UTF-8"),
    "type not utf-8": (_of(N0, "type", data=np.bytes_(b"\xff")), "node 'n0': 'type' has text that is no UTF-8"),
    "huge input": (_of("node/nodes/input", "shape", data=[2**30, 2]), "node 'input': .*at most 268435456 elements"),
    "input of many axes": (_of("node/nodes/input", "shape", data=[1] * 200), "the shape is"),
    "negative input": (_of("node/nodes/input", "shape", data=[-2]), "the shape is"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(HOSTILE))
def test_a_hostile_file_is_an_error_and_takes_no_memory(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, message = HOSTILE[case]
    path = write(tmp_path / "net.nir", chain(affine(2, 2)))
    with h5py.File(path, "a") as file:
        change(file)
    monkeypatch.setattr(reading, "LARGEST_FILE", 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(NirError, match=f"(?s){message}"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("limit", ["MOST_NODES", "MOST_EDGES", "MOST_METADATA", "LONGEST_NAME"])
def test_counts_are_limited(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain(affine(2, 2))
    graph.metadata = {"one": 1, "two": 2}
    path = write(tmp_path / "net.nir", graph)
    read(path)
    monkeypatch.setattr(reading, limit, 1)
    with pytest.raises(NirError, match="at most 1 are read"):
        read(path)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.95, 0.999])
def test_a_truncated_file_is_an_error(part: float, tmp_path: Path) -> None:
    path = write(tmp_path / "net.nir", chain(affine(40, 2), neuron("LIF", 40)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(NirError, match="no NIR file, or it is damaged"):
        read(path)


def test_a_file_with_flipped_bytes_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "net.nir", chain(affine(4, 2), neuron("CubaLIF", 4)))
    content, draws, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        changed = bytearray(content)
        for place in draws.integers(0, len(content), 3):
            changed[place] ^= 1 << int(draws.integers(0, 8))
        path.write_bytes(bytes(changed))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NirWarning)
                read(path)
        except GraphpoolError:
            refused += 1
    assert 0 < refused < 300


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text" * 1000])
def test_another_file_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.nir").write_bytes(content)
    with pytest.raises(NirError, match="no NIR file, or it is damaged"):
        read(tmp_path / "net.nir")


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing.nir")
    with pytest.raises(NirError, match="no regular file"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NirError, match="no regular file"):
        read(tmp_path / "pipe")
    with pytest.raises(NirError, match="got a int"):
        read(3)


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "net.nir", chain(affine(2, 2)))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"graphpool\[nir\]"):
        read(path)


def test_importing_graphpool_loads_neither_h5py_nor_nir() -> None:
    code = "import sys, graphpool; graphpool.nir; assert not {'h5py', 'nir', 'graphpool.nir.x'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, graphpool; assert 'graphpool.nir' not in sys.modules; assert 'from_nir' in dir(graphpool)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_metadata_that_are_neither_numbers_nor_text_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "net.nir", chain(affine(2, 2)))
    with h5py.File(path, "a") as file:
        held = file[N0].create_group("metadata")
        held["pair"] = np.zeros(1, dtype=[("a", "f8"), ("b", "i4")])
        held["complex"] = 1j
        held.create_dataset("node", data=file["node"].ref, dtype=h5py.ref_dtype)
        held.create_dataset("ragged", shape=(1,), dtype=h5py.vlen_dtype("f8"))
        held["dt"] = 1e-3
    assert read_nir(path).nodes["n0"].metadata == {"dt": 1e-3}


class Odd:
    """Has what a graph has by name."""

    def __init__(self, nodes: Any, edges: Any, metadata: Any = None) -> None:
        self.nodes, self.edges, self.metadata = nodes, edges, metadata


@pytest.mark.parametrize(
    "source", [Odd(3, []), Odd({"a": 3}, []), Odd({}, [("a", "b", "c")]), Odd({}, None), Odd({}, [], 3)]
)
def test_an_object_that_only_looks_like_a_graph_is_an_error(source: Any) -> None:
    with pytest.raises(NirError, match="from_nir: this Odd is no nir.NIRGraph"):
        read(source)


def test_an_object_that_holds_itself_is_an_error() -> None:
    graph = Odd({}, [])
    graph.nodes["self"] = type("NIRGraph", (Odd,), {})(graph.nodes, [])
    with pytest.raises(NirError, match="^nir.NIRGraph: graphs lie 33 deep"):
        read(graph)


def test_plain_data_are_a_source_too() -> None:
    graph = NirGraph({"input": node("Input", shape=[1]), "output": node("Output")}, [("input", "output")])
    np.testing.assert_array_equal(graphpool.compile(read(graph))(np.ones((1, 2, 1)))[0], np.ones((1, 2, 1)))
