"""What ``describe`` prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphpool
from graphpool.errors import NirError
from graphpool.nir import PRESETS, describe, from_nir
from tests.nir.files import DT, affine, chain, neuron, node, spikes, write


def test_it_prints_the_graph_repairs_evidence_and_how_far_presets_are_apart(tmp_path: Path) -> None:
    graph = chain(affine(4, 2), neuron("LIF", 4), output=(1, 4))
    graph.nodes["w_rec"] = affine(4, 4, seed=1)
    graph.edges += [("n1", "w_rec"), ("w_rec", "n1")]
    found = describe(write(tmp_path / "net.nir", graph))
    lines = str(found).splitlines()
    assert repr(found) == str(found)
    assert lines[0] == "NIR graph: nodes: 3, edges: 5, inputs: 1, outputs: 1"
    assert "    n1 -> w_rec, one step late: state n1_late" in lines
    assert "    Output 'output' is said to be (1, 4): it is (4,)" in lines
    assert f"time step: {DT} s; evidence: r = tau/dt in n1" in lines
    table = lines[lines.index("spikes of all neurons, and how many of them two presets differ by:") + 1 :]
    assert table[0].split() == ["spikes", *PRESETS] and [row.split()[0] for row in table[1:]] == list(PRESETS)
    assert table[1].split()[2] == "-"


def test_the_counts_are_those_of_the_runs() -> None:
    graph, x = chain(affine(4, 2), neuron("LIF", 4)), spikes(2, 50, 2)
    found = describe(graph, x, dt=DT)
    outs = {name: from_nir(graph, like=name, dt=DT)(x)[0] for name in PRESETS}
    assert found.spikes == {name: int(out.sum()) for name, out in outs.items()}
    assert found.apart["snntorch", "exact"] == int(np.abs(outs["snntorch"] - outs["exact"]).sum()) > 0
    assert found.apart["exact", "snntorch"] == found.apart["snntorch", "exact"]


def test_a_random_input_is_the_same_each_time_and_one_for_each_input() -> None:
    graph = chain(affine(4, 2), neuron("LIF", 4))
    graph.nodes["more"] = node("Input", shape=[4])
    graph.edges.append(("more", "n1"))
    first, again, other = describe(graph), describe(graph), describe(graph, seed=1)
    assert first.spikes == again.spikes != other.spikes


def test_without_a_time_step_it_says_so() -> None:
    found = describe(chain(neuron("LIF", r=1.0)))
    assert found.dt is None and not found.spikes and set(found.failed) == set(PRESETS)
    assert "time step: not known; evidence: no metadata name it" in str(found)
    assert "snntorch cannot run it: from_nir: the time step is not known" in str(found)
    assert describe(chain(neuron("LIF", r=1.0)), dt=DT).spikes


def test_what_contradicts_the_metadata_is_said() -> None:
    graph = chain(neuron("LIF"))
    graph.metadata = {"dt": 2e-3}
    line = "time step: 0.002 s; evidence: the metadata of the graph name dt=0.002; against it: r = tau/dt in n0, which"
    assert f"{line} means {DT} s" in str(describe(graph)).splitlines()


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(NirError, match="unknown types"):
        describe(chain(node("Odd")))


def test_it_is_reached_from_the_top() -> None:
    assert graphpool.nir.describe is describe and graphpool.from_nir is from_nir
