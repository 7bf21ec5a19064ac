"""Graphs made by hand for the JAX target, and their oracle: NumPy kernels step by step and sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphpool.compilers.jax.compile import build
from graphpool.graph import CONST, INPUT, PARAM, STATE, Graph, GraphBuilder, TensorType
from graphpool.graph.types import FLOAT32, FLOAT64, Array
from graphpool.ops import evaluate, infer_type
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
