"""The text form: what is printed parses back to an equal graph, and whatever else is a clear error."""

from __future__ import annotations

import random
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphpool
from graphpool.errors import GraphError
from graphpool.graph import CONST, Graph, GraphBuilder, Origin, TensorType, type_of
from graphpool.graph import scanner as scanning
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


# --- by hand ----------------------------------------------------------------------------------------------------------
def test_a_text_by_hand_is_a_graph_that_runs() -> None:
    text = """
    # an accumulator
    graph total(%x: f64[2] event)->(%7,) dt=0.5 {   # no sources
      state %sum : f64[2] = fill 0
    \t%7: f64[2] = add %sum,%x
      %3: f64[2] = mul %7, [1, 2.5]:f64[2]

      next %sum = %7
      record twice = %3
    }
    """.replace("(%7,)", "(%7)").replace("\n", "\r\n")
    graph = graphpool.parse_graph(text)
    assert str(graph).splitlines()[0] == "graph total(%x: f64[2] event) -> (%0) dt=0.5 {"
    out, _, record = graphpool.compile(graph)(np.ones((3, 2)), record=True)
    np.testing.assert_array_equal(out[0], [[1, 1], [2, 2], [3, 3]])
    np.testing.assert_array_equal(record["twice"][0], [[1, 2.5], [2, 5], [3, 7.5]])


GOOD = """graph g(%x: f64[3]) -> (a = %1, b = %v) dt=0.001 {
  param %w: f64[3]
  state %v: f64[3] = fill 0.0
  %0: f64[3] = mul %v, %w
  %1: f64[3] = add %0, [1.0, -0.0, nan]:f64[3]
  %2: f64 = sum %1 {axes=(-1,), keepdims=false}
  record r = %2
  next %v = %1
}"""

