"""Basic indices: what Python writes in brackets, as one entry an axis plus new axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphpool.ops.shaping import Index
from graphpool.trace.recorder import Recorder


@dataclass(frozen=True)
class BasicIndex:
    """An index without arrays in it.

    Attributes:
        index: one entry for each axis of the indexed array.
        new_axes: axes of length 1 in the result, counted from the end.
        is_scalar: integers for every axis and no ellipsis, which gives a NumPy scalar instead of a view.
    """

    index: Index
    new_axes: tuple[int, ...]
    is_scalar: bool


def parse_index(recorder: Recorder, key: Any, shape: tuple[int, ...]) -> BasicIndex:
    """Read what stands in the brackets.

    Raises:
        TraceError: too many indices, one out of bounds, or an entry that is not basic.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    for entry in entries:
        _check_entry(recorder, entry)
    consumed = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if consumed > len(shape):
        recorder.fail(f"{consumed} indices for an array of shape {shape}")
    ellipses = sum(entry is Ellipsis for entry in entries)
    if ellipses > 1:
        recorder.fail("an index can hold one ellipsis ('...')")
    has_ellipsis = ellipses == 1
    filling: list[Any] = [slice(None)] * (len(shape) - consumed)
    place = next((i for i, entry in enumerate(entries) if entry is Ellipsis), len(entries))
    entries[place : place + has_ellipsis] = filling
    index: list[Any] = []
    kept: list[bool] = []
    for entry in entries:
        if entry is None:
            kept.append(True)
            continue
        item = _axis_entry(recorder, entry, shape[len(index)], shape)
        index.append(item)
        if not isinstance(item, int):
            kept.append(False)
    new_axes = tuple(i - len(kept) for i, is_new in enumerate(kept) if is_new)
    return BasicIndex(tuple(index), new_axes, not kept and not has_ellipsis)


def _check_entry(recorder: Recorder, entry: Any) -> None:
    is_basic = entry is None or entry is Ellipsis or isinstance(entry, (int, np.integer, slice))
    if is_basic and not isinstance(entry, (bool, np.bool_)):
        return
    kind = type(entry).__name__
    recorder.fail(
        f"an index of type {kind} cannot be traced",
        hint="use integers, slices, None, '...', arrays of integers, or one bool array as a mask",
    )


def _axis_entry(recorder: Recorder, entry: Any, size: int, shape: tuple[int, ...]) -> Any:
    if isinstance(entry, slice):
        try:
            start, stop, step = entry.indices(size)
        except (TypeError, ValueError) as error:
            recorder.fail(f"slice {entry}: {error}", cause=error)
        # A slice backwards to the first element ends before index 0, which only None can say.
        return (start, None if step < 0 and stop < 0 else stop, step)
    position = int(entry)
    if not -size <= position < size:
        recorder.fail(f"index {position} is out of bounds for shape {shape}")
    return position % size
