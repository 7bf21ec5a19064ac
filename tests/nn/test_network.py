"""Arbitrary wiring: sums, late edges, several inputs and outputs, and what cannot be wired."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import graphpool
from graphpool import State
from graphpool.errors import GraphpoolError, InputError, ModuleError
from graphpool.nn.combinators import Network, Sequential
from graphpool.nn.modules import LIF, Linear, Module
from tests.runtimes.models import TARGETS, signal

EXACT = {"leak_mode": "bitshifts", "dash_mem": 2.0, "dash_syn": 1.0}


def weights(rows: int, columns: int, seed: int = 0) -> Any:
    """Multiples of 1/64, whose sums are exact in float32."""
    return np.random.default_rng(seed).integers(-32, 64, (rows, columns)) / 64


class Pass(Module):
    """Gives what it gets."""

    def step(self, x: Any) -> Any:
        return x * 1.0


def passing(*names: str) -> dict[str, Pass]:
    return {name: Pass(shape=2) for name in names}


def impulse(steps: int = 5) -> Any:
    x = np.zeros((1, steps, 2))
    x[0, 0] = [1.0, 2.0]
    return x


def recurrent() -> Network:
    modules = {
        "fc": Linear((2, 4), weight=weights(2, 4)),
        "lif": LIF(4, **EXACT),
        "w_rec": Linear((4, 4), weight=weights(4, 4, 1)),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return Network(modules, edges, late=[("lif", "w_rec")])


# --- running ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", TARGETS)
def test_a_chain_is_a_sequential(target: str) -> None:
    modules = [Linear((2, 4), weight=weights(2, 4)), LIF(4, **EXACT), Linear((4, 3), weight=weights(4, 3, 1))]
    edges = [("input", "a"), ("a", "b"), ("b", "c"), ("c", "output")]
    net = Network(dict(zip("abc", modules, strict=True)), edges)
    chain = Sequential(*copy.deepcopy(modules))
    x = signal(2, 30, 2)
    np.testing.assert_array_equal(graphpool.compile(net, target)(x)[0], graphpool.compile(chain, target)(x)[0])
    assert net.shape == chain.shape == (2, 3)


@pytest.mark.parametrize("target", TARGETS)
def test_a_late_edge_is_the_recurrence_of_a_lif(target: str) -> None:
    inside = Sequential(Linear((2, 4), weight=weights(2, 4)), LIF(4, has_rec=True, w_rec=weights(4, 4, 1), **EXACT))
    x = signal(2, 60, 2)
    expected = graphpool.compile(inside)(x)[0]
    run = graphpool.compile(recurrent(), target)
    out, state, _ = run(x)
    assert expected.sum() > 20, "the network spikes"
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(state["lif_late"], expected[:, -1])
    run.reset_state()
    parts = np.concatenate([run(x[:, :7])[0], run(x[:, 7:])[0]], axis=1)
    np.testing.assert_array_equal(parts, expected)


def test_stepping_is_running() -> None:
    x, net = signal(1, 20, 2), recurrent()
    rows = np.array([net.step(row) for row in x[0]])
    np.testing.assert_array_equal(recurrent()(x)[0][0], rows)


@pytest.mark.parametrize("target", TARGETS)
def test_edges_into_one_module_add_up_and_an_edge_given_twice_counts_twice(target: str) -> None:
    edges = [("input", "a"), ("input", "b"), ("input", "b"), ("a", "c"), ("b", "c"), ("c", "output"), ("a", "output")]
    net = Network(passing("a", "b", "c"), edges)
    x = signal(2, 3, 2)
    np.testing.assert_array_equal(graphpool.compile(net, target, dtype="float64")(x)[0], 4 * x)


@pytest.mark.parametrize("target", TARGETS)
def test_each_late_edge_is_one_step(target: str) -> None:
    edges = [("input", "a"), ("a", "b"), ("b", "output"), ("a", "output"), ("input", "output")]
    net = Network(passing("a", "b"), edges, late=[("a", "b"), ("b", "output"), ("input", "output")])
    out = graphpool.compile(net, target)(impulse())[0]
    np.testing.assert_array_equal(out[0, :, 0], [1, 1, 1, 0, 0])


@pytest.mark.parametrize("target", TARGETS)
def test_several_inputs_and_outputs_have_names(target: str) -> None:
    edges = [("left", "a"), ("right", "a"), ("right", "b"), ("a", "sum"), ("b", "sum"), ("b", "right_again")]
    net = Network(passing("a", "b"), edges, inputs=["left", "right"], outputs=["sum", "right_again"])
    x = {"left": signal(2, 3, 2), "right": signal(2, 3, 2, seed=1)}
    out = graphpool.compile(net, target, dtype="float64")(x)[0]
    np.testing.assert_array_equal(out["output.sum"], x["left"] + 2 * x["right"])
    np.testing.assert_array_equal(out["output.right_again"], x["right"])
    assert net.inputs == ("left", "right") and net.outputs == ("sum", "right_again")
    assert net.shape == ()


def test_an_input_of_any_shape() -> None:
    net = Network({"a": Pass()}, [("input", "a"), ("a", "output")], inputs={"input": (2, 3, 4)})
    x = np.random.default_rng(0).random((2, 5, 2, 3, 4))
    np.testing.assert_array_equal(net(x)[0], x)
    with pytest.raises(InputError):
        net(x[..., :3])


# --- names ------------------------------------------------------------------------------------------------------------
def test_the_tree_and_the_graph_show_what_is_late() -> None:
    net = recurrent()
    assert str(net).splitlines() == [
        "Network with shape (2, 4) {",
        "    Linear 'fc' with shape (2, 4)",
        "    LIF 'lif' with shape (4,)",
        "    Linear 'w_rec' with shape (4, 4)",
        "    input -> fc",
        "    fc -> lif",
        "    w_rec -> lif",
        "    lif -> w_rec, one step late: state lif_late",
        "    lif -> output",
        "}",
    ]
    text = str(graphpool.trace(net))
    assert "state %lif_late: f64[4] = fill 0.0" in text
    assert "next %lif_late" in text


def test_names_reach_records_states_and_nodes_of_the_file() -> None:
    modules = {"in": Linear((2, 3)), "cell.lif": LIF(3), "cell.w": Linear((3, 3))}
    edges = [("input", "in"), ("in", "cell.lif"), ("cell.lif", "cell.w"), ("cell.lif", "output")]
    net = Network(modules, [*edges, ("cell.w", "cell.lif")], late=[("cell.w", "cell.lif")])
    run = graphpool.compile(net, "onnx")
    _, state, record = run(signal(1, 4, 2), record=True)
    assert list(state) == ["cell_w_late", "cell"] and list(state["cell"]["lif"]) == ["spikes", "isyn", "vmem"]
    np.testing.assert_array_equal(net.recorded("cell.lif", record), record["cell"]["lif"]["spikes"])
    assert {"in_output", "cell_w_late"} < set(record)
    model = onnx.load_from_string(run.model_bytes())
    bodies = [one.g for node in model.graph.node for one in node.attribute if one.HasField("g")]
    names = [node.name for graph in (model.graph, *bodies) for node in graph.node]
    assert any(name.startswith("in/") for name in names)
    assert any("cell/lif/" in name for name in names) and any("cell/w/" in name for name in names)
    assert {"state.cell_w_late", "state.cell.lif.vmem"} < {entry.name for entry in model.graph.input}


def test_names_that_states_and_records_would_take_stay_with_their_modules() -> None:
    names = ["a", "a_late", "a_output", "a_late_", "a_output_"]
    edges = [("input", "a"), *pairwise(names), (names[-1], "output")]
    net = Network(passing(*names), edges, late=[("a", "a_late")])
    _, state, record = net(impulse(), record=True)
    assert [net[name] for name in names] == list(net.modules().values())
    np.testing.assert_array_equal(net.recorded("a_output", record), net.recorded("a_late", record))
    assert state["a_late__"].shape == (2,)


def test_a_network_in_a_network() -> None:
    outer = Network({"one": recurrent(), "two": Linear((4, 2))}, [("input", "one"), ("one", "two"), ("two", "output")])
    assert outer.shape == (2, 2)
    assert outer(signal(1, 5, 2))[0].shape == (1, 5, 2)


# --- as any module ----------------------------------------------------------------------------------------------------
def test_copies_pickles_and_files_hold_all_of_it(tmp_path: Path) -> None:
    x, net = signal(1, 20, 2), recurrent()
    expected = net(x)[0]
    net.reset_state()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other(x)[0], expected)
        assert str(other) == str(net)
    graphpool.compile(net).save(tmp_path / "net.gpz")
    np.testing.assert_array_equal(graphpool.load(tmp_path / "net.gpz")(x)[0], expected)


def test_a_module_that_is_replaced_is_the_one_that_runs() -> None:
    net = recurrent()
    net(signal(1, 3, 2))
    net.fc = Linear((2, 4), weight=np.zeros((2, 4)))
    net.reset_state()
    assert not net(signal(1, 30, 2))[0].any()


def test_a_timed_network_gives_events() -> None:
    net = recurrent()
    assert net.spiking_output and not net.spiking_input
    series = graphpool.TSContinuous.from_clocked(signal(1, 30, 2)[0], dt=1e-3)
    out, _, _ = net.timed()(series)
    assert isinstance(out, graphpool.TSEvent) and len(out.times) > 0


# --- refused ----------------------------------------------------------------------------------------------------------
CHAIN = [("input", "a"), ("a", "b"), ("b", "output")]
REFUSED: dict[str, tuple[Any, str]] = {
    "cycle": (
        lambda: Network(passing("a", "b"), [*CHAIN, ("b", "a")]),
        r"cycle within one step: (a -> b -> a|b -> a -> b)(.|\n)*late=",
    ),
    "a cycle of three": (
        lambda: Network(passing("a", "b", "c"), [*CHAIN, ("b", "c"), ("c", "a")]),
        r"step: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)\n",
    ),
    "self": (
        lambda: Network(passing("a"), [("input", "a"), ("a", "a"), ("a", "output")]),
        "cycle within one step: a -> a",
    ),
    "unknown source": (lambda: Network(passing("a", "b"), [*CHAIN, ("c", "b")]), "c -> b leads out of 'c'"),
    "unknown target": (lambda: Network(passing("a", "b"), [*CHAIN, ("b", "c")]), "b -> c leads into 'c'"),
    "out of an output": (lambda: Network(passing("a", "b"), [*CHAIN, ("output", "a")]), "leads out of 'output'"),
    "into an input": (lambda: Network(passing("a", "b"), [*CHAIN, ("a", "input")]), "leads into 'input'"),
    "idle": (lambda: Network(passing("a", "b", "c"), CHAIN), "no edge leads into 'c'"),
    "no output": (lambda: Network(passing("a", "b"), CHAIN[:-1]), "no edge leads into 'output'"),
    "no inputs": (lambda: Network(passing("a"), [("a", "output"), ("a", "a")], inputs=[]), "no input or no output"),
    "twice": (lambda: Network(passing("a", "b", "input"), CHAIN), "'input' names two things"),
    "an input twice": (lambda: Network(passing("a", "b"), CHAIN, inputs=["input"] * 2), "'input' names two things"),
    "a shape of nothing": (lambda: Network(passing("a", "b"), CHAIN, shapes={"c": 2}), "a shape is given for 'c'"),
    "no names": (lambda: Network({1: Pass(shape=2)}, CHAIN), "1 is no name"),  # type: ignore[dict-item]
    "no dict": (lambda: Network([Pass(shape=2)], CHAIN), "the modules are a list"),  # type: ignore[arg-type]
    "no edges": (lambda: Network(passing("a"), None), "the edges are None"),  # type: ignore[arg-type]
    "late": (lambda: Network(passing("a", "b"), CHAIN, late=[("b", "a")]), "none of the edges: b -> a"),
    "no edge": (lambda: Network(passing("a", "b"), ["ab"]), "'ab' is no edge"),
    "no module": (lambda: Network({"a": 3, "b": Pass()}, CHAIN), "3 is no module"),
    "name": (lambda: Network({"b b": Pass()}, [("input", "b b"), ("b b", "output")]), "use letters"),
    "in a module": (
        lambda: Network(passing("a", "a.b"), [("input", "a"), ("a", "a.b"), ("a.b", "output")]),
        "'a.b' lies in a module that is no group",
    ),
    "group": (
        lambda: Network(passing("a.b", "a"), [("input", "a"), ("a", "a.b"), ("a.b", "output")]),
        "'a' is a group already",
    ),
    "late shape": (
        lambda: Network({"a": Pass(), "b": Pass()}, CHAIN, late=CHAIN[1:2], inputs={"input": 2}),
        r"what 'a' gives is not known(.|\n)*shapes=\{'a': ...\}",
    ),
    "input shape": (lambda: Network({"a": Pass()}, [("input", "a"), ("a", "output")]), "the shape of the inputs"),
    "input to output": (lambda: Network({}, [("input", "output")]), "shape of input 'input' is not known"),
    "reserved": (lambda: Network(passing("step"), [("input", "step"), ("step", "output")]), "itself has"),
    "private": (lambda: Network(passing("_held"), [("input", "_held"), ("_held", "output")]), "itself has"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_wired_is_an_error_that_names_it(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ModuleError, match=message):
        make()


@pytest.mark.parametrize("size", [1, 4])
def test_shapes_that_do_not_add_up_are_an_error_that_names_the_edges(size: int) -> None:
    modules = {"a": Linear((2, 3)), "b": Linear((2, size)), "c": Linear((3, 2))}
    edges = [("input", "a"), ("input", "b"), ("a", "c"), ("b", "c"), ("c", "output")]
    net = Network(modules, edges)
    message = rf"Network: a -> c brings \(3,\), b -> c brings \({size},\)"
    with pytest.raises(ModuleError, match=message):
        net.step(np.zeros(2))
    with pytest.raises(GraphpoolError, match=message):
        net(np.zeros((1, 3, 2)))


def test_a_step_with_another_number_of_inputs() -> None:
    with pytest.raises(ModuleError, match="given 2 inputs"):
        recurrent().step(np.zeros(2), np.zeros(2))


def test_late_states_start_and_are_set_like_others() -> None:
    net = recurrent()
    net.lif_late = np.ones(4)
    first = net.step(np.zeros(2))
    alone = LIF(4, **EXACT)
    np.testing.assert_array_equal(first, alone.step(np.ones(4) @ weights(4, 4, 1)))
    net.reset_state()
    assert not net.lif_late.any()
    assert isinstance(net._registered("lif_late"), State)
