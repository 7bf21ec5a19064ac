"""Proof that all contestants of a workload do the same work, before anything is timed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.bench.opponents.numpy_loop import Result
from tests.bench.timing import Contestant, timed
from tests.bench.workloads import Workload

LONGEST_COMPILATION = 3.0
"""Seconds. A first call that took less may have compiled most of the time, so it is timed again."""


class Disagreement(Exception):
    """Contestants of a workload part by more than it allows."""


def agree(workload: Workload, found: Mapping[str, Contestant], reference: Result) -> tuple[dict[str, float], str]:
    """Call each contestant and compare it with the reference.

    Args:
        workload: says how far they may part.
        found: the contestants by name.
        reference: outputs and last states.

    Returns:
        The seconds that each took; and how far the worst of them is from the reference, in words.

    Raises:
        Disagreement: outputs or states differ in number, in dtype or, for more than the workload's share, in value.
    """
    seconds, share, furthest = {}, 0.0, 0.0
    for name, contestant in found.items():
        start = time.perf_counter()
        result = contestant()
        seconds[name] = time.perf_counter() - start
        compare(workload, name, result, reference)
        share = max(share, float(np.mean(result[0] != reference[0])))
        furthest = max(furthest, float(np.max(abs(np.asarray(result[0], float) - reference[0]))))
        if seconds[name] < LONGEST_COMPILATION:
            seconds[name] = timed(contestant, warm=False)
    return seconds, f"{share:.1g} of all, by up to {furthest:.1g}" if share else "to the bit"


def compare(workload: Workload, name: str, result: Result, reference: Result) -> None:
    """Raise Disagreement unless a result is the reference, as far as the workload says."""
    output, states = result
    if not isinstance(output, np.ndarray) or output.dtype != reference[0].dtype or output.shape != reference[0].shape:
        raise Disagreement(f"{workload.name}: {name} gives {output.dtype}{output.shape}, not what graphpool gives")
    if len(states) != len(reference[1]):
        raise Disagreement(f"{workload.name}: {name} gives {len(states)} states, not {len(reference[1])}")
    for what, one, two in (("outputs", output, reference[0]), *_pairs(states, reference[1])):
        apart = float(np.mean(abs(np.ravel(one).astype(float) - np.ravel(two)) > workload.tolerance))
        if apart > workload.share:
            raise Disagreement(f"{workload.name}: {name} parts in {apart:.2%} of the {what}: nothing is timed")


def _pairs(states: list[Any], others: list[Any]) -> list[tuple[str, Any, Any]]:
    return [("last states", one, two) for one, two in zip(states, others, strict=True)]
