"""The options of the ONNX compiler on graphs built by hand: every row in a Loop and on parameters that are inputs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import pytest

from graphpool.compilers.onnx.compile import TARGET, build
from graphpool.graph import SAMPLE, Graph, GraphBuilder, TensorType, type_of
from graphpool.graph.types import Array
from graphpool.ops import OPS, Sample, infer_type
from graphpool.plan import compute_once, make_plan
from tests.compilers.onnx_models import WEIGHTS, Session, assert_same, numbers, recurrent_net, step_loop, zeros
from tests.compilers.test_onnx_edges import EDGES

FORMS: tuple[dict[str, str], ...] = (
    {"loop": "Loop"},
    {"parameters": "inputs"},
    {"loop": "Loop", "parameters": "inputs", "states": "batched"},
)
SAMPLES = {name: [*row.samples(), *EDGES.get(name, [])] for name, row in OPS.items() if name != "noise"}


def model_of(graph: Graph, options: Mapping[str, str], parameters: Mapping[str, Array], hoist: Any) -> onnx.ModelProto:
    plan = make_plan(graph, one_step=True) if hoist == "step" else make_plan(graph, hoist)
    handed = {} if options.get("parameters") == "inputs" else compute_once(plan, parameters)
    model = build(plan, **options).model(handed)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    return model


def run_form(
    graph: Graph, feed: Mapping[str, Array], parameters: Mapping[str, Array], options: Mapping[str, str], hoist: Any
) -> dict[str, Array]:
    given = {f"param.{name}": array for name, array in parameters.items()} if "parameters" in options else {}
    return Session(model_of(graph, options, parameters, hoist))({**feed, **given})


# --- every row ---------------------------------------------------------------------------------------
def graphs_of(name: str, sample: Sample) -> Iterator[tuple[Graph, list[int], dict[str, Array]]]:
    """The sample with each choice of operands as parameters, and the others as streams; at least one stream."""
    for mask in itertools.product((True, False), repeat=len(sample.args)):
        b, args, parameters = GraphBuilder("net", None, infer_type), [], {}
        for place, array in enumerate(map(np.asarray, sample.args)):
            if mask[place]:
                args.append(b.input(f"x{place}", type_of(array)))
            else:
                parameters[f"p{place}"] = array
                args.append(b.param(f"p{place}", type_of(array)))
        b.input("other", TensorType(np.dtype(np.float32), ()))
        b.output("output", b.add(name, args, sample.attrs))
        yield b.build(), [place for place, stream in enumerate(mask) if stream], parameters


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_rows_in_a_loop_and_on_parameters_that_are_inputs(name: str) -> None:
    batch, steps = 2, 3
    for sample in SAMPLES[name]:
        for graph, streams, parameters in graphs_of(name, sample):
            feed = {"input.other" if streams else "input": np.zeros((batch, steps), np.float32)}
            for place in streams:
                array = np.asarray(sample.args[place])
                turned = [np.roll(array.reshape(-1), number) for number in range(batch * steps)]
                feed[f"input.x{place}"] = np.stack(turned).reshape(batch, steps, *array.shape)
            wanted = step_loop(graph, feed, parameters)
            for options in FORMS[1:]:
                got = run_form(graph, feed, parameters, options, "never")
                assert_same(got, wanted, OPS[name].tolerance, f"{options} {sample} streams {streams}")


# --- a network ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("hoist", ["always", "never"])
@pytest.mark.parametrize("options", FORMS, ids=str)
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (3, 7)])
def test_a_recurrent_net_is_exact_in_every_form(options: Mapping[str, str], hoist: str, batch: int, steps: int) -> None:
    graph = recurrent_net()
    feed = {"input": 2 * numbers(batch, steps, 2)} | zeros(graph, batch)
    assert_same(run_form(graph, feed, WEIGHTS, options, hoist), step_loop(graph, feed, WEIGHTS))


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from nodes_of(attribute.g)


def bodies(model: onnx.ModelProto) -> list[onnx.GraphProto]:
    return [attr.g for node in model.graph.node for attr in node.attribute if attr.type == onnx.AttributeProto.GRAPH]


@pytest.mark.parametrize("loop", ["Scan", "Loop"])
@pytest.mark.parametrize("hoist", ["always", "never"])
def test_the_loop_is_the_op_that_was_asked_for(loop: str, hoist: str) -> None:
    model = model_of(recurrent_net(), {"loop": loop}, WEIGHTS, hoist)
    counted = Counter(node.op_type for node in nodes_of(model.graph))
    assert (counted["Scan"], counted["Loop"]) == ((1, 0) if loop == "Scan" else (0, 1))
    inside = Counter(node.op_type for node in bodies(model)[0].node)
    assert inside["MatMul"] == (1 if hoist == "always" else 3)


def test_each_result_of_a_body_has_an_identity_of_its_own() -> None:
    for body in bodies(model_of(recurrent_net(), {"loop": "Loop"}, WEIGHTS, "always")):
        made = {node.output[0]: node.op_type for node in body.node}
        results = [output.name for output in body.output]
        assert len(set(results)) == len(results) == 5
        assert {made[name] for name in results} == {"Identity"}


def test_parameters_that_are_inputs_are_declared_as_traced_and_have_no_default() -> None:
    model = model_of(recurrent_net(), {"parameters": "inputs"}, {}, "always")
    inputs = {entry.name: entry.type.tensor_type for entry in model.graph.input}
    assert list(inputs) == ["input", "state.lif.v", "state.lif.spikes", *(f"param.{name}" for name in WEIGHTS)]
    for name, array in WEIGHTS.items():
        declared = inputs[f"param.{name}"]
        assert declared.elem_type == onnx.TensorProto.DOUBLE
        assert tuple(dim.dim_value for dim in declared.shape.dim) == array.shape
    assert not set(inputs) & {tensor.name for tensor in model.graph.initializer}
    assert max(np.prod(tensor.dims) for tensor in model.graph.initializer) <= 4
    assert "Parameters are inputs" in model.doc_string


def test_batched_states_are_plain() -> None:
    model = model_of(recurrent_net(), {"states": "batched"}, WEIGHTS, "always")
    (first, second) = (entry for entry in model.graph.input if entry.name.startswith("state."))
    for entry in (first, second):
        dims = [dim.dim_param or dim.dim_value for dim in entry.type.tensor_type.shape.dim]
        assert dims == ["batch", 4]
    assert "Expand" not in {node.op_type for node in nodes_of(model.graph)}
    assert "The first dimension of a state is the batch." in model.doc_string


def test_large_parameters_are_not_repeated_over_the_steps() -> None:
    """A weight is no stream: one product of matrices, and no Expand."""
    model = model_of(recurrent_net(), {"parameters": "inputs", "states": "batched"}, {}, "always")
    assert "Expand" not in {node.op_type for node in nodes_of(model.graph)}


# --- names -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, *FORMS], ids=str)
def test_a_state_that_is_called_like_a_value_number_is_another(options: Mapping[str, str]) -> None:
    """Two streams of one loop: the value that the text form calls %0, and a delayed state of that name."""
    b = GraphBuilder("net", None, infer_type)
    x = b.input("x", TensorType(np.dtype(np.float32), (2,)))
    late, total = b.state("0", np.zeros(2, np.float32)), b.state("total", np.zeros(2, np.float32))
    doubled = b.add("add", [x, x])
    b.set_next(late, x)
    summed = b.add("add", [b.add("add", [b.add("mul", [total, total]), doubled]), late])
    b.set_next(total, summed)
    b.output("output", summed)
    graph = b.build()
    assert Counter(graph.labels)["0"] == 2
    feed = {"input": numbers(2, 4, 2)} | zeros(graph, 2)
    assert_same(run_form(graph, feed, {}, options, "always"), step_loop(graph, feed))


def test_the_number_of_the_sample_is_an_input_of_its_own() -> None:
    b = GraphBuilder("net", None, infer_type)
    x = b.input("x", TensorType(np.dtype(np.float32), (2,)))
    b.input(SAMPLE, TensorType(np.dtype(np.int64), ()), SAMPLE)
    b.output("output", b.add("neg", [x]))
    model = build(make_plan(b.build())).model({})
    assert [entry.name for entry in model.graph.input] == ["input", "sample"]


def test_the_options_of_the_target() -> None:
    assert TARGET.read_options({}) == {
        "loop": "Scan",
        "parameters": "constants",
        "states": "broadcast",
        "threads": None,
        "optimisation": "all",
        "spinning": True,
    }
    assert TARGET.read_options({"loop": "Loop"})["loop"] == "Loop"
