"""What is wrong in files and has one reading is mended and reported; the rest is refused with the node's name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.errors import NirError, NirWarning
from graphpool.nir import from_nir
from graphpool.nir.graph import NirGraph
from tests.nir.files import DT, affine, chain, neuron, node, spikes

N = 4


def read(graph: NirGraph, like: str = "snntorch") -> tuple[Any, list[str]]:
    """The network and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = from_nir(graph, like=like, dt=DT)
    assert all(issubclass(one.category, NirWarning) for one in caught)
    return net, [str(one.message) for one in caught]


def inner(**changes: Any) -> NirGraph:
    """A recurrent neuron as a graph of its own."""
    nodes = {
        "input": node("Input", shape=[N]),
        "lif": neuron("LIF", N),
        "w_rec": affine(N, N, seed=1),
        "output": node("Output", shape=[N]),
    }
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    graph = NirGraph({**nodes, **changes.pop("nodes", {})}, [*edges, *changes.pop("edges", [])])
    for name in changes.pop("without", []):
        del graph.nodes[name]
    return graph


def outer(rlif: NirGraph) -> NirGraph:
    """fc, the graph inside, an output."""
    nodes = {"input": node("Input", shape=[2]), "fc": affine(N, 2), "rlif": rlif, "output": node("Output", shape=[N])}
    return NirGraph(nodes, [("input", "fc"), ("fc", "rlif"), ("rlif", "output")])


def flat() -> NirGraph:
    """The same without a graph inside."""
    graph = chain(affine(N, 2), neuron("LIF", N))
    graph.nodes["w_rec"] = affine(N, N, seed=1)
    graph.edges += [("n1", "w_rec"), ("w_rec", "n1")]
    return graph


def same_as_flat(net: Any) -> bool:
    x = spikes(2, 60, 2)
    return bool(np.array_equal(net(x)[0], read(flat())[0](x)[0]))


# --- graphs inside ----------------------------------------------------------------------------------------------------
def test_a_graph_inside_is_the_flat_graph_with_its_name_in_front() -> None:
    net, said = read(outer(inner()))
    assert not said and net.repairs == () and same_as_flat(net)
    assert set(net.order) == {"fc", "rlif.lif", "rlif.w_rec"}
    assert net.late == (("rlif.lif", "rlif.w_rec"),)
    assert net.rlif.lif is net["rlif.lif"]


def test_graphs_in_graphs() -> None:
    nodes = {"in": node("Input"), "deep": inner(), "out": node("Output")}
    net, _ = read(outer(NirGraph(nodes, [("in", "deep"), ("deep", "out")])))
    assert same_as_flat(net) and "rlif.deep.lif" in net.order


def test_inner_nodes_that_bear_the_name_of_their_graph_bear_it_once() -> None:
    graph = inner()
    graph = NirGraph(
        {f"rlif.{name}": item for name, item in graph.nodes.items()},
        [(f"rlif.{source}", f"rlif.{target}") for source, target in graph.edges],
    )
    net, said = read(outer(graph))
    assert not said and same_as_flat(net) and "rlif.lif" in net.order


def test_names_with_dots_are_groups() -> None:
    graph = flat()
    names = {"n1": "rlif.lif", "w_rec": "rlif.w_rec"}
    graph = NirGraph(
        {names.get(name, name): item for name, item in graph.nodes.items()},
        [(names.get(source, source), names.get(target, target)) for source, target in graph.edges],
    )
    net, said = read(graph)
    assert not said and same_as_flat(net) and net.rlif.w_rec is net["rlif.w_rec"]


