"""What ``describe`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import InputError, NirError, TimeSeriesError
from graphpool.nir import PRESETS, describe, describing, from_nir
from graphpool.nir.graph import NirGraph
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
    lines = str(found).splitlines()
    assert "    input -> n0" in lines and "    n0: LIF" in lines
    assert [line for line in lines if "run it" in line] == [f"no preset can run it: {found.failed['exact']}"]
    assert found.failed["exact"].startswith("from_nir: the time step is not known")
    assert describe(chain(neuron("LIF", r=1.0)), dt=DT).spikes


def test_what_contradicts_the_metadata_is_said() -> None:
    graph = chain(neuron("LIF"))
    graph.metadata = {"dt": 2e-3}
    line = "time step: 0.002 s; evidence: the metadata of the graph name dt=0.002; against it: r = tau/dt in n0, which"
    assert f"{line} means {DT} s" in str(describe(graph)).splitlines()


def test_presets_that_cannot_run_it_are_listed_with_the_reason() -> None:
    found = describe(chain(neuron("LIF", v_threshold=0.0)))
    assert set(found.spikes) == set(PRESETS) - {"rockpool", "sinabs"}
    assert f"rockpool, sinabs cannot run it: {found.failed['sinabs']}" in str(found).splitlines()
    assert "'v_threshold' is 0.0" in found.failed["sinabs"]


def runaway() -> NirGraph:
    """A neuron that excites itself, without bounds where a step may have many spikes."""
    graph = chain(neuron("IF"))
    graph.nodes["w"] = node("Linear", weight=np.full((2, 2), 8.0))
    graph.edges += [("n0", "w"), ("w", "n0")]
    return graph


def test_spikes_beyond_all_bounds_are_short_or_the_reason() -> None:
    found = describe(runaway(), dt=DT, steps=12)
    assert found.spikes["sinabs"] > 10**7
    row = next(line for line in str(found).splitlines() if line.startswith("    sinabs"))
    assert row.split()[1] == f"{found.spikes['sinabs']:.2e}"
    found = describe(runaway(), dt=DT, steps=1000)
    assert found.failed["sinabs"] == "describe: node 'n0' comes to have endless spikes" and found.spikes["exact"]


def test_without_spikes_there_is_nothing_to_compare() -> None:
    found = describe(chain(affine(2, 2), neuron("LI")))
    assert "no node gives spikes that presets could differ by" in str(found).splitlines()


@pytest.mark.parametrize("x", [None, np.zeros((2, 3000, 64))])
def test_a_run_that_would_take_much_memory_is_not_made(x: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain(neuron("LIF", 1), shape=(64,))
    values = 6000 * 3 * 64  # input, spikes and membrane
    monkeypatch.setattr(describing, "MOST_VALUES", values)
    assert describe(graph, x, dt=DT, steps=6000).spikes
    monkeypatch.setattr(describing, "MOST_VALUES", values - 1)
    found = describe(graph, x, dt=DT, steps=6000)
    assert f"a run of 6000 steps has {values} values" in found.failed["exact"] and not found.spikes


def test_several_inputs_are_a_dict() -> None:
    graph = chain(affine(4, 2), neuron("LIF", 4))
    graph.nodes["more"] = node("Input", shape=[4])
    graph.edges.append(("more", "n1"))
    assert describe(graph, {"input": spikes(9, 2), "more": spikes(9, 4)}).spikes
    with pytest.raises(InputError, match="ports are input, more"):
        describe(graph, {"input": spikes(9, 2), "less": spikes(9, 4)})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 0}, NirError, "steps=0"),
        ({"steps": 2.5}, NirError, "steps=2.5"),
        ({"steps": True}, NirError, "steps=True"),
        ({"dt": -1.0}, TimeSeriesError, "describe: dt=-1.0"),
        ({"x": np.zeros((4, 7))}, InputError, "wants"),
    ],
)
def test_arguments_that_do_not_fit(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        describe(chain(neuron("LIF")), **options)


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(NirError, match="unknown types"):
        describe(chain(node("Odd")))


def test_it_is_reached_from_the_top() -> None:
    assert graphpool.nir.describe is describe and graphpool.from_nir is from_nir
