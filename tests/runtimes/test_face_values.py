"""Parameters and inputs of a runtime, on every target: what is taken, what is refused, what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError, ParameterError, StateError
from graphpool.graph import GraphBuilder, TensorType
from graphpool.ops import infer_type
from tests.runtimes.models import TARGETS, Leaky, assert_same, make_net, runtime, signal, step_loop


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- parameters ---------------------------------------------------------------------------------------------
def test_the_parameters_are_those_of_the_module_in_the_dtypes_of_the_trace(target: str) -> None:
    assert_same(graphpool.compile(make_net(), target).parameters(), make_net().parameters())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_setting_the_parameters_that_are_there_changes_nothing(target: str, dtype: str) -> None:
    x, run = signal(6, 2), runtime("leaky", target, dtype)
    first, before = run(x)[0], run.parameters()
    run.set_parameters(run.parameters())
    run.reset_state()
    assert_same(run(x)[0], first)
    assert_same(run.parameters(), before)


def test_new_parameters_act_at_once_and_leave_the_state(target: str) -> None:
    x, run = signal(6, 2), runtime("leaky", target)
    run(x)
    before = run.state()
    given = np.array([3.0, 4.0])
    run.set_parameters({"gain": given, "tau": 5e-3})
    given[:] = 0
    assert_same(run.state(), before)
    module = Leaky(2, tau=5e-3)
    module.gain = np.array([3.0, 4.0])
    module.v = before["v"]
    expected = step_loop(module, x[None])
    np.testing.assert_allclose(run(x, record=True)[0], expected, rtol=1e-12)
    run.set_state(before)
    np.testing.assert_allclose(run.step(x[0]), expected[0, 0], rtol=1e-12)
    run.parameters()["gain"][:] = 0
    np.testing.assert_array_equal(run.parameters()["gain"], [3, 4])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"0_Linear": {"weight": np.zeros((2, 3)), "wait": 1.0}}, "no parameter '0_Linear.wait'"),
        ({"1_LIF": {"bias": 1.0}, "0_Linear": {"weight": np.zeros(3)}}, r"has shape \(2, 3\), got \(3,\)"),
        ({"0_Linear": {"weight": np.zeros((1, 2, 3))}}, r"has shape \(2, 3\), got \(1, 2, 3\)"),
        ({"0_Linear": {"weight": np.zeros((2, 3), complex)}}, "has dtype float64, got complex128"),
        ({"1_LIF": {"bias": "much"}}, "has dtype float64, got <U4"),
        ({"1_LIF": {"w_rec": [[1.0], [2.0, 3.0]]}}, "'1_LIF.w_rec' is no array"),
        ([1, 2], "nested dict"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_and_nothing_changes(
    target: str, parameters: Any, message: str
) -> None:
    x, run = signal(6, 2), runtime("net", target)
    before = run.parameters()
    with pytest.raises(ParameterError, match=f"(?s){message}"):
        run.set_parameters(parameters)
    assert_same(run.parameters(), before)
    assert_same(run(x)[0], runtime("net", target)(x)[0])


def test_module_and_runtime_live_apart(target: str) -> None:
    x, module = signal(6, 2), Leaky(2)
    module.v = [0.5, 0.25]
    run = graphpool.compile(module, target, dtype="float64")
    expected = step_loop(module, x[None])
    module.gain[:] = 0
    module.tau = 1.0
    module.v[:] = 9
    np.testing.assert_allclose(run(x)[0], expected, rtol=1e-12)
    run.set_parameters({"tau": 2.0})
    assert module.tau == 1.0
    np.testing.assert_array_equal(module.v, [9, 9])


def test_compile_takes_parameters_and_a_state(target: str) -> None:
    module = Leaky(2)
    given: Any = {"parameters": {"gain": [3, 4]}, "state": {"v": [[1.0, 2.0]]}}
    run = graphpool.compile(module, target, dtype="float64", **given)
    np.testing.assert_array_equal(run.parameters()["gain"], [3, 4])
    assert run.parameters()["gain"].dtype == np.float64
    np.testing.assert_array_equal(run.state()["v"], [1, 2])
    run.set_parameters({"gain": [5, 6]})
    run.reset_state()
    run.reset_parameters()
    np.testing.assert_array_equal(run.state()["v"], [0, 0])
    np.testing.assert_array_equal(run.parameters()["gain"], [3, 4])


def test_reset_parameters_gives_those_that_were_compiled(target: str) -> None:
    x, run = signal(6, 2), runtime("leaky", target)
    before, first = run.parameters(), run(x)[0]
    run.set_parameters({"gain": [3.0, 4.0], "tau": 5e-3})
    other = run.copy()
    run.reset_parameters()
    run.reset_state()
    assert_same(run.parameters(), before)
    assert_same(run(x)[0], first)
    np.testing.assert_array_equal(other.parameters()["gain"], [3, 4])


@pytest.mark.parametrize("states", [{"seen": np.zeros((3, 2), bool)}, {"count": np.zeros((3, 2), np.int64)}])
def test_states_of_different_batches_are_refused(target: str, states: Any) -> None:
    run = runtime("counter", target)
    run(np.zeros((2, 4, 2)))
    before = run.state()
    with pytest.raises(StateError, match="states of different batches"):
        run.set_state(states)
    assert_same(run.state(), before)
    run.set_state({"seen": np.zeros((3, 2), bool), "count": np.zeros((3, 2), np.int64)})
    assert run(np.zeros((3, 4, 2)))[0]["output.0"].shape == (3, 4, 2)


# --- ports --------------------------------------------------------------------------------------------------
def test_several_inputs_and_outputs_are_dicts(target: str) -> None:
    a, b, run = signal(3, 5, 2), signal(3, 5, seed=1), runtime("ports", target)
    out, _, _ = run({"a": a, "b": b})
    assert list(out) == ["output.0", "output.1"]
    np.testing.assert_allclose(out["output.0"], np.cumsum(a * b[..., None], axis=1), rtol=1e-12)
    np.testing.assert_array_equal(out["output.1"], a.sum(axis=-1) > b)
    assert out["output.1"].dtype == bool
    run.reset_state()
    assert run({"b": b[0], "a": a[0]})[0]["output.0"].shape == (1, 5, 2)
    step = run.step({"a": a[0, 0], "b": b[0, 0]})
    assert step["output.0"].shape == (2,) and np.shape(step["output.1"]) == ()
    assert run.step({"a": a[0, :1], "b": b[0, :1]})["output.1"].shape == (1,)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 2)), "one array for 2 ports.*a, b"),
        ({"a": np.zeros((5, 2))}, r"inputs \['a'\].*a, b"),
        ({"a": np.zeros((5, 2)), "b": np.zeros(5), "c": 0}, "the ports are a, b"),
        ({"a": np.zeros((5, 2)), "b": np.zeros(4)}, r"differ in batch or time.*\(1, 5\).*\(1, 4\)"),
        ({"a": np.zeros((3, 5, 2)), "b": np.zeros(5)}, "differ in batch or time"),
    ],
)
def test_inputs_that_do_not_fit_the_ports_are_refused(target: str, x: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        runtime("ports", target)(x)


def test_a_sample_may_be_a_number(target: str) -> None:
    x, run = signal(3, 5), runtime("number", target)
    np.testing.assert_allclose(run(x)[0], np.cumsum(x, axis=1), rtol=1e-12)
    run.reset_state()
    assert run(x[0])[0].shape == (1, 5)
    run.reset_state()
    assert np.shape(run.step(1.5)) == ()
    assert run.step(np.float64(2.0)) == 3.5
    assert run.step([1.0]).shape == (1,)


def test_a_sample_may_be_a_picture(target: str) -> None:
    x, run = signal(2, 5, 2, 3), runtime("picture", target)
    out, state, record = run(x, record=True)
    np.testing.assert_allclose(out, np.cumsum(x, axis=1), rtol=1e-12)
    assert state["total"].shape == (2, 2, 3)
    assert record["total"].shape == (2, 5, 2, 3)
    run.reset_state()
    assert run(x[0])[0].shape == (1, 5, 2, 3)
    assert run.step(x[0, 0]).shape == (2, 3)
    assert run.step(x[:1, 0]).shape == (1, 2, 3)
    for wrong in (x[0, 0], x[None], x[..., :2]):
        with pytest.raises(InputError, match=r"input 'x' wants \(B, T, 2, 3\) or \(T, 2, 3\), got an array"):
            run(wrong)


# --- dtypes -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64, np.float16, np.float32])
def test_numbers_of_any_dtype_are_cast(target: str, dtype: Any) -> None:
    x = (np.arange(12).reshape(6, 2) % 3).astype(dtype)
    run = runtime("leaky", target)
    expected = run(x.astype(np.float64))[0]
    run.reset_state()
    assert_same(run(x)[0], expected)
    run.reset_state()
    assert_same(run(x.tolist())[0], expected)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 2), complex), "input 'i' has dtype complex128.*float64"),
        (np.full((5, 2), "a"), "input 'i' has dtype <U1"),
        (np.full((5, 2), None), "input 'i' has dtype object"),
        (None, "input 'i' has dtype object"),
        ([[1.0], [2.0, 3.0]], "input 'i' is no array"),
        (np.zeros((5, 3)), r"input 'i' wants \(B, T, 2\) or \(T, 2\), got an array of shape \(5, 3\)"),
        (np.zeros((5, 1)), r"wants .*got an array of shape \(5, 1\)"),
        (np.zeros(2), r"got an array of shape \(2,\)"),
        (np.zeros((1, 1, 5, 2)), r"got an array of shape \(1, 1, 5, 2\)"),
        (1.0, r"got an array of shape \(\)"),
        (np.zeros((0, 5, 2)), r"input 'i' holds no samples: shape \(0, 5, 2\)"),
        ({"x": np.zeros((5, 2))}, r"inputs \['x'\].*the ports are i"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_and_the_state_stays(target: str, x: Any, message: str) -> None:
    run = runtime("leaky", target)
    run(signal(3, 2))
    before = run.state()
    with pytest.raises(InputError, match=f"(?s){message}"):
        run(x, record=True)
    with pytest.raises(InputError):
        list(run.stream([x]))
    assert_same(run.state(), before)


@pytest.mark.parametrize(
    ("x", "shape"), [(np.zeros(3), "(3,)"), (np.zeros((1, 1, 2)), "(1, 1, 2)"), (np.zeros((0, 2)), "(0, 2)")]
)
def test_a_step_says_what_it_wants(target: str, x: Any, shape: str) -> None:
    run = runtime("leaky", target)
    with pytest.raises(InputError) as caught:
        run.step(x)
    assert "(B, 2) or (2,)" in str(caught.value) and shape in str(caught.value)


def test_nan_passes_unless_it_is_refused_with_its_place(target: str) -> None:
    run, x = runtime("leaky", target), np.zeros((2, 4, 2))
    x[1, 2, 0] = np.nan
    before = run.state()
    for use in (lambda: run(x, check_finite=True), lambda: list(run.stream([x], check_finite=True))):
        with pytest.raises(InputError, match=r"input 'i' holds nan at \(1, 2, 0\)"):
            use()
    with pytest.raises(InputError, match=r"holds inf at \(0, 1\)"):
        run.step([0.0, np.inf], check_finite=True)
    assert_same(run.state(), before)
    out = run(x)[0]
    assert np.isnan(out[1, 2:, 0]).all() and np.isfinite(out[0]).all() and np.isfinite(out[1, :, 1]).all()


def test_a_number_too_large_for_float32_is_infinite_and_counts_as_such(target: str) -> None:
    run = runtime("leaky", target, "float32")
    with pytest.raises(InputError, match=r"holds inf at \(0, 0, 1\)"):
        run([[0.0, 1e300]], check_finite=True)
    assert run([[0.0, 1e300]])[0][0, 0, 1] == np.inf


def test_outputs_keep_their_dtypes_and_need_not_depend_on_the_input(target: str) -> None:
    x = np.array([[[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]] * 2)
    for dtype in ("float32", "float64"):
        run = runtime("counter", target, dtype)
        out, state, record = run(x, record=True)
        assert [array.dtype for array in out.values()] == [np.int64, bool, np.dtype(dtype), np.dtype(dtype)]
        np.testing.assert_array_equal(out["output.0"][0], [[0, 1], [1, 2], [1, 2]])
        np.testing.assert_array_equal(out["output.1"][1], [[0, 1], [1, 1], [0, 0]])
        np.testing.assert_array_equal(out["output.2"], np.broadcast_to([1.5, 2.5], (2, 3, 2)))
        np.testing.assert_array_equal(out["output.3"], np.broadcast_to([2.0, 3.0], (2, 3, 2)))
        assert (state["count"].dtype, state["seen"].dtype) == (np.int64, bool)
        assert record["count"].dtype == np.int64
        assert {n: a.shape for n, a in run(np.zeros((2, 0, 2)))[0].items()} == dict.fromkeys(out, (2, 0, 2))
        step = run.step(x[:, 0])
        assert [array.dtype for array in step.values()] == [array.dtype for array in out.values()]
        assert step["output.2"].shape == (2, 2)


def test_an_integer_state_holds_what_float32_cannot(target: str) -> None:
    run = runtime("counter", target, "float32")
    run.set_state({"count": np.array([2**40, -(2**40)])})
    np.testing.assert_array_equal(run([[1.0, 1.0]])[0]["output.0"], [[[2**40 + 1, 1 - 2**40]]])
    with pytest.raises(StateError, match="state 'count' has dtype int64, got float64"):
        run.set_state({"count": np.zeros(2)})


def integer_graph() -> Any:
    builder = GraphBuilder("whole", None, infer_type)
    x = builder.input("x", TensorType(np.dtype(np.int64), (2,)), "continuous")
    builder.output("output", x, "continuous")
    return builder.build()


@pytest.mark.parametrize("make", [lambda: [[1, 2]], lambda: np.array([[True, False]])])
def test_a_graph_may_take_integers(target: str, make: Callable[[], Any]) -> None:
    out = graphpool.compile(integer_graph(), target)(make())[0]
    np.testing.assert_array_equal(out, [make()])
    assert out.dtype == np.int64


def test_an_integer_port_does_not_cut_off_fractions(target: str) -> None:
    run = graphpool.compile(integer_graph(), target)
    with pytest.raises(InputError, match=r"(?s)input 'x' has dtype float64.*integers and bools.*int64"):
        run([[1.5, 2.5]])
