"""``.gpz`` files that are damaged, wrong or hostile: refused, without a mark and without memory."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import GraphError, ModelFileError
from graphpool.nn.modules import LIF
from tests.runtimes.models import make_net
from tests.test_model_files import contents_of, with_large

SMALL = 8 * 2**20  # bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.gpz"


# --- wrong contents ---------------------------------------------------------------------------------------------------
def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array))
    return stream.getvalue()


def declaring(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def write_zip(path: Path, contents: dict[str, bytes | None]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            if content is not None:
                file.writestr(name, content)


@pytest.fixture
def good(path: Path) -> dict[str, bytes | None]:
    with_large().save(path, parameters={"../w\0/\ud800": 3})
    return {**contents_of(path)}


def assert_refused(path: Path, message: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=f"(?s){message}") as caught:
            graphpool.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value).splitlines()[0]
    assert peak < SMALL, f"{peak} bytes"


def edited(old: str, new: str) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode())

    return edit


def header(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps(json.loads(content) | changes).encode()


def always(content: bytes | None) -> Callable[[bytes], bytes | None]:
    return lambda _: content


TEXT, HEADER, PARAMETER, STATE = "graph.txt", "model.json", "parameters/0.npy", "state/0.npy"
WRONG: dict[str, tuple[str, Callable[[bytes], bytes | None], str]] = {
    "no header": (HEADER, always(None), r"^\S*net\.gpz: it has no 'model.json'"),
    "a header that is no JSON": (HEADER, always(b"{"), "'model.json' is no JSON"),
    "a header that is no text": (HEADER, always(b"\xff\xfe\xff"), "'model.json' is no JSON"),
    "a deep header": (HEADER, always(b"[" * 200_000), "'model.json' is no JSON: RecursionError"),
    "a list": (HEADER, always(b"[]"), "does not say that it is a graphpool model"),
    "another format": (HEADER, header(format="other"), "does not say that it is a graphpool model"),
    "no version": (HEADER, header(version=None), "format version None; this graphpool reads 1"),
    "a later version": (HEADER, header(version=2), "format version 2; this graphpool reads 1"),
    "a version that is text": (HEADER, header(version="1"), "format version 1"),
    "a version that is true": (HEADER, header(version=True), "format version True"),
    "unknown words": (HEADER, header(code="print()"), "says what this graphpool does not know"),
    "another dtype": (HEADER, header(dtype="float16"), "'dtype': 'float16'.* does not know"),
    "another hoist": (HEADER, header(hoist="often"), "'hoist': 'often'.* does not know"),
    "a dtype that is no text": (HEADER, header(dtype=["float32"]), "says what this graphpool does not know"),
    "families that are no text": (HEADER, header(families={"v": 1}), "says what this graphpool does not know"),
    "families that are a list": (HEADER, header(families=["v"]), "says what this graphpool does not know"),
    "no text": (TEXT, always(None), "it has no 'graph.txt'"),
    "an empty text": (TEXT, always(b""), "line 1, column 1: expected 'graph', found the end of the text"),
    "a text that is no UTF-8": (TEXT, always(b"\xff"), "'graph.txt' is no UTF-8"),
    "an unknown op": (TEXT, edited("= mul", "= eval"), "'graph.txt': line 4, column 3: eval: no op 'eval'"),
    "half a text": (TEXT, lambda content: content[:100], r"'graph.txt': line \d, column"),
    "a huge state": (TEXT, edited("%v: f64[20]", "%v: f64[1000000000000]"), "at most 268435456 elements"),
    "a huge fill": (TEXT, lambda content: content.replace(b" = <", b" = fill 0.0 # <", 1).replace(
        b"%v: f64[20]", b"%v: f64[268435457]"), "at most 268435456 elements"),
    "another type of a parameter": (TEXT, edited(r'\ud800": f64', r'\ud800": f32'), "operands of different dtypes"),
    "an unfinished state": (TEXT, edited("  next", "  # next"), "states without a next value: v"),
    "a second parameter": (TEXT, edited("  state", "  param %more: f64\n  state"), "it has no 'parameters/1'"),
    "no parameter": (PARAMETER, always(None), "it has no 'parameters/0'"),
    "a parameter of another shape": (PARAMETER, always(npy([3.0])), r"array of float64 and shape \(1,\)"),
    "a parameter of another dtype": (PARAMETER, always(npy(np.float32(3))), "'parameters/0' is an array of float32"),
    "a parameter of another byte order": (PARAMETER, always(npy(np.array(3.0, ">f8"))), "is an array of >f8"),
    "a complex parameter": (PARAMETER, always(npy(3j)), "'parameters/0' is an array of complex128"),
    "a parameter that is text": (PARAMETER, always(npy("3.0")), "'parameters/0' is an array of <U3"),
    "no state": (STATE, always(None), "it has no 'state/0'"),
    "a state of another shape": (STATE, always(npy(np.zeros(19))), r"array of float64 and shape \(19,\)"),
    "a state of no samples": (STATE, always(npy(np.zeros((0, 20)))), r"shape \(0, 20\)"),
    "a state of two axes more": (STATE, always(npy(np.zeros((2, 2, 20)))), r"shape \(2, 2, 20\)"),
    "a state of another dtype": (STATE, always(npy(np.zeros(20, "i8"))), "'state/0' is an array of int64"),
    "a huge state of a batch": (STATE, always(declaring("(1000000000000, 20)")), "declares 160000000000000 bytes"),
    "a huge parameter": (PARAMETER, always(declaring("(1000000000000,)")), "'parameters/0' is an array of float64"),
    "a state of objects": (STATE, always(declaring("(20,)", "'|O'")), "nothing is unpickled"),
    "an expression": (STATE, always(declaring("(exit(),)")), "is no .npy array"),
    "no array": (STATE, always(b"garbage"), "is no .npy array"),
    "a short array": (STATE, always(declaring("(20,)") + bytes(159)), "declares 160 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_contents_are_refused(case: str, path: Path, good: dict[str, bytes | None]) -> None:
    name, change, message = WRONG[case]
    content = good[name]
    assert content is not None
    write_zip(path, {**good, name: change(content)})
    assert_refused(path, message)


def test_the_unchanged_contents_are_fine(path: Path, good: dict[str, bytes | None]) -> None:
    """So that each of the tests above fails for its one change."""
    write_zip(path, good)
    assert graphpool.load(path).artifact.source == with_large()


def test_a_file_fills_as_many_states_as_it_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphpool.graph.parse.LARGEST_FILL", 19)
    graph = graphpool.trace(LIF((20, 20)))
    graph.save(path, parameters=LIF((20, 20)).parameters())
    assert graphpool.load(path).artifact.source == graph
    with pytest.raises(GraphError, match="initial states of more than 19 elements"):
        graphpool.parse_graph(str(graph), graph.constants())


@pytest.mark.parametrize("name", ["parameters/1.npy", "state/1.npy", "constants/x.npy", "__init__.py", "../../net.txt"])
def test_what_the_graph_lacks_is_refused(name: str, path: Path, good: dict[str, bytes | None]) -> None:
    write_zip(path, {**good, name: npy(1.0)})
    assert_refused(path, "which its graph lacks")
    assert [entry.name for entry in path.parent.iterdir()] == ["net.gpz"]


@pytest.mark.parametrize("case", ["missing", "changed", "short", "huge"])
def test_large_constants_are_those_of_the_text(case: str, path: Path, good: dict[str, bytes | None]) -> None:
    third = next(name for name, array in with_large().constants().items() if array[1] < 1)
    held, message = {
        "missing": (None, f"it has no 'constants/{third}'"),
        "changed": (npy(np.zeros(20)), "a constant whose values have another hash"),
        "short": (npy(np.zeros(2)), r"is an array of float64 and shape \(2,\)"),
        "huge": (declaring("(1000000000000,)"), "is an array of float64 and shape"),
    }[case]
    write_zip(path, {**good, f"constants/{third}.npy": held})
    assert_refused(path, message)


def test_states_of_different_batches_are_refused(path: Path) -> None:
    graphpool.compile(make_net()).save(path)
    changed = {"state/0.npy": npy(np.zeros((2, 3))), "state/2.npy": npy(np.zeros((4, 3)))}
    contents: dict[str, bytes | None] = {**contents_of(path), **changed}
    write_zip(path, contents)
    assert_refused(path, r"'state/2' is an array of float64 and shape \(4, 3\)")


class Trap:
    """Would make a file, if anyone unpickled it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(path: Path, good: dict[str, bytes | None]) -> None:
    trap = np.array([Trap(path.parent / "trapped")] * 20, dtype=object)
    for name in (STATE, PARAMETER):
        write_zip(path, {**good, name: npy(trap)})
        assert_refused(path, "nothing is unpickled")
    assert not (path.parent / "trapped").exists()


