"""The batch axis of rasters and states, for modules that write their own ``evolve``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.errors import InputError, StateError, format_error
from graphpool.parameters import Shape

Array = npt.NDArray[Any]


def auto_batch(
    data: Any, states: Sequence[Any], target_shapes: Sequence[Shape], size_in: int | None, where: str
) -> tuple[Array, tuple[Array, ...]]:
    """An input as ``(B, T, N)`` float64 and states as ``(B, *shape)``; see ``Module._auto_batch``."""
    array = np.asarray(data, dtype=np.float64)
    if array.ndim not in (1, 2, 3):
        raise InputError(
            format_error(f"an input of shape {array.shape}", where=where, hint="(T,), (T, N) or (B, T, N)")
        )
    array = array[None, :, None] if array.ndim == 1 else array[None] if array.ndim == 2 else array
    size = array.shape[2] if size_in is None else size_in
    if array.shape[2] not in (1, size):
        what = f"an input of {array.shape[2]} channels for a module of {size}"
        raise InputError(format_error(what, where=where, hint=f"one channel or {size}"))
    array = np.array(np.broadcast_to(array, (*array.shape[:2], size)))
    if len(target_shapes) != len(states):
        what = f"{len(states)} states and {len(target_shapes)} target shapes"
        raise StateError(format_error(what, where=where, hint="one for each state"))
    pairs = zip(states, target_shapes, strict=True)
    return array, tuple(_batched(state, tuple(shape), len(array), where) for state, shape in pairs)


def _batched(state: Any, shape: Shape, batch: int, where: str) -> Array:
    """A new array ``(B, *shape)`` of a state of one sample, or of as many."""
    array = np.asarray(state)
    try:
        return np.array(np.broadcast_to(array, (batch, *shape)))
    except ValueError as error:
        what = f"a state of shape {array.shape} for {batch} samples of shape {shape}"
        raise StateError(format_error(what, where=where, hint="reset_state() drops the batch axis")) from error
