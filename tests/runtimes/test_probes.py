"""Probes: values that ``compile`` marks from outside, on every target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import State
from graphpool.errors import TargetError
from graphpool.graph import GraphBuilder, TensorType
from graphpool.nn.modules import Module
from graphpool.ops import infer_type
from tests.runtimes.models import TARGETS, assert_same, make_net, signal


class Quiet(Module):
    def __init__(self) -> None:
        super().__init__(shape=2)
        self.v = State(np.zeros(2))

    def step(self, x: Any) -> Any:
        self.v = self.v * 0.5 + x
        return self.v


class Pair(Module):
    """Two outputs, of which one is bool; it records something and is called like an output itself."""

    def __init__(self) -> None:
        super().__init__(shape=2)

    def step(self, x: Any) -> Any:
        self.record("doubled", x * 2)
        return x > 0.25, x.sum()


class Outer(Module):
    """Steps one child twice, and changes in place what it got."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.twice = Quiet()
        self.pair = Pair()

    def step(self, x: Any) -> Any:
        first = self.twice.step(x)
        first += 1.0
        second = self.twice.step(first)
        above, total = self.pair.step(second)
        return np.where(above, second, 0.0) + total


PLAIN = ["twice.v", "pair.doubled"]
OUTPUTS = ["output", "twice.output", "twice.output_2", "pair.output.0", "pair.output.1"]


def names_of(probes: Any, module: Any = None) -> list[str]:
    run = graphpool.compile(Outer() if module is None else module, probes=probes)
    return [entry.name for entry in run.signature.records]


# --- what they mean -----------------------------------------------------------------------------------------
def step_by_hand(x: Any) -> dict[str, Any]:
    """All that can be probed, for one sample."""
    rows: dict[str, list[Any]] = {name: [] for name in OUTPUTS}
    v = np.zeros(2)
    for row in x:
        first = v * 0.5 + row
        v = first * 0.5 + (first + 1.0)
        found = [np.where(v > 0.25, v, 0.0) + v.sum(), first, v, v > 0.25, v.sum()]
        for name, item in zip(OUTPUTS, found, strict=True):
            rows[name].append(item)
    return {name: np.array(items) for name, items in rows.items()}


@pytest.mark.parametrize("hoist", ["always", "never"])
@pytest.mark.parametrize("target", TARGETS)
def test_probes_give_the_values_on_every_target_and_change_nothing_else(target: str, hoist: Any) -> None:
    x = signal(2, 6, 2)
    run = graphpool.compile(Outer(), target, dtype="float64", hoist=hoist, probes=["*output*"])
    plain = graphpool.compile(Outer(), target, dtype="float64", hoist=hoist)
    out, state, record = run(x, record=True)
    expected = plain(x, record=True)
    assert_same(out, expected[0])
    assert_same(state, expected[1])
    for name in PLAIN:
        path, _, last = name.partition(".")
        assert_same(record[path][last], expected[2][path][last])
    for sample in range(2):
        wanted = step_by_hand(x[sample])
        assert_same(record["output"][sample], wanted["output"])
        assert_same(record["twice"]["output"][sample], wanted["twice.output"])
        assert_same(record["twice"]["output_2"][sample], wanted["twice.output_2"])
        assert_same(record["pair"]["output"]["0"][sample], wanted["pair.output.0"])
        assert_same(record["pair"]["output"]["1"][sample], wanted["pair.output.1"])
    run.reset_state()
    assert_same(run(x)[0], out)
    assert run(x)[2] == {}


@pytest.mark.parametrize("target", TARGETS)
def test_probes_survive_demotion_and_the_passes(target: str) -> None:
    """An output that the caller throws away, one that is a constant, and one that is a cast of a parameter."""

    class Parts(Module):
        def __init__(self) -> None:
            super().__init__(shape=2)
            self.unused = Quiet()
            self.fixed = Fixed()

        def step(self, x: Any) -> Any:
            self.unused.step(x)
            return x + self.fixed.step(x)

    class Fixed(Module):
        def __init__(self) -> None:
            super().__init__(shape=2)
            self.gain = graphpool.Parameter([0.1, 0.2])

        def step(self, x: Any) -> Any:
            return 2 * self.gain

    record = graphpool.compile(Parts(), target, probes=["*.output"])(np.ones((1, 3, 2)), record=True)[2]
    assert record["unused"]["output"].dtype == record["fixed"]["output"].dtype == np.float32
    np.testing.assert_array_equal(record["unused"]["output"][0, :, 0], [1, 1.5, 1.75])
    np.testing.assert_array_equal(record["fixed"]["output"], np.tile(np.float32([0.2, 0.4]), (1, 3, 1)))


