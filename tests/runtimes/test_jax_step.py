"""JAX's pure one-step function in other people's code: their scan, their gradients, their maps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Rate
from tests.runtimes.models import NETS, assert_same, flat, runtime, signal


def inputs_of(run: Any, *leading: int) -> Any:
    given = {port.name: jnp.asarray(signal(*leading, *port.type.shape), jnp.float32) for port in run.signature.inputs}
    return given if len(given) > 1 else next(iter(given.values()))


def small(tree: Any) -> Any:
    return jax.tree.map(lambda array: jnp.asarray(array), tree)


def scanned(run: Any, params: Any, state: Any, rows: Any) -> Any:
    """A scan of one's own over ``(T, ...)``."""

    def body(state: Any, row: Any) -> Any:
        y, state = run.apply_step(params, state, row)
        return state, y

    return jax.lax.scan(body, state, rows)


def trained() -> Any:
    rng = np.random.default_rng(5)
    return Sequential(
        Linear((2, 4), weight=rng.normal(size=(2, 4))),
        Rate(4, tau=20e-3, bias=0.4, has_rec=True, w_rec=rng.normal(size=(4, 4)) / 2),
        Linear((4, 3), weight=rng.normal(size=(4, 3))),
        LIF(3, tau_mem=5e-3, threshold=0.5),
    )


# --- in a scan ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("name", list(NETS))
def test_a_scan_from_the_state_of_the_runtime_equals_a_whole_evolution(name: str, batch: tuple[int, ...]) -> None:
    """The carry keeps its dtypes and shapes from the first step on, also those of counters and flags."""
    run = runtime(name, "jax", "float32")
    params, state = run.parameters(), small(run.state())
    rows = inputs_of(run, 6, *batch)
    if batch:
        state = jax.tree.map(lambda array: jnp.broadcast_to(array, (*batch, *array.shape)), state)
    last, out = jax.jit(lambda state, rows: scanned(run, params, state, rows))(state, rows)
    x = jax.tree.map(lambda array: jnp.swapaxes(array, 0, 1), rows) if batch else rows
    expected, after, _ = jax.jit(run.apply)(params, run.state(), x)
    for ours, theirs in zip(jax.tree.leaves(out), jax.tree.leaves(expected), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(jnp.swapaxes(ours, 0, 1) if batch else ours[None], theirs)
    for ours, theirs in zip(jax.tree.leaves(last), jax.tree.leaves(after), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours if batch else ours[None], theirs)


def test_what_comes_out_may_decide_what_goes_in() -> None:
    """A controller in the loop, which no whole evolution can run."""
    run = runtime("leaky", "jax", "float32")
    params, once, state = run.parameters(), run.once(), small(run.state())

    @jax.jit
    def closed(state: Any) -> Any:
        def body(carry: Any, _: Any) -> Any:
            state, y = carry
            y, state = run.apply_step(params, state, 1.0 - y, once=once)
            return (state, y), y

        return jax.lax.scan(body, (state, jnp.zeros(2, jnp.float32)), None, length=40)[1]

    y, rows = np.zeros(2, np.float32), []
    for _ in range(40):
        y = run.step(1.0 - y)
        rows.append(y)
    np.testing.assert_allclose(closed(state), rows, rtol=1e-5)
    assert 0.1 < rows[-1].min() < rows[-1].max() < 1


def test_it_is_pure_and_traced_once() -> None:
    run, traced = runtime("net", "jax", "float32"), []
    before = run.state(), run.parameters()

    @jax.jit
    def step(params: Any, state: Any, x: Any) -> Any:
        traced.append(x.shape)
        return run.apply_step(params, state, x)

    state = small(run.state())
    for row in signal(5, 2).astype(np.float32):
        y, state = step(run.parameters(), state, row)
    assert traced == [(2,)]
    assert np.any(np.asarray(state["1_LIF"]["vmem"]) != 0)
    assert_same(run.state(), before[0])
    assert_same(run.parameters(), before[1])


# --- gradients ----------------------------------------------------------------------------------------------
def test_gradients_through_a_scan_are_those_of_a_whole_evolution() -> None:
    run = graphpool.compile(trained(), "jax")
    params = jax.tree.map(lambda array: jnp.asarray(array, jnp.float32), run.parameters())
    state, x = small(run.state()), jnp.asarray(np.abs(signal(25, 2)), jnp.float32)

    def by_steps(params: Any, state: Any, x: Any) -> Any:
        last, out = scanned(run, params, state, x)
        return (out**2).mean() + (last["1_Rate"]["x"] ** 2).mean()

    def whole(params: Any, state: Any, x: Any) -> Any:
        out, last, _ = run.apply(params, state, x)
        return (out[0] ** 2).mean() + (last["1_Rate"]["x"][0] ** 2).mean()

    ours = jax.jit(jax.value_and_grad(by_steps, argnums=(0, 1, 2)))(params, state, x)
    theirs = jax.jit(jax.value_and_grad(whole, argnums=(0, 1, 2)))(params, state, x)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    for one, other in zip(jax.tree.leaves(ours[1]), jax.tree.leaves(theirs[1]), strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-5)
    weights = flat(ours[1][0])
    assert all(np.any(weights[name] != 0) for name in weights if name.endswith(("weight", "w_rec", "tau_mem")))
    assert np.any(ours[1][2] != 0)


def test_a_gradient_by_hand() -> None:
    """v' = d v + (1 - d) g x, so dv'/dx = (1 - d) g and dv'/dv = d."""
    run = runtime("leaky", "jax", "float32")
    params = jax.tree.map(lambda array: jnp.asarray(array, jnp.float32), run.parameters())
    decay = np.exp(-1e-3 / 20e-3)

    def first(v: Any, x: Any) -> Any:
        return run.apply_step(params, {"v": v}, x)[0][0]

    by_v, by_x = jax.grad(first, argnums=(0, 1))(jnp.ones(2), jnp.ones(2))
    np.testing.assert_allclose(by_v, [decay, 0], rtol=1e-6)
    np.testing.assert_allclose(by_x, [(1 - decay) * 0.5, 0], rtol=1e-4)


# --- maps ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(NETS))
def test_a_map_over_samples_is_a_batch(name: str) -> None:
    run = runtime(name, "jax", "float32")
    x = inputs_of(run, 4)
    state = jax.tree.map(lambda array: jnp.stack([array] * 4), small(run.state()))
    mapped = jax.vmap(run.apply_step, in_axes=(None, 0, 0))(run.parameters(), state, x)
    batched = run.apply_step(run.parameters(), state, x)
    for ours, theirs in zip(jax.tree.leaves(mapped), jax.tree.leaves(batched), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_map_over_parameters_and_over_gradients() -> None:
    run = runtime("leaky", "jax", "float32")
    base = jax.tree.map(lambda array: jnp.asarray(array, jnp.float32), run.parameters())
    factors = jnp.array([0.5, 1.0, 3.0])
    many = jax.tree.map(lambda p: jnp.stack([p * f for f in factors]), base)

    def loss(params: Any) -> Any:
        return (run.apply_step(params, run.state(), jnp.ones(2))[0] ** 2).sum()

    mapped = jax.jit(jax.vmap(jax.grad(loss)))(many)
    for place, factor in enumerate(factors):
        one = jax.grad(loss)(jax.tree.map(lambda p, f=factor: p * f, base))
        for name, array in flat(one).items():
            np.testing.assert_allclose(flat(mapped)[name][place], array, rtol=1e-4, err_msg=name)
            assert np.any(np.asarray(array) != 0), name
