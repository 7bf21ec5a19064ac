"""The ONNX compiler on graphs built by hand: every row, every kind of region, and what the file promises."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from graphpool.compilers.onnx.compile import TARGET, OnnxProgram, build
from graphpool.compilers.onnx.nodes import has_lowering
from graphpool.errors import LoweringError
from graphpool.graph import CONST, Graph, GraphBuilder, TensorType, type_of
from graphpool.graph.types import Array
from graphpool.ops import OPS, Sample, evaluate, infer_type
from graphpool.plan import compute_once, make_plan

Arrays = Mapping[str, Array]

F32 = np.dtype(np.float32)
KINDS = ("always", "never", "step")
"""How a graph is planned: hoisted, all in one Scan, or one step."""


# --- helpers -----------------------------------------------------------------------------------------
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


# --- every row ---------------------------------------------------------------------------------------
def _values(*shape: int) -> Array:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


EDGES: dict[str, list[Sample]] = {
    "sum": [
        Sample((_values(3),), {"axes": (), "keepdims": False}),
        Sample((_values(2, 0),), {"axes": (-1,), "keepdims": True}),
    ],
    "mean": [
        Sample((_values(3),), {"axes": (), "keepdims": False}),
    ],
    "max": [Sample((_values(3),), {"axes": (), "keepdims": True})],
    "any": [
        Sample((np.array([True, False]),), {"axes": (), "keepdims": False}),
        Sample((np.zeros((2, 0), bool),), {"axes": (-1,), "keepdims": False}),
    ],
    "all": [Sample((np.zeros((2, 0), bool),), {"axes": (-1,), "keepdims": False})],
    "reshape": [Sample((_values(0, 3),), {"shape": (3, 0)}), Sample((_values(2, 3),), {"shape": (2, 3)})],
    "broadcast": [Sample((_values(1),), {"shape": (0,)}), Sample((_values(3),), {"shape": (3,)})],
    "squeeze": [Sample((_values(3),), {"axes": ()})],
    "concatenate": [Sample((_values(0, 2), _values(3, 2)), {"axis": -2})],
    "slice": [
        Sample((_values(3, 4),), {"index": ((2, None, -1), (-1, None, -2))}),
        Sample((_values(3, 4),), {"index": (-3, -1)}),
        Sample((_values(4),), {"index": ((3, 1, 1),)}),
        Sample((_values(),), {"index": ()}),
    ],
    "update": [
        Sample((_values(4), 10 + _values(4)), {"index": ((3, None, -1),)}),
        Sample((_values(4), _values()), {"index": ((0, None, 1),)}),
        Sample((_values(4), _values()), {"index": ((3, 1, 1),)}),
        Sample((_values(), 1 + _values()), {"index": ()}),
        Sample((_values(2, 3, 4), 30 + _values(3, 1)), {"index": (1, (0, None, 1), (0, None, 2))}),
        Sample((_values(2, 3, 4), 30 + _values(2)), {"index": ((0, None, 1), -1, (0, None, 3))}),
    ],
    "matmul": [Sample((_values(0), _values(0, 3))), Sample((_values(3, 0), _values(0)))],
    "spike": [
        Sample((_values(3) / 2, np.float32([1.0, 0.5, 0.25])), {"window": 0.5, "max_spikes": 1.0}),
        Sample((_values(3) - 1, np.float32([-1.0, 0.5, 0.0])), {"window": 0.5, "max_spikes": 1.0}),
        Sample((_values(3), np.float32(0.25)), {"window": 0.5, "max_spikes": np.inf}),
    ],
    "pow": [
        Sample((np.array([3, -3, 1, -1, 2]), np.array([39, 5, 63, 0, 12]))),
        Sample((np.array([1, -1, 0]), np.array([100, 101, 64]))),
        Sample((np.array([7, 0, 2], np.int32), np.array(0, np.int32))),
        Sample((np.array([7, -5, 2]), np.array(3))),
    ],
}
"""What the rows' own samples leave out: empty axes, no axes, negative steps, whole slots, large powers."""


def test_there_is_a_lowering_for_each_row() -> None:
    assert [name for name in OPS if not has_lowering(name)] == []
    assert not has_lowering("no such op")


