"""NumPy's reductions on tracers: the axes and the dtype that NumPy would use, then one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.graph.types import BOOL, FLOAT64, DType
from graphpool.trace.functions import METHODS, as_tracer, lowers, read_axes
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer
from graphpool.trace.ufuncs import deliver


def reduce_array(
    recorder: Recorder,
    op: str,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    **others: Any,
) -> Any:
    """A reduction row on whichever axes, with the dtype that NumPy would use."""
    unknown = [name for name, item in others.items() if item is not np._NoValue]
    if unknown:
        recorder.fail(f"np.{op}({', '.join(unknown)}=...) cannot be traced")
    tracer = as_tracer(recorder, a)
    axes = read_axes(recorder, axis, tracer.ndim)
    target = np.dtype(dtype) if dtype is not None else _reduced_dtype(op, tracer.dtype)
    if target == BOOL:
        op = {"max": "any", "min": "all"}.get(op, op)
    value, shadow = recorder.cast(tracer.value, target), tracer.storage.shadow
    if axes:
        keep = keepdims is not np._NoValue and bool(keepdims)
        shadow = np.asarray(np.any(shadow, axis=axes, keepdims=keep))
        value = recorder.emit(op, [value], {"axes": axes, "keepdims": keep})
    if out is not None:
        return deliver(recorder, value, out[0] if isinstance(out, tuple) else out, exactly=True)
    return Tracer.of(recorder, value, shadow=shadow if axes else np.empty_like(shadow))


def _reduced_dtype(op: str, dtype: DType) -> DType:
    if op in ("any", "all"):
        return BOOL
    if op == "mean":
        return dtype if dtype.kind == "f" else FLOAT64
    if op in ("sum", "prod"):
        summed: DType = np.add.reduce(np.empty(1, dtype)).dtype
        return summed
    return dtype


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "max": np.max, "min": np.min, "any": np.any, "all": np.all,
}  # fmt: skip


def _register_reduction(op: str, function: Callable[..., Any]) -> None:
    has_dtype = op in ("sum", "prod", "mean")

    def lowering(recorder: Recorder, a: Any, axis: Any = None, *rest: Any, **kwargs: Any) -> Any:
        names = ("dtype", "out", "keepdims") if has_dtype else ("out", "keepdims")
        return reduce_array(recorder, op, a, axis, **dict(zip(names, rest, strict=False)), **kwargs)

    lowers(function)(lowering)
    METHODS[op] = lambda tracer: lambda *args, **kwargs: lowering(tracer.recorder, tracer, *args, **kwargs)


for _op, _function in REDUCTIONS.items():
    _register_reduction(_op, _function)
