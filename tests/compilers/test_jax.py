"""The JAX target on graphs made by hand, against NumPy kernels step by step and sample by sample."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphpool.compilers.jax.arrange import arranged
from graphpool.compilers.jax.compile import TARGET, JaxProgram, build, pure
from graphpool.compilers.jax.lowerings import lowers
from graphpool.errors import LoweringError
from graphpool.graph import CONST, INPUT, PARAM, STATE, Graph, GraphBuilder, TensorType, type_of
from graphpool.graph.types import FLOAT32, FLOAT64, Array, DType
from graphpool.ops import OPS, evaluate, infer_type
from graphpool.plan import Hoist, compute_once, make_plan

HOISTS: tuple[Hoist, ...] = ("always", "never")
Results = tuple[list[Array], list[Array], list[Array]]


def builder() -> GraphBuilder:
    return GraphBuilder("net", 0.001, infer_type)


# --- oracle -----------------------------------------------------------------------------------------------
def step_by_step(
    graph: Graph, params: Mapping[str, Array], states: Sequence[Array], inputs: Sequence[Array]
) -> Results:
    """The graph for each sample and each step by itself: arrays as a program takes and returns them."""
    batch, steps = inputs[0].shape[:2]
    leaving = [entry.value for entry in graph.outputs] + [entry.value for entry in graph.records]
    rows: list[list[list[Array]]] = [[] for _ in leaving]
    final: list[list[Array]] = [[] for _ in graph.states]
    for b in range(batch):
        present = [state[b] for state in states]
        for sample in rows:
            sample.append([])
        for t in range(steps):
            values = _one_step(graph, params, present, [array[b, t] for array in inputs])
            present = [values[state.next] for state in graph.states]
            for sample, value in zip(rows, leaving, strict=True):
                sample[-1].append(values[value])
        for kept, array in zip(final, present, strict=True):
            kept.append(array)
    arrays = [np.array(sample) for sample in rows]
    count = len(graph.outputs)
    return arrays[:count], [np.array(kept) for kept in final], arrays[count:]


def _one_step(
    graph: Graph, params: Mapping[str, Array], states: Sequence[Array], inputs: Sequence[Array]
) -> list[Array]:
    values: list[Array] = []
    for node in graph.nodes:
        place = node.attrs.get("place")
        if node.op == CONST:
            values.append(place.array)
        elif node.op == PARAM:
            values.append(params[graph.params[place].name])
        elif node.op == STATE:
            values.append(states[place])
        elif node.op == INPUT:
            values.append(inputs[place])
        else:
            args = [values[arg] for arg in node.args]
            with np.errstate(all="ignore"):
                result = evaluate(node.op, np, args, [arg.ndim for arg in args], node.attrs)
            values.append(np.asarray(result))
    return values


def run(
    graph: Graph,
    params: Mapping[str, Array],
    states: Sequence[Array],
    inputs: Sequence[Array],
    hoist: Hoist = "always",
) -> Results:
    plan = make_plan(graph, hoist)
    return build(plan)(compute_once(plan, params), states, inputs)


def initial(graph: Graph, batch: int) -> list[Array]:
    return [np.broadcast_to(state.init.array, (batch, *state.init.array.shape)) for state in graph.states]


def flat(results: Results) -> list[Array]:
    return [array for part in results for array in part]


def assert_same(actual: Results, expected: Results, ulps: float = 0) -> None:
    for part, wanted in zip(actual, expected, strict=True):
        assert len(part) == len(wanted)
        for one, other in zip(part, wanted, strict=True):
            assert_close(one, other, ulps)


def assert_close(actual: Array, expected: Array, ulps: float, what: str = "") -> None:
    """NaN where NaN, zeros of any sign, the rest within so many units of the last place."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected, what)
        return
    with np.errstate(all="ignore"):
        near = abs(actual - expected) <= ulps * np.spacing(np.maximum(abs(actual), abs(expected)))
    good = near | (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    assert good.all(), f"{what}: {actual[~good][:4]} is not {expected[~good][:4]}"


# --- lowerings ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
@pytest.mark.parametrize("is_const", [False, True])
def test_division_by_one_number_is_a_division(dtype: DType, is_const: bool) -> None:
    """XLA would multiply by the reciprocal, which is off by a unit in a fifth of all values."""
    made = builder()
    x = made.input("x", TensorType(dtype, (40,)))
    threshold = np.asarray(0.3, dtype)
    h = made.constant(threshold) if is_const else made.param("h", type_of(threshold))
    made.output("ratio", made.add("div", [x, h]))
    made.output("spikes", made.add("spike", [x, h], {"window": 0.5, "max_spikes": 1e6}))
    graph = made.build()
    multiples = (np.arange(-200, 2000).astype(dtype) * threshold).reshape(1, -1, 40)
    params = {} if is_const else {"h": threshold}
    for hoist in HOISTS:
        assert_same(run(graph, params, [], [multiples], hoist), step_by_step(graph, params, [], [multiples]))


def test_written_order_of_constants_is_kept() -> None:
    made = builder()
    x = made.input("x", TensorType(FLOAT32, (1000,)))
    small, large = made.constant(np.float32(0.3)), made.constant(np.float32(5.1))
    made.output("sum", made.add("add", [made.add("add", [x, small]), large]))
    made.output("product", made.add("mul", [made.add("mul", [x, small]), large]))
    graph = made.build()
    inputs = [np.random.default_rng(0).normal(size=(1, 2, 1000)).astype(np.float32)]
    assert_same(run(graph, {}, [], inputs), step_by_step(graph, {}, [], inputs))


# --- nets -------------------------------------------------------------------------------------------------
def spiking(made: GraphBuilder, name: str, current: int, size: int, threshold: int, alpha: int) -> tuple[int, int]:
    """``v = v - v * alpha + i; s = spike(v); v = v - s * threshold``: gives s and the last v."""
    v = made.state(f"{name}.v", np.zeros(size, np.float32))
    risen = made.add("add", [made.add("sub", [v, made.add("mul", [v, alpha])]), current])
    spikes = made.add("spike", [risen, threshold], {"window": 0.5, "max_spikes": 4.0})
    following = made.add("sub", [risen, made.add("mul", [spikes, threshold])])
    made.set_next(v, following)
    made.record(f"{name}.v", following)
    return spikes, following


def net(recurrent: bool) -> Graph:
    """Linear(2, 3), LIF(3), Linear(3, 2), LIF(2), tanh; all but the tanh is exact for exact values."""
    made = builder()
    x = made.input("x", TensorType(FLOAT32, (2,)))

    def weight(name: str, *shape: int) -> int:
        return made.add("cast", [made.param(name, TensorType(FLOAT64, shape))], {"dtype": FLOAT32})

    tau = made.param("lif.tau", TensorType(FLOAT64, (3,)))
    alpha = made.add("cast", [made.add("div", [made.constant(0.001), tau])], {"dtype": FLOAT32})
    threshold = made.constant(np.float32(0.5))
    current = made.add("matmul", [x, weight("fc1.weight", 2, 3)])
    if recurrent:
        last = made.state("lif.spikes", np.zeros(3, np.float32))
        current = made.add("add", [current, made.add("matmul", [last, weight("lif.w_rec", 3, 3)])])
    spikes, _ = spiking(made, "lif", current, 3, threshold, alpha)
    if recurrent:
        made.set_next(last, spikes)
    hidden = made.add("matmul", [spikes, weight("fc2.weight", 3, 2)])
    out, v = spiking(made, "out", hidden, 2, threshold, made.constant(np.float32(0.25)))
    made.output("output", out)
    made.output("rate", made.add("tanh", [v]))
    return made.build()


def net_values(graph: Graph, batch: int, steps: int) -> tuple[dict[str, Array], list[Array]]:
    """Parameters and inputs that are multiples of 1/64, and a time constant of 16 steps."""
    rng = np.random.default_rng(3)
    params = {param.name: rng.integers(-16, 64, graph.type(param.value).shape) / 64 for param in graph.params}
    params |= {"lif.tau": np.full(3, 0.016)}
    if "lif.w_rec" in params:
        params["lif.w_rec"] = -abs(params["lif.w_rec"]) / 4
    return params, [(rng.integers(-20, 64, (batch, steps, 2)) / 64).astype(np.float32)]


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("hoist", HOISTS)
def test_exact_nets_agree_to_the_bit(recurrent: bool, hoist: Hoist) -> None:
    graph = net(recurrent)
    params, inputs = net_values(graph, 3, 200)
    outputs, states, records = run(graph, params, initial(graph, 3), inputs, hoist)
    expected = step_by_step(graph, params, initial(graph, 3), inputs)
    assert outputs[0].max() > 1 and 0.02 < (outputs[0] > 0).mean() < 0.9
    assert_same(([outputs[0]], states, records), ([expected[0][0]], *expected[1:]))
    assert_close(outputs[1], expected[0][1], OPS["tanh"].tolerance)


@pytest.mark.parametrize("recurrent", [False, True])
def test_chained_steps_equal_one_evolution(recurrent: bool) -> None:
    graph = net(recurrent)
    params, (x,) = net_values(graph, 3, 7)
    plan = make_plan(graph, one_step=True)
    program, handed = build(plan), compute_once(plan, params)
    states, steps = initial(graph, 3), []
    for t in range(7):
        outputs, states, records = program(handed, states, [x[:, t]])
        steps.append([*outputs, *records])
    whole = run(graph, params, initial(graph, 3), [x])
    assert_same(
        (whole[0] + whole[2], whole[1], []),
        ([np.stack(a, 1) for a in zip(*steps, strict=True)], states, []),
        16,
    )
    halves = run(graph, params, initial(graph, 3), [x[:, :3]])
    assert_same(([], run(graph, params, halves[1], [x[:, 3:]])[1], []), ([], whole[1], []))


def delays() -> Graph:
    """Two delays in a row, a state that takes a parameter, and outputs of each rate."""
    made = builder()
    x = made.input("x", TensorType(FLOAT32, (2,)))
    first, second = (
        made.state("first", np.zeros(2, np.float32)),
        made.state("second", np.full(2, 7, np.float32)),
    )
    constant = made.param("constant", TensorType(FLOAT32, (2,)))
    held = made.state("held", np.zeros(2, np.float32))
    made.set_next(first, x)
    made.set_next(second, first)
    made.set_next(held, constant)
    for name, value in (("second", second), ("held", held), ("param", constant)):
        made.output(name, value)
    made.output("const", made.constant(np.arange(3)))
    made.record("x", x)
    return made.build()


@pytest.mark.parametrize("hoist", HOISTS)
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_impulse_comes_out_as_late_as_there_are_delays(hoist: Hoist, steps: int) -> None:
    graph = delays()
    x = np.zeros((3, steps, 2), np.float32)
    x[:, 0] = [[1, 2], [3, 4], [np.nan, np.inf]]
    params = {"constant": np.array([5, 6], np.float32)}
    results = run(graph, params, initial(graph, 3), [x], hoist)
    assert_same(results, step_by_step(graph, params, initial(graph, 3), [x]))
    if steps == 6:
        np.testing.assert_array_equal(results[0][0][0, :, 0], [7, 0, 1, 0, 0, 0])
        np.testing.assert_array_equal(results[0][1][0, :, 0], [0, 5, 5, 5, 5, 5])


def test_one_step_of_delays() -> None:
    graph = delays()
    plan = make_plan(graph, one_step=True)
    params = {"constant": np.array([5, 6], np.float32)}
    x = np.ones((3, 1, 2), np.float32)
    outputs, states, records = build(plan)(compute_once(plan, params), initial(graph, 3), [x[:, 0]])
    expected = step_by_step(graph, params, initial(graph, 3), [x])
    leaving = [array[:, 0] for array in expected[0]], expected[1], [array[:, 0] for array in expected[2]]
    assert_same((outputs, states, records), leaving)


def test_what_comes_out_belongs_to_the_caller() -> None:
    graph = delays()
    x = np.ones((1, 4, 2), np.float32)
    states = [np.array(state) for state in initial(graph, 1)]
    results = run(graph, {"constant": np.ones(2, np.float32)}, states, [x])
    for array in flat(results):
        assert array.flags.writeable and array.flags.c_contiguous
        assert not any(np.shares_memory(array, given) for given in (x, *states))


def test_new_parameters_are_seen() -> None:
    graph = delays()
    program = build(make_plan(graph))
    value = graph.params[0].value
    for number in (1, 2):
        handed = {value: np.full(2, number, np.float32)}
        outputs, _, _ = program(handed, initial(graph, 1), [np.zeros((1, 3, 2), np.float32)])
        np.testing.assert_array_equal(outputs[2], np.full((1, 3, 2), number))


def test_user_settings_neither_leak_in_nor_out() -> None:
    graph = net(False)
    params, inputs = net_values(graph, 2, 4)
    expected = run(graph, params, initial(graph, 2), inputs)
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        assert_same(run(graph, params, initial(graph, 2), inputs), expected)
    assert not jax.config.jax_enable_x64
    assert jnp.arange(3).dtype == np.int32


def test_programs_pickle_and_copy() -> None:
    graph = net(True)
    params, inputs = net_values(graph, 2, 4)
    program = build(make_plan(graph))
    handed = compute_once(program.plan, params)
    expected = program(handed, initial(graph, 2), inputs)
    for other in (pickle.loads(pickle.dumps(program)), copy.deepcopy(program), copy.copy(program)):
        assert isinstance(other, JaxProgram)
        assert_same(other(handed, initial(graph, 2), inputs), expected)
    assert pickle.loads(pickle.dumps(TARGET)) == TARGET


def test_what_jax_cannot_run_is_listed_at_once() -> None:
    made = builder()
    x = made.input("x", TensorType(np.dtype(np.float16), (2,)))
    made.output("output", made.add("add", [x, x]))
    plan = make_plan(made.build())
    for function in (build, pure):
        with pytest.raises(LoweringError, match="2 of 2 nodes"):
            function(plan)


# --- the traced program -----------------------------------------------------------------------------------
def jaxpr_of(plan: Any, batch: int = 2, steps: int = 5) -> Any:
    graph = plan.graph
    params = {param.name: np.ones(graph.type(param.value).shape, np.float32) for param in graph.params}
    states = {state.name: state.init.array for state in graph.states}
    x = [np.zeros((batch, steps, *graph.type(port.value).shape), np.float32) for port in graph.inputs]
    return jax.make_jaxpr(pure(plan))(params, states, x)


def equations(jaxpr: Any) -> Iterator[Any]:
    """All equations of a jaxpr and of those inside it."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda leaf: hasattr(leaf, "eqns")):
            if hasattr(inner, "eqns"):
                yield from equations(inner)


def in_32_bit(graph: Graph) -> Graph:
    """The graph with every parameter in float32, as the pure functions want it."""
    made = builder()
    new: list[int] = []
    for node in graph.nodes:
        type_ = node.type.with_dtype(FLOAT32) if node.type.dtype == FLOAT64 else node.type
        if node.op == PARAM:
            new.append(made.param(graph.params[node.attrs["place"]].name, type_))
        elif node.op == STATE:
            state = graph.states[node.attrs["place"]]
            new.append(made.state(state.name, state.init.array.astype(type_.dtype)))
        elif node.op == INPUT:
            new.append(made.input(graph.inputs[node.attrs["place"]].name, type_))
        elif node.op == CONST:
            new.append(made.constant(node.attrs["place"].array.astype(type_.dtype)))
        elif node.op == "cast":
            new.append(new[node.args[0]])
        else:
            new.append(made.add(node.op, [new[arg] for arg in node.args], node.attrs))
    for state in graph.states:
        made.set_next(new[state.current], new[state.next])
    for output in graph.outputs:
        made.output(output.name, new[output.value])
    for record in graph.records:
        made.record(record.name, new[record.value])
    return made.build()


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("hoist", HOISTS)
def test_scans_carry_states_only_and_stand_between_products(recurrent: bool, hoist: Hoist) -> None:
    plan = make_plan(in_32_bit(net(recurrent)), hoist)
    plan = arranged(plan) if hoist == "auto" else plan
    regions = [region for region in plan.regions if region.kind == "scan"]
    found = list(equations(jaxpr_of(plan).jaxpr))
    scans = [equation for equation in found if equation.primitive.name == "scan"]
    assert len(scans) == len(regions) == (2 if hoist == "always" else 1)
    assert not [equation for equation in found if equation.primitive.name == "while"]
    products = 0
    for equation, region in zip(scans, regions, strict=True):
        assert equation.params["num_carry"] == len(region.states)
        assert equation.params["unroll"] == 1
        body = list(equations(equation.params["jaxpr"].jaxpr))
        products += sum(inner.primitive.name == "dot_general" for inner in body)
        stored = len(equation.outvars) - len(region.states)
        assert stored == len(region.outputs)
    assert products == (recurrent if hoist == "always" else 2 + recurrent)


def test_number_of_equations_does_not_depend_on_time() -> None:
    plan = make_plan(in_32_bit(net(True)))
    counts = {len(list(equations(jaxpr_of(plan, steps=steps).jaxpr))) for steps in (2, 50)}
    assert len(counts) == 1


# --- the pure face ----------------------------------------------------------------------------------------
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


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers_modulo_zero_are_zero_as_in_numpy(dtype: type) -> None:
    made = builder()
    low = np.iinfo(dtype).min
    x = np.array([[[5, -5, 0, low, 7]]], dtype)
    y = np.array([[[0, 0, 0, -1, -3]]], dtype)
    ports = [made.input(name, TensorType(np.dtype(dtype), (5,))) for name in "xy"]
    made.output("rest", made.add("mod", ports))
    outputs, _, _ = run(made.build(), {}, [], [x, y])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(outputs[0], np.mod(x, y))


def test_signs_of_zero_are_numpys() -> None:
    made = builder()
    x = made.input("x", TensorType(FLOAT64, (4,)))
    made.output("sign", made.add("sign", [x]))
    for divisor in (3.0, -3.0):
        made.output(f"mod{divisor}", made.add("mod", [x, made.constant(divisor)]))
    values = np.array([[[-0.0, 0.0, 3.0, -3.0]]])
    outputs, _, _ = run(made.build(), {}, [], [values])
    for actual, expected in zip(outputs, (np.sign(values), np.mod(values, 3.0), np.mod(values, -3.0)), strict=True):
        np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))


def test_every_lowering_has_a_row() -> None:
    assert set(lowers.names()) <= set(OPS)
