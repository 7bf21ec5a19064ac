"""The op matrix: op x sample x target x rate of each operand, whole and in one step, hoisted and not.

For each op one graph holds every sample at every combination of rates, so that a target compiles few. The oracle is
the row's kernel in NumPy, step by step and sample by sample, and the type that NumPy gives.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.graph import Attributes, Graph, GraphBuilder, type_of
from graphpool.graph.types import Array
from graphpool.ops import OPS, Op, Sample, evaluate, infer_type
from graphpool.plan import Rate, infer_rates

TARGETS = ("numpy", "jax", "onnx")
BATCH = 2
HOISTS = ("always", "never")
LENGTHS = (5, 1)
"""Steps of a run; JAX, which compiles for each anew, runs one of them with each way to hoist."""


def rate_combinations(count: int) -> list[tuple[Rate, ...]]:
    """All for one or two operands; for more, each operand once at each rate against streams and parameters."""
    if count <= 2:
        return list(product(Rate, repeat=count))
    chosen = {(rate,) * count for rate in Rate}
    for place, rate, others in product(range(count), Rate, (Rate.STREAM, Rate.PARAM)):
        chosen.add(tuple(rate if i == place else others for i in range(count)))
    return sorted(chosen)


class Case:
    """One node of the matrix: its operands over batch and time, and what it should give."""

    def __init__(self, op: Op, sample: Sample, rates: tuple[Rate, ...], steps: int) -> None:
        self.op, self.sample, self.rates = op, sample, rates
        self.arrays = [np.asarray(arg) for arg in sample.args]
        self.streams = [self._over_time(array, steps) for array in self.arrays]
        self.attrs = Attributes(sample.attrs)

    @staticmethod
    def _over_time(array: Array, steps: int) -> Array:
        """Each step of each sample gets the operand's elements in another order."""
        rolled = [
            [np.roll(array.ravel(), b * steps + t).reshape(array.shape) for t in range(steps)] for b in range(BATCH)
        ]
        return np.array(rolled)

    def expected(self, steps: int) -> Array:
        def one(b: int, t: int) -> Array:
            args = [
                stream[b, t] if rate is Rate.STREAM else array
                for stream, array, rate in zip(self.streams, self.arrays, self.rates, strict=True)
            ]
            with np.errstate(all="ignore"):
                result = evaluate(self.op.name, np, args, [a.ndim for a in args], self.attrs)
            return np.asarray(result)

        return np.array([[one(b, t) for t in range(steps)] for b in range(BATCH)])


def build_graph(cases: list[Case]) -> tuple[Graph, dict[str, Array], dict[str, Array]]:
    """One graph with all cases as outputs; the inputs' and the parameters' values beside it."""
    builder = GraphBuilder("matrix", 0.001, infer_type)
    inputs: dict[str, Array] = {}
    params: dict[str, Array] = {}
    known: dict[tuple[object, ...], int] = {}

    def operand(array: Array, stream: Array, rate: Rate) -> int:
        key = (array.dtype.str, array.shape, array.tobytes(), rate)
        if key not in known:
            if rate is Rate.CONST:
                known[key] = builder.constant(array)
            elif rate is Rate.PARAM:
                name = f"p{len(params)}"
                params[name] = array
                known[key] = builder.param(name, type_of(array))
            else:
                name = f"x{len(inputs)}"
                inputs[name] = stream
                known[key] = builder.input(name, type_of(array))
        return known[key]

    for number, case in enumerate(cases):
        args = [operand(*triple) for triple in zip(case.arrays, case.streams, case.rates, strict=True)]
        builder.output(f"y{number}", builder.add(case.op.name, args, case.attrs))
    return builder.build(), inputs, params


def assert_close(actual: Array, expected: Array, ulps: float, what: str) -> None:
    """Equal dtypes and shapes; NaN where NaN; numbers within so many units of the last place."""
    assert actual.dtype == expected.dtype, f"{what}: {actual.dtype} is not {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: {actual.shape} is not {expected.shape}"
    if expected.dtype.kind != "f":
        assert np.array_equal(actual, expected), f"{what}: {actual} is not {expected}"
        return
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(all="ignore"):
        room = ulps * np.spacing(np.maximum(abs(actual), abs(expected)))
        near = abs(actual - expected) <= room
    wrong = ~(same | near)
    assert not wrong.any(), f"{what}: {actual[wrong][:4]} is not {expected[wrong][:4]}"


