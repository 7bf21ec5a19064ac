"""States that stand still where the input says so."""

from __future__ import annotations

import numpy as np

from graphpool.graph import GraphBuilder, TensorType, verify
from graphpool.graph.types import BOOL, FLOAT32
from graphpool.ops import infer_type
from graphpool.passes.freeze import Freeze
from graphpool.plan import make_plan


def counting():
    """A sum, a state that takes a parameter, one that nothing assigns, and an input that is called active."""
    builder = GraphBuilder("g", None, infer_type)
    x = builder.input("active", TensorType(FLOAT32, (2,)))
    limit = builder.param("limit", TensorType(FLOAT32, (2,)))
    total, taken, held = (builder.state(name, np.zeros(2, np.float32)) for name in ("total", "taken", "held"))
    following = builder.add("add", [total, x])
    builder.set_next(total, following)
    builder.set_next(taken, limit)
    builder.set_next(held, held)
    builder.output("output", builder.add("maximum", [following, limit]))
    builder.record("total", following)
    return builder.build()


def test_freeze_adds_behind_what_is_there():
    graph = counting()
    frozen = Freeze().run(graph).graph
    verify(frozen, infer_type)
    assert frozen.nodes[: len(graph.nodes)] == graph.nodes
    assert make_plan(frozen).handed == make_plan(graph).handed
    port = frozen.inputs[-1]
    assert (port.name, frozen.type(port.value)) == ("active'", TensorType(BOOL, ()))
    assert (frozen.outputs, frozen.records) == (graph.outputs, graph.records)
    for state, before in zip(frozen.states, graph.states, strict=True):
        if before.name == "held":
            assert state == before
        else:
            node = frozen.nodes[state.next]
            assert (node.op, node.args) == ("where", (port.value, before.next, before.current))


def test_freeze_makes_states_of_outputs():
    graph = counting()
    frozen = Freeze(keep_outputs=True).run(graph).graph
    verify(frozen, infer_type)
    assert frozen.outputs == () and len(frozen.states) == len(graph.states) + 1
    state = frozen.states[-1]
    assert frozen.nodes[state.next].args == (frozen.inputs[-1].value, graph.outputs[0].value, state.current)
    assert make_plan(frozen).handed == make_plan(graph).handed
