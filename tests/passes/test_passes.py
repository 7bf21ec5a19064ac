"""Each pass alone: what it rewrites, what it leaves, and that it is exact to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import graphpool
from graphpool.errors import PassError
from graphpool.graph import CONST, GraphBuilder, Literal, Origin, TensorType
from graphpool.graph.types import BOOL, FLOAT32, FLOAT64, INT32, INT64
from graphpool.ops import infer_type
from graphpool.passes import EXACT, PIPELINES, Note, Pass, PassResult, run_passes
from graphpool.passes import FLOAT32 as TO_FLOAT32
from graphpool.passes import fold as folding
from graphpool.passes.cse import CommonSubexpressions
from graphpool.passes.dce import DeadCode
from graphpool.passes.fold import Fold
from graphpool.passes.simplify import Simplify

LINES = [Origin("net", "model.py", number, f"line {number}") for number in range(5)]


def builder_with(dtype=FLOAT64, shape=(3,), **others):
    """A builder and inputs x, y (and more by name and type)."""
    builder = GraphBuilder("g", None, infer_type)
    types = {"x": TensorType(dtype, shape), "y": TensorType(dtype, shape), **others}
    return builder, *(builder.input(name, type_) for name, type_ in types.items())


def built(builder, *outputs):
    for number, value in enumerate(outputs):
        builder.output(f"output.{number}", value)
    return builder.build()


def ops_of(graph):
    return [node.op for node in graph.nodes if node.op not in ("input", CONST)]


def made(graph):
    """The outputs as text: an op with its operands, recursively."""

    def text(value):
        node = graph.nodes[value]
        if node.op == CONST:
            return str(node.attrs["place"].array)
        if node.op == "input":
            return graph.inputs[node.attrs["place"]].name
        return f"{node.op}({', '.join(map(text, node.args))})"

    return [text(output.value) for output in graph.outputs]


# --- fold ------------------------------------------------------------------------------------------------------------
def test_fold_computes_what_depends_on_constants_only():
    builder, x, _ = builder_with()
    two = builder.add("add", [builder.constant(1.0), builder.constant(1.0)], origins=LINES[:1])
    vector = builder.add("broadcast", [two], {"shape": (3,)}, origins=LINES[1:2])
    graph = Fold().run(built(builder, builder.add("mul", [x, vector]))).graph
    assert made(graph) == ["mul(x, [2. 2. 2.])"]
    value = graph.nodes[graph.outputs[0].value].args[1]
    assert graph.origins[value] == tuple(LINES[1:2])


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64, INT32, INT64])
def test_fold_keeps_dtypes_and_special_values(dtype):
    builder = GraphBuilder("g", None, infer_type)
    numbers = np.array([1, 0, -1], dtype)
    value = builder.constant(numbers)
    outputs = [builder.add("mul", [value, value]), builder.add("sum", [value], {"axes": (-1,), "keepdims": False})]
    outputs += [builder.add("div", [value, builder.constant(numbers * 0)])] if dtype.kind == "f" else []
    graph = Fold().run(built(builder, *outputs)).graph
    arrays = [graph.nodes[output.value].attrs["place"].array for output in graph.outputs]
    assert [array.dtype for array in arrays] == [dtype] * len(outputs)
    assert arrays[1].shape == ()
    if dtype.kind == "f":
        np.testing.assert_array_equal(arrays[2], [np.inf, np.nan, np.inf])  # -1 / -0.0


@pytest.mark.parametrize("target", ["numpy", "jax", "onnx"])
def test_what_would_fold_to_very_much_is_computed_before_the_first_step(target, monkeypatch):
    """Fault: a short text with a huge constant in it, which takes all memory when it is compiled."""
    monkeypatch.setattr(folding, "LARGEST_FOLDED", 12)
    builder, x, _ = builder_with()
    rows = [builder.add("broadcast", [builder.constant(float(n))], {"shape": (2, 3)}) for n in range(1, 4)]
    graph = built(builder, *(builder.add("add", [x, row]) for row in rows), rows[0])
    assert ops_of(Fold().run(graph).graph) == ["broadcast", "add", "add", "add"]
    run = graphpool.compile(graph, target)
    outputs, _, _ = run(dict.fromkeys("xy", np.ones((4, 3), np.float32)))
    for number, output in enumerate(outputs.values()):
        np.testing.assert_array_equal(output, np.full((1, 4, 2, 3), [2, 3, 4, 1][number], output.dtype))


def test_fold_leaves_parameters_alone():
    builder = GraphBuilder("g", None, infer_type)
    w = builder.param("w", TensorType(FLOAT64, ()))
    result = Fold().run(built(builder, builder.add("neg", [w])))
    assert ops_of(result.graph) == ["param", "neg"]
    assert not result.changed


# --- common subexpressions -------------------------------------------------------------------------------------------
def test_cse_merges_what_is_computed_alike_and_unites_the_origins():
    builder, x, y = builder_with()
    one = builder.add("mul", [x, y], origins=LINES[:1])
    swapped = builder.add("mul", [y, x], origins=LINES[1:2])
    graph = CommonSubexpressions().run(built(builder, builder.add("sub", [one, swapped]))).graph
    assert made(graph) == ["sub(mul(x, y), mul(x, y))"]
    assert ops_of(graph) == ["mul", "sub"]
    assert graph.origins[2] == tuple(LINES[:2])


@pytest.mark.parametrize("op", ["sub", "div", "less", "maximum", "minimum", "pow", "matmul"])
def test_cse_swaps_only_where_no_bit_changes(op):
    builder, x, y = builder_with()
    graph = built(builder, builder.add(op, [x, y]), builder.add(op, [y, x]))
    assert ops_of(CommonSubexpressions().run(graph).graph) == [op, op]


def test_cse_tells_constants_apart_by_dtype_and_bits():
    builder, x, _ = builder_with()
    values = [0.0, -0.0, 1.0, 1, True, np.float32(1), np.ones(1), np.ones((1, 1)), np.nan]
    constants = [builder.constant(value) for value in values]
    again = [builder.constant(value) for value in values]
    graph = CommonSubexpressions().run(built(builder, x, *constants, *again)).graph
    assert sum(node.op == CONST for node in graph.nodes) == len(values)
    found = [output.value for output in graph.outputs[1:]]
    assert found[: len(values)] == found[len(values) :]


def test_cse_tells_attributes_apart():
    builder, x, _ = builder_with(shape=(2, 2))
    axes = [{"axes": (-1,), "keepdims": False}, {"axes": (-2,), "keepdims": False}, {"axes": (-1,), "keepdims": True}]
    graph = built(builder, *(builder.add("sum", [x], attrs) for attrs in axes))
    assert ops_of(CommonSubexpressions().run(graph).graph) == ["sum"] * 3


def test_cse_keeps_inputs_and_states_of_one_type_apart():
    builder, x, y = builder_with()
    states = [builder.state(name, np.zeros(3)) for name in "uv"]
    for state in states:
        builder.set_next(state, x)
    graph = CommonSubexpressions().run(built(builder, x, y, *states)).graph
    assert len({output.value for output in graph.outputs}) == 4


# --- dead code -------------------------------------------------------------------------------------------------------
def test_dce_drops_what_nothing_needs_and_keeps_the_interface():
    builder, x, y = builder_with()
    builder.param("unused", TensorType(FLOAT64, (2,)))
    state = builder.state("v", np.zeros(3))
    builder.set_next(state, builder.add("neg", [x]))
    builder.add("tanh", [y])
    builder.constant(4.0)
    builder.record("r", builder.add("abs", [x]))
    graph = DeadCode().run(built(builder, x)).graph
    assert [node.op for node in graph.nodes] == ["input", "input", "param", "state", "neg", "abs"]
    assert (len(graph.inputs), len(graph.params), len(graph.states)) == (2, 1, 1)
    assert ops_of(DeadCode().run(graph.replace(records=())).graph) == ["param", "state", "neg"]


# --- simplify --------------------------------------------------------------------------------------------------------
def number(value, dtype=np.float64):
    return lambda builder: builder.constant(np.asarray(value, dtype))


X = "x"
FLAGS = {"b": TensorType(BOOL, (3,))}
MATRIX = {"m": TensorType(FLOAT64, (2, 3))}
SINGLE = {"f": TensorType(FLOAT32, (3,))}
WHOLE = {"index": ((0, 3, 1),)}


@pytest.mark.parametrize(
    ("expression", "simpler"),
    [
        (("mul", X, 1.0), "x"),
        (("mul", 1.0, X), "x"),
        (("mul", X, np.ones(3)), "x"),
        (("mul", X, np.ones((2, 3))), None),
        (("mul", X, 0.0), None),
        (("mul", X, -1.0), None),
        (("div", X, 1.0), "x"),
        (("div", 1.0, X), None),
        (("pow", X, 1.0), "x"),
        (("sub", X, 0.0), "x"),
        (("sub", X, -0.0), None),
        (("sub", 0.0, X), None),
        (("sub", X, X), None),
        (("add", X, -0.0), "x"),
        (("add", -0.0, X), "x"),
        (("add", X, 0.0), None),
        (("add", X, np.array([0.0, -0.0, -0.0])), None),
        (("neg", ("neg", X)), "x"),
        (("neg", ("neg", ("neg", X))), "neg(x)"),
        (("not", ("not", "b")), "b"),
        (("maximum", X, X), "x"),
        (("and", "b", True), "b"),
        (("and", False, "b"), None),
        (("or", False, "b"), "b"),
        (("or", "b", np.array([False, True, False])), None),
        (("xor", "b", "b"), None),
        (("where", "b", X, X), "x"),
        (("where", True, X, "y"), "x"),
        (("where", np.zeros(3, bool), X, "y"), "y"),
        (("where", np.array([True, False, True]), X, "y"), None),
        (("where", np.ones((2, 3), bool), X, "y"), None),
        (("cast", X, {"dtype": FLOAT64}), "x"),
        (("cast", ("cast", "f", {"dtype": FLOAT64}), {"dtype": FLOAT32}), "f"),
        (("cast", ("cast", "f", {"dtype": FLOAT64}), {"dtype": INT32}), "cast(f)"),
        (("cast", ("cast", X, {"dtype": FLOAT32}), {"dtype": FLOAT64}), None),
        (("cast", ("cast", "b", {"dtype": INT64}), {"dtype": FLOAT32}), None),
        (("reshape", X, {"shape": (3,)}), "x"),
        (("broadcast", X, {"shape": (3,)}), "x"),
        (("reshape", ("reshape", X, {"shape": (3, 1)}), {"shape": (1, 3)}), "reshape(x)"),
        (("reshape", ("reshape", X, {"shape": (3, 1)}), {"shape": (3,)}), "x"),
        (("reshape", ("expand", X, {"axes": (-1,)}), {"shape": (1, 3)}), "reshape(x)"),
        (("squeeze", ("expand", X, {"axes": (-1,)}), {"axes": (-1,)}), "x"),
        (("squeeze", ("expand", X, {"axes": (-3, -1)}), {"axes": (-1,)}), None),
        (("transpose", "m", {"axes": (-2, -1)}), "m"),
        (("transpose", ("transpose", "m", {"axes": (-1, -2)}), {"axes": (-1, -2)}), "m"),
        (("slice", X, WHOLE), "x"),
        (("slice", X, {"index": ((0, 2, 1),)}), None),
        (("slice", X, {"index": ((2, None, -1),)}), None),
        (("slice", ("update", X, "y", WHOLE), WHOLE), "y"),
        (("slice", ("update", X, 5.0, {"index": ((0, 2, 1),)}), {"index": ((0, 2, 1),)}), "broadcast(5.0)"),
        (("slice", ("update", X, 5.0, {"index": (0,)}), {"index": ((1, 3, 1),)}), "slice(x)"),
        (("slice", ("update", X, 5.0, {"index": (1,)}), {"index": ((1, 3, 1),)}), None),
        (("slice", ("update", X, 5.0, {"index": ((0, 3, 2),)}), {"index": (1,)}), "slice(x)"),
        (("slice", ("update", X, 5.0, {"index": (-1,)}), {"index": ((2, 3, 1),)}), None),
        (("update", X, 5.0, WHOLE), "broadcast(5.0)"),
        (("update", X, 5.0, {"index": ((2, None, -1),)}), None),
        (("update", ("update", X, 5.0, {"index": (1,)}), 6.0, {"index": (1,)}), "update(x, 6.0)"),
        (("update", ("update", X, 5.0, {"index": (1,)}), 6.0, {"index": ((0, 2, 1),)}), "update(x, 6.0)"),
        (("update", ("update", X, 5.0, {"index": ((0, 2, 1),)}), 6.0, {"index": (1,)}), None),
        (("update", X, ("slice", X, {"index": (1,)}), {"index": (1,)}), "x"),
        (("update", "y", ("slice", X, {"index": (1,)}), {"index": (1,)}), None),
        (("update", X, ("slice", X, {"index": (0,)}), {"index": (1,)}), None),
    ],
)  # fmt: skip
def test_simplify(expression, simpler):
    """None: the expression stays as it is."""
    builder, *values = builder_with(**FLAGS, **MATRIX, **SINGLE)
    names = dict(zip(["x", "y", "b", "m", "f"], values, strict=True))

    def make(item):
        if isinstance(item, str):
            return names[item]
        if not isinstance(item, tuple):
            return builder.constant(item)
        op, *args = item
        attrs = args.pop() if isinstance(args[-1], dict) else {}
        return builder.add(op, [make(arg) for arg in args], attrs, LINES[:1])

    graph = built(builder, make(expression))
    result = Simplify().run(graph)
    assert made(result.graph) == ([simpler] if simpler else made(graph))
    assert result.changed == (simpler is not None)


# --- running passes --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Breaks(Pass):
    """Retypes the first output."""

    name: ClassVar[str] = "breaks"

    def run(self, graph):
        nodes = list(graph.nodes)
        node = nodes[graph.outputs[0].value]
        nodes[graph.outputs[0].value] = type(node)(node.op, node.args, node.attrs, node.type.with_dtype(FLOAT32))
        return PassResult(graph.replace(nodes=tuple(nodes)), True)


@dataclass(frozen=True)
class Misuses(Pass):
    """Adds a node whose operands do not fit."""

    name: ClassVar[str] = "misuses"

    def run(self, graph):
        builder, x, _ = builder_with()
        builder.add("and", [x, x])
        raise AssertionError


@dataclass(frozen=True)
class Tells(Pass):
    """Says that it was here."""

    name: ClassVar[str] = "tells"

    def run(self, graph):
        return self.result(graph, graph, [Note(self.name, "%0", "was here")])


def small_graph():
    builder, x, y = builder_with()
    return built(builder, builder.add("add", [x, y]))


def test_a_pass_that_breaks_the_graph_is_named():
    with pytest.raises(
        PassError, match=r"(?s)pass 'breaks' broke the graph \(after fold, cse\).*declared f32"
    ) as caught:
        run_passes(small_graph(), [Fold(), CommonSubexpressions(), Breaks()])
    assert caught.value.__cause__ is not None
    with pytest.raises(PassError, match=r"pass 'misuses' broke the graph \(after nothing\)"):
        run_passes(small_graph(), [Misuses()])


def test_observers_see_each_pass_and_notes_are_collected():
    seen = []

    def observe(each, before, result):
        seen.append((each.name, before, result.changed))

    graph = small_graph()
    after, notes = run_passes(graph, [Tells(), Fold(), Tells()], [observe, observe])
    assert seen == [(name, graph, False) for name in ("tells", "tells", "fold", "fold", "tells", "tells")]
    assert after == graph
    assert [str(note) for note in notes] == ["tells: %0: was here"] * 2


def test_pipelines_are_plain_tuples_by_dtype():
    assert [each.name for each in EXACT] == ["fold", "simplify", "cse", "dce"]
    assert [each.name for each in TO_FLOAT32] == ["demote", "fold", "simplify", "cse", "dce"]
    assert PIPELINES == {"float64": EXACT, "float32": TO_FLOAT32}
    assert repr(EXACT[0]) == "Fold()"


def test_a_pass_that_changes_nothing_says_so():
    graph = small_graph()
    for each in EXACT:
        result = each.run(graph)
        assert (result.changed, result.graph == graph, result.notes) == (False, True, ())


def test_passes_keep_names_kinds_records_and_dt():
    builder = GraphBuilder("named", 0.5, infer_type)
    x = builder.input("in", TensorType(FLOAT64, (3,)), "event")
    w = builder.param("w", TensorType(FLOAT64, (3,)))
    v = builder.state("v", np.arange(3.0))
    new = builder.add("add", [v, builder.add("mul", [x, w])])
    builder.set_next(v, new)
    builder.output("out", new, "event")
    builder.record("r", new)
    graph = builder.build()
    for each in (*EXACT, *TO_FLOAT32):
        after = each.run(graph).graph
        assert (after.name, after.dt, after.inputs[0].name, after.inputs[0].kind) == ("named", 0.5, "in", "event")
        assert (after.outputs[0].name, after.outputs[0].kind, after.records[0].name) == ("out", "event", "r")
        assert (after.states[0].name, after.params[0].name) == ("v", "w")
        assert after.states[0].init == Literal(np.arange(3).astype(after.type(after.states[0].current).dtype))
