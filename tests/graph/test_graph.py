"""The graph: what the builder refuses, what the verifier finds, equality, printing, literals and attributes."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from graphpool.errors import GraphError, TypeRuleError
from graphpool.graph import (
    CONST,
    Attributes,
    GraphBuilder,
    Literal,
    Origin,
    Output,
    Rate,
    Record,
    TensorType,
    infer_rates,
    type_of,
    verify,
)
from graphpool.graph.text import constant_text, describe
from graphpool.graph.types import BOOL, FLOAT32, FLOAT64, INT32, INT64
from graphpool.ops import infer_type

VECTOR = TensorType(FLOAT64, (3,))
LINE = Origin("net/cell", "model.py", 7, "self.v = self.v * w + x")


def leak(name="leak", origins=(LINE,), state="v"):
    """``v = v * w + x``, with everything that a graph can have."""
    builder = GraphBuilder(name, 0.001, infer_type)
    x = builder.input("x", VECTOR)
    w = builder.param("w", VECTOR)
    v = builder.state(state, np.zeros(3))
    half = builder.constant(np.array(0.5))
    kept = builder.add("mul", [v, w], origins=origins)
    new = builder.add("add", [kept, x])
    out = builder.add("mul", [new, half])
    builder.set_next(v, new)
    builder.output("output", out)
    builder.record("new", new)
    return builder.build()


# --- the builder -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("op", "shapes", "attrs", "message"),
    [
        ("add", [(3,), (2,)], {}, r"shapes do not broadcast: \(3,\) and \(2,\)"),
        ("add", [(3,)], {}, "takes 2 operands, got 1"),
        ("matmul", [(3,), (2, 3)], {}, "inner sizes differ"),
        ("and", [(3,), (3,)], {}, "not defined for f64"),
        ("where", [(3,), (3,), (3,)], {}, "the condition is f64"),
        ("sum", [(3,)], {"axes": (0,), "keepdims": False}, "counted from the end"),
        ("reshape", [(3,)], {"shape": (2,)}, "cannot reshape"),
        ("transpose", [(2, 3)], {"axes": (-1,)}, "do not name each axis"),
        ("squeeze", [(3,)], {"axes": (-1,)}, "not all of length 1"),
        ("broadcast", [(3,)], {"shape": (2,)}, "do not broadcast"),
        ("slice", [(3,)], {"index": (3,)}, "out of bounds"),
        ("slice", [(3,)], {"index": (0, 0)}, "2 entries for the 1 axes"),
        ("update", [(3,), (2,)], {"index": ((0, 3, 1),)}, r"\(2,\) and \(3,\)|cannot write"),
        ("concatenate", [(3,), (2, 3)], {"axis": -1}, "cannot join"),
        ("concatenate", [], {"axis": -1}, "different dtypes"),
        ("stack", [(3,), (2,)], {"axis": -1}, "shapes differ"),
    ],
)
def test_the_builder_checks_types(op, shapes, attrs, message):
    builder = GraphBuilder("g", None, infer_type)
    args = [builder.input(f"x{number}", TensorType(FLOAT64, shape)) for number, shape in enumerate(shapes)]
    with pytest.raises(TypeRuleError, match=message):
        builder.add(op, args, attrs)


def test_no_row_promotes():
    builder = GraphBuilder("g", None, infer_type)
    wide, narrow = builder.input("a", VECTOR), builder.input("b", VECTOR.with_dtype(FLOAT32))
    with pytest.raises(TypeRuleError, match="operands of different dtypes: f64, f32"):
        builder.add("add", [wide, narrow])


def test_an_unknown_op_names_those_that_there_are():
    builder = GraphBuilder("g", None, infer_type)
    with pytest.raises(GraphError, match=r"no op 'nope' in the table; there are abs, add"):
        builder.add("nope", [])


def test_the_builder_merges_nothing():
    builder = GraphBuilder("g", None, infer_type)
    x = builder.input("x", VECTOR)
    assert builder.add("neg", [x]) != builder.add("neg", [x])
    assert builder.constant(1.0) != builder.constant(1.0)


def test_a_state_needs_a_next_value():
    builder = GraphBuilder("g", None, infer_type)
    builder.state("v", np.zeros(3))
    with pytest.raises(GraphError, match="states without a next value: v"):
        builder.build()


def test_origins_are_an_ordered_set():
    builder = GraphBuilder("g", None, infer_type)
    other = dataclasses.replace(LINE, line=8)
    value = builder.constant(1.0, [LINE, LINE])
    builder.add_origins(value, [other, LINE])
    assert builder.origins(value) == (LINE, other)


# --- the verifier ----------------------------------------------------------------------------------------------------
X, W, V, HALF, KEPT, NEW, OUT = range(7)


def with_node(value, **changes):
    def change(graph):
        nodes = list(graph.nodes)
        nodes[value] = dataclasses.replace(nodes[value], **changes)
        return {"nodes": tuple(nodes)}

    return change


def with_state(**changes):
    return lambda g: {"states": (dataclasses.replace(g.states[0], **changes),)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_node(KEPT, args=(V, OUT)), r"node 4 \(mul\): operands \[6\] do not come before it"),
        (with_node(KEPT, args=(V, KEPT)), r"operands \[4\] do not come before it"),
        (with_node(KEPT, args=(V, -1)), r"operands \[-1\] do not come before it"),
        (with_node(OUT, type=TensorType(FLOAT32, (3,))), r"node 6 \(mul\): declared f32\[3\], inferred f64\[3\]"),
        (with_node(OUT, op="nope"), r"node 6 \(nope\): no op 'nope'"),
        (with_node(OUT, op="sum"), r"node 6 \(sum\): takes 1 operands, got 2"),
        (with_node(OUT, op="sum", args=(NEW,)), r"node 6 \(sum\): no attribute 'axes'"),
        (with_node(OUT, op="and"), r"node 6 \(and\): not defined for f64"),
        (with_node(HALF, args=(X,)), r"node 3 \(const\): a leaf with operands"),
        (with_node(HALF, attrs=Attributes()), r"node 3 \(const\): a constant without its array"),
        (with_node(HALF, type=VECTOR), r"node 3 \(const\): declared f64\[3\], the array is f64"),
        (with_node(X, attrs=Attributes({"place": 1})), r"node 0 \(input\): its place is 1, not 0"),
        (with_node(W, op=CONST), r"param nodes \[\] but the table names \[1\]"),
        (lambda g: {"inputs": ()}, r"input nodes \[0\] but the table names \[\]"),
        (lambda g: {"states": (*g.states, g.states[0])}, r"state nodes \[2\] but the table names \[2, 2\]"),
        (with_state(next=9), "a root refers to node 9, which does not exist"),
        (lambda g: {"outputs": (Output("output", -1),)}, "a root refers to node -1"),
        (lambda g: {"records": (Record("r", 7),)}, "a root refers to node 7"),
        (with_state(next=HALF), r"state v: current f64\[3\], next f64, init f64\[3\]"),
        (with_state(init=Literal(np.zeros(2))), r"state v: current f64\[3\], next f64\[3\], init f64\[2\]"),
        (with_state(init=Literal(np.zeros(3, np.float32))), r"init f32\[3\]"),
        (with_state(clock=2), "v: clock 2; only 1 is supported"),
        (lambda g: {"inputs": (dataclasses.replace(g.inputs[0], clock=3),)}, "x: clock 3; only 1"),
        (lambda g: {"inputs": (dataclasses.replace(g.inputs[0], kind="rare"),)}, "x: kind 'rare' is none of"),
        (lambda g: {"outputs": (Output("output", OUT, "rare"),)}, "output: kind 'rare' is none of"),
        (lambda g: {"outputs": (Output("y", OUT), Output("y", NEW))}, "names used twice: y"),
        (lambda g: {"records": (Record("r", OUT, "sample"),)}, r"r: kind 'sample' of f64\[3\]; vectors are continuous"),
        (lambda g: {"records": (Record("r", HALF, "event"),)}, "r: kind 'event' of f64; vectors are continuous or"),
        (lambda g: {"records": (Record("r", OUT), Record("r", NEW))}, "names used twice: r"),
        (lambda g: {"origins": ()}, "7 nodes but 0 sets of origins"),
    ],
)
def test_the_verifier_finds(changes, message):
    graph = leak()
    verify(graph, infer_type)
    with pytest.raises(GraphError, match=message) as caught:
        verify(graph.replace(**changes(graph)), infer_type)
    assert "graph 'leak' is malformed:" in str(caught.value)


def test_the_verifier_lists_everything():
    graph = leak()
    broken = graph.replace(**with_node(OUT, op="nope")(graph), **with_state(clock=2, next=HALF)(graph))
    with pytest.raises(GraphError) as caught:
        verify(broken, infer_type)
    assert len(str(caught.value).splitlines()) == 4


# --- equality --------------------------------------------------------------------------------------------------------
def test_equality_is_structural_and_ignores_names_and_origins():
    other = leak("other", origins=(), state="u")
    assert leak() == other
    assert hash(leak()) == hash(other)
    assert leak() != "leak"
    assert len({leak(), other}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        lambda g: {"dt": 0.002},
        lambda g: {"dt": None},
        lambda g: {"outputs": (Output("output", NEW),)},
        lambda g: {"outputs": (Output("output", OUT, "event"),)},
        lambda g: {"records": ()},
        lambda g: {"records": tuple(dataclasses.replace(one, kind="event") for one in g.records)},
        with_state(next=OUT),
        with_state(init=Literal(np.array([0.0, 0.0, -0.0]))),
        with_node(OUT, args=(HALF, NEW)),
        with_node(HALF, attrs=Attributes({"place": Literal(np.array(-0.5))})),
    ],
)
def test_graphs_that_differ_are_not_equal(changes):
    graph = leak()
    other = graph.replace(**changes(graph))
    verify(other, infer_type)
    assert graph != other


def test_graphs_pickle_and_copy():
    graph = leak()
    for other in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert other == graph
        assert str(other) == str(graph)
        assert other.origins == graph.origins
        assert not other.nodes[HALF].attrs["place"].array.flags.writeable
    assert hash(pickle.loads(pickle.dumps(graph))) == hash(graph)


def test_a_graph_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        leak().dt = 1.0


def test_rates_are_the_highest_among_the_operands():
    assert infer_rates(leak()) == (
        Rate.STREAM, Rate.PARAM, Rate.STREAM, Rate.CONST, Rate.STREAM, Rate.STREAM, Rate.STREAM,
    )  # fmt: skip
    assert [str(rate) for rate in Rate] == ["const", "param", "stream"]


# --- literals and attributes -----------------------------------------------------------------------------------------
def test_literals_compare_to_the_bit():
    same = [(0.0, 0.0), (np.nan, np.nan), ([1.0, 2.0], [1.0, 2.0])]
    different = [(0.0, -0.0), (1, 1.0), (1.0, np.float32(1)), ([1.0], 1.0), (True, 1), ([[1.0]], [1.0])]
    for one, other in same:
        assert Literal(np.asarray(one)) == Literal(np.asarray(other))
        assert hash(Literal(np.asarray(one))) == hash(Literal(np.asarray(other)))
    for one, other in different:
        assert Literal(np.asarray(one)) != Literal(np.asarray(other))


def test_a_literal_is_a_copy_that_cannot_be_written():
    array = np.zeros(3)
    literal = Literal(array)
    array[0] = 1
    assert literal == Literal(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        literal.array[0] = 1
    assert pickle.loads(pickle.dumps(literal)) == literal
    assert repr(literal) == "Literal(array([0., 0., 0.]))"
    assert literal != 0


def test_the_layout_of_a_literal_does_not_count():
    array = np.arange(6.0).reshape(2, 3)
    assert Literal(np.asfortranarray(array)) == Literal(array)


def test_attributes_are_an_immutable_mapping_in_the_order_of_names():
    attrs = Attributes({"b": 1, "a": (1, None)})
    assert dict(attrs) == {"a": (1, None), "b": 1}
    assert list(attrs) == ["a", "b"]
    assert len(attrs) == 2
    assert attrs == Attributes({"a": (1, None), "b": 1})
    assert attrs != {"a": (1, None), "b": 1}
    assert pickle.loads(pickle.dumps(attrs)) == attrs
    assert repr(attrs) == "Attributes({'a': (1, None), 'b': 1})"
    with pytest.raises(KeyError):
        attrs["c"]
    with pytest.raises(TypeError):
        Attributes({"a": [1]})


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0.0, -0.0), ((1, 2), (1, 2.0)), (FLOAT32, FLOAT64), ((None,), (0,))],
)
def test_attributes_compare_types_and_bits(one, other):
    assert Attributes({"a": one}) != Attributes({"a": other})
    assert Attributes({"a": one}) == Attributes({"a": one})
    assert Attributes({"a": float("nan")}) == Attributes({"a": float("nan")})


# --- text ------------------------------------------------------------------------------------------------------------
def test_the_text_of_a_graph():
    assert str(leak()) == (
        "graph leak(%x: f64[3]) -> (%2) dt=0.001 {\n"
        "  param %w: f64[3]\n"
        "  state %v: f64[3] = fill 0.0\n"
        "  %0: f64[3] = mul %v, %w                           # net/cell  model.py:7  self.v = self.v * w + x\n"
        "  %1: f64[3] = add %0, %x\n"
        "  %2: f64[3] = mul %1, 0.5\n"
        "  record new = %1\n"
        "  next %v = %1\n"
        "}"
    )


def test_values_are_found_by_the_labels_of_the_text():
    graph = leak()
    assert [graph.find(label) for label in ("%x", "w", "%v", "%0", "2", "const3")] == [X, W, V, KEPT, OUT, HALF]
    with pytest.raises(KeyError, match="no value %9 in graph 'leak'"):
        graph.find("%9")


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (0.5, "0.5"),
        (2.0, "2.0"),
        (-0.0, "-0.0"),
        (1e-7, "1.0e-07"),
        (1e22, "1.0e+22"),
        (0.1, "0.1"),
        (np.nan, "nan"),
        (-np.inf, "-inf"),
        (3, "3"),
        (True, "true"),
        (np.float32(0.1), "0.1:f32"),
        (np.int32(3), "3:i32"),
        ([1.0, 2.0], "[1.0, 2.0]:f64[2]"),
        ([[True], [False]], "[[true], [false]]:bool[2,1]"),
        ([], "[]:f64[0]"),
    ],
)
def test_the_text_of_a_constant(array, text):
    assert constant_text(np.asarray(array)) == text


def test_large_constants_are_a_type_and_a_hash():
    text = constant_text(np.arange(9.0))
    assert text.startswith("<f64[9] sha256:")
    assert text == constant_text(np.arange(9.0))
    assert text != constant_text(np.arange(9.0) + 1)


@pytest.mark.parametrize(
    ("init", "text"),
    [
        (np.zeros(3), "fill 0.0"),
        (np.full(3, np.nan), "fill nan"),
        (np.array([0.0, -0.0]), "[0.0, -0.0]:f64[2]"),
        (np.array(2), "fill 2"),
        (np.array([True, True]), "fill true"),
        (np.array([], np.float32), "[]:f32[0]"),
        (np.array([1.0, 2.0]), "[1.0, 2.0]:f64[2]"),
    ],
)
def test_the_text_of_an_initial_state(init, text):
    builder = GraphBuilder("g", None, infer_type)
    value = builder.state("v", init)
    builder.set_next(value, value)
    assert f" = {text}\n" in str(builder.build())


def test_the_text_of_attributes_and_kinds():
    builder = GraphBuilder("g", None, infer_type)
    x = builder.input("x", TensorType(FLOAT64, (2, 3)), "event")
    cast = builder.add("cast", [x], {"dtype": INT32})
    part = builder.add("slice", [cast], {"index": (-1, (2, None, -1))})
    total = builder.add("sum", [x], {"axes": (-1,), "keepdims": True})
    builder.output("output.0", part, "event")
    builder.output("output.1", total)
    graph = builder.build()
    assert [describe(graph, value) for value in (cast, part, total)] == [
        "%0: i32[2,3] = cast %x {dtype=i32}",
        "%1: i32[3] = slice %0 {index=(-1, (2, none, -1))}",
        "%2: f64[2,1] = sum %x {axes=(-1,), keepdims=true}",
    ]
    assert str(graph).startswith("graph g(%x: f64[2,3] event) -> (output.0 = %1 event, output.1 = %2) {")


def test_the_text_of_types():
    types = [FLOAT32, FLOAT64, INT32, INT64, BOOL, np.dtype(np.uint8)]
    assert [str(TensorType(dtype, ())) for dtype in types] == ["f32", "f64", "i32", "i64", "bool", "uint8"]
    assert str(type_of(np.zeros((2, 0), np.float32))) == "f32[2,0]"
    assert (VECTOR.rank, VECTOR.size, TensorType(BOOL, ()).size) == (1, 3, 1)
