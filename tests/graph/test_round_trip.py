"""The text form: what is printed parses back to an equal graph."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphpool
from graphpool.errors import GraphError
from graphpool.graph import CONST, Graph, GraphBuilder, Origin, TensorType, type_of
from graphpool.graph.parse import parse
from graphpool.graph.types import DTYPES, FLOAT64
from graphpool.ops import infer_type
from graphpool.passes import PIPELINES, run_passes
from tests.fuzz.drawing import draw_program
from tests.fuzz.programs import FuzzModule
from tests.golden.models import MODELS

SLOW_MACHINE = settings(deadline=None, suppress_health_check=list(HealthCheck))


def all_names(graph: Graph) -> list[Any]:
    tables = (graph.inputs, graph.params, graph.states, graph.outputs, graph.records)
    return [graph.name, *([entry.name for entry in table] for table in tables)]


def assert_round_trip(graph: Graph, infer: Any = None) -> Graph:
    text = str(graph)
    again = parse(text, infer, graph.constants()) if infer else graphpool.parse_graph(text, graph.constants())
    assert again == graph, text
    assert hash(again) == hash(graph)
    assert str(again) == re.sub(r" *  # [^\n]*", "", text)
    assert all_names(again) == all_names(graph)
    return again


# --- every graph comes back -----------------------------------------------------------------------------------------
@settings(SLOW_MACHINE, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_traced_programs_come_back_before_and_after_the_passes(seed: int, length: int) -> None:
    graph = graphpool.trace(FuzzModule(draw_program(seed, length)))
    assert_round_trip(graph)
    for passes in PIPELINES.values():
        run_passes(graph, passes, [lambda _, before, result: assert_round_trip(result.graph) and None])


@pytest.mark.parametrize("name", list(MODELS))
def test_the_golden_models_come_back(name: str) -> None:
    graph = graphpool.trace(MODELS[name]())
    assert_round_trip(graph)
    for passes in PIPELINES.values():
        assert_round_trip(run_passes(graph, passes)[0])


def any_infer(op: str, types: tuple[TensorType, ...], attrs: Any) -> TensorType:
    """Type rules that take whatever comes."""
    return TensorType(FLOAT64, ())


names = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "0", "12", "1.5", "1e5", "input", "x", "true", "nan", "fill", "param", "a b", 'q"', "\\", "%0"]
    ),
    st.sampled_from(
        ["\n", "\r\n", "#", "#}", "\u2028", "\ud800", "\0", "input:x", "τ", "²", "a:f64", "x{", "next", "dt"]
    ),
)

kinds = st.sampled_from(["", "continuous", "event"])


@settings(SLOW_MACHINE, max_examples=200)
@given(st.lists(names, unique=True, min_size=6, max_size=6), names, st.booleans(), st.booleans(), kinds)
def test_any_name_comes_back(drawn: list[str], title: str, clash: bool, alone: bool, kind: str) -> None:
    port, param, state, output, other, record = drawn
    assume(not state.startswith(f"{param}.") and not param.startswith(f"{state}."))
    builder = GraphBuilder(title, 0.25, any_infer)
    x = builder.input(param if clash else port, TensorType(FLOAT64, (2,)), "event")
    w = builder.param(param, TensorType(FLOAT64, (3,)))
    v = builder.state(state, np.zeros(()))
    y = builder.add("any", [x, w, v], {}, [Origin(title, port, 3, other), Origin(title, "", 1, "")])
    builder.set_next(v, y)
    builder.output(output, y)
    if not alone:
        builder.output(other, v, "event")
    builder.record(record, x, kind)
    graph = builder.build()
    assert graph.nodes[y].args == (x, w, v)
    again = parse(str(graph), any_infer)
    assert again == graph
    assert all_names(again) == all_names(graph)
    assert len(str(graph).splitlines()) == 7, "a name is on one line"
    str(graph).encode()


simple = [DTYPES[name] for name in ("f32", "f64", "i32", "i64", "bool", "float16", "int8", "uint8", "int16", "uint64")]
dtypes = st.sampled_from(
    [*simple, *simple, DTYPES["complex64"], DTYPES["complex128"], np.dtype(">f8"), np.dtype(">i4")]
)


def raw_arrays(dtype: Any, shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Any bits, so all NaN and both zeros."""
    size = int(np.prod(shape)) * dtype.itemsize
    if dtype.kind == "b":
        return hnp.arrays(dtype, shape)
    return st.binary(min_size=size, max_size=size).map(lambda content: np.frombuffer(content, dtype).reshape(shape))


arrays = st.tuples(dtypes, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)).flatmap(
    lambda both: st.one_of(hnp.arrays(*both), raw_arrays(*both))
)


@settings(SLOW_MACHINE, max_examples=400)
@given(arrays, arrays)
def test_any_constant_and_initial_state_comes_back(constant: Any, init: Any) -> None:
    builder = GraphBuilder("g", None, any_infer)
    y = builder.add("any", [builder.constant(constant), builder.constant(init)])
    for name, array in (("v", init), ("w", constant)):
        value = builder.state(name, array)
        builder.set_next(value, value)
    builder.output("output", y)
    assert_round_trip(builder.build(), any_infer)


