"""Functions that sum up an axis or run along it, from the reductions and a few rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.graph.types import BOOL, FLOAT64, INT32, INT64
from graphpool.trace.functions import METHODS, as_tracer, lowers, method, owned, read_axes
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer
from graphpool.trace.ufuncs import deliver


def _finished(recorder: Recorder, result: Any, out: Any) -> Any:
    return result if out is None else deliver(recorder, as_tracer(recorder, result).value, out, exactly=True)


def _flag(item: Any) -> bool:
    return item is not np._NoValue and bool(item)


# --- where the extreme lies, running sums ----------------------------------------------------------------------------
def _register_place(name: str, function: Callable[..., Any]) -> None:
    def lowering(recorder: Recorder, a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        tracer = as_tracer(recorder, a)
        whole: Any = np.ravel(tracer) if axis is None else tracer
        (place,) = read_axes(recorder, -1 if axis is None else axis, whole.ndim) or (None,)
        if place is None:
            whole, place = whole[None], -1
        value = recorder.cast(whole.value, INT32) if whole.dtype == BOOL else whole.value
        value = recorder.cast(recorder.emit(name, [value], {"axis": place}), INT64)
        if _flag(keepdims):
            axes = (place,) if axis is not None else tuple(range(-tracer.ndim, 0))
            value = recorder.emit("expand", [value], {"axes": axes}) if tracer.ndim else value
        return _finished(recorder, Tracer.of(recorder, value), out)

    lowers(function)(lowering)


def _register_running(name: str, function: Callable[..., Any]) -> None:
    def lowering(recorder: Recorder, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        tracer: Any = np.ravel(as_tracer(recorder, a)) if axis is None else as_tracer(recorder, a)
        places = read_axes(recorder, 0 if axis is None else axis, tracer.ndim)
        tracer, places = (tracer, places) if places else (tracer[None], (-1,))
        target = np.dtype(dtype) if dtype is not None else np.add.reduce(np.empty(1, tracer.dtype)).dtype
        value = recorder.emit(name, [recorder.cast(tracer.value, target)], {"axis": places[0]})
        shadow = np.logical_or.accumulate(tracer.storage.shadow, axis=places[0])
        return _finished(recorder, Tracer.of(recorder, value, False, shadow), out)

    lowers(function)(lowering)


_register_place("argmax", np.argmax)
_register_place("argmin", np.argmin)
_register_running("cumsum", np.cumsum)
_register_running("cumprod", np.cumprod)


# --- moments ---------------------------------------------------------------------------------------------------------
@lowers(np.var)
def _var(
    recorder: Recorder, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: Any = False, **others: Any,
) -> Any:  # fmt: skip
    tracer = as_tracer(recorder, a)
    ddof, mean = others.pop("correction", ddof), others.pop("mean", np._NoValue)
    unknown = [name for name, item in others.items() if item is not np._NoValue]
    if unknown:
        recorder.fail(f"np.var({', '.join(unknown)}=...) cannot be traced", hint="use np.where on the whole array")
    axes = read_axes(recorder, axis, tracer.ndim)
    count = math.prod(tracer.shape[place] for place in axes)
    wanted = np.dtype(dtype) if dtype is not None else (None if tracer.dtype.kind == "f" else FLOAT64)
    if mean is np._NoValue:
        mean = np.sum(tracer, axes, wanted, keepdims=True) / count
    centred = tracer - mean
    summed = np.sum(centred * centred, axes, wanted, keepdims=_flag(keepdims))
    return _finished(recorder, summed / max(count - ddof, 0), out)


@lowers(np.std)
def _std(recorder: Recorder, a: Any, *args: Any, **kwargs: Any) -> Any:
    out = kwargs.pop("out", None)
    if len(args) > 2:
        out, args = args[2], (*args[:2], None, *args[3:])
    return _finished(recorder, np.sqrt(_var(recorder, a, *args, **kwargs)), out)


@lowers(np.average)
def _average(
    recorder: Recorder, a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    tracer, keep = as_tracer(recorder, a), _flag(keepdims)
    if weights is None:
        average = np.mean(tracer, axis, keepdims=keep)
        scale = as_tracer(recorder, average.dtype.type(tracer.size / max(average.size, 1)))
    else:
        weight = as_tracer(recorder, weights)
        exact = (FLOAT64,) if tracer.dtype.kind in "iub" else ()
        dtype = np.result_type(tracer.dtype, weight.dtype, *exact)
        if weight.shape != tracer.shape:
            weight = _along(recorder, weight, tracer, axis)
        scale = np.sum(weight, axis, dtype, keepdims=keep)
        average = np.sum(tracer.astype(dtype) * weight.astype(dtype), axis, keepdims=keep) / scale
    if not returned:
        return average
    return average, np.broadcast_to(scale, average.shape).copy()


def _along(recorder: Recorder, weight: Tracer, tracer: Tracer, axis: Any) -> Any:
    """Weights of one axis, with the axes of the array."""
    axes = () if axis is None else read_axes(recorder, axis, tracer.ndim)
    if not axes or weight.shape != tuple(tracer.shape[place] for place in axes):
        recorder.fail(
            f"weights of shape {weight.shape} for an average over axis {axis} of shape {tracer.shape}",
            hint="give them the shape of the array, or of the axes averaged over",
        )
    return weight.reshape([n if place - tracer.ndim in axes else 1 for place, n in enumerate(tracer.shape)])


@lowers(np.ptp)
def _ptp(recorder: Recorder, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    keep = _flag(keepdims)
    return _finished(recorder, np.max(a, axis, keepdims=keep) - np.min(a, axis, keepdims=keep), out)


@lowers(np.count_nonzero)
def _count_nonzero(recorder: Recorder, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(as_tracer(recorder, a).astype(BOOL), axis, INT64, keepdims=keepdims)


@lowers(np.median)
def _median(
    recorder: Recorder, a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """Of up to three elements, which least and largest values order."""
    tracer = as_tracer(recorder, a)
    axes = read_axes(recorder, axis, tracer.ndim)
    count = math.prod(tracer.shape[place] for place in axes)
    if not 1 <= count <= 3:
        recorder.fail(
            f"np.median of {count} elements: no target sorts",
            operands=[tracer.value],
            hint="np.median of up to three elements can be traced; of more, take medians of three, or the mean",
        )
    kept = [place for place in range(-tracer.ndim, 0) if place not in axes]
    rows = np.transpose(tracer, [*kept, *axes]).reshape([*(tracer.shape[place] for place in kept), count])
    parts = [np.add(rows[..., number], 0.0) for number in range(count)]
    if count == 3:
        low, high = np.minimum(parts[0], parts[1]), np.maximum(parts[0], parts[1])
        result = np.maximum(low, np.minimum(high, parts[2]))
    else:
        result = (parts[0] + parts[1]) / 2 if count == 2 else parts[0]
    result = np.expand_dims(result, axes) if keepdims and axes else result
    return _finished(recorder, result if result.ndim else result[()], out)


@lowers(np.linalg.norm)
def _norm(recorder: Recorder, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    tracer = as_tracer(recorder, x)
    tracer = tracer if tracer.dtype.kind == "f" else tracer.astype(FLOAT64)
    if axis is None and (ord is None or (ord == 2 and tracer.ndim == 1) or (ord == "fro" and tracer.ndim == 2)):
        flat = np.ravel(tracer)
        length = np.sqrt(np.dot(flat, flat))
        return owned(length.reshape([1] * tracer.ndim)) if keepdims else length
    places = read_axes(recorder, axis, tracer.ndim)
    if len(places) == 1:
        return _vector_norm(recorder, tracer, ord, places, keepdims)
    if len(places) != 2:
        recorder.fail(f"np.linalg.norm over {len(places)} axes", hint="name one axis of vectors or two of matrices")
    return _matrix_norm(recorder, tracer, ord, axis if isinstance(axis, tuple) else (0, 1), keepdims)


def _vector_norm(recorder: Recorder, x: Tracer, ord: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(np.abs(x), axis, keepdims=keepdims)
    if isinstance(ord, str):
        recorder.fail(f"np.linalg.norm of vectors with ord={ord!r}", hint="ord is a number, inf or -inf")
    if ord == 0:
        return np.sum(x != 0, axis, x.dtype, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis, keepdims=keepdims)
    if ord is None or ord == 2:
        return np.sqrt(np.sum(x * x, axis, keepdims=keepdims))
    return np.power(np.sum(np.power(np.abs(x), ord), axis, keepdims=keepdims), 1 / ord)


def _matrix_norm(recorder: Recorder, x: Tracer, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord in (None, "fro", "f"):
        return np.sqrt(np.sum(x * x, axes, keepdims=keepdims))
    if ord not in (1, -1, np.inf, -np.inf):
        recorder.fail(
            f"np.linalg.norm of matrices with ord={ord!r}",
            hint="ord is 'fro', 1, -1, inf or -inf; the others need a singular value decomposition",
        )
    first, second = axes if abs(ord) == 1 else axes[::-1]
    sums = np.sum(np.abs(x), first, keepdims=True)
    extreme = (np.max if ord > 0 else np.min)(sums, second, keepdims=True)
    return extreme if keepdims else np.squeeze(extreme, (first, second))[()]


METHODS |= {
    "argmax": method(np.argmax),
    "argmin": method(np.argmin),
    "cumprod": method(np.cumprod),
    "cumsum": method(np.cumsum),
    "std": method(np.std),
    "var": method(np.var),
}
