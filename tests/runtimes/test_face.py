"""What a user sees of a runtime, the same on every target: calls, steps, chunks, states and copies."""

from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import StateError, TargetError
from graphpool.nn.modules import LIF
from tests.runtimes.models import TARGETS, assert_same, make_net, runtime, signal, step_loop


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- calls and steps ----------------------------------------------------------------------------------------
def test_a_call_without_a_batch_axis_returns_one(target: str) -> None:
    x = signal(7, 2)
    out, state, record = runtime("net", target)(x)
    assert out.shape == (1, 7, 3)
    assert record == {}
    assert {name: array.shape for name, array in state["1_LIF"].items()} == {
        "spikes": (3,),
        "isyn": (3, 1),
        "vmem": (3,),
    }
    np.testing.assert_array_equal(out, step_loop(make_net(), x[None]))
    assert out.sum() > 0


def test_a_call_with_a_batch_axis_runs_each_sample_from_the_same_state(target: str) -> None:
    x = signal(3, 7, 2)
    out, state, _ = runtime("net", target)(x)
    assert out.shape == (3, 7, 3)
    assert state["1_LIF"]["isyn"].shape == (3, 3, 1)
    np.testing.assert_array_equal(out, step_loop(make_net(), x))


def test_the_dtype_is_float32_unless_asked_otherwise(target: str) -> None:
    out, state, record = graphpool.compile(LIF(2), target)(signal(3, 2), record=True)
    assert {out.dtype, state["vmem"].dtype, record["vmem"].dtype} == {np.dtype(np.float32)}
    assert runtime("net", target)(signal(3, 2))[0].dtype == np.float64


def test_a_record_holds_every_state_and_every_recorded_value(target: str) -> None:
    x = signal(2, 5, 2)
    out, state, record = runtime("net", target)(x, record=True)
    plain = runtime("net", target)(x)
    assert list(record) == ["0_Linear_output", "1_LIF_output", "1_LIF"]
    assert list(record["1_LIF"]) == ["irec", "spikes", "isyn", "vmem"]
    assert record["1_LIF"]["isyn"].shape == (2, 5, 3, 1)
    np.testing.assert_array_equal(record["1_LIF_output"], out)
    for name, array in state["1_LIF"].items():
        np.testing.assert_array_equal(record["1_LIF"][name][:, -1], array)
    assert_same(out, plain[0])
    assert_same(state, plain[1])


def test_a_step_keeps_the_rank_that_it_is_given(target: str) -> None:
    run = runtime("net", target)
    x = signal(2, 4, 2)
    assert run.step(x[0, 0]).shape == (3,)
    assert run.state()["1_LIF"]["vmem"].shape == (3,)
    run.reset_state()
    assert run.step(x[:1, 0]).shape == (1, 3)
    run.reset_state()
    steps = [run.step(x[:, t]) for t in range(4)]
    assert steps[0].shape == (2, 3)
    np.testing.assert_array_equal(np.stack(steps, axis=1), step_loop(make_net(), x))


def test_chunks_equal_one_long_run(target: str) -> None:
    x = signal(2, 9, 2)
    whole, state, _ = runtime("net", target)(x)
    run = runtime("net", target)
    chunks = list(run.stream(x[:, a:b] for a, b in ((0, 1), (1, 1), (1, 6), (6, 9))))
    assert [chunk.shape[1] for chunk in chunks] == [1, 0, 5, 3]
    assert_same(np.concatenate(chunks, axis=1), whole)
    assert_same(run.state(), state)


def test_a_stream_runs_a_chunk_when_it_is_asked_for(target: str) -> None:
    run = runtime("net", target)
    stream = run.stream(iter([signal(3, 2), signal(3, 2)]))
    before = run.state()
    assert_same(run.state(), before)
    next(stream)
    assert np.any(run.state()["1_LIF"]["vmem"] != before["1_LIF"]["vmem"])


