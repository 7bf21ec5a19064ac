"""Batches of unequal lengths: each sample stops at its own end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphpool.artifact import PortSignature, Signature
from graphpool.errors import InputError, format_error
from graphpool.graph.types import Array

Arrays = list[Array]
Execute = Callable[[Arrays, Arrays], tuple[Arrays, Arrays, Arrays]]
"""Inputs ``(B, T, *sample)`` and states ``(B, *shape)`` to outputs, next states and records; at least one step."""


def read_lengths(lengths: Any, batch: int, steps: int, emit: str) -> Array:
    """The number of steps of each sample, as int64.

    Raises:
        InputError: not one whole number a sample, one beyond the input; or none at all where the last step is emitted.
    """
    try:
        array = np.asarray(lengths)
    except ValueError:  # lists of unequal lengths
        array = np.empty((), object)
    least = 1 if emit == "last" else 0
    fits = array.shape == (batch,) and array.dtype.kind in "iu"
    if not fits or array.min() < least or array.max() > steps:
        raise InputError(
            format_error(
                f"lengths={lengths!r}",
                hint=f"a whole number from {least} to {steps} for each of the {batch} samples of the input",
            )
        )
    return array.astype(np.int64)


def run_ragged(
    execute: Execute, signature: Signature, inputs: Arrays, states: Arrays, lengths: Array, records: bool
) -> tuple[Arrays, Arrays, Arrays]:
    """Run a batch whose samples end at different steps: time is cut at each end, and the others go on.

    Returns:
        Outputs and records, zeros behind the end of a sample; the states of each sample after its last step.
    """
    batch, steps = inputs[0].shape[:2]
    last = signature.emit == "last"
    outputs = [_zeros(port, (batch,) if last else (batch, steps)) for port in signature.outputs]
    recorded = [_zeros(port, (batch, steps)) for port in signature.records if records]
    present = [np.array(state) for state in states]
    start = 0
    for stop in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths > start)
        # Noise is a function of the number of the sample, counted from the first: then all rows run on.
        running = np.arange(batch) if signature.takes_sample else rows
        kept = slice(None) if len(running) == len(rows) else rows
        made, following, seen = execute([x[running, start:stop] for x in inputs], [s[running] for s in present])
        for whole, part in zip(present, following, strict=True):
            whole[rows] = part[kept]
        for whole, part in zip(outputs, made, strict=True):
            whole[rows if last else (rows, slice(start, stop))] = part[kept]
        for whole, part in zip(recorded, seen, strict=True):
            whole[rows, start:stop] = part[kept]
        start = stop
    return outputs, present, recorded


def _zeros(port: PortSignature, leading: Sequence[int]) -> Array:
    return np.zeros((*leading, *port.type.shape), port.type.dtype)