# --- hostile archives -------------------------------------------------------------------------------------------------
def test_a_text_that_unpacks_to_very_much_is_refused(path: Path, good: dict[str, bytes | None]) -> None:
    write_zip(path, {**good, TEXT: b" " * (2**26 + 1)})
    assert_refused(path, f"'graph.txt' has {2**26 + 1} bytes; at most {2**26} are read")


def test_an_entry_twice_is_refused(path: Path, good: dict[str, bytes | None]) -> None:
    write_zip(path, good)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr(STATE, npy(np.zeros(20)))
    assert_refused(path, "twice")


@pytest.mark.parametrize("content", [b"", b"PK", b"graph g() -> () {\n}", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert_refused(path, "this is no .gpz file, or it is damaged")


def test_a_file_that_cannot_be_read_is_refused(path: Path) -> None:
    assert_refused(path, "cannot read .*No such file")
    path.mkdir()
    assert_refused(path, "cannot read .*directory")


def test_a_device_is_refused(path: Path) -> None:
    path.symlink_to("/dev/zero")
    assert_refused(path, "no regular file")


def test_every_truncation_is_refused(path: Path, good: dict[str, bytes | None]) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="damaged"):
            graphpool.load(path)


def test_changed_bytes_are_refused_or_harmless(path: Path, good: dict[str, bytes | None]) -> None:
    write_zip(path, good)
    whole = path.read_bytes()
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(600):
        changed = np.frombuffer(whole, np.uint8).copy()
        changed[random.integers(0, len(changed), random.integers(1, 4))] = random.integers(0, 256)
        path.write_bytes(changed.tobytes())
        try:
            loaded = graphpool.load(path)
        except ModelFileError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert loaded.artifact.source == with_large()
    assert refused > 300


# --- graphs that pass their types, and do not run ---------------------------------------------------------------------
HOSTILE_GRAPHS = {
    "huge constants that would be folded": (
        "graph g(%x: f64) -> (%1) {\n  %0: f64[1000000000000] = broadcast 1.0 {shape=(1000000000000,)}\n"
        "  %1: f64 = add %x, 1.0\n}", "at most 268435456 elements",
    ),
    "an attribute of another kind": (
        'graph g(%x: f64[2]) -> (%1) {\n  %0: f64 = sum [1.0, 2.0]:f64[2] {axes=(-1,), keepdims=("x",)}\n'
        "  %1: f64[2] = add %x, %0\n}", "keepdims is not of the kind of False",
    ),
    "a fill that the file does not hold": (
        "graph g() -> (%v) {\n  state %v: f64[268435456] = fill 0.0\n  next %v = %v\n}", "it has no 'state/0'",
    ),
    "a position out of bounds": (
        "graph g(%x: f64[2]) -> (%0) {\n  %0: f64 = take %x, 2\n}", "position 2 is out of bounds for an axis",
    ),
    "a name that is a value and a module": (
        "graph g(%x: f64) -> (%x) {\n  record a = %x\n  record a.b = %x\n}", "'a' is a value and a module at once",
    ),
}  # fmt: skip


def test_many_constants_that_would_be_huge_allocate_nothing(path: Path, good: dict[str, bytes | None]) -> None:
    lines = [f"  %{n}: f64[16000,16000] = broadcast {n}.0 {{shape=(16000, 16000)}}" for n in range(9)]
    outputs = ", ".join(f"y{n} = %{n}" for n in range(9))
    write_zip(path, {HEADER: good[HEADER], TEXT: "\n".join([f"graph g() -> ({outputs}) {{", *lines, "}"]).encode()})
    tracemalloc.start()
    try:
        graphpool.load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**23


@pytest.mark.parametrize("case", HOSTILE_GRAPHS)
def test_hostile_graphs_are_refused(case: str, path: Path, good: dict[str, bytes | None]) -> None:
    text, message = HOSTILE_GRAPHS[case]
    write_zip(path, {HEADER: good[HEADER], TEXT: text.encode()})
    assert_refused(path, message)