def _graphs_of(name: str, sample: Sample) -> Iterator[tuple[Graph, list[int], dict[str, Array]]]:
    """The sample with each choice of operands as streams; the others are parameters and constants in turn."""
    for number, mask in enumerate(itertools.product((True, False), repeat=len(sample.args))):
        streams = [place for place, stream in enumerate(mask) if stream]
        if not streams:
            continue
        b, args, parameters = new_builder(), [], {}
        for place, array in enumerate(sample.args):
            if mask[place]:
                args.append(b.input(f"x{place}", type_of(array)))
            elif (number + place) % 2:
                args.append(b.constant(array))
            else:
                parameters[f"p{place}"] = array
                args.append(b.param(f"p{place}", type_of(array)))
        b.output("output", b.add(name, args, sample.attrs))
        yield b.build(), streams, parameters


def _stream_of(array: Array, batch: int, steps: int) -> Array:
    """Another arrangement of the same elements for each sample and step."""
    flat = [np.roll(array.reshape(-1), number) for number in range(batch * steps)]
    return np.stack(flat).reshape(batch, steps, *array.shape)


@pytest.mark.parametrize("name", EDGES)
def test_edges_agree_with_numpy(name: str) -> None:
    """The rows' own samples are in tests/test_op_matrix.py."""
    entry = OPS[name]
    for sample in EDGES[name]:
        for graph, streams, parameters in _graphs_of(name, sample):
            sessions = {kind: Session(model_of(graph, kind, parameters)) for kind in KINDS}
            for batch, steps in ((1, 1), (3, 5), (3, 1), (1, 5)):
                feed = {
                    "input" if len(streams) == 1 else f"input.x{place}": _stream_of(
                        np.asarray(sample.args[place]), batch, steps
                    )
                    for place in streams
                }
                wanted = step_loop(graph, feed, parameters)
                note = f"{sample} streams {streams} batch {batch} steps {steps}"
                for kind in KINDS if steps > 1 else KINDS[:1]:
                    session = sessions[kind]
                    got = run_steps(session, graph, feed) if kind == "step" else session(feed)
                    assert_same(got, wanted, entry.tolerance, f"{kind} {note}")


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


@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (3, 20), (2, 1)])
def test_a_recurrent_net_is_exact_in_every_form(batch: int, steps: int) -> None:
    graph = recurrent_net()
    feed = {"input": 2 * numbers(batch, steps, 2)} | zeros(graph)
    check_all_ways(graph, feed, WEIGHTS)
    assert steps == 1 or step_loop(graph, feed, WEIGHTS)["record.lif.spikes"].any()


@pytest.mark.parametrize("kind", ["always", "never"])
def test_one_file_runs_any_batch_and_length_in_chunks(kind: str) -> None:
    graph = recurrent_net()
    session = Session(model_of(graph, kind, WEIGHTS))
    for batch, steps in ((1, 3), (4, 7), (2, 30)):
        whole = {"input": 2 * numbers(batch, steps, 2, seed=batch)} | zeros(graph)
        wanted = session(whole)
        assert_same(wanted, step_loop(graph, whole, WEIGHTS))
        state, parts = zeros(graph, batch), []
        for chunk in np.split(whole["input"], [1, 3], axis=1):
            if chunk.shape[1]:
                out = session({"input": chunk} | state)
                parts.append(out["output"])
                state = {f"state.{s.name}": out[f"next.{s.name}"] for s in graph.states}
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), wanted["output"])
        np.testing.assert_array_equal(state["state.lif.v"], wanted["next.lif.v"])


def test_a_state_starts_each_sample_from_its_own_row() -> None:
    graph = recurrent_net()
    feed = {
        "input": numbers(3, 4, 2),
        "state.lif.v": numbers(3, 4, seed=5),
        "state.lif.spikes": numbers(1, 4),
    }
    check_all_ways(graph, feed, WEIGHTS)


