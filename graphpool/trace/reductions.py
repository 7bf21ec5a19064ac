"""NumPy's reductions on tracers: the axes and the dtype that NumPy would use, then one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL, FLOAT64, DType
from graphpool.trace.functions import METHODS, as_tracer, lowers, read_axes
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, operand_value
from graphpool.trace.ufuncs import deliver


def reduce_array(
    recorder: Recorder,
    op: str,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """A reduction row on whichever axes, with the dtype that NumPy would use."""
    tracer = as_tracer(recorder, a)
    axes = read_axes(recorder, axis, tracer.ndim)
    target = np.dtype(dtype) if dtype is not None else _reduced_dtype(op, tracer.dtype)
    if target == BOOL:
        op = {"max": "any", "min": "all"}.get(op, op)
    start = None if initial is np._NoValue else _start(recorder, op, initial, target)
    value, shadow = recorder.cast(tracer.value, target), tracer.storage.shadow
    if where is not True and where is not np._NoValue:
        if op == "mean":
            return _mean_where(recorder, value, where, axis, out, keepdims)
        value = _only_where(recorder, op, value, where, start)
    if axes:
        keep = keepdims is not np._NoValue and bool(keepdims)
        shadow = np.asarray(np.any(shadow, axis=axes, keepdims=keep))
        value = recorder.emit(op, [value], {"axes": axes, "keepdims": keep})
    if start is not None:
        value = recorder.emit(COMBINED[op], [start, value])
    if out is not None:
        return deliver(recorder, value, out[0] if isinstance(out, tuple) else out, exactly=True)
    return Tracer.of(recorder, value, shadow=shadow if axes else np.empty_like(shadow))


def _start(recorder: Recorder, op: str, initial: Any, dtype: DType) -> Value:
    """What a reduction begins with."""
    value = operand_value(recorder, initial, dtype)
    if not np.can_cast(recorder.type(value).dtype, dtype, "same_kind") or recorder.type(value).shape:
        recorder.fail(f"np.{op} with initial={initial!r}", hint=f"a number of {dtype}")
    return recorder.cast(value, dtype)


def _only_where(recorder: Recorder, op: str, value: Value, where: Any, start: Value | None) -> Value:
    """The array with what changes nothing in place of the elements that are left out."""
    condition = operand_value(recorder, where)
    if recorder.type(condition).dtype != BOOL:
        recorder.fail(f"np.{op} with a where that is not bool", operands=[condition], hint="compare: where=x > 0")
    type_ = recorder.type(value)
    nothing = recorder.constant(NEUTRAL[op], type_.dtype) if op in NEUTRAL else start
    if nothing is None:
        recorder.fail(f"np.{op}(where=...) without initial=", hint="say what nothing gives: initial=-np.inf")
    return recorder.emit("where", [recorder.broadcast(condition, type_.shape), value, nothing])


def _mean_where(recorder: Recorder, value: Value, where: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    total = reduce_array(recorder, "sum", Tracer.of(recorder, value), axis, None, None, keepdims, where=where)
    chosen = np.broadcast_to(as_tracer(recorder, where), recorder.type(value).shape)
    count = reduce_array(recorder, "sum", chosen, axis, None, None, keepdims)
    mean: Any = (total / count).astype(total.dtype)
    if out is None:
        return mean if mean.ndim else mean[()]
    return deliver(recorder, mean.value, out[0] if isinstance(out, tuple) else out, exactly=True)


def _reduced_dtype(op: str, dtype: DType) -> DType:
    if op in ("any", "all"):
        return BOOL
    if op == "mean":
        return dtype if dtype.kind == "f" else FLOAT64
    if op in ("sum", "prod"):
        summed: DType = np.add.reduce(np.empty(1, dtype)).dtype
        return summed
    return dtype


REDUCTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "sum": (np.sum,), "prod": (np.prod,), "mean": (np.mean,), "max": (np.max, np.amax), "min": (np.min, np.amin),
    "any": (np.any,), "all": (np.all,),
}  # fmt: skip

COMBINED = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "or", "all": "and"}
"""The row that joins what a reduction begins with and what it gives."""

NEUTRAL = {"sum": 0, "prod": 1, "any": False, "all": True}
"""What changes nothing."""


def _register_reduction(op: str, functions: tuple[Callable[..., Any], ...]) -> None:
    has_dtype = op in ("sum", "prod", "mean")

    def lowering(recorder: Recorder, a: Any, axis: Any = None, *rest: Any, **kwargs: Any) -> Any:
        names = ("dtype", "out", "keepdims") if has_dtype else ("out", "keepdims")
        return reduce_array(recorder, op, a, axis, **dict(zip(names, rest, strict=False)), **kwargs)

    lowers(*functions)(lowering)
    METHODS[op] = lambda tracer: lambda *args, **kwargs: lowering(tracer.recorder, tracer, *args, **kwargs)


for _op, _functions in REDUCTIONS.items():
    _register_reduction(_op, _functions)
