"""How the JAX target arranges regions, cuts time into pieces, and how often it compiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.compilers.jax import program as jax_program
from graphpool.compilers.jax.arrange import arrange
from graphpool.graph.types import Array
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear, Module
from graphpool.parameters import State
from graphpool.plan import Plan, check_plan, make_plan
from tests.runtimes.models import assert_same, flat, make_net, signal


class Delays(Module):
    """A state of the step before, one that nothing reads, one that stays, and outputs of each."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.before = State(np.zeros(2))
        self.unread = State(np.zeros(2))
        self.held = State(np.ones(2))
        self.total = State(np.zeros(2))

    def step(self, x: Any) -> Any:
        before, self.before, self.unread = self.before, x, 2 * x
        self.total = self.total + before * self.held
        return self.total, before - 1


def compiled(make: Any, **options: Any) -> Any:
    return graphpool.compile(make(), "jax", dtype="float64", **options)


def deep() -> Any:
    return Sequential(make_net(), Linear((3, 3), weight=np.eye(3)), LIF(3))


MODELS = {"net": make_net, "deep": deep, "delays": Delays}


# --- regions --------------------------------------------------------------------------------------------------------
def products(plan: Plan, kind: str) -> int:
    nodes = [value for region in plan.regions if region.kind == kind for value in region.nodes]
    return sum(plan.graph.nodes[value].op == "matmul" for value in nodes)


@pytest.mark.parametrize("emit", ["each", "last"])
@pytest.mark.parametrize("name", list(MODELS))
def test_arranged_plans_are_plans(name: str, emit: Any) -> None:
    run = compiled(MODELS[name])
    for graph in (run.artifact.plans.run.graph, run.artifact.plans.record.graph):
        plan = make_plan(graph, "always", emit=emit)
        nodes = {value for region in plan.regions for value in region.nodes}
        for chosen in (set(), nodes, set(list(nodes)[::2])):
            other = arrange(plan, chosen.__contains__)
            check_plan(other)
            assert other.handed == plan.handed


def test_only_products_stand_between_scans() -> None:
    plan = compiled(deep, hoist="always").plan
    outside = arrange(plan, lambda value: plan.graph.nodes[value].op == "matmul")
    assert [region.kind for region in outside.regions if region.kind != "shift"] == ["map", "scan", "map", "scan"]
    assert (products(outside, "map"), products(outside, "scan")) == (2, 1)  # one is recurrent
    inside = arrange(plan, lambda value: False)
    assert [region.kind for region in inside.regions if region.kind != "shift"] == ["scan"]
    assert products(inside, "scan") == 3


def test_a_product_of_one_input_stays_in_the_loop() -> None:
    for inputs, outside in ((1, 0), (2, 1)):
        plan = compiled(lambda inputs=inputs: Sequential(Linear((inputs, 3)), LIF(3))).plan
        assert (products(plan, "map"), products(plan, "scan")) == (outside, 1 - outside)
    plan = compiled(lambda: Sequential(Linear((1, 3)), LIF(3))).plan
    product = next(value for value, node in enumerate(plan.graph.nodes) if node.op == "matmul")
    assert plan.explain(plan.graph.labels[product]) == (
        f"%{plan.graph.labels[product]} runs step by step (region 0, scan): it lies on no cycle through a state, but "
        "on JAX all that stands between products of two or more inputs runs in one loop."
    )


def test_pieces_leave_no_gap() -> None:
    """Fault: a run whose rest is longer than a whole piece, and then runs the rest alone."""
    program = program_of(compiled(make_net))
    for tile in (1, 16, 127, 128, 130, 200, 1000):
        for padded in (None, 16, 64, 256, 1024):
            for steps in (1, 15, 130, 199, 259, 350, 1023, 1900):
                program._steps, program._padded_steps = {1: tile}, {} if padded is None else {1: padded}
                pieces = list(program._cut(1, steps))
                assert [piece.start for piece in pieces] == [0, *(piece.stop for piece in pieces[:-1])]
                assert pieces[-1].stop == steps
                assert all(piece.stop - piece.start == tile for piece in pieces if not piece.is_padded)


