"""The graph as networkx and as a table show it."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

import graphpool
from graphpool.graph import CONST, INPUT, PARAM, STATE, Graph, Rate, infer_rates
from graphpool.plan import make_plan
from tests.golden.models import MODELS


@pytest.fixture(params=list(MODELS))
def graph(request: pytest.FixtureRequest) -> Graph:
    return graphpool.trace(MODELS[request.param]())


def test_every_value_is_a_node_with_what_is_known_of_it(graph: Graph) -> None:
    view = graph.to_networkx()
    assert list(view.nodes) == list(range(len(graph.nodes)))
    rates = infer_rates(graph)
    for value, node in enumerate(graph.nodes):
        seen = view.nodes[value]
        assert (seen["op"], seen["type"], seen["label"]) == (node.op, node.type, graph.labels[value])
        assert seen["kind"] == (node.op if node.op in (INPUT, PARAM, STATE, CONST) else "op")
        assert seen["origins"] == graph.origins[value]
        assert seen["rate"] == str(rates[value])
        assert seen["outputs"] == tuple(one.name for one in graph.outputs if one.value == value)
        assert seen["records"] == tuple(one.name for one in graph.records if one.value == value)
        if node.op == CONST:
            np.testing.assert_array_equal(seen["attributes"]["array"], node.attrs["place"].array)
        else:
            assert seen["attributes"] == (dict(node.attrs) if seen["kind"] == "op" else {})
    assert view.graph == {"name": graph.name, "dt": graph.dt}


def test_every_operand_and_every_next_value_is_an_edge(graph: Graph) -> None:
    edges = list(graph.to_networkx().edges(data=True))
    operands = sorted((end, data["place"], start) for start, end, data in edges if data["kind"] == "operand")
    assert operands == [
        (value, place, arg) for value, node in enumerate(graph.nodes) for place, arg in enumerate(node.args)
    ]
    nexts = [(start, end, data["state"]) for start, end, data in edges if data["kind"] == "next"]
    assert sorted(nexts) == sorted((state.next, state.current, state.name) for state in graph.states)
    assert all(data["delay"] == (data["kind"] == "next") for _, _, data in edges)


def test_without_the_delays_there_are_no_cycles_and_with_them_they_are_the_loops(graph: Graph) -> None:
    view = graph.to_networkx()
    loops = {value for group in networkx.strongly_connected_components(view) if len(group) > 1 for value in group}
    within_a_step = networkx.MultiDiGraph((a, b) for a, b, delay in view.edges(data="delay") if not delay)
    assert networkx.is_directed_acyclic_graph(within_a_step)
    scans = {value for region in make_plan(graph).regions if region.kind == "scan" for value in region.nodes}
    assert scans <= loops


def test_the_view_is_a_copy(graph: Graph) -> None:
    before = str(graph)
    graph.to_networkx().clear()
    assert str(graph) == before


def test_the_table_of_a_small_graph() -> None:
    rows = graphpool.trace(MODELS["leaky"]()).table()
    assert [list(row) for row in rows] == [list(rows[0])] * 11
    assert [row["value"] for row in rows] == [
        "%i", "%tau", "%v", "-0.001", "%0", "%1", "%2", "1.0", "%3", "%4", "%5",
    ]  # fmt: skip
    assert rows[4] | {"source": ""} == {
        "value": "%0", "kind": "op", "op": "div", "operands": "-0.001, %tau", "attributes": "", "type": "f64",
        "rate": str(Rate.PARAM), "module": "Leaky", "source": "",
    }  # fmt: skip
    assert rows[4]["source"].endswith("decay = np.exp(-self.dt / self.tau)")
    assert rows[0] | {"kind": INPUT, "type": "f64[3]", "rate": "stream", "module": "", "source": ""} == rows[0]


def test_the_table_shows_attributes_as_the_text_does() -> None:
    graph = graphpool.trace(MODELS["in_place"]())
    shown = {row["attributes"] for row in graph.table()}
    assert {"index=((1, 4, 1),)", "dtype=i64", "axes=(-1,), keepdims=false"} <= shown
    assert all(f"{{{attributes}}}" in str(graph) for attributes in shown - {""})