def test_the_state_carries_over_between_calls_and_steps(target: str) -> None:
    x = signal(1, 8, 2)
    whole = runtime("net", target)(x)[0]
    run = runtime("net", target)
    parts = [run(x[:, :3])[0], run.step(x[:, 3])[:, None], run.step(x[0, 4])[None, None], run(x[0, 5:])[0]]
    assert_same(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("record", [False, True])
def test_an_empty_time_axis_returns_empty_and_leaves_the_state(target: str, record: bool) -> None:
    run = runtime("net", target)
    run(signal(2, 3, 2))
    before = run.state()
    out, state, recorded = run(np.zeros((2, 0, 2)), record=record)
    assert out.shape == (2, 0, 3) and out.dtype == np.float64
    assert_same(state, before)
    assert_same(run.state(), before)
    assert (recorded["1_LIF"]["isyn"].shape if record else recorded) == ((2, 0, 3, 1) if record else {})
    assert runtime("net", target)(np.zeros((0, 2)))[0].shape == (1, 0, 3)


# --- state --------------------------------------------------------------------------------------------------
def test_reset_state_gives_the_initial_values_and_drops_the_batch_axis(target: str) -> None:
    run = runtime("net", target)
    before = run.state()
    first = run(signal(3, 4, 2))[0]
    run.reset_state()
    assert_same(run.state(), before)
    assert_same(run(signal(3, 4, 2))[0], first)
    run.reset_state()
    assert run(signal(2, 4, 2))[0].shape == (2, 4, 3)


def test_a_batch_that_does_not_fit_the_state_is_refused(target: str) -> None:
    run = runtime("net", target)
    run(signal(3, 4, 2))
    before = run.state()
    for use in (lambda: run(signal(2, 4, 2)), lambda: run(signal(4, 2)), lambda: run.step(signal(2))):
        with pytest.raises(StateError, match=r"of 3 samples, the input has [12]\n.*reset_state"):
            use()
    with pytest.raises(StateError):
        run(np.zeros((2, 0, 2)))
    assert_same(run.state(), before)


def test_set_state_takes_a_part_and_copies_it(target: str) -> None:
    run = runtime("net", target)
    run(signal(4, 2))
    before = run.state()
    given = np.array([0.25, 0.5, 0.75])
    run.set_state({"1_LIF": {"vmem": given}})
    given[:] = 9
    assert_same(run.state(), {"1_LIF": before["1_LIF"] | {"vmem": np.array([0.25, 0.5, 0.75])}})
    run.state()["1_LIF"]["vmem"][:] = 9
    assert run.state()["1_LIF"]["vmem"][0] == 0.25
    run.set_state({})
    run.set_state(before)
    assert_same(run.state(), before)


def test_set_state_takes_a_batch(target: str) -> None:
    x, v = signal(3, 4, 2), signal(3, 3, seed=1)
    run = runtime("net", target)
    run.set_state({"1_LIF": {"vmem": v}})
    together = run(x)[0]
    for sample in range(3):
        alone = runtime("net", target)
        alone.set_state({"1_LIF": {"vmem": v[sample : sample + 1]}})
        assert alone.state()["1_LIF"]["vmem"].shape == (3,)
        assert_same(alone(x[sample])[0], together[sample : sample + 1])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"1_LIF": {"vmem": np.zeros(3), "nothing": np.zeros(3)}}, "no state '1_LIF.nothing'"),
        ({"1_LIF": {"isyn": np.zeros((3, 1)), "vmem": np.zeros(4)}}, r"'1_LIF.vmem' .*\(3,\).*got \(4,\)"),
        ({"1_LIF": {"vmem": np.zeros((0, 3))}}, r"got \(0, 3\)"),
        ({"1_LIF": {"vmem": 1.0}}, r"got \(\)"),
        ({"1_LIF": {"vmem": np.zeros(3, complex)}}, "has dtype float64, got complex128"),
        ({"1_LIF": {"vmem": "now"}}, "has dtype float64, got <U3"),
        ({"1_LIF": {"vmem": None}}, "has dtype float64, got object"),
        ({"1_LIF": {"vmem": [[1.0], [2.0, 3.0]]}}, "'1_LIF.vmem' is no array"),
        ({"1_LIF": np.zeros(3)}, "no state '1_LIF'"),
        (np.zeros(3), "nested dict"),
        (None, "nested dict"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(target: str, state: Any, message: str) -> None:
    run = runtime("net", target)
    run(signal(4, 2))
    before = run.state()
    with pytest.raises(StateError, match=f"(?s){message}"):
        run.set_state(state)
    assert_same(run.state(), before)


# --- copies -------------------------------------------------------------------------------------------------
def through_pickle(run: Any) -> Any:
    return pickle.loads(pickle.dumps(run))


@pytest.mark.parametrize("duplicate", [lambda run: run.copy(), deepcopy, through_pickle])
def test_a_copy_goes_on_by_itself(target: str, duplicate: Any) -> None:
    x = signal(1, 6, 2)
    run = runtime("net", target)
    run(x[:, :3])
    other = duplicate(run)
    assert type(other) is type(run)
    assert_same(other.state(), run.state())
    assert_same(other.parameters(), run.parameters())
    here, there = run(x[:, 3:])[0], other(x[:, 3:])[0]
    assert_same(there, here)
    other.set_parameters({"0_Linear": {"weight": np.zeros((2, 3))}})
    other.reset_state()
    before = run.state()
    assert other(x)[0].sum() == 0
    assert_same(run.state(), before)
    run.reset_state()
    assert_same(run(x)[0], runtime("net", target)(x)[0])


def test_what_comes_out_belongs_to_the_caller_and_what_goes_in_stays_as_it_is(target: str) -> None:
    x = signal(1, 4, 2)
    given, run = x.copy(), runtime("counter", target)
    out, state, record = run(given, record=True)
    np.testing.assert_array_equal(given, x)
    before = run.state()
    for array in (*out.values(), *state.values(), *record.values()):
        array[...] = 0
    assert_same(run.state(), before)
    run.reset_state()
    assert_same(run(x)[0], runtime("counter", target)(x)[0])
    step = run.step(x[0, 0])
    for array in step.values():
        array[...] = 0
    np.testing.assert_array_equal(run.step(x[0, 0])["output.2"], [1.5, 2.5])


def test_print_shows_the_face(target: str) -> None:
    run = runtime("net", target)
    assert str(run).splitlines()[1:] == [
        "    input x: f64[2] continuous",
        "    output output: f64[3] event",
        "    state 1_LIF.spikes: f64[3]",
        "    state 1_LIF.isyn: f64[3,1]",
        "    state 1_LIF.vmem: f64[3]",
        "    parameter 0_Linear.weight: f64[2,3]",
        "    parameter 1_LIF.w_rec: f64[3,3]",
        "    parameter 1_LIF.tau_mem: f64",
        "    parameter 1_LIF.tau_syn: f64",
        "    parameter 1_LIF.bias: f64",
        "    parameter 1_LIF.threshold: f64",
    ]
    name = {"numpy": "NumpyRuntime", "jax": "JaxRuntime", "onnx": "OnnxRuntime"}[target]
    assert str(run).splitlines()[0] == f"{name} of Sequential, dt=0.001 s"
    assert repr(run) == f"<{name} of 'Sequential'>"
    assert run.dt == 1e-3
    assert [region.kind for region in run.plan.regions].count("scan") == 1


@pytest.mark.parametrize("other", ["numpy", "jax"])
def test_only_the_onnx_runtime_writes_a_file(other: str, tmp_path: Any) -> None:
    with pytest.raises(TargetError, match=f"target '{other}' cannot write .*net.onnx"):
        runtime("net", other).save(tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
