"""ONNX files: what ``save`` writes, and what ``load`` makes of it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import graphpool
from graphpool.errors import InputError, ParameterError, StateError, TargetError
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
