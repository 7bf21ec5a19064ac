"""Where the one step of a recurrent edge sits, and what a lag of the output does, step by step on all runtimes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import NirError
from graphpool.nir import from_nir
from graphpool.nir.graph import NirGraph
from tests.nir.files import DT, affine, chain, neuron, node, spikes
from tests.runtimes.models import TARGETS

N = 4


def recurrent(kind: str = "LIF", weights: Any = None) -> NirGraph:
    """fc into a neuron, which feeds itself through weights with a bias."""
    graph = chain(affine(N, 2, bias=False), neuron(kind, N))
    graph.nodes["w_rec"] = weights or affine(N, N, seed=1)
    graph.edges += [("n1", "w_rec"), ("w_rec", "n1")]
    return graph


def loop(graph: NirGraph, x: Any, delay: str, lag: int) -> Any:
    """Forward Euler with exact decays, reset to zero: v <- 3/4 v + input."""
    w, rec = graph.nodes["n0"].fields["weight"], graph.nodes["w_rec"].fields
    v, z, late, rows = np.zeros(N), np.zeros(N), np.zeros(N), []
    for row in x:
        back = rec["weight"] @ z + rec["bias"] if delay == "spikes" else late
        v = 0.75 * v + (w @ row + back)
        before, z = z, (v > 1) * 1.0
        v = np.where(z > 0, 0, v)
        late = rec["weight"] @ z + rec["bias"]
        rows.append(before if lag else z)
    return np.array(rows)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("delay", ["spikes", "weights"])
def test_a_recurrent_neuron(delay: str, lag: int, target: str) -> None:
    graph, x = recurrent(), spikes(80, 2)
    net = from_nir(graph, like="snntorch", dt=DT, delay=delay, output_lag=lag)
    expected = loop(graph, x, delay, lag)
    assert 10 < expected.sum() < expected.size
    np.testing.assert_array_equal(graphpool.compile(net, target)(x)[0][0], expected)


def test_the_bias_of_recurrent_weights_acts_at_once_or_one_step_later() -> None:
    weights = node("Affine", weight=np.zeros((N, N)), bias=np.full(N, 2.0))
    for delay, first in (("spikes", [1, 1, 1]), ("weights", [0, 1, 1])):
        net = from_nir(recurrent(weights=weights), like="snntorch", dt=DT, delay=delay)
        np.testing.assert_array_equal(net(np.zeros((3, 2)))[0][0, :, 0], first)


@pytest.mark.parametrize("delay", ["spikes", "weights"])
def test_the_late_edge_is_named(delay: str) -> None:
    net = from_nir(recurrent(), like="snntorch", dt=DT, delay=delay)
    edge, state = {"spikes": (("n1", "w_rec"), "n1_late"), "weights": (("w_rec", "n1"), "w_rec_late")}[delay]
    assert net.late == (edge,)
    assert f"    {edge[0]} -> {edge[1]}, one step late: state {state}" in str(net).splitlines()
    assert list(net.state())[0] == state


def test_a_lag_delays_every_edge_out_of_a_neuron_and_the_recurrent_one_no_further() -> None:
    graph = recurrent()
    net = from_nir(graph, like="snntorch", dt=DT, output_lag=1)
    assert set(net.late) == {("n1", "w_rec"), ("n1", "output")}
    net = from_nir(graph, like="snntorch", dt=DT, output_lag=1, delay="weights")
    assert set(net.late) == {("w_rec", "n1"), ("n1", "output")}


def test_feedback_between_layers_is_late_where_it_leaves_the_last_neuron() -> None:
    graph = chain(affine(N, 2), neuron("LIF", N), affine(N, N), neuron("LIF", N))
    graph.nodes["back"] = affine(N, N, seed=3)
    graph.edges += [("n3", "back"), ("back", "n1")]
    assert from_nir(graph, like="snntorch", dt=DT).late == (("n3", "back"),)
    assert from_nir(graph, like="norse", dt=DT).late == (("back", "n1"),)


def test_what_runs_forward_through_a_cycle_is_not_late() -> None:
    graph = chain(node("Scale", scale=1.0), neuron("LIF", N), shape=(N,))
    graph.nodes["back"] = node("Scale", scale=0.0)
    graph.edges += [("n1", "back"), ("back", "n0")]
    x = np.zeros((1, 3, N))
    x[0, 0] = 2.0
    for like, late in (("snntorch", ("n1", "back")), ("norse", ("back", "n0"))):
        net = from_nir(graph, like=like, dt=DT)
        assert net.late == (late,)
        np.testing.assert_array_equal(net(x)[0][0, :, 0], [1, 0, 0])


def test_a_neuron_that_feeds_itself() -> None:
    graph = chain(neuron("LIF", N), shape=(N,))
    graph.edges.append(("n0", "n0"))
    net = from_nir(graph, like="snntorch", dt=DT)
    assert net.late == (("n0", "n0"),)
    x = np.zeros((1, 5, N))
    x[0, 0] = 1.25
    np.testing.assert_array_equal(net(x)[0][0, :, 0], [1, 0, 0, 0, 0])


def test_many_cycles_through_one_neuron() -> None:
    graph = recurrent()
    for number in range(5):
        graph.nodes[f"more{number}"] = affine(N, N, seed=number)
        graph.edges += [("n1", f"more{number}"), (f"more{number}", "n1")]
    net = from_nir(graph, like="snntorch", dt=DT)
    assert len(net.late) == 6 and list(net.state())[0] == "n1_late"
    assert net(spikes(1, 10, 2))[0].shape == (1, 10, N)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_delay_on_a_cycle_is_its_delay(steps: int) -> None:
    graph = chain(node("Scale", scale=1.0), shape=(1,))
    graph.nodes["delay"] = node("Delay", delay=steps * DT)
    graph.edges += [("n0", "delay"), ("delay", "n0")]
    net = from_nir(graph, like="exact", dt=DT)
    x = np.zeros((1, 7, 1))
    x[0, 0] = 1
    expected = [1 if step % steps == 0 else 0 for step in range(7)]
    np.testing.assert_array_equal(net(x)[0][0, :, 0], expected)
    assert net.late == (("delay", "n0"),)


@pytest.mark.parametrize("delay", [None, 0.0, 0.4 * DT])
def test_a_cycle_without_a_state_is_refused_with_its_nodes(delay: float | None) -> None:
    graph = chain(affine(2, 2), affine(2, 2))
    graph.nodes["back"] = affine(2, 2) if delay is None else node("Delay", delay=delay)
    graph.edges += [("n1", "back"), ("back", "n0")]
    with pytest.raises(NirError, match="a cycle without a state: n0 -> n1 -> back -> n0"):
        from_nir(graph, like="exact", dt=DT)


def test_long_chains_and_long_cycles() -> None:
    graph = chain(*[node("Scale", scale=1.0) for _ in range(2000)], neuron("LI"))
    graph.edges.append(("n2000", "n0"))
    net = from_nir(graph, like="exact", dt=DT)
    assert net.late == (("n2000", "n0"),) and len(net.order) == 2001