# --- compilations ---------------------------------------------------------------------------------------------------
def program_of(run: Any) -> Any:
    return run._program("run")


@pytest.mark.parametrize("emit", ["each", "last"])
def test_chunks_of_any_lengths_compile_twice_a_batch(emit: Any) -> None:
    run = compiled(deep, emit=emit)
    for batch in (1, 3):
        for steps in (40, 7, 1, 40, 200, 39, 1500):
            run.reset_state()
            run(signal(batch, steps, 2))
        run.reset_state()
        run(signal(batch, 50, 2), lengths=[17] * batch)
    assert program_of(run).compiled == 4


def test_equal_lengths_compile_once() -> None:
    run = compiled(make_net)
    for seed in range(3):
        run(signal(3, 200, 2, seed=seed))
    run(signal(3, 400, 2))
    run.set_parameters({"0_Linear": {"weight": np.ones((2, 3))}})
    run(signal(3, 200, 2))
    assert program_of(run).compiled == 1


def assert_close(ours: Any, theirs: Any) -> None:
    """JAX fuses products with sums, so the last digit may differ from NumPy's."""
    ours, theirs = (flat(tree) if isinstance(tree, dict) else {"": tree} for tree in (ours, theirs))
    assert list(ours) == list(theirs)
    for name, array in theirs.items():
        assert (ours[name].shape, ours[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(ours[name], array, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("emit", ["each", "last"])
@pytest.mark.parametrize("name", list(MODELS))
def test_pieces_equal_a_run_at_once(name: str, emit: Any) -> None:
    """Whole pieces, padded ones, and both."""
    oracle = graphpool.compile(MODELS[name](), "numpy", dtype="float64")
    run = compiled(MODELS[name], emit=emit)
    for first, others in ((1, (2, 40)), (130, (131, 300, 5))):
        run._programs.clear()  # the first length counts
        for steps in (first, *others):
            x = signal(3, steps, 2, seed=steps)
            oracle.reset_state()
            run.reset_state()
            out, state, _ = oracle(x)
            if emit == "last":
                out = {key: array[:, -1] for key, array in out.items()} if isinstance(out, dict) else out[:, -1]
            own, own_state, _ = run(x)
            for ours, theirs in ((own, out), (own_state, state)):
                assert_close(ours, theirs)


def test_long_runs_go_in_even_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    x = signal(2, 1001, 2)
    wanted, state, record = compiled(make_net)(x, record=True)
    monkeypatch.setattr(jax_program, "TILE", 2**14)
    run = compiled(make_net)
    out, own_state, own_record = run(x, record=True)
    program = run._program("record")
    assert 16 <= program._steps[2] < 200 and 1001 / program._steps[2] > 5
    assert_same(out, wanted)
    assert_same(own_state, state)
    assert_same(own_record, record)


# --- what comes out -------------------------------------------------------------------------------------------------
class Echo(Module):
    """The input as it is, and again, and a state that is the input."""

    def __init__(self) -> None:
        super().__init__(shape=2)
        self.last = State(np.zeros(2))

    def step(self, x: Any) -> Any:
        self.last = x
        return x, x, x + 1


def test_large_outputs_belong_to_the_caller() -> None:
    run = graphpool.compile(Echo(), "jax")
    x = np.ones((1, 40_000, 2), np.float32)
    arrays: list[Array] = [x, *run(x)[0].values(), *run(x)[0].values()]
    for number, array in enumerate(arrays):
        assert array.flags.writeable and array.flags.c_contiguous
        array[...] = number
    for number, array in enumerate(arrays):
        np.testing.assert_array_equal(array, np.full_like(array, number))
