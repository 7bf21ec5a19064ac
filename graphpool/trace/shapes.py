"""Functions that give an array another shape or order of axes: views where NumPy makes views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.trace.advanced import rearrange
from graphpool.trace.functions import METHODS, as_tracer, lowers, method, read_axes
from graphpool.trace.recorder import Recorder
from graphpool.trace.storage import derive
from graphpool.trace.tracer import Tracer


# --- shapes ----------------------------------------------------------------------------------------------------------
def rearranged(
    tracer: Tracer, what: str, in_numpy: Callable[[Any], Any], op: str, attrs: Callable[[], dict[str, Any]]
) -> Tracer:
    recorder = tracer.recorder
    try:
        in_numpy(tracer.storage.shadow)
    except (ValueError, TypeError) as error:
        recorder.fail(f"{what}: {error}", operands=[tracer.value], cause=error)
    chosen = attrs()
    storage = derive(recorder, tracer.storage, what, in_numpy, lambda value: recorder.emit(op, [value], chosen))
    return Tracer(recorder, storage)


@lowers(np.reshape)
def _reshape(recorder: Recorder, a: Any, /, shape: Any = None, order: str = "C", *, copy: Any = None) -> Tracer:
    options = {} if copy is None else {"copy": copy}
    return _reshaped(recorder, a, lambda array: array.reshape(shape, **options), order)


def _reshaped(recorder: Recorder, a: Any, in_numpy: Callable[[Any], Any], order: str) -> Tracer:
    tracer = as_tracer(recorder, a)
    if order != "C":
        recorder.fail(f"reshape with order={order!r}", hint="transpose, then reshape in the usual order")
    return rearranged(
        tracer, "a reshape", in_numpy, "reshape", lambda: {"shape": in_numpy(tracer.storage.shadow).shape}
    )


@lowers(np.ravel)
def _ravel(recorder: Recorder, a: Any, order: str = "C") -> Tracer:
    return _reshaped(recorder, a, np.ravel, order)  # reshape(-1) leaves a vector of any stride as it is


@lowers(np.transpose, np.permute_dims)
def _transpose(recorder: Recorder, a: Any, axes: Any = None) -> Tracer:
    tracer = as_tracer(recorder, a)
    if tracer.ndim < 2:
        return tracer[...]  # type: ignore[no-any-return]
    order = tuple(reversed(range(tracer.ndim))) if axes is None else tuple(int(axis) for axis in axes)
    return rearranged(
        tracer,
        "a transpose",
        lambda array: array.transpose(order),
        "transpose",
        lambda: {"axes": tuple(axis % tracer.ndim - tracer.ndim for axis in order)},
    )


@lowers(np.matrix_transpose)
def _matrix_transpose(recorder: Recorder, x: Any) -> Tracer:
    return _swapaxes(recorder, x, -1, -2)


@lowers(np.swapaxes)
def _swapaxes(recorder: Recorder, a: Any, axis1: int, axis2: int) -> Tracer:
    order = list(range(as_tracer(recorder, a).ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return _transpose(recorder, a, order)


@lowers(np.moveaxis)
def _moveaxis(recorder: Recorder, a: Any, source: Any, destination: Any) -> Tracer:
    tracer = as_tracer(recorder, a)
    labels = np.moveaxis(np.empty(tuple(range(2, tracer.ndim + 2)), dtype=np.bool_), source, destination).shape
    return _transpose(recorder, tracer, [label - 2 for label in labels])


@lowers(np.squeeze)
def _squeeze(recorder: Recorder, a: Any, axis: Any = None) -> Tracer:
    tracer = as_tracer(recorder, a)
    if axis is None:
        axes = tuple(i - tracer.ndim for i, n in enumerate(tracer.shape) if n == 1)
    else:
        axes = read_axes(recorder, axis, tracer.ndim)
    return rearranged(tracer, "a squeeze", lambda array: np.squeeze(array, axis), "squeeze", lambda: {"axes": axes})


@lowers(np.expand_dims)
def _expand_dims(recorder: Recorder, a: Any, axis: Any) -> Any:
    tracer = as_tracer(recorder, a)
    axes = axis if isinstance(axis, tuple) else (axis,)
    rank = tracer.ndim + len(axes)
    new = set(read_axes(recorder, tuple(axes), rank))
    return tracer[tuple(None if place - rank in new else slice(None) for place in range(rank))]


@lowers(np.atleast_1d)
def _atleast_1d(recorder: Recorder, *arys: Any) -> Any:
    return _each(recorder, arys, lambda tracer: tracer if tracer.ndim else tracer[None])


@lowers(np.broadcast_to)
def _broadcast_to(recorder: Recorder, array: Any, shape: Any, subok: bool = False) -> Tracer:
    tracer = as_tracer(recorder, array)
    return rearranged(
        tracer,
        "a broadcast array",
        lambda plain: np.broadcast_to(plain, shape),
        "broadcast",
        lambda: {"shape": np.broadcast_to(tracer.storage.shadow, shape).shape},
    )


@lowers(np.atleast_2d)
def _atleast_2d(recorder: Recorder, *arys: Any) -> Any:
    return _each(recorder, arys, lambda tracer: tracer if tracer.ndim > 1 else _atleast_1d(recorder, tracer)[None])


@lowers(np.atleast_3d)
def _atleast_3d(recorder: Recorder, *arys: Any) -> Any:
    def grown(tracer: Tracer) -> Any:
        if tracer.ndim > 2:
            return tracer
        return tracer[:, :, None] if tracer.ndim == 2 else _atleast_1d(recorder, tracer)[None, :, None]

    return _each(recorder, arys, grown)


def _each(recorder: Recorder, arrays: tuple[Any, ...], function: Callable[[Tracer], Any]) -> Any:
    results = tuple(function(as_tracer(recorder, item)) for item in arrays)
    return results[0] if len(results) == 1 else results


@lowers(np.broadcast_arrays)
def _broadcast_arrays(recorder: Recorder, *args: Any, subok: bool = False) -> tuple[Any, ...]:
    tracers = [as_tracer(recorder, item) for item in args]
    try:
        shape = np.broadcast_shapes(*[tracer.shape for tracer in tracers])
    except ValueError as error:
        recorder.fail(f"np.broadcast_arrays: {error}", operands=[tracer.value for tracer in tracers], cause=error)
    return tuple(tracer if tracer.shape == shape else np.broadcast_to(tracer, shape) for tracer in tracers)


# --- turning ---------------------------------------------------------------------------------------------------------
@lowers(np.flip)
def _flip(recorder: Recorder, m: Any, axis: Any = None) -> Any:
    tracer = as_tracer(recorder, m)
    turned = read_axes(recorder, axis, tracer.ndim)
    steps = (-1 if place - tracer.ndim in turned else None for place in range(tracer.ndim))
    return tracer[(*(slice(None, None, step) for step in steps), Ellipsis)]


lowers(np.flipud)(lambda recorder, m: _flip(recorder, m, 0))
lowers(np.fliplr)(lambda recorder, m: _flip(recorder, m, 1))


@lowers(np.rot90)
def _rot90(recorder: Recorder, m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    tracer = as_tracer(recorder, m)
    if len(read_axes(recorder, tuple(axes), tracer.ndim)) != 2 or axes[0] % tracer.ndim == axes[1] % tracer.ndim:
        recorder.fail(f"np.rot90 over axes {axes}", hint="name two axes")
    turns = k % 4
    if turns == 0:
        return tracer[...]
    if turns == 2:
        return _flip(recorder, tracer, tuple(axes))
    if turns == 1:
        return _swapaxes(recorder, _flip(recorder, tracer, axes[1]), *axes)
    return _flip(recorder, _swapaxes(recorder, tracer, *axes), axes[1])


# --- diagonals -------------------------------------------------------------------------------------------------------
def diagonal_of(recorder: Recorder, value: Value, offset: int, axis1: int, axis2: int) -> Value:
    """The diagonal of two axes, as the last axis."""
    shape = recorder.type(value).shape
    others = [axis for axis in range(len(shape)) if axis not in (axis1, axis2)]
    rows, columns = shape[axis1], shape[axis2]
    places = np.arange(rows * columns).reshape(rows, columns).diagonal(offset)
    front = rearrange(recorder, value, [axis1, axis2, *others])
    folded = recorder.emit("reshape", [front], {"shape": (rows * columns, *(shape[axis] for axis in others))})
    taken = recorder.emit("take", [folded, recorder.constant(places.astype(np.int64))])
    return rearrange(recorder, taken, [*range(1, len(others) + 1), 0])


@lowers(np.diagonal)
def _diagonal(recorder: Recorder, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tracer:
    tracer = as_tracer(recorder, a)

    def in_numpy(plain: Any) -> Any:
        return np.diagonal(plain, offset, axis1, axis2)

    try:
        in_numpy(tracer.storage.shadow)
    except ValueError as error:
        recorder.fail(f"np.diagonal: {error}", operands=[tracer.value], cause=error)
    first, second = axis1 % tracer.ndim, axis2 % tracer.ndim
    storage = derive(
        recorder,
        tracer.storage,
        "a diagonal",
        in_numpy,
        lambda value: diagonal_of(recorder, value, offset, first, second),
    )
    return Tracer(recorder, storage)


@lowers(np.trace)
def _trace(
    recorder: Recorder, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    return np.sum(_diagonal(recorder, a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@lowers(np.diag)
def _diag(recorder: Recorder, v: Any, k: int = 0) -> Any:
    tracer = as_tracer(recorder, v)
    if tracer.ndim == 2:
        return _diagonal(recorder, tracer, k)
    if tracer.ndim != 1:
        recorder.fail(f"np.diag of an array of {tracer.ndim} axes", hint="it takes a vector or a matrix")
    places = np.diag(np.arange(1, tracer.size + 1), k)
    ahead = np.concatenate([np.zeros(1, tracer.dtype), tracer])
    return ahead[places]


def _triangle(recorder: Recorder, m: Any, mask: Callable[..., Any], keep: bool, k: int) -> Any:
    tracer: Any = as_tracer(recorder, m)
    tracer = np.broadcast_to(tracer, tracer.shape * 2) if tracer.ndim == 1 else tracer
    zero = np.zeros(1, tracer.dtype)
    chosen = mask(*tracer.shape[-2:], k=k if keep else k - 1, dtype=bool)
    return np.where(chosen, tracer, zero) if keep else np.where(chosen, zero, tracer)


lowers(np.tril)(lambda recorder, m, k=0: _triangle(recorder, m, np.tri, True, k))
lowers(np.triu)(lambda recorder, m, k=0: _triangle(recorder, m, np.tri, False, k))


METHODS |= {"diagonal": method(np.diagonal), "trace": method(np.trace)}
