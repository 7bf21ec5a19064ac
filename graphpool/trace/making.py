"""Questions about arrays, and functions that make arrays of a given shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.trace.functions import as_tracer, copied_shadow, lowers
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, operand_value

# --- questions -------------------------------------------------------------------------------------------------------
lowers(np.shape)(lambda recorder, a: as_tracer(recorder, a).shape)
lowers(np.ndim)(lambda recorder, a: as_tracer(recorder, a).ndim)
lowers(np.result_type)(lambda recorder, *items: np.result_type(*[_dtype_or_number(item) for item in items]))
lowers(np.iscomplexobj)(lambda recorder, x: False)
lowers(np.isrealobj)(lambda recorder, x: True)


def _size(recorder: Recorder, a: Any, axis: int | None = None) -> int:
    tracer = as_tracer(recorder, a)
    return tracer.size if axis is None else tracer.shape[axis]


lowers(np.size)(_size)


def _dtype_or_number(item: Any) -> Any:
    return item.dtype if isinstance(item, Tracer) else item


# --- making arrays ---------------------------------------------------------------------------------------------------
def _full_like(
    recorder: Recorder, a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True,
    shape: Any = None,
) -> Tracer:  # fmt: skip
    tracer = as_tracer(recorder, a)
    shadow = np.empty_like(tracer.storage.shadow, order=order, shape=shape)
    target = np.dtype(dtype or tracer.dtype)
    value = recorder.cast(operand_value(recorder, fill_value, target), target)
    return Tracer.of(recorder, recorder.broadcast(value, shadow.shape), False, shadow)


lowers(np.full_like)(_full_like)
lowers(np.zeros_like)(lambda recorder, a, *args, **kwargs: _full_like(recorder, a, 0, *args, **kwargs))
lowers(np.ones_like)(lambda recorder, a, *args, **kwargs: _full_like(recorder, a, 1, *args, **kwargs))
lowers(np.empty_like)(lambda recorder, a, *args, **kwargs: _full_like(recorder, a, 0, *args, **kwargs))


@lowers(np.astype)
def _astype(recorder: Recorder, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return as_tracer(recorder, x).astype(dtype, copy=copy)


@lowers(np.copy)
def _copy(recorder: Recorder, a: Any, order: str = "K", subok: bool = False) -> Tracer:
    tracer = as_tracer(recorder, a)
    return Tracer.of(recorder, tracer.value, False, copied_shadow(tracer, order))


@lowers(np.copyto)
def _copyto(recorder: Recorder, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(dst, Tracer):
        recorder.fail("np.copyto into a plain array", hint="make the buffer with np.zeros_like of a traced array")
    value = operand_value(recorder, src, dst.dtype)
    if where is not True:
        value = recorder.cast(value, dst.dtype)
        value = recorder.emit("where", [operand_value(recorder, where), value, dst.value])
    dst.assign(value, casting)


@lowers(np.fill_diagonal)
def _fill_diagonal(recorder: Recorder, a: Any, val: Any, wrap: bool = False) -> None:
    """One value, or as many as the diagonal has: NumPy cycles through others."""
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1) or wrap:
        recorder.fail(f"np.fill_diagonal of shape {a.shape}, wrap={wrap}", hint="a matrix, or axes of one length")
    size = min(a.shape)
    if np.shape(val) not in ((), (size,)):
        recorder.fail(f"np.fill_diagonal with values of shape {np.shape(val)}", hint=f"a number, or {size} of them")
    a[np.diag_indices(size, a.ndim)] = val


# --- positions that follow from a shape ------------------------------------------------------------------------------
lowers(np.diag_indices_from)(lambda recorder, arr: np.diag_indices_from(np.empty(arr.shape, bool)))
lowers(np.tril_indices_from)(lambda recorder, arr, k=0: np.tril_indices_from(np.empty(arr.shape, bool), k))
lowers(np.triu_indices_from)(lambda recorder, arr, k=0: np.triu_indices_from(np.empty(arr.shape, bool), k))
