"""ONNX files: what ``save`` writes, what ``load`` makes of it, and which files it refuses."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import graphpool
from graphpool.errors import InputError, ModelFileError, ParameterError, StateError, TargetError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from graphpool.plan import Plan
from tests.runtimes.models import NETS, Leaky, assert_same, make_net, runtime, signal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def saved(name: str, path: Path, dtype: str = "float32", **options: Any) -> Any:
    """The runtime that was saved."""
    run = runtime(name, "onnx", dtype)
    run.save(path, **options)
    return run


# --- a loaded file has the common face ----------------------------------------------------------------------
@pytest.mark.parametrize("name", list(NETS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loaded_file_runs_as_the_runtime_that_wrote_it(path: Path, name: str, dtype: str) -> None:
    run = saved(name, path, dtype, record=True)
    again = graphpool.load(path)
    assert again.signature.inputs == run.signature.inputs
    assert again.signature.outputs == run.signature.outputs
    assert again.signature.records == run.signature.records
    assert again.dt == run.dt
    x: Any = {p.name: signal(2, 5, *p.type.shape) for p in run.signature.inputs}
    x = x if len(x) > 1 else next(iter(x.values()))
    assert_same(again.state(), run.state())
    for ours, theirs in zip(again(x, record=True), run(x, record=True), strict=True):
        assert_same(ours, theirs)
    rows = {name: item[:, 0] for name, item in x.items()} if isinstance(x, dict) else x[:, 0]
    assert_same(again.step(rows), run.step(rows))
    assert_same(again.state(), run.state())


def test_a_loaded_file_streams_and_keeps_its_state(path: Path) -> None:
    x = signal(9, 2)
    whole = saved("net", path)(x)[0]
    again = graphpool.load(str(path))
    chunks = list(again.stream([x[:2], x[2:2], x[2:]]))
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)
    again.set_state({"1_LIF": {"vmem": np.ones(3)}})
    np.testing.assert_array_equal(again.state()["1_LIF"]["vmem"], [1, 1, 1])
    with pytest.raises(StateError):
        again.set_state({"vmem": np.ones(3)})
    again.reset_state()
    assert_same(again(x)[0], whole)
    assert again(np.zeros((1, 0, 2)))[0].shape == (1, 0, 3)
    with pytest.raises(InputError, match="input 'x'"):
        again(x[:, :1])


def through_pickle(run: Any) -> Any:
    return pickle.loads(pickle.dumps(run))


@pytest.mark.parametrize("duplicate", [lambda run: run.copy(), deepcopy, through_pickle])
def test_a_loaded_file_copies_and_pickles(path: Path, duplicate: Any) -> None:
    saved("net", path)
    x, run = signal(6, 2), graphpool.load(path)
    run(x[:3])
    other = duplicate(run)
    path.unlink()
    assert_same(other(x[3:])[0], run(x[3:])[0])
    assert str(other).splitlines()[0] == "OnnxFileRuntime of Sequential, dt=0.001 s"


def test_a_loaded_file_has_no_records_unless_they_were_saved(path: Path) -> None:
    saved("net", path)
    run = graphpool.load(path)
    before = run.state()
    for x in (signal(4, 2), np.zeros((0, 2))):
        with pytest.raises(TargetError, match=r"(?s)no recorded values.*record=True"):
            run(x, record=True)
    assert_same(run.state(), before)
    with pytest.raises(TargetError, match="no recorded values"):
        run.save(path, record=True)


def test_a_loaded_file_says_what_it_lacks(path: Path) -> None:
    saved("net", path)
    run = graphpool.load(path)
    assert run.parameters() == {}
    with pytest.raises(ParameterError, match=r"(?s)constants of the file.*on the module.*save it again"):
        run.set_parameters({"0_Linear": {"weight": np.zeros((2, 3))}})
    with pytest.raises(TargetError, match="no graph and no plan"):
        _ = run.plan


def test_a_loaded_file_can_be_saved_again(path: Path) -> None:
    saved("net", path)
    other = path.with_name("again.onnx")
    graphpool.load(path).save(other)
    assert other.read_bytes() == path.read_bytes()


def test_the_present_state_does_not_go_into_the_file_and_the_present_parameters_do(path: Path) -> None:
    run = runtime("net", "onnx", "float32")
    run(signal(4, 2))
    run.set_parameters({"0_Linear": {"weight": np.zeros((2, 3))}})
    run.save(path)
    again = graphpool.load(path)
    assert not np.any(again.state()["1_LIF"]["vmem"])
    assert not np.any(again(signal(9, 2))[0])


# --- files that are refused ---------------------------------------------------------------------------------
def refused(path: Path, message: str) -> None:
    with pytest.raises(ModelFileError, match=f"(?s){message}"):
        graphpool.load(path)


def with_metadata(path: Path, **changes: str | None) -> None:
    model = onnx.load(path)
    held = {entry.key: entry.value for entry in model.metadata_props}
    held |= {f"graphpool.{key}": value for key, value in changes.items()}
    helper.set_model_props(model, {key: value for key, value in held.items() if value is not None})
    onnx.save(model, path)


def with_signature(path: Path, change: Callable[[Any], Any]) -> None:
    held = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    stored = json.loads(held["graphpool.signature"])
    with_metadata(path, signature=json.dumps(change(stored) or stored))


def test_a_file_that_is_missing_or_no_model_is_refused(path: Path) -> None:
    refused(path, "cannot read .*net.onnx.*No such file")
    refused(path.parent, "cannot read .*directory")
    path.write_bytes(b"")
    refused(path, "no ONNX model")
    path.write_bytes(b"this is no model")
    refused(path, "no ONNX model")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    saved("net", path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "net.onnx")


def test_every_truncation_is_refused(path: Path) -> None:
    saved("net", path)
    content = path.read_bytes()
    for length in range(0, len(content), 131):
        path.write_bytes(content[:length])
        refused(path, "net.onnx")


def test_a_device_and_a_file_that_no_model_can_be_are_refused(path: Path) -> None:
    path.symlink_to("/dev/zero")
    refused(path, "net.onnx' is no regular file")
    path.unlink()
    with open(path, "wb") as file:
        file.truncate(2**40)  # takes no space
    refused(path, f"has {2**40} bytes; an ONNX model has at most {2**31 - 1}")


@pytest.mark.parametrize("dims", [[10**12, 3], [2**40, 2**40], [-2, 3], [2**62]])
def test_a_huge_declared_tensor_is_refused(path: Path, dims: list[int]) -> None:
    saved("net", path)
    model = onnx.load(path)
    tensor = next(entry for entry in model.graph.initializer if entry.name.startswith(("once", "param")))
    del tensor.dims[:]
    tensor.dims.extend(dims)
    path.write_bytes(model.SerializeToString())
    refused(path, "no ONNX model that onnxruntime can run")


def test_a_model_of_another_maker_is_refused(path: Path) -> None:
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [info], [])
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"]))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    refused(path, "not one that graphpool has written.*onnxruntime itself")


def test_another_format_version_is_refused(path: Path) -> None:
    saved("net", path)
    with_metadata(path, format_version="999")
    refused(path, "format version 999; this graphpool reads 1")
    with_metadata(path, format_version=None)
    refused(path, "format version None")


def test_a_model_of_one_step_is_refused(path: Path) -> None:
    path.write_bytes(runtime("net", "onnx", "float32").model_bytes("step"))
    refused(path, "one time step")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"text"', "null", "{}", "[" * 100_000, '{"dt": "x"}'])
def test_metadata_that_are_no_signature_are_refused(path: Path, text: str) -> None:
    saved("net", path)
    with_metadata(path, signature=text)
    refused(path, "metadata that graphpool cannot read" if text else "not one that|metadata")


def test_no_metadata_at_all_is_refused(path: Path) -> None:
    saved("net", path)
    with_metadata(path, signature=None)
    refused(path, "not one that graphpool has written")


def without_states(stored: Any) -> None:
    stored["states"] = []


def a_port_more(stored: Any) -> None:
    stored["inputs"] *= 2


def another_dtype(stored: Any) -> None:
    stored["inputs"][0]["dtype"] = "float64"


def unknown_dtype(stored: Any) -> None:
    stored["inputs"][0]["dtype"] = "float128"


def another_shape(stored: Any) -> None:
    stored["states"][0] |= {"shape": [4], "init": {"fill": 0.0}}


def another_rank(stored: Any) -> None:
    stored["outputs"][0]["shape"] = []


def negative_shape(stored: Any) -> None:
    stored["states"][0]["shape"] = [-3]


def enormous_shape(stored: Any) -> None:
    stored["states"][0]["shape"] = [10**15]


def many_large_states(stored: Any) -> None:
    stored["states"] = [{**stored["states"][0], "shape": [2**27], "name": f"v{number}"} for number in range(50)]


def swapped_states(stored: Any) -> None:
    stored["states"].reverse()


def another_name(stored: Any) -> None:
    stored["states"][0]["output"] = "next.elsewhere"


def wrong_start(stored: Any) -> None:
    stored["states"][0]["init"] = [1.0, 2.0]


def text_start(stored: Any) -> None:
    stored["states"][0]["init"] = {"fill": "much"}


def ports_are_text(stored: Any) -> None:
    stored["inputs"] = "x"


@pytest.mark.parametrize(
    "change",
    [
        without_states, a_port_more, another_dtype, unknown_dtype, another_shape, another_rank,
        negative_shape, enormous_shape, swapped_states, another_name, wrong_start, text_start, ports_are_text,
    ],
)  # fmt: skip
def test_a_signature_of_another_model_is_refused(path: Path, change: Callable[[Any], None]) -> None:
    saved("net", path)
    with_signature(path, change)
    refused(path, "metadata that graphpool cannot read")


def test_states_that_are_huge_together_are_refused(path: Path) -> None:
    saved("net", path)
    with_signature(path, many_large_states)
    refused(path, f"all states have {50 * 2**27} elements; at most {2**28} are read")


# --- writing ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["net.npz", "net", "net.onnx.txt"])
def test_a_name_that_does_not_end_in_onnx_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match=r"ends in \.onnx"):
        runtime("net", "onnx").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_save_that_fails_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runtime("net", "onnx")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    for there in (None, b"before"):
        if there is not None:
            path.write_bytes(there)
        with monkeypatch.context() as patch, pytest.raises(OSError, match="disk full"):
            patch.setattr(os, "replace", fail)
            run.save(path)
        assert [entry.read_bytes() for entry in path.parent.iterdir()] == ([] if there is None else [there])
    with pytest.raises(FileNotFoundError):
        run.save(path.parent / "nowhere" / "net.onnx")
    run.save(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["net.onnx"]
    assert graphpool.load(path)(signal(4, 2))[0].shape == (1, 4, 3)


SCRIPT = """
import numpy as np
import graphpool
from graphpool import Parameter, State
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module, Rate

