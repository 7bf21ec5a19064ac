"""The pure functions of the JAX target: gradients, maps, scans of the user's own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphpool.compilers.jax.compile import pure
from graphpool.graph import Graph, TensorType
from graphpool.graph.types import FLOAT32, FLOAT64, Array, DType
from graphpool.plan import Hoist, compute_once, make_plan
from tests.compilers.jax_graphs import HOISTS, builder, flat, initial, run, step_by_step


def rate_net(dtype: DType) -> Graph:
    """Linear, a recurrent leaky tanh, a delay: smooth."""
    made = builder()
    x = made.input("x", TensorType(dtype, (2,)))
    tau = made.param("rate.tau", TensorType(dtype, (3,)))
    decay = made.add("exp", [made.add("div", [made.constant(np.asarray(-1.0, dtype)), tau])])
    v = made.state("rate.v", np.zeros(3, dtype))
    held = made.state("held", np.ones(3, dtype))
    current = made.add("matmul", [x, made.param("fc.weight", TensorType(dtype, (2, 3)))])
    fed_back = made.add("matmul", [v, made.param("rate.w_rec", TensorType(dtype, (3, 3)))])
    drive = made.add("tanh", [made.add("add", [current, fed_back])])
    following = made.add("add", [made.add("mul", [v, decay]), drive])
    made.set_next(v, following)
    made.set_next(held, following)
    made.output("output", made.add("mul", [following, held]))
    made.record("rate.v", following)
    return made.build()


def rate_values(dtype: DType, batch: int = 3, steps: int = 6) -> tuple[dict[str, Array], Array]:
    rng = np.random.default_rng(5)
    params = {
        "rate.tau": np.array([2.0, 3.0, 5.0]),
        "fc.weight": rng.normal(size=(2, 3)),
        "rate.w_rec": rng.normal(size=(3, 3)) * 0.3,
    }
    x = rng.normal(size=(batch, steps, 2))
    return {name: array.astype(dtype) for name, array in params.items()}, x.astype(dtype)


RATE_STATES = {"rate.v": np.zeros(3), "held": np.ones(3)}


def pure_loss(plan: Any) -> Callable[..., jax.Array]:
    apply = pure(plan)

    def loss(params: Any, x: Any) -> jax.Array:
        outputs, states, records = apply(params, RATE_STATES, [x])
        return sum((jnp.sum(array**2) for array in (*outputs, *states, *records)), jnp.float32(0))

    return loss


def central_differences(params: dict[str, Array], x: Array) -> tuple[dict[str, Array], Array]:
    """The gradient of :func:`pure_loss` in float64, by the oracle."""
    graph = rate_net(FLOAT64)

    def loss() -> float:
        states = initial(graph, len(x))
        return float(sum(np.sum(array**2) for array in flat(step_by_step(graph, params, states, [x]))))

    def by(array: Array) -> Array:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept, sides = array[index], []
            for side in (1e-5, -1e-5):
                array[index] = kept + side
                sides.append(loss())
            array[index] = kept
            gradient[index] = (sides[0] - sides[1]) / 2e-5
        return gradient

    return {name: by(array) for name, array in params.items()}, by(x)


@pytest.mark.parametrize("hoist", HOISTS)
def test_gradients_are_those_of_finite_differences(hoist: Hoist) -> None:
    loss = jax.jit(jax.grad(pure_loss(make_plan(rate_net(FLOAT32), hoist)), argnums=(0, 1)))
    by_params, by_x = loss(*rate_values(FLOAT32))
    expected, expected_x = central_differences(*rate_values(FLOAT64))
    np.testing.assert_allclose(by_x, expected_x, rtol=2e-3, atol=1e-3)
    for name, gradient in by_params.items():
        assert gradient.dtype == FLOAT32
        np.testing.assert_allclose(gradient, expected[name], rtol=2e-3, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_pure_function_agrees_with_the_program(dtype: DType) -> None:
    """In 32 bit whatever dtypes come in."""
    graph = rate_net(FLOAT32)
    params, x = rate_values(FLOAT32)
    expected = run(graph, params, initial(graph, 3), [x])
    states: Any = {name: np.asarray(array, dtype) for name, array in RATE_STATES.items()}
    given = {name: array.astype(dtype) for name, array in params.items()}
    for apply in (pure(make_plan(graph)), jax.jit(pure(make_plan(graph)))):
        for one, other in zip(flat(apply(given, states, [x.astype(dtype)])), flat(expected), strict=True):
            assert one.dtype == FLOAT32
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_pure_function_maps_over_models_and_inputs() -> None:
    apply = pure(make_plan(rate_net(FLOAT32)))
    params, x = rate_values(FLOAT32)
    models = {name: np.stack([array, array * 2]) for name, array in params.items()}
    mapped = jax.jit(jax.vmap(apply, in_axes=(0, None, None)))(models, RATE_STATES, [x])
    for place in range(2):
        alone = apply({name: array[place] for name, array in models.items()}, RATE_STATES, [x])
        for one, other in zip(flat(mapped), flat(alone), strict=True):
            np.testing.assert_allclose(one[place], other, rtol=1e-5, atol=1e-6)


def test_pure_step_in_a_scan_of_the_users_own() -> None:
    graph = rate_net(FLOAT32)
    step, apply = pure(make_plan(graph, one_step=True)), pure(make_plan(graph))
    params, x = rate_values(FLOAT32)
    names = [state.name for state in graph.states]

    def body(state: dict[str, Any], row: Any) -> tuple[dict[str, Any], Any]:
        (output,), states, _ = step(params, state, [row])
        return dict(zip(names, states, strict=True)), output

    first = {name: np.broadcast_to(array, (3, 3)).astype(np.float32) for name, array in RATE_STATES.items()}
    last, outputs = jax.lax.scan(body, first, x.swapaxes(0, 1))
    whole = apply(params, RATE_STATES, [x])
    np.testing.assert_allclose(outputs.swapaxes(0, 1), whole[0][0], rtol=1e-5, atol=1e-6)
    for state, other in zip(last.values(), whole[1], strict=True):
        np.testing.assert_allclose(state, other, rtol=1e-5, atol=1e-6)


def test_values_given_once_take_precedence() -> None:
    graph = rate_net(FLOAT32)
    plan = make_plan(graph)
    params, x = rate_values(FLOAT32)
    once = compute_once(plan, params)
    other = {name: np.full_like(array, 9) for name, array in params.items()}
    apply = pickle.loads(pickle.dumps(pure(plan)))
    given, expected = apply(other, RATE_STATES, [x], once=once), run(graph, params, initial(graph, 3), [x])
    for one, two in zip(flat(given), flat(expected), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)
    decay = next(value for value in plan.once if graph.nodes[value].op == "exp")
    mixed = apply(params, RATE_STATES, [x], {decay: np.zeros(3)})
    assert not np.allclose(mixed[0][0], expected[0][0])


def test_spike_has_the_surrogate_gradient_of_the_table() -> None:
    made = builder()
    v, threshold = (
        made.input("v", TensorType(FLOAT32, (7,))),
        made.param("threshold", TensorType(FLOAT32, ())),
    )
    window, h = 0.25, np.float32(0.75)
    made.output("s", made.add("spike", [v, threshold], {"window": window, "max_spikes": 2.0}))
    apply = pure(make_plan(made.build()))
    values = np.array([-1, 0.4999, 0.5, 0.7, 0.75, 1.6, 9], np.float32)
    weights = np.arange(1, 8, dtype=np.float32)

    def spikes(v: Any, threshold: Any) -> Any:
        return apply({"threshold": threshold}, {}, [v[None, None]])[0][0][0, 0]

    outputs, pull = jax.vjp(spikes, values, h)
    by_v, by_threshold = pull(weights)
    near = values >= h - np.float32(window)
    np.testing.assert_array_equal(outputs, [0, 0, 0, 0, 1, 2, 2])
    np.testing.assert_array_equal(by_v, weights * (near * (1 / h)))
    np.testing.assert_allclose(by_threshold, np.sum(weights * near * -values / h**2), rtol=1e-6)
    _, forward = jax.jvp(spikes, (values, h), (np.zeros_like(values), np.float32(1)))
    np.testing.assert_allclose(forward, near * -values / h**2, rtol=1e-6)


def test_remainder_of_zero_does_not_stop_the_gradient() -> None:
    made = builder()
    x = made.input("x", TensorType(FLOAT32, (3,)))
    made.output("phase", made.add("mod", [x, made.constant(np.float32(1))]))
    apply = pure(make_plan(made.build()))
    gradient = jax.grad(lambda x: jnp.sum(apply({}, {}, [x])[0][0]))(np.array([[[0, 1, 2.5]]], np.float32))
    np.testing.assert_array_equal(gradient, np.ones((1, 1, 3)))
