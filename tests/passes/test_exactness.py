"""Random small graphs give the same bits before and after the passes, for NaN, infinities and signed zeros too."""

from __future__ import annotations

import random

import numpy as np
import pytest

from graphpool.errors import TypeRuleError
from graphpool.graph import CONST, GraphBuilder, TensorType
from graphpool.graph.types import BOOL, FLOAT32, FLOAT64, INT64
from graphpool.ops import evaluate, infer_type
from graphpool.passes import EXACT
from graphpool.passes.cse import CommonSubexpressions
from graphpool.passes.fold import Fold
from graphpool.passes.simplify import RULES, Simplify

SHAPES = [(), (3,), (2, 3), (1, 3)]
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 0.5]
INDICES = [0, -1, (0, 2, 1), (2, None, -1), (0, 3, 1), (0, 3, 2), (1, 2, 1), (0, 2, 1), (0, 1, 1)]
OPS = [
    "add", "sub", "mul", "div", "pow", "neg", "neg", "abs", "maximum", "minimum", "less", "equal", "and", "or", "not",
    "xor", "where", "cast", "cast", "reshape", "broadcast", "transpose", "squeeze", "expand", "slice", "update", "sum",
    "slice", "update", "matmul", "stack",
]  # fmt: skip


def attributes(rng, op, types):
    shape = types[0].shape
    rank = len(shape)
    match op:
        case "cast":
            return {"dtype": rng.choice([FLOAT32, FLOAT64, INT64, BOOL])}
        case "reshape":
            return {"shape": rng.choice([shape, (*shape, 1), (types[0].size,), (1, *shape)])}
        case "broadcast":
            return {"shape": rng.choice([shape, (2, *shape)])}
        case "transpose":
            axes = list(range(-rank, 0))
            rng.shuffle(axes)
            return {"axes": tuple(axes)}
        case "squeeze":
            return {"axes": tuple(axis - rank for axis in range(rank) if shape[axis] == 1)}
        case "expand":
            return {"axes": (rng.choice([-1, -rank - 1]),)}
        case "slice" | "update":
            return {"index": tuple(rng.choice([*INDICES, (0, size, 1)]) for size in shape)}
        case "sum":
            return {"axes": (-1,), "keepdims": rng.random() < 0.5}
        case "stack":
            return {"axis": -1}
    return {}


def draw(seed):
    """A graph of inputs, many constants, and ops on whatever fits."""
    rng = random.Random(seed)
    builder = GraphBuilder("g", None, infer_type)
    values = [
        builder.input(f"i{number}", TensorType(dtype, shape))
        for number, (dtype, shape) in enumerate([(FLOAT64, (3,)), (FLOAT64, (2, 3)), (FLOAT32, (3,)), (BOOL, (3,)),
                                                 (INT64, (3,))])
    ]  # fmt: skip
    for _ in range(8):
        dtype = rng.choice([FLOAT64, FLOAT64, FLOAT32, BOOL, INT64])
        number = rng.choice(SPECIAL if dtype.kind == "f" else [0, 1])
        values.append(builder.constant(np.full(rng.choice(SHAPES), number, dtype)))
    for _ in range(120):
        op = rng.choice(OPS)
        arity = {"where": 3}.get(op, 1 if op in ("neg", "abs", "not", "cast", "reshape", "broadcast", "transpose",
                                                 "squeeze", "expand", "slice", "sum") else 2)  # fmt: skip
        args = [rng.choice(values[-10:] if rng.random() < 0.6 else values) for _ in range(arity)]
        types = [builder.type(arg) for arg in args]
        is_slow = any(kind.size > 40 or kind.rank > 4 for kind in types)
        if is_slow or (op == "pow" and types[0].dtype.kind == "i"):
            continue
        try:
            attrs = attributes(rng, op, types)
            values.append(builder.add(op, args, attrs))
            if rng.random() < 0.3:
                values.append(builder.add(op, args[::-1], attrs))
        except TypeRuleError:
            continue
    for number, value in enumerate(values[-12:]):
        builder.output(f"output.{number}", value)
    return builder.build()


def run(graph, inputs):
    """The outputs, by the kernels of the rows."""
    made = []
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node.op == "input":
                made.append(inputs[node.attrs["place"]])
            elif node.op == CONST:
                made.append(node.attrs["place"].array)
            else:
                args = [made[arg] for arg in node.args]
                made.append(np.asarray(evaluate(node.op, np, args, [arg.ndim for arg in args], node.attrs)))
    return [made[output.value] for output in graph.outputs]


def special_inputs(graph, seed):
    rng = np.random.default_rng(seed)
    return [
        rng.choice(SPECIAL if (kind := graph.type(port.value)).dtype.kind == "f" else [0, 1], kind.shape)
        .astype(kind.dtype)
        for port in graph.inputs
    ]  # fmt: skip


@pytest.mark.parametrize("passes", [(Fold(),), (Simplify(),), (CommonSubexpressions(),), EXACT], ids=str)
def test_passes_are_exact_to_the_bit(passes):
    changed = 0
    for seed in range(150):
        graph = draw(seed)
        after = graph
        for each in passes:
            after = each.run(after).graph
        changed += after != graph
        for data in range(3):
            inputs = special_inputs(graph, data)
            for before, now in zip(run(graph, inputs), run(after, inputs), strict=True):
                assert (before.dtype, before.shape) == (now.dtype, now.shape)
                np.testing.assert_array_equal(before, now, err_msg=f"seed {seed}")
                if before.dtype.kind == "f":
                    known = ~np.isnan(before)
                    np.testing.assert_array_equal(np.signbit(before)[known], np.signbit(now)[known], f"seed {seed}")
    assert changed > 75


def test_every_rule_of_simplify_is_met(monkeypatch):
    """Fault: a generator that never draws what a rule rewrites."""
    met = set()

    def watched(op, number, rule):
        def run_rule(*args):
            result = rule(*args)
            if result is not None:
                met.add((op, number))
            return result

        return run_rule

    for op, rules in list(RULES.items()):
        monkeypatch.setitem(RULES, op, [watched(op, number, rule) for number, rule in enumerate(rules)])
    for seed in range(150):
        Simplify().run(draw(seed))
    assert met == {(op, number) for op, rules in RULES.items() for number in range(len(rules))}