@settings(SLOW_MACHINE, max_examples=300)
@given(st.tuples(st.floats(width=32), st.floats(width=16), st.floats()))
def test_any_number_comes_back(numbers: tuple[float, ...]) -> None:
    builder = GraphBuilder("g", None, any_infer)
    drawn = [np.asarray(one, name) for one, name in zip(numbers, ("f4", "f2", "f8"), strict=True)]
    builder.output("output", builder.add("any", [builder.constant(one) for one in drawn]))
    assert_round_trip(builder.build(), any_infer)


def test_numbers_that_are_read_by_way_of_float64_do_not_round_twice() -> None:
    random_bits = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    for part in np.split(random_bits, 500):
        builder = GraphBuilder("g", None, any_infer)
        builder.output("output", builder.constant(part))
        assert_round_trip(builder.build(), any_infer)


attributes = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6),
        st.sampled_from(list(DTYPES.values())),
        st.sampled_from([np.float32(0.1), np.int64(3), np.bool_(True), np.dtype(">f4"), 2**200, -0.0]),
        st.just(()),
    ),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple),
    max_leaves=8,
)  # fmt: skip


@settings(SLOW_MACHINE, max_examples=300)
@given(st.dictionaries(names, attributes, max_size=4))
def test_any_attribute_comes_back(attrs: dict[str, Any]) -> None:
    builder = GraphBuilder("g", None, any_infer)
    builder.output("output", builder.add("any", [], attrs))
    builder.output("other", builder.add("any", []))
    graph = assert_round_trip(builder.build(), any_infer)
    assert graph.nodes[0].attrs == builder.nodes[0].attrs


def test_a_tuple_of_one_is_no_number() -> None:
    builder = GraphBuilder("g", None, any_infer)
    for item in (-1, (-1,), ((-1,),), ((1, 2),), ()):
        builder.record(str(item), builder.add("any", [], {"a": item}))
    text = str(builder.build())
    assert [line.split("{a=")[1] for line in text.splitlines() if "{a=" in line] == [
        "-1}", "(-1,)}", "((-1,),)}", "((1, 2),)}", "()}",
    ]  # fmt: skip


def test_where_leaves_stand_and_whether_constants_are_shared_does_not_count() -> None:
    def build(shared: bool) -> Graph:
        builder = GraphBuilder("g", None, infer_type)
        one = builder.constant(1.0)
        x = builder.input("x", TensorType(FLOAT64, ()))
        y = builder.add("add", [x, one])
        z = builder.add("mul", [y, one if shared else builder.constant(1.0)])
        builder.output("output", z)
        return builder.build()

    assert build(True) == build(False)
    assert hash(build(True)) == hash(build(False))
    for shared in (True, False):
        assert sum(node.op == CONST for node in assert_round_trip(build(shared)).nodes) == 1


def test_the_types_of_leaves_count_even_where_nothing_reads_them() -> None:
    text = "graph g(%x: f64) -> (%x) {\n  param %w: f64\n}"
    graph = graphpool.parse_graph(text)
    for other in ("param %w: f32", "param %w: f64[1]"):
        assert graphpool.parse_graph(text.replace("param %w: f64", other)) != graph
    unread = text.replace("(%x: f64)", "(%x: f64, %y: f64)")
    assert graphpool.parse_graph(unread) != graphpool.parse_graph(unread.replace("%y: f64", "%y: f32"))


# --- large constants --------------------------------------------------------------------------------------------------
def with_large() -> Graph:
    builder = GraphBuilder("g", None, infer_type)
    x = builder.input("x", TensorType(FLOAT64, (20,)))
    v = builder.state("v", np.arange(20.0))
    builder.set_next(v, v)
    builder.output("output", builder.add("add", [x, builder.constant(np.arange(20.0) + 0.5)]))
    builder.record("zeros", builder.constant(np.zeros(20)))
    builder.record("whole", builder.constant(np.zeros(20, np.int64)))
    return builder.build()


def test_large_constants_travel_beside_the_text() -> None:
    graph = with_large()
    constants = graph.constants()
    assert sorted(map(str, map(type_of, constants.values()))) == ["f64[20]"] * 3 + ["i64[20]"]
    assert_round_trip(graph)
    assert graphpool.parse_graph(str(graph), lambda name, type_: constants[name]) == graph
    listed = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in constants.items()}
    assert graphpool.parse_graph(str(graph), listed) == graph


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda array: None, "a large constant without its values"),
        (lambda array: array[:-1], r"a constant of type f64\[20\], but its values are f64\[19\]"),
        (lambda array: array.astype("f4"), r"a constant of type f64\[20\], but its values are f32\[20\]"),
        (lambda array: array.reshape(4, 5), r"a constant of type f64\[20\], but its values are f64\[4,5\]"),
        (lambda array: array + 1, "a constant whose values have another hash"),
        (lambda array: "text", r"a constant of type f64\[20\], but its values are str"),
        (lambda array: array.astype(object), r"a constant of type f64\[20\], but its values are object"),
    ],
)
def test_other_values_of_a_large_constant_are_refused(change: Any, message: str) -> None:
    graph = with_large()
    constants: dict[str, Any] = dict(graph.constants())
    name = next(name for name, array in constants.items() if array[0] == 0.5)
    constants[name] = change(constants[name])
    with pytest.raises(GraphError, match=rf"line 3, column \d+: {message}"):
        graphpool.parse_graph(str(graph), constants)
