"""Long runs tile by tile, with the state carried over: what lies between input and output takes bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from graphpool.artifact import Signature
from graphpool.graph import TensorType
from graphpool.graph.types import Array
from graphpool.plan import Plan

Arrays = list[Array]
Execute = Callable[[Arrays, Arrays], tuple[Arrays, Arrays, Arrays]]
"""Inputs ``(B, T, *sample)`` and states ``(B, *shape)`` to outputs, next states and records; at least one step."""

MOST_BYTES = 2**25
"""What a run may store for all its steps before it goes tile by tile."""

MULTIPLE = 64
"""Long tiles are a multiple of this many steps."""


def bytes_of_plan(plan: Plan) -> int:
    """What the regions of a plan store for each step of a sample, at most."""
    values = {port.value for port in plan.graph.inputs}
    for region in plan.regions:
        values.update(region.nodes if region.kind == "map" else region.outputs)
    return _bytes(plan.graph.type(value) for value in values)


def bytes_of_signature(signature: Signature, *, records: bool) -> int:
    """What a model stores for each step of a sample, as far as its signature tells: hidden layers are not in it."""
    ports = (*signature.inputs, *signature.outputs, *(signature.records if records else ()))
    return _bytes(port.type for port in ports) + _bytes(state.type for state in signature.states)


def _bytes(types: Iterable[TensorType]) -> int:
    return sum(type_.size * type_.dtype.itemsize for type_ in types)


def tile_length(steps: int, bytes_per_step: int) -> int:
    """How many steps go at once: all of them, if they fit."""
    fits = MOST_BYTES // max(bytes_per_step, 1)
    if steps <= fits:
        return steps
    return max(1, fits if fits < MULTIPLE else fits - fits % MULTIPLE)


def run_tiles(
    execute: Execute, signature: Signature, inputs: Arrays, states: Arrays, tile: int, *, records: bool
) -> tuple[Arrays, Arrays, Arrays]:
    """Run all steps, ``tile`` at a time."""
    batch, steps = inputs[0].shape[:2]
    last = signature.emit == "last"
    kept = (*(() if last else signature.outputs), *(signature.records if records else ()))
    whole = [np.empty((batch, steps, *port.type.shape), port.type.dtype) for port in kept]
    outputs: Arrays = []
    for start in range(0, steps, tile):
        made, states, seen = execute([x[:, start : start + tile] for x in inputs], states)
        outputs = made if last else []
        for array, part in zip(whole, [*([] if last else made), *seen], strict=True):
            array[:, start : start + tile] = part
    cut = 0 if last else len(signature.outputs)
    return outputs or whole[:cut], states, whole[cut:]
