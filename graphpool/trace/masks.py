"""Boolean masks: ``v[v > 1] = 0`` and ``v[v > 1] -= 1``.

How many elements a mask selects is not known while tracing, so ``v[mask]`` is a masked value: the whole shape plus the
mask. It takes elementwise operations and goes back under the same mask only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, operand_value

HINT = "use np.where(mask, a, b) on whole arrays"
COUNT_HINT = "mask.sum() counts them"

HINTS: dict[str, str] = {
    **{name: f"np.{name}(x, where=mask)" for name in ("sum", "prod", "mean", "any", "all")},
    **{name: f"np.{name}(x, where=mask, initial=...), the value of no elements" for name in ("max", "min")},
    **dict.fromkeys(("size", "shape"), COUNT_HINT),
}
"""Name of what is asked of a masked value -> what to write in its place."""


class MaskedTracer(np.lib.mixins.NDArrayOperatorsMixin):
    """``v[mask]``: a copy of the selected elements, held as the whole array beside the mask."""

    __slots__ = ("mask", "recorder", "whole")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, recorder: Recorder, whole: Tracer, mask: Value) -> None:
        self.recorder = recorder
        self.whole = whole
        self.mask = mask

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from graphpool.trace.ufuncs import apply_ufunc

        if method != "__call__":
            self.recorder.fail(f"{ufunc.__name__}.{method} of a masked value", hint=HINT)
        wholes = [_unmask(self, item) for item in inputs]
        out = kwargs.pop("out", None)
        result = apply_ufunc(self.recorder, ufunc, method, tuple(wholes), kwargs)
        results = result if isinstance(result, tuple) else (result,)
        masked = [self._deliver(*each) for each in zip(results, out or (None,) * len(results), strict=True)]
        return tuple(masked) if isinstance(result, tuple) else masked[0]

    def _deliver(self, result: Tracer, target: Any) -> MaskedTracer:
        if target is None:
            return MaskedTracer(self.recorder, result, self.mask)
        if not isinstance(target, MaskedTracer):
            self.recorder.fail("a masked value cannot be written into a whole array", hint=HINT)
        _unmask(self, target)
        target.whole.assign(result.value)
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self.recorder.fail(f"np.{function.__name__} of a masked value", hint=HINTS.get(function.__name__, HINT))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        what = f"{name!r} of a masked value: how many elements it has is not known"
        self.recorder.fail(what, hint=HINTS.get(name, HINT))

    def __bool__(self) -> bool:
        self.recorder.fail("the truth of a masked value is not known while tracing", hint=HINT)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.recorder.fail("a masked value has no numbers yet", hint=HINT)

    def __len__(self) -> int:
        self.recorder.fail("the length of a masked value is not known while tracing", hint=COUNT_HINT)

    def __iter__(self) -> Any:
        self.recorder.fail("iterating over a masked value", hint=HINT)

    def __getitem__(self, key: Any) -> Any:
        self.recorder.fail("indexing a masked value", hint=HINT)

    def __setitem__(self, key: Any, item: Any) -> None:
        self.recorder.fail("writing into a masked value", hint=HINT)


def _unmask(like: MaskedTracer, item: Any) -> Any:
    """An operand beside a masked value: one under the same mask, or one without the axes that the mask selects."""
    recorder = like.recorder
    if isinstance(item, MaskedTracer):
        if not recorder.same(item.mask, like.mask):
            recorder.fail("two values under different masks", operands=[like.mask, item.mask], hint=HINT)
        _check_rank(recorder, item, like.whole.ndim)
        return item.whole
    if np.ndim(item) > like.whole.ndim - len(recorder.type(like.mask).shape):
        recorder.fail(
            f"a masked value meets an array of shape {np.shape(item)}, whose elements the mask does not select",
            hint="select them under the same mask, or " + HINT,
        )
    return item


def _check_rank(recorder: Recorder, item: MaskedTracer, rank: int) -> None:
    """Refuse values that have other axes behind those that the mask selects: NumPy would align them anew."""
    if item.whole.ndim != rank:
        recorder.fail(
            f"values of {item.whole.ndim} and of {rank} axes under one mask",
            operands=[item.whole.value, item.mask],
            hint="give them the same axes before masking, for example x[:, None][mask]",
        )


def as_mask(recorder: Recorder, key: Any) -> Value | None:
    """The traced mask that an index is, or None if it is another kind of index.

    How many elements a constant mask selects is known: it is an index of integers.
    """
    if isinstance(key, np.ndarray) and key.dtype == BOOL and not key.ndim:
        return recorder.constant(key)
    return key.value if isinstance(key, Tracer) and key.dtype == BOOL else None


def _whole_mask(recorder: Recorder, mask: Value, array: Tracer) -> Value:
    shape, target = recorder.type(mask).shape, array.shape
    if target[: len(shape)] != shape:
        recorder.fail(f"a mask of shape {shape} for an array of shape {target}", operands=[mask, array.value])
    missing = len(target) - len(shape)
    return recorder.emit("expand", [mask], {"axes": tuple(range(-missing, 0))}) if missing else mask


def select(array: Tracer, mask: Value) -> MaskedTracer:
    """``array[mask]``."""
    _whole_mask(array.recorder, mask, array)
    return MaskedTracer(array.recorder, Tracer.of(array.recorder, array.value, False), mask)


def write_masked(array: Tracer, mask: Value, item: Any) -> None:
    """``array[mask] = item``."""
    recorder = array.recorder
    condition = _whole_mask(recorder, mask, array)
    if isinstance(item, MaskedTracer):
        if not recorder.same(item.mask, mask):
            recorder.fail("a masked value is written under another mask", operands=[mask, item.mask], hint=HINT)
        _check_rank(recorder, item, array.ndim)
        value = item.whole.value
    else:
        value = operand_value(recorder, item, array.dtype)
        rest = array.shape[len(recorder.type(mask).shape) :]
        if recorder.type(value).rank > len(rest):
            recorder.fail(
                f"an array of shape {recorder.type(value).shape} is written under a mask that selects "
                "a number of elements not known while tracing",
                operands=[mask],
                hint=HINT,
            )
    value = recorder.cast(value, array.dtype)
    array.assign(recorder.emit("where", [condition, value, array.value]))
