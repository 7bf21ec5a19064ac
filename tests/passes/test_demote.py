"""Demotion to 32 bit: streams only, one cast where a constant or a parameter meets them, and visible losses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from graphpool.errors import PrecisionWarning
from graphpool.graph import GraphBuilder, TensorType, verify
from graphpool.graph.types import BOOL, FLOAT32, FLOAT64, INT32, INT64
from graphpool.ops import infer_type
from graphpool.passes import FLOAT32 as TO_FLOAT32
from graphpool.passes import demote_everything, run_passes
from graphpool.passes.demote import Demote

VECTOR = TensorType(FLOAT64, (3,))


def demoted(build):
    """The graph that ``build(builder, x, w)`` makes, after demotion alone."""
    builder = GraphBuilder("g", None, infer_type)
    outputs = build(builder, builder.input("x", VECTOR), builder.param("w", VECTOR))
    for number, value in enumerate(outputs):
        builder.output(f"output.{number}", value)
    result = Demote().run(builder.build())
    verify(result.graph, infer_type)
    return result


def lines(graph):
    return [line.strip() for line in str(graph).splitlines() if " = " in line and not line.startswith("graph")]


def test_what_depends_on_parameters_stays_wide_and_is_rounded_once():
    def build(builder, x, w):
        decay = builder.add("exp", [builder.add("neg", [w])])
        return [builder.add("mul", [decay, x]), builder.add("add", [x, decay]), builder.add("mul", [w, x])]

    graph = demoted(build).graph
    assert lines(graph) == [
        "%0: f64[3] = neg %w",
        "%1: f64[3] = exp %0",
        "%2: f32[3] = cast %1 {dtype=f32}",
        "%3: f32[3] = mul %2, %x",
        "%4: f32[3] = add %x, %2",
        "%5: f32[3] = cast %w {dtype=f32}",
        "%6: f32[3] = mul %5, %x",
    ]
    assert graph.type(graph.params[0].value) == VECTOR
    assert graph.type(graph.inputs[0].value) == VECTOR.with_dtype(FLOAT32)


def test_constants_are_computed_wide_and_rounded_where_they_meet_a_stream():
    def build(builder, x, w):
        third = builder.add("div", [builder.constant(1.0), builder.constant(3.0)])
        return [builder.add("mul", [x, third]), builder.add("add", [x, third])]

    graph, _ = run_passes(demoted(build).graph, TO_FLOAT32[1:])
    assert lines(graph) == ["%0: f32[3] = mul %x, 0.33333334:f32", "%1: f32[3] = add %x, 0.33333334:f32"]


def test_states_and_what_leaves_become_narrow():
    def build(builder, x, w):
        v = builder.state("v", np.array([0.1, 0.2, 0.3]))
        builder.set_next(v, w)
        builder.record("w", w)
        return [v, w, builder.constant(0.1), builder.add("less", [v, x])]

    graph = demoted(build).graph
    assert graph.states[0].init.array.dtype == FLOAT32
    np.testing.assert_array_equal(graph.states[0].init.array, np.array([0.1, 0.2, 0.3], np.float32))
    assert [graph.type(output.value).dtype for output in graph.outputs] == [FLOAT32, FLOAT32, FLOAT32, BOOL]
    assert graph.type(graph.states[0].next).dtype == graph.type(graph.records[0].value).dtype == FLOAT32
    assert [node.op for node in graph.nodes].count("cast") == 2


def test_integers_and_bools_stay():
    def build(builder, x, w):
        n = builder.state("n", np.zeros(3, np.int64))
        builder.set_next(n, n)
        k = builder.param("k", TensorType(INT64, (3,)))
        return [builder.add("add", [n, k]), builder.add("equal", [n, k]), builder.constant(2**40)]

    result = demoted(build)
    assert [str(result.graph.type(out.value)) for out in result.graph.outputs] == ["i64[3]", "bool[3]", "i64"]
    assert not result.notes


def test_casts_follow():
    def build(builder, x, w):
        narrow = builder.add("cast", [x], {"dtype": FLOAT32})
        wide = builder.add("cast", [narrow], {"dtype": FLOAT64})
        count = builder.add("cast", [x], {"dtype": INT64})
        back = builder.add("cast", [count], {"dtype": FLOAT64})
        return [narrow, wide, count, back]

    result = demoted(build)
    assert lines(result.graph) == ["%0: i64[3] = cast %x {dtype=i64}", "%1: f32[3] = cast %0 {dtype=f32}"]
    assert [str(note) for note in result.notes] == ["demote: %3: an integer becomes float32: exact up to 2**24"]


def test_a_narrow_graph_does_not_change():
    builder = GraphBuilder("g", None, infer_type)
    x = builder.input("x", VECTOR.with_dtype(FLOAT32))
    builder.output("output", builder.add("mul", [x, builder.constant(np.float32(2))]))
    assert not Demote().run(builder.build()).changed


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (1e39, "overflows"),
        (-1e39, "overflows"),
        (1e-50, "becomes zero"),
        (2.0**24 + 1, "is no longer the same integer"),
        ([1.0, 2.0, 123456789.0], "the constant 123456789.0 is no longer the same integer"),
    ],
)
def test_lost_constants_are_a_warning_and_a_note(number, message):
    with pytest.warns(PrecisionWarning, match=f"{message} in float32.*compile with dtype='float64'"):
        result = demoted(lambda builder, x, w: [builder.add("mul", [x, builder.constant(number)])])
    assert len(result.notes) == 1


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, 0.1, 2.0**24, 2.0**30, 1e-40, 0.0, 3e38, 1e30])
def test_what_rounds_or_is_special_anyway_is_no_warning(number):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        demoted(lambda builder, x, w: [builder.add("mul", [x, builder.constant(number)])])


def test_the_initial_value_of_a_state_is_checked_too():
    def build(builder, x, w):
        v = builder.state("v", np.full(3, 1e300))
        builder.set_next(v, x)
        return [v]

    with pytest.warns(PrecisionWarning, match=r"the constant 1e\+300 overflows in float32"):
        result = demoted(build)
    assert result.notes[0].value == "%v"


def test_a_constant_is_warned_about_once_with_the_line():
    from graphpool.graph import Origin

    line = Origin("net", "model.py", 3, "x * 1e39")

    def build(builder, x, w):
        big = builder.constant(1e39, [line])
        return [builder.add("mul", [x, big]), builder.add("add", [x, big])]

    with pytest.warns(PrecisionWarning, match=r"\(model.py:3: x \* 1e39\)") as caught:
        demoted(build)
    assert len(caught) == 1


def everything(build):
    builder = GraphBuilder("g", None, infer_type)
    values = build(builder)
    graph = builder.build()
    return graph, values, *demote_everything(graph)


def test_everything_in_32_bit_with_where_each_value_went():
    def build(builder):
        x, w = builder.input("x", VECTOR), builder.param("w", VECTOR)
        n = builder.state("n", np.arange(3))
        decay = builder.add("exp", [w])
        builder.set_next(n, builder.add("add", [n, builder.constant(1)]))
        total = builder.add("cast", [n], {"dtype": INT64})
        builder.output("output", builder.add("mul", [decay, x]))
        return [x, w, n, decay, total]

    old, values, graph, mapping, notes = everything(build)
    assert {node.type.dtype for node in graph.nodes} == {FLOAT32, INT32}
    assert set(mapping) == set(range(len(old.nodes)))
    for value in values:
        assert graph.type(mapping[value]).shape == old.type(value).shape
    assert graph.nodes[mapping[values[3]]].op == "exp"
    assert mapping[values[4]] == mapping[values[2]]
    assert graph.states[0].init.array.dtype == INT32
    assert any("int64 becomes int32: values wrap beyond 2**31" in str(note) for note in notes)
    assert [str(note) for note in notes if "%n" in str(note)] == [
        "demote: %n: int64 becomes int32: values wrap beyond 2**31"
    ]


def test_an_integer_constant_that_wraps_is_a_note():
    def build(builder):
        x = builder.input("x", TensorType(INT64, ()))
        builder.output("output", builder.add("add", [x, builder.constant(2**40)]))

    *_, notes = everything(build)
    assert any("the constant 1099511627776 wraps in int32" in str(note) for note in notes)
