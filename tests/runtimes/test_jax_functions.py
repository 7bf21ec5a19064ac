"""The pure functions of the JAX runtime: nested values in and out, gradients, jit, maps, 32 bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError, ParameterError, StateError
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from tests.runtimes.models import NETS, assert_same, flat, runtime, signal


@pytest.fixture(autouse=True)
def without_x64() -> Iterator[None]:
    """Nothing here needs x64, and nothing leaves it on."""
    assert not jax.config.jax_enable_x64
    yield
    assert not jax.config.jax_enable_x64
    assert jnp.asarray(np.zeros(1)).dtype == jnp.float32


def net_run() -> Any:
    return runtime("net", "jax", "float32")


def inputs_of(run: Any, *leading: int) -> Any:
    given = {port.name: signal(*leading, *port.type.shape) for port in run.signature.inputs}
    return given if len(given) > 1 else next(iter(given.values()))


# --- whole evolutions ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(NETS))
def test_with_the_values_computed_once_apply_gives_exactly_what_the_runtime_gives(name: str) -> None:
    run = runtime(name, "jax", "float32")
    x = inputs_of(run, 2, 6)
    out, state, record = run.apply(run.parameters(), run.state(), x, once=run.once())
    expected = run(x, record=True)
    for ours, theirs in zip((out, state, record), expected, strict=True):
        ours, theirs = (flat(tree) if isinstance(tree, dict) else {"": tree} for tree in (ours, theirs))
        assert list(ours) == list(theirs)
        for path, array in theirs.items():
            assert isinstance(ours[path], jax.Array)
            if array.dtype.kind != "i":  # int64 becomes int32
                assert ours[path].dtype == array.dtype, path
            np.testing.assert_array_equal(ours[path], array, err_msg=path)


def test_the_values_computed_once_follow_the_parameters() -> None:
    run = runtime("leaky", "jax", "float32")
    x, before = signal(1, 6, 2), run.once()
    run.set_parameters({"tau": 2e-3})
    assert any(np.any(before[value] != array) for value, array in run.once().items())
    out = run.apply(run.parameters(), run.state(), x, once=run.once())[0]
    np.testing.assert_array_equal(out, run(x)[0])


def test_values_computed_once_agree_with_a_float64_runtime_up_to_rounding() -> None:
    run = runtime("leaky", "jax", "float64")
    x = signal(2, 6, 2)
    out = run.apply(run.parameters(), run.state(), x, once=run.once())[0]
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, run(x)[0], rtol=1e-5)


def test_apply_is_pure() -> None:
    run, x = net_run(), signal(1, 6, 2)
    before = run.state(), run.parameters()
    first = run.apply(run.parameters(), run.state(), x)[0]
    silent = {**run.parameters(), "0_Linear": {"weight": np.zeros((2, 3))}}
    again = run.apply(silent, run.state(), x)[0]
    assert first.sum() > 0 and again.sum() == 0
    assert_same(run.state(), before[0])
    assert_same(run.parameters(), before[1])


def test_chunks_of_apply_equal_one_long_apply() -> None:
    run, x = net_run(), signal(2, 8, 2)
    params, start = run.parameters(), run.state()
    whole, last, _ = run.apply(params, start, x)
    first, state, _ = run.apply(params, start, x[:, :3])
    second, state, record = run.apply(params, state, x[:, 3:])
    np.testing.assert_array_equal(jnp.concatenate([first, second], axis=1), whole)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, last))
    assert record["1_LIF"]["vmem"].shape == (2, 5, 3)


def test_apply_takes_an_input_without_a_batch_axis_and_lists() -> None:
    run, x = net_run(), signal(6, 2)
    params, state = run.parameters(), run.state()
    alone = run.apply(params, state, x)[0]
    assert alone.shape == (1, 6, 3)
    np.testing.assert_array_equal(alone, run.apply(params, state, x[None])[0])
    np.testing.assert_array_equal(alone, run.apply(params, state, x.tolist())[0])


# --- one step -----------------------------------------------------------------------------------------------
def test_one_step_in_a_scan_of_ones_own_equals_a_whole_evolution() -> None:
    run, x = net_run(), signal(2, 7, 2)
    params = run.parameters()
    whole, last, _ = run.apply(params, run.state(), x)
    start = jax.tree.map(lambda s: jnp.broadcast_to(s, (2, *s.shape)).astype(jnp.float32), run.state())

    @jax.jit
    def evolve(params: Any, state: Any, x: Any) -> Any:
        def body(state: Any, row: Any) -> Any:
            y, state = run.apply_step(params, state, row)
            return state, y

        state, rows = jax.lax.scan(body, state, jnp.swapaxes(x, 0, 1))
        return jnp.swapaxes(rows, 0, 1), state

    rows, state = evolve(params, start, jnp.asarray(x, jnp.float32))
    np.testing.assert_array_equal(rows, whole)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, last))


def test_a_step_keeps_the_rank_that_it_is_given() -> None:
    run = net_run()
    params, state = run.parameters(), run.state()
    y, following = run.apply_step(params, state, signal(2))
    assert y.shape == (3,) and following["1_LIF"]["isyn"].shape == (3, 1)
    y, following = run.apply_step(params, state, signal(4, 2))
    assert y.shape == (4, 3) and following["1_LIF"]["isyn"].shape == (4, 3, 1)
    number = runtime("number", "jax", "float32")
    y, following = number.apply_step({}, number.state(), 1.5)
    assert (y.shape, following["total"].shape, float(y)) == ((), (), 1.5)
    ports = runtime("ports", "jax", "float32")
    y, _ = ports.apply_step({}, ports.state(), {"a": np.ones(2), "b": 2.0})
    np.testing.assert_array_equal(y["output.0"], [2, 2])
    assert y["output.1"].dtype == bool


def test_one_step_with_the_values_computed_once_gives_exactly_what_step_gives() -> None:
    """Compiled, as step is: op by op, XLA fuses no multiply with an add, and the last bit may differ."""
    run = runtime("leaky", "jax", "float32")
    x = signal(5, 2)
    params, once, state = run.parameters(), run.once(), run.state()
    step = jax.jit(run.apply_step)
    for row in x:
        y, state = step(params, state, row, once=once)
        np.testing.assert_array_equal(y, run.step(row))


# --- what JAX does with it ----------------------------------------------------------------------------------
def test_gradients_reach_the_weights_through_spikes() -> None:
    rng = np.random.default_rng(3)
    first = Linear((2, 4), weight=rng.normal(size=(2, 4)))
    net: Any = Sequential(first, LIF(4, has_rec=True), Linear((4, 1)))
    run = graphpool.compile(net, "jax")
    x = rng.normal(size=(2, 30, 2))

    def loss(params: Any) -> Any:
        out, _, record = run.apply(params, run.state(), x)
        return (out**2).mean() + (record["1_LIF"]["spikes"] ** 2).mean()

    params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), run.parameters())
    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    assert np.isfinite(value)
    for path, array in flat(gradient).items():
        assert np.isfinite(array).all(), path
        assert np.any(array != 0), path


def test_gradients_are_those_of_finite_differences() -> None:
    net = Rate(3, tau=30e-3, bias=0.3, has_rec=True, w_rec=np.eye(3) / 2)
    run = graphpool.compile(net, "jax", dtype="float64")
    x = np.abs(signal(1, 12, 3)) + 0.1

    def loss(params: Any) -> Any:
        return (run.apply(params, run.state(), x)[0] ** 2).mean()

    params = run.parameters()
    gradient = flat(jax.grad(loss)(jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), params)))

    def exact(path: str, place: tuple[int, ...], by: float) -> Any:
        """The same loss by the runtime, in float64."""
        changed = np.array(params[path])
        changed[place] += by
        run.set_parameters({**params, path: changed})
        run.reset_state()
        return (run(x)[0] ** 2).mean()

    places = {"w_rec": (0, 1), "tau": (1,), "bias": (), "threshold": (0,)}
    for path, place in places.items():
        place = place if params[path].ndim else ()
        by = 1e-6 * max(1e-2, abs(float(params[path][place])))
        slope = (exact(path, place, by) - exact(path, place, -by)) / (2 * by)
        np.testing.assert_allclose(gradient[path][place], slope, rtol=2e-3, err_msg=path)


def test_a_map_over_parameters_gives_one_evolution_each() -> None:
    run, x = net_run(), signal(2, 6, 2)
    factors = jnp.array([0.5, 1.0, 2.0])
    base = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), run.parameters())
    many = jax.tree.map(lambda p: jnp.stack([p * f for f in factors]), base)
    outs = jax.vmap(lambda params: run.apply(params, run.state(), x)[0])(many)
    assert outs.shape == (3, 2, 6, 3)
    for place, factor in enumerate(factors):
        one = run.apply(jax.tree.map(lambda p, f=factor: p * f, base), run.state(), x)[0]
        np.testing.assert_array_equal(outs[place], one)


def test_a_jitted_apply_is_traced_once_for_a_shape() -> None:
    run, traced = net_run(), []

    @jax.jit
    def evolve(params: Any, state: Any, x: Any) -> Any:
        traced.append(x.shape)
        return run.apply(params, state, x)

    params, state, x = run.parameters(), run.state(), signal(2, 6, 2)
    first = evolve(params, state, x)[0]
    again = evolve(jax.tree.map(np.copy, params), state, x)[0]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, run.apply(params, state, x)[0])
    assert traced == [(2, 6, 2)]


def test_everything_is_in_32_bit() -> None:
    run = runtime("counter", "jax", "float64")
    out, state, record = run.apply(run.parameters(), run.state(), signal(1, 3, 2))
    dtypes = {str(array.dtype) for array in jax.tree.leaves((out, state, record))}
    assert dtypes == {"float32", "int32", "bool"}


# --- what is refused ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 3)), r"input 'x' wants \(B, T, 2\) or \(T, 2\), got an array of shape \(5, 3\)"),
        (np.zeros(2), r"got an array of shape \(2,\)"),
        (np.zeros((1, 1, 5, 2)), r"got an array of shape \(1, 1, 5, 2\)"),
        ({"y": np.zeros((5, 2))}, "the ports are x"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(x: Any, message: str) -> None:
    run = net_run()
    with pytest.raises(InputError, match=f"(?s){message}"):
        run.apply(run.parameters(), run.state(), x)
    with pytest.raises(InputError, match="input"):
        run.apply_step(run.parameters(), run.state(), np.zeros((1, 1, 2)))


def test_inputs_of_several_ports_have_the_same_leading_axes() -> None:
    run = runtime("ports", "jax", "float32")
    a, b = np.zeros((3, 5, 2)), np.zeros((3, 5))
    for given in ({"a": a, "b": b[0]}, {"a": a[0], "b": b}, {"a": a, "b": b[:, :4]}):
        with pytest.raises(InputError, match="differ in batch or time"):
            run.apply({}, run.state(), given)
    with pytest.raises(InputError, match="one array for 2 ports"):
        run.apply({}, run.state(), a)


def test_parameters_and_states_that_do_not_fit_are_refused() -> None:
    run, x = net_run(), signal(2, 5, 2)
    params, state = run.parameters(), run.state()
    wrong = {**params, "0_Linear": {"weight": np.zeros((3, 3))}}
    for given, message in (
        ({"1_LIF": params["1_LIF"]}, "parameters missing: 0_Linear.weight"),
        ({**params, "more": 1.0}, "unknown: more"),
        (wrong, r"'0_Linear.weight' has shape \(2, 3\), got \(3, 3\)"),
        (None, "nested dict"),
    ):
        with pytest.raises(ParameterError, match=message):
            run.apply(given, state, x)
    held = state["1_LIF"]
    for given, message in (
        ({}, "states missing: 1_LIF.spikes, 1_LIF.isyn, 1_LIF.vmem"),
        ({"1_LIF": {**held, "vmem": np.zeros(4)}}, r"has shape \(3,\) or \(1, 3\) or \(2, 3\), got \(4,\)"),
        ({"1_LIF": {**held, "vmem": np.zeros((3, 3))}}, r"got \(3, 3\)"),
    ):
        with pytest.raises(StateError, match=message):
            run.apply(params, given, x)
