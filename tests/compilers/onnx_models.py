"""Graphs made by hand as ONNX models in onnxruntime, and their oracle: the loop over samples and steps in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime

from graphpool.compilers.onnx.compile import build
from graphpool.graph import CONST, Graph, GraphBuilder, TensorType, type_of
from graphpool.graph.types import Array
from graphpool.ops import evaluate, infer_type
from graphpool.plan import compute_once, make_plan

Arrays = Mapping[str, Array]
F32 = np.dtype(np.float32)
KINDS = ("always", "never", "step")
"""How a graph is planned: hoisted, all in one Scan, or one step."""


def new_builder() -> GraphBuilder:
    return GraphBuilder("net", 0.001, infer_type)


def model_of(graph: Graph, kind: str = "always", parameters: Arrays | None = None) -> onnx.ModelProto:
    """The model of a graph; it passes the strictest checks that onnx has."""
    plan = make_plan(graph, one_step=True) if kind == "step" else make_plan(graph, kind)  # type: ignore[arg-type]
    model = build(plan).model(compute_once(plan, parameters or {}))
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return model


class Session:
    """A model in onnxruntime; names in, names out."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.names = [output.name for output in self.session.get_outputs()]

    def __call__(self, feed: Arrays) -> dict[str, Array]:
        return dict(zip(self.names, self.session.run(self.names, dict(feed)), strict=True))


def step_loop(graph: Graph, feed: Arrays, parameters: Arrays | None = None) -> dict[str, Array]:
    """The meaning of a whole model: every sample by itself, step by step, in NumPy."""
    first = next(value for name, value in feed.items() if name.startswith("input"))
    batch, steps = first.shape[:2]
    samples = [_one_sample(graph, feed, parameters or {}, number, steps) for number in range(batch)]
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def _one_sample(graph: Graph, feed: Arrays, parameters: Arrays, number: int, steps: int) -> dict[str, Array]:
    alone = len(graph.inputs) == 1
    state = {entry.current: _row(feed[f"state.{entry.name}"], number) for entry in graph.states}
    rows: dict[str, list[Array]] = {}
    for step in range(steps):
        made = dict(state)
        made |= {entry.value: parameters[entry.name] for entry in graph.params}
        for port in graph.inputs:
            made[port.value] = feed["input" if alone else f"input.{port.name}"][number, step]
        for value, node in enumerate(graph.nodes):
            if node.op == CONST:
                made[value] = node.attrs["place"].array
            elif value not in made:
                args = [made[arg] for arg in node.args]
                with np.errstate(all="ignore"):
                    made[value] = np.asarray(evaluate(node.op, np, args, [arg.ndim for arg in args], node.attrs))
        for output in graph.outputs:
            rows.setdefault(output.name, []).append(made[output.value])
        for record in graph.records:
            rows.setdefault(f"record.{record.name}", []).append(made[record.value])
        state = {entry.current: made[entry.next] for entry in graph.states}
    last = {f"next.{entry.name}": state[entry.current] for entry in graph.states}
    return {name: np.stack(row) for name, row in rows.items()} | last


def _row(state: Array, number: int) -> Array:
    return state[number if len(state) > 1 else 0]


def zeros(graph: Graph, rows: int = 1) -> dict[str, Array]:
    """States as a reset gives them."""
    return {f"state.{s.name}": np.repeat(s.init.array[None], rows, axis=0) for s in graph.states}


def run_steps(session: Session, graph: Graph, feed: Arrays) -> dict[str, Array]:
    """A one-step model, chained."""
    inputs = [name for name in feed if name.startswith("input")]
    batch, steps = feed[inputs[0]].shape[:2]
    state = {name: value for name, value in feed.items() if name.startswith("state.")}
    rows: dict[str, list[Array]] = {}
    for step in range(steps):
        out = session({name: feed[name][:, step] for name in inputs} | state)
        for name, value in out.items():
            rows.setdefault(name, []).append(value)
        state = {f"state.{entry.name}": out[f"next.{entry.name}"] for entry in graph.states}
    return {n: row[-1] if n.startswith("next.") else np.stack(row, axis=1) for n, row in rows.items()}


def assert_same(got: Arrays, wanted: Arrays, ulps: float = 0, note: str = "") -> None:
    assert set(got) == set(wanted), note
    for name, expected in wanted.items():
        actual, where = got[name], f"{note} {name}"
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), where
        if expected.dtype.kind != "f" or not ulps:
            np.testing.assert_array_equal(actual, expected, where)
        else:
            with np.errstate(invalid="ignore"):
                near = np.abs(actual - expected) <= ulps * np.spacing(np.abs(expected))
            equal = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
            assert np.all(near | equal), f"{where}:\n{actual}\n{expected}"


def check_all_ways(graph: Graph, feed: Arrays, parameters: Arrays | None = None, ulps: float = 0) -> None:
    """Hoisted, not hoisted and step by step against the loop in NumPy."""
    wanted = step_loop(graph, feed, parameters)
    for kind in KINDS:
        session = Session(model_of(graph, kind, parameters))
        got = run_steps(session, graph, feed) if kind == "step" else session(feed)
        assert_same(got, wanted, ulps, kind)


def numbers(*shape: int, seed: int = 0, dtype: Any = F32) -> Array:
    """Multiples of 1/64: sums of products are exact in any order."""
    return (np.random.default_rng(seed).integers(-64, 65, shape) / 64).astype(dtype)


# --- a network ---------------------------------------------------------------------------------------
WEIGHTS = {
    "fc.weight": numbers(2, 4, seed=1, dtype=np.float64),
    "rec.weight": numbers(4, 4, seed=2, dtype=np.float64) / 2,
    "out.weight": numbers(4, 3, seed=3, dtype=np.float64),
}


def recurrent_net() -> Graph:
    """Linear, spiking neurons with recurrence and a leak that is a power of two, Linear."""
    b = new_builder()
    x = b.input("x", TensorType(F32, (2,)), kind="event")
    weights = {name: b.param(name, type_of(array)) for name, array in WEIGHTS.items()}
    cast = {name: b.add("cast", [value], {"dtype": F32}) for name, value in weights.items()}
    v, s = b.state("lif.v", np.zeros(4, F32)), b.state("lif.spikes", np.zeros(4, F32))
    current = b.add("matmul", [x, cast["fc.weight"]])
    leaked = b.add("mul", [v, b.constant(np.float32(0.5))])
    fed = b.add("add", [leaked, b.add("add", [current, b.add("matmul", [s, cast["rec.weight"]])])])
    spikes = b.add("spike", [fed, b.constant(np.float32(0.75))], {"window": 0.5, "max_spikes": 2.0})
    after = b.add("sub", [fed, b.add("mul", [spikes, b.constant(np.float32(0.75))])])
    b.set_next(v, after)
    b.set_next(s, spikes)
    b.output("output", b.add("matmul", [spikes, cast["out.weight"]]), kind="event")
    b.record("lif.v", after)
    b.record("lif.spikes", spikes)
    return b.build()
