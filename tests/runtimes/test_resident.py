"""Steps whose state lives in the engine: nothing of that can be seen from outside."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError, StateError, TargetError
from graphpool.nn.modules import Rate
from tests.runtimes.models import assert_same, runtime, signal

FORMS: dict[str, dict[str, Any]] = {
    "compiled": {},
    "parameters as inputs": {"parameters": "inputs"},
    "loaded": {},
}


def rows(*shape: int) -> Any:
    return signal(*shape).astype(np.float32)


@pytest.fixture(params=list(FORMS))
def run(request: Any, tmp_path: Path) -> Any:
    made = graphpool.compile(
        runtime("net", "onnx").artifact.source, "onnx", parameters=runtime("net", "onnx").parameters()
    )
    if request.param == "parameters as inputs":
        made = graphpool.compile(made.artifact.source, "onnx", parameters="inputs")
        made.set_parameters(runtime("net", "onnx").parameters())
    if request.param == "loaded":
        made.save(tmp_path / "net.onnx")
        return graphpool.load(tmp_path / "net.onnx")
    return made


def oracle() -> Any:
    return runtime("net", "numpy", "float32")


def test_steps_of_every_kind_of_input_follow_each_other(run: Any) -> None:
    x, wanted = rows(8, 2), oracle()
    for place, row in enumerate(x):
        given = [row, row[None], row.astype(np.float64), row.tolist(), np.asfortranarray(row), row[::-1][::-1]][
            place % 6
        ]
        out = run.step(given)
        assert_same(out, wanted.step(row[None] if place % 6 == 1 else row))
    assert_same(run.state(), wanted.state())


def test_batches_change_and_calls_come_between(run: Any) -> None:
    x, wanted = rows(3, 6, 2), oracle()
    for one in (run, wanted):
        one.step(x[:, 0])
        one.step(x[:, 1])
    assert_same(run(x[:, 2:4])[0], wanted(x[:, 2:4])[0])
    assert_same(run.step(x[:, 4]), wanted.step(x[:, 4]))
    for one in (run, wanted):
        one.reset_state()
    assert_same(run.step(x[0, 5]), wanted.step(x[0, 5]))
    assert_same(run.state(), wanted.state())


def test_bad_input_changes_nothing(run: Any) -> None:
    x = rows(3, 2)
    run.step(x)
    before = run.state()
    for bad, error in ((rows(2, 2), StateError), (rows(3, 3), InputError), ("abc", InputError)):
        with pytest.raises(error):
            run.step(bad)
    with pytest.raises(InputError, match="sample=-1"):
        run.step(x, sample=-1)
    with pytest.raises(InputError, match="holds nan"):
        run.step(x * np.float32(np.nan), check_finite=True)
    assert_same(run.state(), before)
    run.step(x * np.float32(np.nan))


def test_states_are_copies_and_can_be_set(run: Any) -> None:
    x, wanted = rows(4, 2), oracle()
    for one in (run, wanted):
        one.step(x[0])
    state = run.state()
    state["1_LIF"]["vmem"][:] = 7
    out = run.step(x[1])
    assert_same(out, wanted.step(x[1]))
    kept = out.copy()
    run.step(x[2])
    wanted.step(x[2])
    assert_same(out, kept)
    for one in (run, wanted):
        one.set_state({"1_LIF": {"vmem": np.array([0.5, -0.5, 3.0])}})
    assert_same(run.step(x[3]), wanted.step(x[3]))
    assert_same(run.state(), wanted.state())


def test_copies_live_apart(run: Any) -> None:
    x = rows(5, 2)
    run.step(x[0])
    others = [run.copy(), pickle.loads(pickle.dumps(run))]
    for other in others:
        assert_same(other.state(), run.state())
    wanted = [run.step(row) for row in x[1:]]
    for other in others:
        for row, out in zip(x[1:], wanted, strict=True):
            assert_same(other.step(row), out)


def test_parameters_change_between_steps() -> None:
    x, wanted = rows(3, 2), oracle()
    for options in ({}, {"parameters": "inputs"}):
        run = graphpool.compile(oracle().artifact.source, "onnx", **({"parameters": oracle().parameters()} | options))
        run.set_parameters(oracle().parameters())
        wanted = oracle()
        for one in (run, wanted):
            one.step(x[0])
            one.set_parameters({"1_LIF": {"threshold": 0.25}})
        assert_same(run.step(x[1]), wanted.step(x[1]))
        assert_same(run.state(), wanted.state())


def test_noise_goes_by_the_sample() -> None:
    runs = [graphpool.compile(Rate(2, noise_std=0.5, seed=3), "onnx") for _ in range(2)]
    x = rows(6, 2)
    steps = [runs[0].step(row, sample=5) for row in x[:3]] + [runs[0].step(row, sample=9) for row in x[3:]]
    first = runs[1](x[:3], sample=5)[0][0]
    second = runs[1](x[3:], sample=9)[0][0]
    np.testing.assert_allclose(steps, np.concatenate([first, second]), rtol=1e-5, atol=1e-6)


# --- options of sessions --------------------------------------------------------------------------------------------
OPTIONS = {"threads": 1, "optimisation": "basic", "spinning": False}


def test_options_of_sessions_change_no_result_and_are_kept(tmp_path: Path) -> None:
    net, x = oracle(), rows(2, 5, 2)
    run = graphpool.compile(net.artifact.source, "onnx", parameters=net.parameters(), **OPTIONS)
    run.save(tmp_path / "net.onnx")
    loaded = graphpool.load(tmp_path / "net.onnx", **OPTIONS)
    wanted = net(x)[0]
    for one in (run, loaded):
        for other in (one.copy(), pickle.loads(pickle.dumps(one))):
            np.testing.assert_array_equal(other(x)[0], wanted)
            options = other._session("run").get_session_options()
            assert options.intra_op_num_threads == 1
            assert options.graph_optimization_level.name == "ORT_ENABLE_BASIC"
            assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_step_takes_one_thread_unless_told_otherwise() -> None:
    net = oracle()
    for options, threads in (({}, 1), ({"threads": 2}, 2)):
        run = graphpool.compile(net.artifact.source, "onnx", parameters=net.parameters(), **options)
        assert run._session("step").get_session_options().intra_op_num_threads == threads


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"threads": 0}, r"threads=0 for target 'onnx'.*one of None, or a number from 1 to 256"),
        ({"threads": True}, r"threads=True"),
        ({"optimisation": "some"}, r"one of 'all', 'extended', 'basic', 'none'"),
        ({"spinning": 1}, r"one of "),
    ],
)
def test_options_that_do_not_fit_are_refused(option: dict[str, Any], message: str, tmp_path: Path) -> None:
    net = oracle()
    with pytest.raises(TargetError, match=f"(?s){message}"):
        graphpool.compile(net.artifact.source, "onnx", parameters=net.parameters(), **option)
    runtime("net", "onnx").save(tmp_path / "net.onnx")
    with pytest.raises(TargetError, match=f"(?s){message}"):
        graphpool.load(tmp_path / "net.onnx", **option)
    with pytest.raises(TargetError, match="it runs on 'onnx', as it was compiled"):
        graphpool.load(tmp_path / "net.onnx", loop="Loop")
