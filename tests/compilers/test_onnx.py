"""The ONNX compiler on graphs built by hand: a network in every form, every kind of region, and refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest

from graphpool.compilers.onnx.compile import TARGET, OnnxProgram, build
from graphpool.errors import LoweringError
from graphpool.graph import GraphBuilder, TensorType
from graphpool.plan import make_plan
from tests.compilers.onnx_models import (
    F32,
    KINDS,
    WEIGHTS,
    Session,
    assert_same,
    check_all_ways,
    model_of,
    new_builder,
    numbers,
    recurrent_net,
    run_steps,
    step_loop,
    zeros,
)


# --- a network ---------------------------------------------------------------------------------------
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