# --- names and globs ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("probes", "more"),
    [
        ((), []),
        ("output", ["output"]),
        (["twice.output"], ["twice.output"]),
        (["twice.output*"], ["twice.output", "twice.output_2"]),
        (["pair.*"], ["pair.output.0", "pair.output.1"]),
        (["*.output.[1-9]"], ["pair.output.1"]),
        (["*.v", "pair.doubled"], []),
        (["*", "output"], OUTPUTS),
    ],
)
def test_names_and_globs(probes: Any, more: list[str]) -> None:
    assert sorted(names_of(probes)) == sorted(PLAIN + more)
    assert set(names_of(probes)) == {record.name for record in graphpool.trace(Outer(), probes=probes).records}


def test_records_keep_the_order_of_the_tree() -> None:
    assert names_of("*") == ["output", "twice.v", *OUTPUTS[1:3], "pair.doubled", *OUTPUTS[3:]]


def test_the_layers_of_a_net() -> None:
    more = set(names_of(["*_L*.output"], make_net())) - set(names_of([], make_net()))
    assert more == {"0_Linear.output", "1_LIF.output"}


def test_a_name_of_the_users_own_goes_first() -> None:
    class Mine(Module):
        def __init__(self) -> None:
            super().__init__(shape=2)
            self.output = State(np.zeros(2))

        def step(self, x: Any) -> Any:
            self.output = x
            return 2 * x

    run = graphpool.compile(Mine(), probes=["output"])
    record = run(np.ones((1, 2)), record=True)[2]
    assert list(record) == ["output"]
    np.testing.assert_array_equal(record["output"], np.ones((1, 1, 2)))


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ("twice.outptu", r"nothing is called 'twice.outptu'.*there are twice.output, "),
        ("*.vmem", r"nothing is called '\*.vmem'.*twice.v"),
        ("", r"nothing is called ''.*there are output, twice.v, "),
        ("Outer.twice.output", "nothing is called"),
    ],
)
def test_a_probe_that_means_nothing_lists_what_there_is(probe: str, message: str) -> None:
    for probes in (probe, ["output", probe]):
        with pytest.raises(TargetError, match=f"(?s)Outer: {message}"):
            graphpool.compile(Outer(), probes=probes)


@pytest.mark.parametrize("probes", [[1], [None], [["output"]]])
def test_a_probe_that_is_no_text_is_refused(probes: Any) -> None:
    with pytest.raises(TargetError, match="is no text"):
        graphpool.compile(Outer(), probes=probes)


# --- bare graphs and files ----------------------------------------------------------------------------------
def test_the_states_of_a_bare_graph_can_be_probed() -> None:
    b = GraphBuilder("bare", None, infer_type)
    x, state = b.input("x", TensorType(np.dtype(np.float64), (2,))), b.state("s", np.zeros(2))
    after = b.add("add", [state, x])
    b.set_next(state, after)
    b.output("output", b.add("neg", [after]))
    run = graphpool.compile(b.build(), dtype="float64", probes=["s"])
    np.testing.assert_array_equal(run(np.ones((3, 2)), record=True)[2]["s"][0, :, 0], [1, 2, 3])
    with pytest.raises(TargetError, match=r"(?s)bare: nothing is called 'output'.*there are s"):
        graphpool.compile(b.build(), probes=["output"])


def test_probes_are_in_the_file(tmp_path: Path) -> None:
    x, run = signal(2, 5, 2), graphpool.compile(make_net(), "onnx", probes=["0_Linear.output"])
    run.save(tmp_path / "net.onnx", record=True)
    again = graphpool.load(tmp_path / "net.onnx")
    assert_same(again(x, record=True)[2], run(x, record=True)[2])
    assert again(x, record=True)[2]["0_Linear"]["output"].shape == (2, 5, 3)
