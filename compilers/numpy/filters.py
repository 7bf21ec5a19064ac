"""Affine regions without a loop: as a first-order filter, or as a running sum where the gain is 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.compilers.numpy.frames import Workspace
from graphpool.graph.types import Array
from graphpool.plan import Plan, Region

MOST_CHANNELS = 64
"""Samples times elements: with more, a step of the loop is long enough to pay for itself."""

FEWEST_STEPS = 64
"""For each filter; below, the loop is done before scipy has begun."""


def run_filter(plan: Plan, region: Region, workspace: Workspace, present: list[Array], length: int) -> bool:
    """Run an affine region over a tile; False, with nothing done, where the loop has to.

    The rounding is that of the loop. What is not finite is left to the loop, since a filter multiplies it by 0.
    """
    assert region.affine is not None
    state = plan.graph.states[region.states[0]]
    first = present[region.states[0]]
    drive = region.affine.drive
    leaves_more = not {*region.outputs, *region.finals} <= {state.current, state.next}
    if drive not in region.inputs or leaves_more or first.size > MOST_CHANNELS:
        return False
    driven = workspace.value(drive, length)
    if driven.shape[1:] != first.shape:
        return False
    gain = None if region.affine.gain is None else workspace.value(region.affine.gain, length)
    made = _running_sum(driven, first) if gain is None else _filtered(driven, first, gain)
    if made is None:
        return False
    present[region.states[0]] = made[-1].copy()
    if state.next in region.outputs:
        workspace.arrays[state.next][:length] = made
    if state.current in region.outputs:
        workspace.arrays[state.current][0] = first
        workspace.arrays[state.current][1:length] = made[:-1]
    at_end = {state.next: made[-1], state.current: made[-2] if length > 1 else first}
    workspace.finals |= {value: at_end[value] for value in region.finals}
    return True


def _running_sum(driven: Array, first: Array) -> Array | None:
    if len(driven) < FEWEST_STEPS:
        return None
    made = driven.copy()
    made[0] = first + driven[0]
    total: Array = np.add.accumulate(made, axis=0, out=made)
    return total


def _filtered(driven: Array, first: Array, gain: Array) -> Array | None:
    """One filter for each gain."""
    gains = np.broadcast_to(gain, first.shape)
    different = np.unique(gains)
    if len(driven) < FEWEST_STEPS * len(different) or not np.isfinite(different).all():
        return None
    if not (np.isfinite(driven).all() and np.isfinite(first).all()):
        return None
    from scipy.signal import lfilter

    def run(one: Any, x: Array, start: Array) -> Any:
        numerator, denominator = np.ones(1, x.dtype), np.array([1, -one], x.dtype)
        return lfilter(numerator, denominator, x, axis=0, zi=(one * start)[None])[0]

    if len(different) == 1:
        whole: Array = run(different[0], driven, first)
        return whole
    made = np.empty_like(driven)
    for one in different:
        where = gains == one
        made[:, where] = run(one, driven[:, where], first[where])
    return made