def _scans(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Scan"]


def _body(scan: onnx.NodeProto) -> onnx.GraphProto:
    return next(attribute.g for attribute in scan.attribute if attribute.name == "body")


def test_the_scan_holds_the_cycle_only() -> None:
    model = model_of(recurrent_net(), "always", WEIGHTS)
    (scan,) = _scans(model)
    outside = Counter(node.op_type for node in model.graph.node)
    inside = Counter(node.op_type for node in _body(scan).node)
    assert (outside["MatMul"], inside["MatMul"]) == (2, 1)
    assert len(_body(scan).input) == 3  # two states and one stream; parameters are captured
    assert not _scans(model_of(recurrent_net(), "step", WEIGHTS))
    (whole,) = _scans(model_of(recurrent_net(), "never", WEIGHTS))
    assert Counter(node.op_type for node in _body(whole).node)["MatMul"] == 3


@pytest.mark.parametrize("kind", ["always", "never"])
def test_each_result_of_a_body_has_an_identity_of_its_own(kind: str) -> None:
    for scan in _scans(model_of(recurrent_net(), kind, WEIGHTS)):
        body = _body(scan)
        made = {node.output[0]: node.op_type for node in body.node}
        results = [output.name for output in body.output]
        assert len(set(results)) == len(results)
        assert {made[name] for name in results} == {"Identity"}


def test_weights_are_stored_once_and_only_where_read() -> None:
    model = model_of(recurrent_net(), "always", WEIGHTS)
    large = [tensor.name for tensor in model.graph.initializer if np.prod(tensor.dims) >= 8]
    assert sorted(large) == ["once.0", "once.1", "once.2"]


# --- regions -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_is_exactly_one_step_late(kind: str) -> None:
    b = new_builder()
    x = b.input("x", TensorType(F32, (2,)))
    previous = b.state("previous", np.full(2, 7, F32))
    b.set_next(previous, x)
    b.output("output", previous)
    graph = b.build()
    impulse = np.zeros((1, 6, 2), F32)
    impulse[0, 2] = 1
    feed = {"input": impulse} | zeros(graph)
    session = Session(model_of(graph, kind))
    out = run_steps(session, graph, feed) if kind == "step" else session(feed)
    np.testing.assert_array_equal(out["output"][0, :, 0], [7, 0, 0, 1, 0, 0])
    check_all_ways(graph, {"input": numbers(3, 1, 2)} | zeros(graph))
    check_all_ways(graph, {"input": numbers(3, 5, 2)} | zeros(graph, 3))


Edit = Callable[[GraphBuilder, int], None]


def _free_running(b: GraphBuilder, x: int) -> None:
    n = b.state("n", np.array(0, np.int64))
    b.set_next(n, b.add("add", [n, b.constant(np.int64(1))]))
    b.output("output", n)


def _held_and_swapped(b: GraphBuilder, x: int) -> None:
    held = b.state("held", np.full(3, 2, F32))
    left, right = b.state("left", np.zeros(3, F32)), b.state("right", np.ones(3, F32))
    b.set_next(held, held)
    b.set_next(left, right)
    b.set_next(right, left)
    b.output("output.0", b.add("add", [held, left]))
    b.output("output.1", right)


def _constant_next(b: GraphBuilder, x: int) -> None:
    first = b.state("first", np.array([True, False, True]))
    b.set_next(first, b.constant(np.array([False, False, True])))
    b.output("output", b.add("where", [first, x, b.constant(np.float32(0))]))
    b.record("first", b.constant(np.array([False, False, True])))


def _passed_through(b: GraphBuilder, x: int) -> None:
    kept = b.state("kept", np.zeros(3, F32))
    b.set_next(kept, x)
    b.output("output.0", x)
    b.output("output.1", b.constant(np.arange(3)))
    b.output("output.2", x)
    b.record("kept", kept)


def _chained(b: GraphBuilder, x: int) -> None:
    """Two delays, an accumulator of theirs, and a readout."""
    one, two = b.state("one", np.ones(3, F32)), b.state("two", np.zeros(3, F32))
    total = b.state("total", np.zeros(2, F32))
    b.set_next(one, x)
    b.set_next(two, one)
    weight = b.constant(numbers(3, 2))
    summed = b.add("add", [total, b.add("matmul", [two, weight])])
    b.set_next(total, summed)
    b.output("output", b.add("sub", [summed, b.constant(np.float32(0.25))]))


def _joined_in_the_loop(b: GraphBuilder, x: int) -> None:
    """A cycle that joins a constant, writes a slice, and empties a shape."""
    v = b.state("v", np.zeros(4, F32))
    part = b.add("slice", [v], {"index": ((0, 3, 1),)})
    joined = b.add("concatenate", [b.constant(np.ones(1, F32)), b.add("add", [part, x])], {"axis": -1})
    written = b.add("update", [joined, b.constant(np.float32(0.5))], {"index": ((3, None, -3),)})
    empty = b.add("reshape", [b.add("slice", [written], {"index": ((2, 2, 1),)})], {"shape": (0, 2)})
    b.set_next(v, b.add("add", [written, b.add("sum", [empty], {"axes": (-1, -2), "keepdims": False})]))
    b.output("output", v)


@pytest.mark.parametrize(
    "edit",
    [_free_running, _held_and_swapped, _constant_next, _passed_through, _chained, _joined_in_the_loop],
)
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (3, 1), (3, 6)])
def test_regions_of_every_kind(edit: Edit, batch: int, steps: int) -> None:
    b = new_builder()
    edit(b, b.input("x", TensorType(F32, (3,))))
    graph = b.build()
    check_all_ways(graph, {"input": numbers(batch, steps, 3)} | zeros(graph))
    check_all_ways(graph, {"input": numbers(batch, steps, 3, seed=1)} | zeros(graph, batch))