MALFORMED: list[tuple[str, str, str]] = [
    ("graph g(", "grph g(", r"line 1, column 1: expected 'graph', found 'grph'"),
    ("graph g(", "graph (", r"line 1, column 7: expected the name of the graph, found '\('"),
    ("(%x:", "%x:", r"line 1, column 8: expected '\(', found '%'"),
    ("(%x: f64[3])", "(%x: f64[3]", r"line 1, column 21: expected ',', found '->'|expected ',', found '-'"),
    ("%x: f64", "%x f64", r"line 1, column 12: expected ':', found 'f64'"),
    ("%x: f64[3]", "%x: f63[3]", r"line 1, column 13: expected a dtype, such as f64, found 'f63'"),
    ("%x: f64[3]", "%x: f64[3,]", r"line 1, column 19: expected the length of an axis, found '\]'"),
    ("%x: f64[3]", "%x: f64[-3]", r"expected the length of an axis, found '-'"),
    ("%x: f64[3]", "%x: f64[9999999999999]", r"an axis of 9999999999999; at most 268435456 elements"),
    ("%x: f64[3]", "%x: f64[99999,99999]", r"a value of shape \(99999, 99999\); at most"),
    ("%x: f64[3]", "%x: f64[" + "1," * 99 + "1]", r"a value of shape|expected '\]'"),
    ("%x: f64[3]", "%x: f64[3] rare", "kind 'rare' is none of"),
    ("%x: f64[3]", "%5: f64[3]", 'a number stands for what an op makes; as a name, it is %"5"'),
    ("%x: f64[3]", "%x: f64[3], %x: f64", r"line 1, column 21: a second value %x"),
    ("%x: f64[3]", "%: f64[3]", r"line 1, column 10: expected a name or a number after '%', found ':'"),
    ("a = %1", "a = %8", r"line 1, column 29: there is no value %8 before"),
    ("a = %1, b =", "%1, b =", r"line 1, column 25: several outputs, one without a name"),
    ("a = %1", '"a = %1', r"line 1, column \d+: a text without its closing quote"),
    ("a = %1", r'"\q" = %1', r"line 1, column 25: no text: "),
    ("a =", "b =", "names used twice: b"),
    ("dt=0.001", "dt=zero", r"line 1, column 44: expected a number, found 'zero'"),
    ("dt=0.001", "dt=true", r"line 1, column 44: expected a number of dtype float64"),
    ("dt=0.001", "dt=1e999", r"line 1, column 44: the number does not fit into float64"),
    ("dt=0.001", "dt=0.0", r"dt=0.0 s is no time step"),
    ("dt=0.001", "dt=nan", r"dt=nan s is no time step"),
    (" {\n", "\n", r"line 1, column 49: expected '\{', found the end of the line"),
    ("param %w", "parm %w", r"line 2, column 3: expected 'param', 'state', .* found 'parm'"),
    ("param %w: f64[3]", "param %w: f64[3] %x", r"line 2, column 20: expected the end of the line, found '%'"),
    ("param %w", "param %v", r"line 3, column 9: a second value %v"),
    ("= fill 0.0", "= fill", r"line 3, column 26: expected a number, found the end of the line"),
    ("= fill 0.0", "= full 0.0", r"line 3, column 22: expected a value, such as %0, or a constant, found 'full'"),
    ("= fill 0.0", "= 0.0", r"line 3, column 22: the initial value of a state of type f64\[3\] is f64"),
    ("= fill 0.0", "= fill true", r"line 3, column 27: expected a number of dtype float64"),
    ("fill 0.0", "fill nan(7)", r"expected the bits of a NaN"),
    ("fill 0.0", "fill nan(0x7)", r"the number does not fit into float64"),
    ("fill 0.0", "fill nan(0xfffffffffffffffff)", r"expected the bits of a NaN"),
    ("fill 0.0", "[1.0]:f64[3]", r"line 3, column 22: these are not the elements of f64\[3\]"),
    ("fill 0.0", "[[1.0, 2.0, 3.0]]:f64[3]", r"these are not the elements of f64\[3\]"),
    ("fill 0.0", "[1.0, 2.0, [3.0]]:f64[3]", r"these are not the elements of f64\[3\]"),
    ("fill 0.0", "[1.0 2.0]:f64[2]", r"expected ',', found '2.0'"),
    ("fill 0.0", "[" * 100 + "]" * 100 + ":f64[3]", "more than 64 brackets in each other"),
    ("fill 0.0", "[1, 2.0, 3]:i64[3]", r"line 3, column 26: expected a number of dtype int64"),
    ("fill 0.0", "[1, 2, 300]:int8[3]", r"line 3, column 29: the number does not fit into int8"),
    ("fill 0.0", "[1, 2, 3]:float128[3]", r"expected a number of dtype float128"),
    ("mul %v", "mol %v", r"line 4, column 3: mol: no op 'mol' in the table"),
    ("mul %v, %w", "mul %v, %u", r"line 4, column 24: there is no value %u before this place"),
    ("mul %v, %w", "mul %v", r"line 4, column 3: mul: takes 2 operands, got 1"),
    ("mul %v, %w", "mul %v, true", r"line 4, column 3: mul: operands of different dtypes: f64, bool"),
    ("mul %v, %w", "mul %v, ", r"line 4, column 24: expected a value, such as %0, or a constant, found the end"),
    ("mul %v, %w", "mul %v %w", r"line 4, column 23: expected ',', found '%'"),
    ("mul %v, %w", "mul %v, 99999999999999999999", r"the number does not fit into int64"),
    ("mul %v, %w", "mul %v, 1e-", r"line 4, column 24: expected a value"),
    ("mul %v, %w", "mul %v, 12abc", r"line 4, column 24: expected a value"),
    ("mul %v, %w", "mul %v, 1" + "0" * 400, r"a number of 401 characters; at most 400"),
    ("mul %v, %w", "mul %v, <f64[20] sha256:77>", r"expected 32 hexadecimal digits"),
    ("mul %v, %w", f"mul %v, <f64[20] sha256:{'7' * 32}>", r"(?s)column 24: a large constant without its.*hint"),
    ("%0: f64[3] =", "%0: f64[4] =", r"line 4, column 7: declared f64\[4\], but mul gives f64\[3\]"),
    ("%0: f64[3] =", "%w: f64[3] =", r"line 4, column 3: a value that an op makes has a number"),
    ("%1: f64[3] =", "%0: f64[3] =", r"line 5, column 3: a second value %0"),
    ("axes=(-1,)", "axes=(-1)", r"line 6, column 29: expected ',', found '\)'"),
    ("axes=(-1,)", "axes=(-1,) axes", r"expected ',', found 'axes'"),
    ("axes=(-1,)", "axes=(-1,), axes=(-1,)", r"line 6, column 33: a second attribute 'axes'"),
    ("axes=(-1,)", "axes=(-9,)", r"line 6, column 3: sum: axes \(-9,\) of an array of rank 1"),
    ("axes=(-1,)", "axes=never", r"expected a number, a text, a dtype, true, false, none or a tuple, found 'never'"),
    ("axes=(-1,)", "axes=none", r"line 6, column 3: sum: axes is not of the kind of \(-1,\); got None"),
    ("axes=(-1,)", 'axes="x"', r"line 6, column 3: sum: axes is not of the kind of \(-1,\); got 'x'"),
    ("axes=(-1,)", "axes=" + "(" * 100, "more than 64 brackets in each other"),
    ("axes=(-1,), ", "", r"line 6, column 3: sum: no attribute 'axes'"),
    ("keepdims=false", "keepdims=false, more=1", r"sum: its attributes are axes, keepdims; got axes, keepdims, more"),
    ("keepdims=false}", "keepdims=false", r"line 6, column 47: expected ',', found the end of the line"),
    ("next %v = %1", "next %w = %1", r"line 8, column 8: this is no state"),
    ("next %v = %1", "next %u = %1", r"line 8, column 8: there is no value %u before"),
    ("next %v = %1", "next %v = %1\n  next %v = %1", r"line 9, column 8: a second next value of one state"),
    ("next %v = %1", "next %v = %2", r"state v: current f64\[3\], next f64, init f64\[3\]"),
    ("  next %v = %1\n", "", r"states without a next value: v"),
    ("record r = %2", "record = %2", r"line 7, column 10: expected the name of a record, found '='"),
    ("record r = %2", "record r = %2 event", r"r: kind 'event' of f64; vectors are continuous or event"),
    ("record r = %2", "record r = %1 sample", r"line 7, column 17: expected the end of the line, found 'sample'"),
    ("record r = %2", "record r = %2\n  record r = %1", "names used twice: r"),
    ("record r = %2", "record r = %2\n  record r.s = %1", "'r' is a value and a module at once"),
    ("\n}", "", r"line 8, column 15: expected 'param', .* or '}', found the end of the text"),
    ("\n}", "\n}}", r"line 9, column 2: expected the end of the line, found '}'"),
    ("\n}", "\n}\nmore", r"line 10, column 1: expected the end of the text, found 'more'"),
    (GOOD, "", r"line 1, column 1: expected 'graph', found the end of the text"),
    (GOOD, "\n\n # nothing", r"line 3, column \d+: expected 'graph', found the end of the text"),
]  # fmt: skip


