"""The JAX target on graphs made by hand, against NumPy kernels step by step and sample by sample."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphpool.compilers.jax.arrange import arranged
from graphpool.compilers.jax.compile import TARGET, JaxProgram, build, pure
from graphpool.compilers.jax.lowerings import lowers
from graphpool.errors import LoweringError
from graphpool.graph import CONST, INPUT, PARAM, STATE, Graph, TensorType, type_of
from graphpool.graph.types import FLOAT32, FLOAT64, DType
from graphpool.ops import OPS
from graphpool.plan import Hoist, compute_once, make_plan
from tests.compilers.jax_graphs import (
    HOISTS,
    assert_close,
    assert_same,
    builder,
    flat,
    initial,
    net,
    net_values,
    run,
    step_by_step,
)


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


# --- nets -------------------------------------------------------------------------------------------------
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