class Mine(Module):
    def __init__(self):
        super().__init__(shape=4)
        self.a, self.b = Parameter([1.0, 2, 3, 4]), State(np.ones(4))
        self.names = {"one", "two", "three"}

    def step(self, x):
        self.b = np.where(x > self.a, self.b + 0.5, x * 0.25)
        self.record("above", self.b > 1)
        return self.b

np.random.seed(3)
net = Sequential(Linear((2, 4), has_bias=True), Mine(), LIF(4, has_rec=True), Rate(4, tau=0.1, has_rec=True))
graphpool.compile(net, "onnx").save("net.onnx", record=True)
"""


def test_the_same_module_gives_the_same_bytes_in_any_process_and_folder(tmp_path: Path) -> None:
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / f"folder{seed}"
        folder.mkdir()
        (folder / f"script{seed}.py").write_text(SCRIPT)
        command, environment = [sys.executable, f"script{seed}.py"], os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run(command, cwd=folder, env=environment, check=True, timeout=120)
        contents.append((folder / "net.onnx").read_bytes())
    assert contents[0] == contents[1]
    assert b"folder" not in contents[0] and b"script" not in contents[0]


# --- what the file holds ------------------------------------------------------------------------------------
BUILT_IN = {
    "linear": lambda: Linear((2, 3), has_bias=True),
    "rate": lambda: Rate(3, has_rec=True),
    "lif": lambda: LIF((6, 3), has_rec=True),
    "chain": lambda: Sequential(Linear((2, 3)), LIF(3), Linear((3, 2)), Rate(2)),
    "leaky": lambda: Leaky(2),
    "net": make_net,
}


def nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from nodes(attribute.g)


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_the_file_passes_the_strictest_checks_and_carries_states_only(name: str) -> None:
    run = graphpool.compile(BUILT_IN[name](), "onnx")
    for mode in ("run", "record", "step"):
        model = onnx.load_from_string(run.model_bytes(mode))
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert model.ir_version == 8
        assert {node.domain for node in nodes(model.graph)} <= {"", "ai.onnx"}
        plan: Plan = run._program(mode).plan
        carried = [len(region.states) for region in plan.regions if region.kind in ("scan", "affine")]
        constants = {tensor.name for tensor in model.graph.initializer}
        scans = [node for node in model.graph.node if node.op_type == "Scan"]
        for node in scans:
            (count,) = (a.i for a in node.attribute if a.name == "num_scan_inputs")
            assert len(node.input) - count == carried.pop(0)
            assert not constants & set(node.input), "a constant goes through the Scan"
        assert not carried
        initial = {entry.name for entry in model.graph.input}
        assert not initial & constants, "an initial value that optimisers may bake in"


def test_the_doc_string_says_what_a_caller_must_know() -> None:
    model = onnx.load_from_string(runtime("net", "onnx").model_bytes())
    assert "time must be at least 1" in model.doc_string
    assert "first dimension of a state must be 1" in model.doc_string


def test_one_file_takes_any_batch_and_any_time_from_one_start(path: Path) -> None:
    run = saved("net", path)
    session = onnxruntime.InferenceSession(path)
    zeros = {entry.name: np.zeros((1, *entry.shape[1:]), np.float32) for entry in session.get_inputs()[1:]}
    assert list(zeros) == ["state.1_LIF.spikes", "state.1_LIF.isyn", "state.1_LIF.vmem"]
    first = [entry.shape[0] for entry in session.get_inputs()]
    assert len(set(first)) == 4, "a state's first dimension is a symbol of its own"
    for batch, steps in ((3, 7), (1, 1)):
        x = signal(batch, steps, 2).astype(np.float32)
        run.reset_state()
        out, state, _ = run(x)
        names = [entry.name for entry in session.get_outputs()]
        results = dict(zip(names, session.run(None, {"input": x, **zeros}), strict=True))
        np.testing.assert_array_equal(results["output"], out)
        held = results["next.1_LIF.vmem"]
        np.testing.assert_array_equal(held, state["1_LIF"]["vmem"].reshape(batch, 3))


def test_a_file_that_names_other_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    graphpool.compile(make_net(), "onnx").save("net.onnx")
    model = onnx.load("net.onnx")
    tensor = next(entry for entry in model.graph.initializer if entry.name.startswith(("once", "param")))
    values = onnx.numpy_helper.to_array(tensor)
    Path("secret.bin").write_bytes(values.tobytes())
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    Path("net.onnx").write_bytes(model.SerializeToString())
    assert onnxruntime.InferenceSession("net.onnx"), "the file is a good one beside its tensors"
    for location in ("secret.bin", "../secret.bin", str(tmp_path / "secret.bin"), "/etc/hostname", "/dev/zero"):
        tensor.external_data[0].value = location
        Path("net.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ModelFileError, match="no ONNX model that onnxruntime can run"):
            graphpool.load("net.onnx")
