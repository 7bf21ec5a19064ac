"""The plan fuzz: random step programs on every runtime, planned and not, whole and in chunks and step by step.

What the programs meet is counted while they run: on every runtime each op in a step; on NumPy also each op in single
precision, at every rate and rank and with every pattern of operands known beforehand, ops in pairs, and lines that
change views, aliases, states and masked elements. tests/test_op_matrix.py runs each op at each rank and rate alone, on
every runtime.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import pytest

from graphpool.ops import OPS
from graphpool.passes import PIPELINES, run_passes
from graphpool.plan import EMITS, HOISTS, Rate, infer_rates
from graphpool.trace import trace
from tests.fuzz.coverage import NEVER, Coverage, ranks
from tests.fuzz.drawing import LENGTH, draw_program
from tests.fuzz.oracle import check, fits_single, inputs
from tests.fuzz.programs import FuzzModule
from tests.fuzz.statements import PURE, WRITES, family

DTYPES = ("float32", "float64")
COUNTS = {"numpy": 600, "onnx": 100, "jax": 100}
"""The most programs of a target; JAX compiles for seconds, and so runs only as many of them as meet every op."""

LEAST = 200
"""So many run in any case; more of NumPy's, with the ops that still miss something, do until all is met."""

TWICE = 60
"""So many programs of NumPy run in two ways."""


@dataclass(frozen=True)
class Case:
    """One program of the fuzz, and how it runs."""

    seed: int
    target: str
    length: int = LENGTH
    wanted: tuple[str, ...] = ()

    @property
    def hoists(self) -> tuple[str, ...]:
        count = 2 if self.target == "numpy" and self.seed < TWICE else 1
        return tuple(HOISTS[(self.seed + number) % len(HOISTS)] for number in range(count))

    @property
    def emit(self) -> str:
        return EMITS[self.seed % len(EMITS)]

    @property
    def dtype(self) -> str:
        return "float32" if self.seed // 2 % 4 == 3 else "float64"

    def run(self, coverage: Coverage | None = None) -> None:
        program = draw_program(self.seed, self.length, self.wanted)
        fits = self.dtype == "float64" or fits_single(program, inputs(self.seed))
        check(program, self.target, self.hoists, self.seed, self.emit, self.dtype if fits else "float64", coverage)


@cache
def cases(target: str) -> list[Case]:
    """All that a target runs."""
    every = [Case(seed, target) for seed in range(COUNTS[target])]
    return fewest(every) if target == "jax" else every


def fewest(every: Sequence[Case]) -> list[Case]:
    """Few cases that between them run every op in a step, each as short as that needs it."""
    streams = {case: stream_ops(case) for case in every}
    missing, chosen = set(OPS), []
    while missing and streams:
        best = max(streams, key=lambda case: len(streams[case] & missing))
        wanted = streams.pop(best) & missing
        shorter = (replace(best, length=length) for length in range(LENGTH // 4, LENGTH, LENGTH // 4))
        chosen.append(next((case for case in shorter if wanted <= stream_ops(case)), best))
        missing -= wanted
    return chosen


def stream_ops(case: Case) -> set[str]:
    """The ops that run in a step."""
    graph, _ = run_passes(trace(FuzzModule(draw_program(case.seed, case.length))), PIPELINES["float64"])
    rates = infer_rates(graph)
    return {node.op for value, node in enumerate(graph.nodes) if rates[value] is Rate.STREAM}


def shortest(case: Case) -> Case:
    """What is left of a case that fails, as long as it fails."""
    for length in range(case.length):
        shorter = replace(case, length=length)
        try:
            shorter.run()
        except Exception:
            return shorter
    return case


def run_all(target: str) -> Coverage:
    coverage = Coverage()
    for case in cases(target):
        if case.seed >= LEAST:
            missing = list(coverage.missing())
            if not missing:
                break
            case = replace(case, wanted=tuple(op for op in OPS if any(text.split()[0] == op for text in missing)))
        try:
            case.run(coverage)
        except Exception as error:
            error.add_note(f"{case}, and still {shortest(case)}")
            raise
    return coverage


@pytest.mark.parametrize("target", list(COUNTS))
def test_every_runtime_agrees_with_the_step_loop(target: str) -> None:
    coverage = run_all(target)
    assert not coverage.missing_streams(*DTYPES)
    if target == "numpy":
        missing = list(coverage.missing())
        assert not missing, f"{len(missing)} not met, as {missing[:10]}"
        met = {(family(made), family(reader)) for made, reader in coverage.pairs}
        assert not met & set(NEVER), "these pairs are met after all"


def test_every_op_has_a_spelling() -> None:
    """Fault: a row that the generator cannot write, so that nothing here ever runs it."""
    spelled = {*PURE, *WRITES, "noise"}
    assert spelled == set(OPS), f"write these in tests/fuzz/statements.py: {sorted(set(OPS) - spelled)}"


def test_a_generator_without_an_op_is_noticed() -> None:
    """Fault: a measure that is content with anything."""
    coverage = Coverage()
    missing = list(coverage.missing())
    assert coverage.missing_streams(*DTYPES) == list(OPS)
    for op, rate in itertools.product(OPS, ("stream", "param")):
        wanted = [f"{op} of {rate}s of rank {rank}" for rank in ranks(op)]
        assert wanted and (set(wanted) <= set(missing) or (op, rate) == ("noise", "param"))