# --- repairs ----------------------------------------------------------------------------------------------------------
REPAIRS: dict[str, tuple[NirGraph, list[str]]] = {
    "an inner edge repeats one around": (
        outer(inner(edges=[("fc", "lif"), ("lif", "output_of_all")])),
        ["edge fc -> lif of 'rlif' leads to 'fc', which is not in it: left out, as the Input is joined to 'lif'",
         "edge lif -> output_of_all of 'rlif' leads to 'output_of_all', which is not in it: left out, as the Output is "
         "joined to 'lif'"],
    ),
    "an inner edge has the full name": (
        outer(NirGraph(inner().nodes, [("input", "rlif.lif"), *inner().edges[1:]])),
        ["edge input -> rlif.lif of 'rlif' leads to 'rlif.lif': read as 'lif'"],
    ),
    "input and output are edges only": (
        outer(inner(without=["input", "output"])),
        ["edge input -> lif of 'rlif' leads to a node that is not there: 'rlif.input' is the Input",
         "edge lif -> output of 'rlif' leads to a node that is not there: 'rlif.output' is the Output"],
    ),
    "an edge is there twice": (
        outer(inner(edges=[("w_rec", "lif")])),
        ["edge w_rec -> lif of 'rlif' is there twice and counts once"],
    ),
    "inner shapes disagree": (
        outer(inner(nodes={"input": node("Input", shape=[1, 7]), "output": node("Output", shape=[3])})),
        [f"Input 'rlif.input' is said to be (1, 7): it is ({N},)",
         f"Output 'rlif.output' is said to be (3,): it is ({N},)"],
    ),
    "the output has ones": (
        NirGraph({**outer(inner()).nodes, "output": node("Output", shape=[1, N, 1])}, outer(inner()).edges),
        [f"Output 'output' is said to be (1, {N}, 1): it is ({N},)"],
    ),
    "the input has ones": (
        NirGraph({**outer(inner()).nodes, "input": node("Input", shape=[1, 2])}, outer(inner()).edges),
        ["input 'input' has the shape (1, 2): (2,) as 'fc' takes it"],
    ),
    "the input has no shape": (
        NirGraph({**outer(inner()).nodes, "input": node("Input")}, outer(inner()).edges),
        ["input 'input' has no shape: (2,) as 'fc' takes it"],
    ),
    "no input and no output": (
        NirGraph({"fc": affine(N, 2), "rlif": inner()}, [("fc", "rlif")]),
        ["nothing leads into 'fc': it gets the input 'input'",
         "input 'input' has no shape: (2,) as 'fc' takes it"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REPAIRS))
def test_what_has_one_reading_is_mended_and_reported(case: str) -> None:
    graph, repairs = REPAIRS[case]
    if case == "no input and no output":
        del graph.nodes["rlif"].nodes["output"], graph.nodes["rlif"].edges[-1]
        graph = NirGraph({"fc": affine(N, 2), "n1": neuron("LIF", N), "w_rec": affine(N, N, seed=1)}, [
            ("fc", "n1"), ("n1", "w_rec"), ("w_rec", "n1"), ("n1", "end")])  # fmt: skip
        graph.nodes["end"] = node("Scale", scale=1.0)
        repairs = [repairs[0], "there is no output: 'end' leads to the output 'output'", repairs[1]]
    net, said = read(graph)
    assert list(net.repairs) == repairs
    assert len(said) == 1 and said[0].startswith("from_nir: the graph was mended\n    ") and repairs[0] in said[0]
    assert same_as_flat(net)


def test_pictures_with_a_batch_axis_of_one() -> None:
    conv = node("Conv2d", weight=np.ones((1, 2, 2, 2)), stride=1, padding=0, dilation=1, groups=1)
    net, _ = read(chain(conv, shape=(1, 2, 4, 5), output=(1, 1, 3, 4)))
    assert net.input_shapes == {"input": (2, 4, 5)}
    assert list(net.repairs) == [
        "input 'input' has the shape (1, 2, 4, 5): (2, 4, 5) as 'n0' takes it",
        "Output 'output' is said to be (1, 1, 3, 4): it is (1, 3, 4)",
    ]


def test_parameters_may_have_ones_too_many_or_too_few() -> None:
    lif = neuron("LIF", N)
    for key in lif.fields:
        lif.fields[key] = lif.fields[key].reshape(1, 1, N)
    lif.fields["v_threshold"] = np.ones((1,))
    net, said = read(chain(affine(N, 2), lif))
    assert not said and net["n1"].tau.shape == (N,) and net["n1"].v_threshold.shape == ()


@pytest.mark.parametrize("threshold", [np.inf, 1e300])
def test_a_neuron_that_never_spikes(threshold: float) -> None:
    net, _ = read(chain(affine(N, 2), neuron("LIF", N, v_threshold=threshold)), like="snntorch-subtract")
    assert net.repairs == (f"'v_threshold' of 'n1' is {threshold:.3g}: 3.4e+38, which no membrane exceeds either",)
    for target in ("numpy", "jax", "onnx"):
        _, state, _ = graphpool.compile(net, target)(spikes(1, 20, 2) * 1e3)
        assert np.isfinite(state["n1"]["v"]).all() and state["n1"]["v"].any()


def test_many_repairs_are_a_short_warning() -> None:
    graph = outer(inner(edges=[("w_rec", "lif")] * 15))
    net, said = read(graph)
    assert len(net.repairs) == 15 and "... 5 more" in said[0] and said[0].count("\n") == 12


# --- names ------------------------------------------------------------------------------------------------------------
def test_names_that_no_attribute_can_have_are_changed_and_said() -> None:
    names = ["a/b", "a b", "a_b", "step", "_edges", "", "größe", "0", "a.b", "a.b.c"]
    nodes = {
        "in put": node("Input", shape=[2]),
        **{name: affine(2, 2, seed=1) for name in names},
        "out/put": node("Output"),
    }
    order = list(nodes)
    net, _ = read(NirGraph(nodes, list(zip(order, order[1:], strict=False))))
    assert net.order == ("a_b", "a_b_2", "a_b_3", "step_", "node_edges", "node", "größe", "0", "a.b", "a_b_c")
    assert net.inputs == ("in_put",) and net.outputs == ("out_put",)
    assert "node 'a/b' is called 'a_b'" in net.repairs and len(net.repairs) == 9
    run = graphpool.compile(net, "onnx")
    assert run(spikes(1, 3, 2))[0].shape == (1, 3, 2)


# --- refused ----------------------------------------------------------------------------------------------------------
def _with(name: str, item: Any, *edges: tuple[str, str]) -> NirGraph:
    graph = outer(inner())
    graph.nodes[name] = item
    graph.edges += edges
    return graph


def _with_one(key: str, *values: float) -> NirGraph:
    lif = neuron("CubaLIF", N)
    lif.fields[key][: len(values)] = values
    return chain(affine(N, 2), lif)


def _more_edges(*edges: tuple[str, str]) -> NirGraph:
    graph = chain(neuron("LIF"))
    graph.edges += edges
    return graph


def _of_several_shapes(**ends: Any) -> NirGraph:
    lif = node("LIF", tau=np.ones(3), r=np.ones(2), v_leak=0.0, v_threshold=1.0)
    return NirGraph({**chain(lif).nodes, **ends}, chain(lif).edges)


REFUSED: dict[str, tuple[NirGraph, str]] = {
    "unknown types": (
        _with("a", node("Spike"), ("a", "b")),
        r"2 nodes are of unknown types: 'rlif.x' is a 'Odd', 'a' is a 'Spike'(.|\n)*NIR has I, LI",
    ),
    "missing fields": (chain(node("LIF", tau=[1.0], r=[1.0])), "node 'n0': this LIF is without v_leak, v_threshold"),
    "nan": (_with_one("v_threshold", np.nan), "node 'n1': 1 of 4 values of 'v_threshold' are NaN"),
    "infinite": (_with_one("w_in", np.inf), "node 'n1': 1 of 4 values of 'w_in' are infinite"),
    "infinite tau": (_with_one("tau_syn", np.inf, np.nan), "node 'n1': 2 of 4 values of 'tau_syn' are NaN or infinite"),
    "infinite weights": (chain(node("Scale", scale=-np.inf)), "node 'n0': 1 of 1 values of 'scale' are infinite"),
    "below all": (_with_one("v_threshold", -np.inf), "node 'n1': 'v_threshold' is -inf"),
    "several shapes": (_of_several_shapes(), r"node 'n0': 'tau' has the shape \(3,\), one sample has \(2,\)"),
    "several shapes, input of none": (
        _of_several_shapes(input=node("Input")),
        r"node 'n0': its parameters are of several shapes: tau \(3,\), r \(2,\), v_leak \(\), v_threshold \(\)",
    ),
    "input of NaN": (chain(neuron("LIF"), shape=[np.inf]), "node 'input': the shape is array"),
    "input of half": (chain(neuron("LIF"), shape=[0.5]), "node 'input': the shape is array"),
    "endless input": (chain(neuron("LIF"), shape=[1e300]), "node 'input': the shape is array"),
    "tau": (chain(neuron("LIF", 2, tau=0.0)), "node 'n0': 'tau' is 0.0"),
    "negative tau": (chain(neuron("CubaLI", 2, tau_syn=-1.0)), "node 'n0': 'tau_syn' is -1.0"),
    "no room": (chain(neuron("IF", 2, v_threshold=0.0)), "node 'n0': 'v_threshold' is 0.0"),
    "text": (chain(node("Scale", scale="much")), "node 'n0': 'scale' is 'much'"),
    "long text": (chain(node("Scale", scale="x" * 10_000)), r"node 'n0': 'scale' is 'x{80}'\n"),
    "into an input": (_more_edges(("n0", "input")), "node 'input': the edge n0 -> input leads into an Input"),
    "out of an output": (_more_edges(("output", "n0")), "node 'output': the edge output -> n0 leads out of an Output"),
    "dangling": (NirGraph(chain(affine(2, 2)).nodes, [("input", "n0"), ("n0", "x")]), "n0 -> x leads to 'x', which"),
    "dangling inside": (outer(inner(edges=[("w_rec", "x")])), "node 'rlif': edge w_rec -> x of 'rlif' leads to 'x'"),
    "two inputs inside": (
        outer(inner(nodes={"more": node("Input")}, edges=[("more", "lif")])),
        r"node 'rlif': an edge leads into it, and it has the Inputs \['input', 'more'\]",
    ),
    "no output inside": (
        outer(NirGraph({"i": node("Input"), "w": affine(N, N)}, [("i", "w")])),
        r"node 'rlif': an edge leads out of it, and it has the Outputs \[\]",
    ),
    "ends in a cycle": (
        outer(NirGraph({"i": node("Input"), "o": node("Output")}, [("i", "o"), ("o", "i")])),
        "form a cycle",
    ),
    "the output's shape": (chain(affine(3, 2), output=[4]), r"node 'output': .* said to be \(4,\), and is \(3,\)"),
    "sums of shapes": (
        _with("other", affine(N + 1, 2), ("input", "other"), ("other", "rlif")),
        r"node 'rlif.lif': 'rlif.w_rec' brings \(4,\), another edge brings|brings \(5,\)",
    ),
    "an idle output": (_with("more", node("Output")), "node 'more': nothing leads into this output"),
    "no node at all": (NirGraph({}, []), "no input or no output"),
    "the same name twice": (_with("rlif.lif", affine(N, N), ("fc", "rlif.lif")), "'rlif.lif': two nodes have this"),
    "an input of no shape": (chain(node("Scale", scale=1.0), shape=None), "the input has no shape"),
}  # fmt: skip
REFUSED["unknown types"][0].nodes["rlif"].nodes["x"] = node("Odd")
del REFUSED["an input of no shape"][0].nodes["input"].fields["shape"]


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_has_no_one_reading_is_refused(case: str) -> None:
    graph, message = REFUSED[case]
    with pytest.raises(NirError, match=message):
        from_nir(graph, like="rockpool" if case == "no room" else "snntorch", dt=DT)


def test_reading_changes_nothing_of_what_it_reads() -> None:
    graph = REPAIRS["input and output are edges only"][0]
    before = (list(graph.nodes["rlif"].nodes), list(graph.edges))
    read(graph)
    assert (list(graph.nodes["rlif"].nodes), list(graph.edges)) == before


# --- Spyx -------------------------------------------------------------------------------------------------------------
def test_the_recurrence_of_spyx_is_read_as_it_is_run() -> None:
    graph = inner()
    graph.edges[0] = ("input", "w_rec")
    net, said = read(outer(graph), like="spyx")
    what = "edge input -> w_rec of 'rlif' leads to the recurrent weights of 'lif': read as input -> lif"
    assert net.repairs == (what,) and what in said[0]
    expected, _ = read(outer(inner()), like="spyx")
    x = spikes(2, 60, 2)
    np.testing.assert_array_equal(net(x)[0], expected(x)[0])
    literal, said = read(outer(graph))
    assert not said and ("fc", "rlif.w_rec") in literal.edges
