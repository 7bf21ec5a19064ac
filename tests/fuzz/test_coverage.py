"""The fuzz meets what it should test: every op at every rate and rank, ops in pairs, lines that change arrays."""

from __future__ import annotations

import itertools

from graphpool.ops import OPS
from graphpool.passes import PIPELINES, run_passes
from graphpool.plan import make_plan
from graphpool.trace import trace
from tests.fuzz.coverage import NEVER, Coverage
from tests.fuzz.programs import MAX_LENGTH, FuzzModule, draw_program
from tests.fuzz.statements import PURE, WRITES, family

BLOCK, LIMIT = 100, 1500
"""Programs between two looks, and at most."""


def test_every_op_has_a_spelling() -> None:
    """Fault: a row that the generator cannot write, so that nothing here ever runs it."""
    spelled = {*PURE, *WRITES, "noise"}
    assert spelled == set(OPS), f"write these in tests/fuzz/statements.py: {sorted(set(OPS) - spelled)}"


def test_the_fuzz_meets_everything() -> None:
    """Fault: a generator that never draws what it should test."""
    coverage = Coverage()
    for seed in range(LIMIT):
        program = draw_program(seed, MAX_LENGTH)
        graph, _ = run_passes(trace(FuzzModule(program)), PIPELINES["float64"])
        coverage.add(make_plan(graph), program)
        if seed % BLOCK == BLOCK - 1 and not any(coverage.missing()):
            break
    missing = list(coverage.missing())
    assert not missing, f"{len(missing)} not met, as {missing[:10]}"
    met = {(family(made), family(reader)) for made, reader in coverage.pairs}
    assert not met & set(NEVER), "these pairs are met after all"


def test_a_generator_without_an_op_is_noticed() -> None:
    """Fault: a measure that is content with anything."""
    coverage = Coverage()
    missing = list(coverage.missing())
    for op, rate in itertools.product(OPS, ("stream", "param")):
        assert f"{op} of {rate}s" in missing or (op, rate) == ("noise", "param")
