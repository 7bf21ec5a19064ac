"""``.gpz`` files: what they hold, that they run as what was saved, and that no file does harm, whoever wrote it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import GraphpoolError, ParameterError, StateError, TargetError
from graphpool.graph import GraphBuilder, TensorType
from graphpool.graph.types import FLOAT64
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear, Rate
from graphpool.ops import infer_type
from tests.runtimes.models import NETS, TARGETS, Leaky, assert_same, make_net, runtime, signal


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


def contents_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}