KINDS = [
    ("f64[2] = reshape %x {shape=(2.0,)}", "shape is not of the kind"),
    ("f64[1,2] = reshape %x {shape=(true, 2)}", "shape is not of the kind"),
    ("f64[2] = reshape %x {shape=((2,),)}", "shape is not of the kind"),
    ("f64 = sum %x {axes=(-1.0,), keepdims=false}", "axes is not of the kind"),
    ("f64 = sum %x {axes=(-1,), keepdims=0}", "keepdims is not of the kind of False; got 0"),
    ("f64[2] = cumsum %x {axis=-1.0}", "axis is not of the kind of -1; got -1.0"),
    ('f64[2] = spike %x, 1.0 {max_spikes="a", window=0.5}', "max_spikes is not of the kind of 3.0; got 'a'"),
    ("f64[2] = spike %x, 1.0 {max_spikes=none, window=0.5}", "max_spikes is not of the kind of 3.0; got None"),
    ("f64[2] = spike %x, 1.0 {max_spikes=(1.0,), window=0.5}", "max_spikes is not of the kind"),
    ("f64[2] = noise 0, %sample {dtype=f64, key=(1.0, 2.0), shape=(2,)}", "key is not of the kind"),
    ('f32[2] = cast %x {dtype="f32"}', "dtype is not of the kind"),
    ("i64 = position 1 {size=nan}", "size is not of the kind of 4; got nan"),
    ("i64 = position 1 {size=2.5}", "size is not of the kind of 4; got 2.5"),
    ("i64 = position 1 {size=9223372036854775808}", "size is not of the kind of 4"),
    ("f64[1] = slice %x {index=((none, none, 1.0),)}", "index is not of the kind"),
]


@pytest.mark.parametrize(("node", "message"), KINDS, ids=[node for node, _ in KINDS])
def test_attributes_of_another_kind_are_refused(node: str, message: str) -> None:
    text = f"graph g(%x: f64[2], %sample: i64 sample) -> (%0) {{\n  %0: {node}\n}}"
    with pytest.raises(GraphError, match=rf"line 2, column 3: \w+: {re.escape(message)}"):
        graphpool.parse_graph(text)


def test_whole_numbers_may_stand_for_others() -> None:
    text = "graph g(%x: f64[2]) -> (%0) {\n  %0: f64[2] = spike %x, 1.0 {max_spikes=3, window=1}\n}"
    assert str(graphpool.parse_graph(text)) == text


@pytest.mark.parametrize(
    "node",
    [
        "f64 = take %x, 2",
        "f64 = take %x, -1",
        "f64[2] = take %x, [0, 9]:i64[2]",
        "f64[2] = put %x, [2]:i64[1], [1.0]:f64[1]",
    ],
)
def test_constant_positions_out_of_bounds_are_refused(node: str) -> None:
    with pytest.raises(GraphError, match=r"position -?\d is out of bounds for an axis of length 2\n    %0: "):
        graphpool.parse_graph(f"graph g(%x: f64[2]) -> (%0) {{\n  %0: {node}\n}}")