def test_several_inputs_and_outputs_have_names() -> None:
    b = new_builder()
    image, gate = b.input("image", TensorType(F32, (2, 3))), b.input("gate", TensorType(np.dtype(bool), ()))
    b.output("output.0", b.add("where", [gate, image, b.constant(np.float32(-1))]))
    b.output("output.1", b.add("not", [gate]))
    graph = b.build()
    model = model_of(graph)
    assert [port.name for port in model.graph.input] == ["input.image", "input.gate"]
    assert [port.name for port in model.graph.output] == ["output.0", "output.1"]
    gates = np.array([[True, False], [False, False], [True, True]])
    check_all_ways(graph, {"input.image": numbers(3, 2, 2, 3), "input.gate": gates})


def test_integers_modulo_anything_never_crash() -> None:
    for dtype in (np.int32, np.int64):
        least = np.iinfo(dtype).min
        x = np.array([least, least, 5, -5, 0, -7], dtype)
        y = np.array([-1, 0, 0, -1, 0, 3], dtype)
        sample = Sample((x, y))
        for graph, streams, parameters in _graphs_of("mod", sample):
            feed = {
                "input" if len(streams) == 1 else f"input.x{place}": sample.args[place][None, None] for place in streams
            }
            out = Session(model_of(graph, "always", parameters))(feed)["output"]
            np.testing.assert_array_equal(out[0, 0], [0, 0, 0, 0, 0, 2])


