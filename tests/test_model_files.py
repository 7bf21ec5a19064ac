"""``.gpz`` files: what they hold, that they run as what was saved, and that no file does harm, whoever wrote it."""

from __future__ import annotations

import io
import json
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import GraphError, GraphpoolError, ModelFileError, ParameterError, StateError, TargetError
from graphpool.graph import GraphBuilder, TensorType
from graphpool.graph.types import FLOAT64
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from graphpool.ops import infer_type
from tests.runtimes.models import NETS, TARGETS, Leaky, assert_same, make_net, runtime, signal

SMALL = 8 * 2**20  # bytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.gpz"


def inputs(run: Any, batch: int = 2, steps: int = 6) -> Any:
    signals = {port.name: signal(batch, steps, *port.type.shape) for port in run.signature.inputs}
    return signals if len(signals) > 1 else next(iter(signals.values()))


# --- what was saved runs as before ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(NETS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("writer", TARGETS)
def test_a_loaded_model_goes_on_where_the_saved_one_stood(path: Path, name: str, dtype: str, writer: str) -> None:
    run = runtime(name, writer, dtype)
    x = inputs(run)
    run(x)
    run.save(path)
    again = graphpool.load(path, target=writer)
    assert again.signature == run.signature
    assert type(again) is type(run)
    assert_same(again.parameters(), run.parameters())
    assert_same(again.state(), run.state())
    for ours, theirs in zip(again(x, record=True), run(x, record=True), strict=True):
        assert_same(ours, theirs)
    again.reset_state()
    run.reset_state()
    assert_same(again.state(), run.state())


def test_a_file_runs_on_every_target_with_full_parameters(path: Path) -> None:
    net = Sequential(Linear((2, 3)), Rate(3, tau=[0.01, 1 / 3, 0.7]))
    graphpool.compile(net, "onnx").save(path)
    x = signal(4, 9, 2)
    loaded = {target: graphpool.load(path, target) for target in TARGETS}
    assert graphpool.load(path).artifact.target == "numpy"
    for target, run in loaded.items():
        assert_same(run.parameters(), net.parameters())
        assert run.parameters()["1_Rate"]["tau"].dtype == np.float64
        assert_same(run(x)[0], graphpool.compile(net, target)(x)[0])
    wide = graphpool.load(path, dtype="float64", hoist="never")
    assert_same(wide(x)[0], graphpool.compile(net, dtype="float64", hoist="never")(x)[0])


def test_the_options_of_the_saved_runtime_are_those_of_the_loaded(path: Path) -> None:
    graphpool.compile(make_net(), dtype="float64", hoist="never").save(path)
    again = graphpool.load(path)
    assert (again.artifact.dtype, again.plan.hoist) == ("float64", "never")
    again = graphpool.load(path, "onnx", dtype="float32", hoist="always", loop="Loop")
    assert (again.artifact.dtype, again.plan.hoist, again.artifact.options["loop"]) == ("float32", "always", "Loop")


def test_present_parameters_and_the_state_of_a_batch_go_into_the_file(path: Path) -> None:
    run = graphpool.compile(make_net())
    run.set_parameters({"0_Linear": {"weight": np.full((2, 3), 1 / 3)}})
    run(signal(3, 5, 2))
    run.save(path)
    again = graphpool.load(path)
    np.testing.assert_array_equal(again.parameters()["0_Linear"]["weight"], np.full((2, 3), 1 / 3))
    assert again.state()["1_LIF"]["vmem"].shape == (3, 3)
    x = signal(3, 4, 2, seed=1)
    assert_same(again(x)[0], run(x)[0])
    again.set_parameters({"0_Linear": {"weight": np.zeros((2, 3))}})
    again.reset_parameters()
    np.testing.assert_array_equal(again.parameters()["0_Linear"]["weight"], np.full((2, 3), 1 / 3))


def test_families_records_probes_and_dt_go_into_the_file(path: Path) -> None:
    run = graphpool.compile(make_net(), probes=["0_Linear.output"])
    run.save(path)
    again = graphpool.load(path)
    assert {entry.family for entry in again.signature.params} == {"weights", "taus", "biases", "thresholds"}
    assert [entry.name for entry in again.signature.records] == [entry.name for entry in run.signature.records]
    assert again.dt == run.dt == 1e-3


def test_noise_is_the_same_noise(path: Path) -> None:
    run = graphpool.compile(Sequential(Linear((2, 3)), Rate(3, noise_std=0.5)), seed=4)
    run(signal(2, 5, 2))
    run.save(path)
    again = graphpool.load(path)
    assert_same(again(signal(2, 5, 2), sample=7)[0], run(signal(2, 5, 2), sample=7)[0])


def test_a_loaded_model_is_saved_again_as_the_same_model(path: Path) -> None:
    graphpool.compile(make_net()).save(path)
    again, other = graphpool.load(path), path.with_name("other.gpz")
    again.save(other)
    third = path.with_name("third.gpz")
    graphpool.load(other).save(third)
    assert third.read_bytes() == other.read_bytes(), "the date is no part of a file"
    assert again.artifact.source == graphpool.trace(make_net())


def with_large() -> Any:
    builder = GraphBuilder("g", 0.5, infer_type)
    x = builder.input("x", TensorType(FLOAT64, (20,)), "event")
    w = builder.param("../w\0/\ud800", TensorType(FLOAT64, ()))
    v = builder.state("v", np.arange(20.0))
    total = builder.add("add", [builder.add("mul", [x, w]), v])
    builder.set_next(v, total)
    builder.output("y", builder.add("add", [total, builder.constant(np.arange(20.0) / 3)]))
    return builder.build()