def test_the_good_text_is_fine() -> None:
    """So that each of the texts below fails for its one change."""
    assert str(graphpool.parse_graph(GOOD)) == GOOD


@pytest.mark.parametrize(("old", "new", "message"), MALFORMED, ids=[f"{n}" for n in range(len(MALFORMED))])
def test_a_malformed_text_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(GraphError, match=message):
        graphpool.parse_graph(GOOD.replace(old, new, 1))


def test_the_message_shows_the_line() -> None:
    with pytest.raises(GraphError) as caught:
        graphpool.parse_graph(GOOD.replace("mul %v, %w", "mul %v, %\x1b[31mw"))
    assert str(caught.value) == (
        "line 4, column 25: expected a name or a number after '%', found '\\x1b'\n    %0: f64[3] = mul %v, %?[31mw"
    )


@pytest.mark.parametrize("text", [None, 7, b"graph", ["graph"]])
def test_only_a_string_is_a_text(text: Any) -> None:
    with pytest.raises(GraphError, match="is a string, got"):
        graphpool.parse_graph(text)


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


# --- hostile texts ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fills",
    [["f64[1000000000000]"], ["f64[268435457]"], ["f64[1,268435456,2]"], ["f64[200000]", "f64[16777216]"]],
)
def test_huge_fills_allocate_nothing(fills: list[str]) -> None:
    lines = [f"  state %v{number}: {type_} = fill 0.0" for number, type_ in enumerate(fills)]
    tracemalloc.start()
    try:
        with pytest.raises(GraphError, match="at most 268435456 elements|more than 16777216 elements"):
            graphpool.parse_graph("\n".join(["graph g() -> () {", *lines, "}"]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**23


def test_a_fill_is_held_once() -> None:
    tracemalloc.start()
    try:
        graph = graphpool.parse_graph("graph g() -> (%v) {\n  state %v: f64[1048576] = fill 0.5\n  next %v = %v\n}")
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert graph.states[0].init.array.nbytes == 2**23 <= held < 1.5 * 2**23


@pytest.mark.parametrize(
    "text",
    [
        "graph g() -> () {\n" + "(" * 10**6,
        "graph g(" + "%" * 10**6,
        'graph "' + "\\" * 10**6,
        "graph " + "a" * 10**6,
        "graph g() -> () dt=" + "1" * 10**6,
        "graph g() -> () dt=" + "1." * 10**6,
        "graph g() -> () dt=1e" + "1" * 10**6 + "x",
        "#" * 10**6,
        "\n" * 10**6,
        " \t" * 10**6,
        "graph g() -> (" + "a" * 10**6,
        "graph g() -> (" + "1, " * 10**5,
        "graph g() -> () {\n  %0: f64 = mul " + "1.0, " * 10**5,
        "graph g() -> () {\n  %0: f64[" + "1," * 10**6,
        "graph g() -> () {\n" + "  record r = 1.0\n" * 30_000 + "}",
        "graph g() -> () {\n" + "".join(f"  record r{n} = 1.0\n" for n in range(30_000)),
    ],
)
def test_long_texts_are_refused_soon(text: str) -> None:
    """A pattern or a table that is quadratic would take hours here."""
    with pytest.raises(GraphError) as caught:
        graphpool.parse_graph(text)
    assert len(str(caught.value)) < 10_000


def test_a_text_beyond_all_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "LARGEST_TEXT", 100)
    with pytest.raises(GraphError, match="a text of 306 characters is too long; at most 100"):
        graphpool.parse_graph(GOOD.ljust(306))


def test_a_changed_text_is_a_graph_or_a_clear_error() -> None:
    chance = random.Random(3)
    texts = [GOOD, *(re.sub("  #.*", "", str(graphpool.trace(make()))) for make in MODELS.values())]
    pieces = [
        *'%{}()[]=:,"<>#\\\n -.e0',
        "nan",
        "inf",
        "f64",
        "next",
        "fill",
        "true",
        "none",
        "sha256:",
        "99999",
        "\0",
        "é",
    ]
    refused = 0
    for _ in range(4000):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text))
            text = text[:start] + chance.choice([*pieces, ""]) + text[start + chance.choice([0, 1, 1, 5]) :]
        try:
            graph = graphpool.parse_graph(text)
        except GraphError:
            refused += 1
        else:
            assert graphpool.parse_graph(str(graph), graph.constants()) == graph
    assert 2000 < refused < 4000