@lru_cache(maxsize=4)
def cases_of(name: str, steps: int) -> list[Case]:
    """All cases of an op; kept while its tests run, one target after another."""
    op = OPS[name]
    return [
        Case(op, sample, rates, steps)
        for sample in op.samples()
        for rates in rate_combinations(len(sample.args))
        if any(rate is Rate.STREAM for rate in rates)
    ]


@lru_cache(maxsize=4)
def expected_of(name: str, steps: int) -> list[Array]:
    """What all cases of an op should give."""
    return [case.expected(steps) for case in cases_of(name, steps)]


@lru_cache(maxsize=4)
def graph_of(name: str, steps: int) -> tuple[Graph, dict[str, Array], dict[str, Array]]:
    """The graph that holds all cases of an op; its inputs and its parameters."""
    return build_graph(cases_of(name, steps))


def assert_all_close(outputs: Any, name: str, steps: int, what: str) -> None:
    for number, case in enumerate(cases_of(name, steps)):
        actual, expected = outputs[f"y{number}"], expected_of(name, steps)[number]
        note = f"{what} {name} {case.rates} {[a.shape for a in case.arrays]} {case.attrs}"
        assert_close(actual, expected if actual.ndim == expected.ndim else expected[:, 0], OPS[name].tolerance, note)


def only(feed: dict[str, Array]) -> Any:
    """As a runtime takes it: one input needs no name."""
    return feed if len(feed) > 1 else next(iter(feed.values()))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", list(OPS))
def test_target_agrees_with_the_kernel_step_by_step(name: str, target: str) -> None:
    """Whole, and in one step, which for JAX is what its scan runs with hoist="never": it is not compiled once more."""
    graph, _, params = graph_of(name, 1)
    for hoist, length in zip(HOISTS, LENGTHS, strict=True):
        run = graphpool.compile(graph, target, dtype="float64", hoist=hoist, parameters=params)
        for steps in (length,) if target == "jax" else LENGTHS:
            outputs, _, _ = run(only(graph_of(name, steps)[1]))
            assert_all_close(outputs, name, steps, f"{target} {hoist} T={steps}")
    if target == "jax":
        return
    outputs = run.step(only({port: array[:, 0] for port, array in graph_of(name, 1)[1].items()}))
    assert_all_close(outputs, name, 1, f"{target} in one step")


@pytest.mark.parametrize("name", list(OPS))
def test_inferred_type_is_the_one_that_numpy_gives(name: str) -> None:
    op = OPS[name]
    for sample in op.samples():
        arrays = [np.asarray(arg) for arg in sample.args]
        attrs = Attributes(sample.attrs)
        inferred = infer_type(name, tuple(type_of(array) for array in arrays), attrs)
        with np.errstate(all="ignore"):
            result = np.asarray(evaluate(name, np, arrays, [array.ndim for array in arrays], attrs))
        assert inferred == type_of(result), f"{name} {attrs}"


@pytest.mark.parametrize("name", list(OPS))
def test_constant_and_parameter_operands_give_the_same_as_streams(name: str) -> None:
    """What is folded or computed once leaves as a stream of equal values."""
    op = OPS[name]
    sample = next(iter(op.samples()))
    cases = [Case(op, sample, (rate,) * len(sample.args), 3) for rate in (Rate.CONST, Rate.PARAM)]
    unclocked, _, params = build_graph(cases)
    graph = _with_an_input(unclocked)
    for target in TARGETS:
        run = graphpool.compile(graph, target, dtype="float64", parameters=params)
        outputs = run(np.zeros((BATCH, 3)))[0]
        for number, case in enumerate(cases):
            assert_close(outputs[f"y{number}"], case.expected(3), op.tolerance, f"{target} {name} {case.rates}")


def _with_an_input(graph: Graph) -> Graph:
    """The same graph with an input that nothing reads, which gives batch and time."""
    from graphpool.passes.rewrite import Rewrite

    rewrite = Rewrite(graph)
    rewrite.builder.input("clock", type_of(np.zeros(())))
    return rewrite.run(lambda *_: None)


def test_every_op_has_samples_at_every_rank_that_it_allows() -> None:
    for op in OPS.values():
        samples = list(op.samples())
        assert samples, op.name
        rates = infer_rates(graph_of(op.name, 1)[0])
        assert Rate.STREAM in rates, op.name