def test_a_graph_saves_with_the_values_that_are_given(path: Path) -> None:
    graph = with_large()
    graph.save(path, parameters={"../w\0/\ud800": 3}, state={"v": np.ones((2, 20))})
    run = graphpool.load(path, dtype="float64")
    assert run.artifact.source == graph
    np.testing.assert_array_equal(run(np.ones((2, 1, 20)))[0]["y"][1, 0], 4 + np.arange(20.0) / 3)
    graph.save(path, parameters={"../w\0/\ud800": 3})
    np.testing.assert_array_equal(graphpool.load(path).state()["v"], np.arange(20.0))
    assert list(contents_of(path)) == [
        "model.json",
        "graph.txt",
        *(f"constants/{name}.npy" for name in graph.constants()),
        "parameters/0.npy",
        "state/0.npy",
    ]


# --- writing ----------------------------------------------------------------------------------------------------------
WRONG_SAVES: list[tuple[dict[str, Any], type[GraphpoolError], str]] = [
    ({}, ParameterError, r"(?s)no value for parameter 'gain', 'tau'.*save\(path, parameters="),
    ({"parameters": {"gain": [1.0, 2]}}, ParameterError, "no value for parameter 'tau'"),
    ({"parameters": {"gain": [1.0, 2, 3], "tau": 1.0}}, ParameterError, r"'gain' has shape \(2,\), got \(3,\)"),
    ({"parameters": {"gain": [1j, 2], "tau": 1.0}}, ParameterError, "'gain' has dtype float64, got complex128"),
    ({"parameters": {"gain": [1.0, 2], "tau": 1.0, "more": 1}}, ParameterError, "no parameter 'more'"),
    ({"parameters": [1.0]}, ParameterError, "come as a nested dict by name, got list"),
    ({"state": {"w": 1.0}}, StateError, "no state 'w'"),
    ({"state": {"v": [1.0]}}, StateError, r"'v' has shape \(2,\) or \(B, 2\), got \(1,\)"),
    ({"state": 7}, StateError, "come as a nested dict by name, got int"),
]


@pytest.mark.parametrize(("values", "error", "message"), WRONG_SAVES)
def test_a_graph_with_other_values_is_not_saved(
    path: Path, values: dict[str, Any], error: type[GraphpoolError], message: str
) -> None:
    good = {"parameters": {"gain": [1.0, 2.0], "tau": 1.0}} if "state" in values else {}
    with pytest.raises(error, match=message):
        graphpool.trace(Leaky(2)).save(path, **{**good, **values})
    assert not list(path.parent.iterdir())


def test_states_of_different_batches_are_not_saved(path: Path) -> None:
    graph = graphpool.trace(make_net())
    state = {"1_LIF": {"vmem": np.zeros((2, 3)), "spikes": np.zeros((4, 3))}}
    with pytest.raises(StateError, match="states of different batches: .*2.*4"):
        graph.save(path, parameters=make_net().parameters(), state=state)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("name", ["net", "net.npz", "net.gpz.txt", "net.onnx"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match=r"ends in \.gpz"):
        graphpool.trace(Linear((2, 3))).save(tmp_path / name, parameters={"weight": np.zeros((2, 3))})
    with pytest.raises(TargetError, match=r"(?s)of target 'numpy' cannot write.*save\(\"net.gpz\"\)"):
        graphpool.compile(make_net()).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_has_no_graph_or_no_values_is_not_saved(path: Path) -> None:
    onnx = path.with_suffix(".onnx")
    graphpool.compile(make_net(), "onnx").save(onnx)
    with pytest.raises(TargetError, match="a loaded one has no graph"):
        graphpool.load(onnx).save(path)
    graph = graphpool.trace(make_net())
    with pytest.raises(ParameterError, match="no value for parameter '0_Linear.weight'"):
        graphpool.compile(graph, "onnx", parameters="inputs").save(path)
    assert not path.exists()


def test_a_save_that_fails_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = graphpool.compile(make_net())

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    for there in (None, b"before"):
        if there is not None:
            path.write_bytes(there)
        for place in ((os, "replace"), (np.lib.format, "write_array")):
            with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
                patch.setattr(*place, fail)
                run.save(path)
            assert [entry.read_bytes() for entry in path.parent.iterdir()] == ([] if there is None else [there])
    with pytest.raises(FileNotFoundError):
        run.save(path.parent / "nowhere" / "net.gpz")


def test_a_model_file_says_on_which_target_it_runs(path: Path) -> None:
    graphpool.compile(make_net()).save(path)
    with pytest.raises(TargetError, match="no target 'torch'"):
        graphpool.load(path, "torch")
    with pytest.raises(TargetError, match="dtype='float16'"):
        graphpool.load(path, dtype="float16")
    onnx = path.with_suffix(".onnx")
    graphpool.compile(make_net(), "onnx").save(onnx)
    for options in ({"target": "numpy"}, {"dtype": "float64"}):
        with pytest.raises(TargetError, match=r"(?s)is an ONNX model: it runs on 'onnx'.*save\(\"net.gpz\"\)"):
            graphpool.load(onnx, **options)
    assert graphpool.load(onnx, "onnx").artifact.target == "onnx"


# --- wrong contents ---------------------------------------------------------------------------------------------------
def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array))
    return stream.getvalue()


def declaring(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def contents_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


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