# --- the file ----------------------------------------------------------------------------------------
def _dims(info: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def test_the_boundary() -> None:
    whole, step = model_of(recurrent_net(), "always", WEIGHTS), model_of(recurrent_net(), "step", WEIGHTS)
    assert {info.name: _dims(info) for info in whole.graph.input} == {
        "input": ["batch", "time", 2],
        "state.lif.v": ["batch_of_state_0", 4],
        "state.lif.spikes": ["batch_of_state_1", 4],
    }
    assert {info.name: _dims(info) for info in whole.graph.output} == {
        "output": ["batch", "time", 3],
        "record.lif.v": ["batch", "time", 4],
        "record.lif.spikes": ["batch", "time", 4],
        "next.lif.v": ["batch", 4],
        "next.lif.spikes": ["batch", 4],
    }
    assert _dims(step.graph.input[0]) == ["batch", 2]
    assert _dims(step.graph.output[0]) == ["batch", 3]
    for model in (whole, step):
        assert model.ir_version == 8
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert "must be 1" in model.doc_string
    assert "time must be at least 1" in whole.doc_string


def _properties(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _strict(text: str) -> Any:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_metadata_describe_the_signature() -> None:
    properties = _properties(model_of(recurrent_net(), "always", WEIGHTS))
    assert properties["graphpool.format_version"] == "1"
    assert properties["graphpool.one_step"] == "false"
    assert _properties(model_of(recurrent_net(), "step", WEIGHTS))["graphpool.one_step"] == "true"
    signature = _strict(properties["graphpool.signature"])
    assert signature["name"] == "net" and signature["dt"] == 0.001
    assert signature["inputs"] == [{"name": "x", "tensor": "input", "dtype": "float32", "shape": [2], "kind": "event"}]
    assert [entry["tensor"] for entry in signature["outputs"]] == ["output"]
    assert [entry["tensor"] for entry in signature["records"]] == ["record.lif.v", "record.lif.spikes"]
    assert signature["states"][0] == {
        "name": "lif.v",
        "input": "state.lif.v",
        "output": "next.lif.v",
        "dtype": "float32",
        "shape": [4],
        "init": {"fill": 0.0},
    }


@pytest.mark.parametrize(
    ("init", "written"),
    [
        (np.full((2, 2), np.nan), {"fill": "nan"}),
        (np.array([np.inf, -np.inf, 0.1]), ["inf", "-inf", 0.1]),
        (np.array([0.0, -0.0]), [0.0, -0.0]),
        (np.array(True), {"fill": True}),
        (np.zeros((0, 3)), {"fill": 0}),
        (np.array([2**60, 1]), [2**60, 1]),
    ],
)
def test_initial_states_in_the_metadata(init: Array, written: Any) -> None:
    b = new_builder()
    b.output("output", b.input("x", TensorType(F32, ())))
    state = b.state("s", init)
    b.set_next(state, state)
    text = _properties(model_of(b.build()))["graphpool.signature"]
    assert repr(_strict(text)["states"][0]["init"]) == repr(written)


def test_equal_graphs_give_equal_bytes() -> None:
    def file() -> bytes:
        plan = make_plan(recurrent_net())
        return build(plan).file(compute_once(plan, WEIGHTS))

    assert file() == file()


@pytest.mark.parametrize("seed", ["0", "1"])
def test_programs_pickle_and_the_hash_seed_changes_nothing(seed: str, tmp_path: Path) -> None:
    plan = make_plan(recurrent_net())
    program, handed = build(plan), compute_once(plan, WEIGHTS)
    (tmp_path / "program").write_bytes(pickle.dumps((program, handed)))
    code = (
        "import hashlib, pickle; program, handed = pickle.load(open('program', 'rb'));"
        "print(hashlib.sha256(program.file(handed)).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(program.file(handed)).hexdigest()
    assert deepcopy(program).file(handed) == program.file(handed)


def test_onnxruntime_loads_it_silently(capfd: pytest.CaptureFixture[str]) -> None:
    for kind in KINDS:
        Session(model_of(recurrent_net(), kind, WEIGHTS))
    assert capfd.readouterr() == ("", "")


def test_another_engine_agrees() -> None:
    """onnx's own reference implementation, which follows the specification and nothing else."""
    from onnx.reference import ReferenceEvaluator

    graph = recurrent_net()
    feed = {"input": 2 * numbers(2, 6, 2)} | zeros(graph)
    model = model_of(graph, "always", WEIGHTS)
    got = ReferenceEvaluator(model).run(None, feed)
    assert_same(
        dict(zip([info.name for info in model.graph.output], got, strict=True)),
        step_loop(graph, feed, WEIGHTS),
    )


# --- refusals ----------------------------------------------------------------------------------------
def test_every_type_that_no_target_runs_is_listed() -> None:
    b = new_builder()
    half = b.add("cast", [b.input("x", TensorType(F32, (2,)))], {"dtype": np.dtype(np.float16)})
    b.output("output", b.add("add", [half, half]))
    with pytest.raises(LoweringError) as raised:
        build(make_plan(b.build()))
    assert str(raised.value).count("dtype float16") == 2


def test_a_net_without_an_input_is_refused() -> None:
    b = new_builder()
    state = b.state("s", np.zeros(2))
    b.set_next(state, state)
    b.output("output", state)
    with pytest.raises(LoweringError, match="without an input"):
        build(make_plan(b.build()))


def test_the_target() -> None:
    assert TARGET.name == "onnx"
    assert isinstance(TARGET.build(make_plan(recurrent_net())), OnnxProgram)
