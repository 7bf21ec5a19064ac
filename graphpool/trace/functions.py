"""NumPy's functions and array methods on tracers, as tables from the function to its lowering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL, Array
from graphpool.trace.recorder import Recorder
from graphpool.trace.storage import derive
from graphpool.trace.tracer import Tracer, elementwise_shadow, operand_value, shadow_of
from graphpool.trace.ufuncs import CLIP

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy function -> lowering, called with the recorder and the function's own arguments."""

METHODS: dict[str, Callable[[Tracer], Any]] = {}
"""Array method or attribute -> what it gives for a tracer."""


def apply_function(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What ``Tracer.__array_function__`` does."""
    lowering = FUNCTIONS.get(function)
    name = f"{getattr(function, '__module__', 'np').replace('numpy', 'np')}.{function.__name__}"
    if lowering is None:
        recorder.fail(f"{name} cannot be traced", hint="the docs list the functions that can (docs/ops.md)")
    try:
        return lowering(recorder, *args, **kwargs)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            recorder.fail(f"{name}: these arguments cannot be traced: {error}", cause=error)
        raise


def lowers(*functions: Callable[..., Any]) -> Callable[[F], F]:
    """Register the lowering of NumPy functions."""

    def register(lowering: F) -> F:
        FUNCTIONS.update(dict.fromkeys(functions, lowering))
        return lowering

    return register


def as_tracer(recorder: Recorder, item: Any) -> Tracer:
    """A tracer, made of a constant where needed."""
    if isinstance(item, Tracer):
        return item
    return Tracer.of(recorder, operand_value(recorder, item), False, shadow_of(item))


def read_axes(recorder: Recorder, axis: Any, rank: int) -> tuple[int, ...]:
    """Axes as NumPy takes them, counted from the end and sorted."""
    if axis is None:
        return tuple(range(-rank, 0))
    wanted = axis if isinstance(axis, tuple) else (axis,)
    if rank == 0 and all(item in (0, -1) for item in wanted):
        return ()  # as NumPy does
    for item in wanted:
        if not -rank <= int(item) < rank:
            recorder.fail(f"axis {item} is out of bounds for an array of {rank} axes")
    return tuple(sorted(int(item) % rank - rank for item in wanted))


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


@lowers(np.copy)
def _copy(recorder: Recorder, a: Any, order: str = "K", subok: bool = False) -> Tracer:
    tracer = as_tracer(recorder, a)
    return Tracer.of(recorder, tracer.value, False, _copied_shadow(tracer, order))


def _copied_shadow(tracer: Tracer, order: Any) -> Array:
    return np.empty_like(tracer.storage.shadow, order=order)


@lowers(np.copyto)
def _copyto(recorder: Recorder, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(dst, Tracer):
        recorder.fail("np.copyto into a plain array", hint="make the buffer with np.zeros_like of a traced array")
    value = operand_value(recorder, src, dst.dtype)
    if where is not True:
        value = recorder.cast(value, dst.dtype)
        value = recorder.emit("where", [operand_value(recorder, where), value, dst.value])
    dst.assign(value, casting)


# --- selection -------------------------------------------------------------------------------------------------------
@lowers(np.where)
def _where(recorder: Recorder, condition: Any, x: Any = None, y: Any = None) -> Tracer:
    if x is None or y is None:
        recorder.fail(
            "np.where(condition) alone: how many it finds is not known while tracing", hint="give both values"
        )
    mask = recorder.cast(operand_value(recorder, condition), BOOL)
    args = _promoted(recorder, [x, y], weak=True)
    value = recorder.emit("where", [mask, *args])
    return Tracer.of(recorder, value, False, elementwise_shadow(condition, x, y))


def _promoted(recorder: Recorder, items: Sequence[Any], weak: bool = False) -> list[Value]:
    """Operands in their common dtype; Python numbers are weak where the function has it so."""

    def described(item: Any) -> Any:
        if isinstance(item, Tracer):
            return item.dtype
        return item if weak and type(item) in (int, float) else np.asarray(item).dtype

    dtype = np.result_type(*[described(item) for item in items])
    return [recorder.cast(operand_value(recorder, item, dtype), dtype) for item in items]


@lowers(np.clip)
def _clip(recorder: Recorder, a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    low, high = kwargs.pop("min", a_min), kwargs.pop("max", a_max)
    kwargs |= {} if out is None else {"out": (out,)}
    if low is None and high is None:
        return np.positive(a, **kwargs)
    if low is None:
        return np.minimum(a, high, **kwargs)
    if high is None:
        return np.maximum(a, low, **kwargs)
    return CLIP(a, low, high, **kwargs)


@lowers(np.round)
def _round(recorder: Recorder, a: Any, decimals: int = 0, out: Any = None) -> Any:
    if decimals != 0:
        recorder.fail(f"np.round with decimals={decimals}", hint="scale before and after: np.round(x * 100) / 100")
    return np.rint(a, out=out) if as_tracer(recorder, a).dtype.kind == "f" else np.positive(a, out=out)


# --- products --------------------------------------------------------------------------------------------------------
@lowers(np.dot)
def _dot(recorder: Recorder, a: Any, b: Any, out: Any = None) -> Any:
    left, right = as_tracer(recorder, a), as_tracer(recorder, b)
    if not left.ndim or not right.ndim:
        return np.multiply(left, right, out=out)
    if left.ndim > 1 and right.ndim > 2:
        recorder.fail(f"np.dot of shapes {left.shape} and {right.shape}", hint="use np.matmul (@)")
    return np.matmul(left, right, out=out)


# --- shapes ----------------------------------------------------------------------------------------------------------
def _rearranged(
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
    return _rearranged(
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
    return _rearranged(
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
    return _rearranged(tracer, "a squeeze", lambda array: np.squeeze(array, axis), "squeeze", lambda: {"axes": axes})


@lowers(np.expand_dims)
def _expand_dims(recorder: Recorder, a: Any, axis: Any) -> Any:
    tracer = as_tracer(recorder, a)
    axes = axis if isinstance(axis, tuple) else (axis,)
    rank = tracer.ndim + len(axes)
    new = set(read_axes(recorder, tuple(axes), rank))
    return tracer[tuple(None if place - rank in new else slice(None) for place in range(rank))]


@lowers(np.atleast_1d)
def _atleast_1d(recorder: Recorder, a: Any) -> Any:
    tracer = as_tracer(recorder, a)
    return tracer if tracer.ndim else tracer[None]


@lowers(np.broadcast_to)
def _broadcast_to(recorder: Recorder, array: Any, shape: Any, subok: bool = False) -> Tracer:
    tracer = as_tracer(recorder, array)
    return _rearranged(
        tracer,
        "a broadcast array",
        lambda plain: np.broadcast_to(plain, shape),
        "broadcast",
        lambda: {"shape": np.broadcast_to(tracer.storage.shadow, shape).shape},
    )


# --- joining ---------------------------------------------------------------------------------------------------------
def _joined(recorder: Recorder, arrays: Any, function: Callable[..., Any], axis: int, extra: int = 0) -> Tracer:
    items = list(arrays)
    args = _promoted(recorder, items)
    rank = recorder.type(args[0]).rank + extra
    value = recorder.emit(function.__name__, args, {"axis": read_axes(recorder, axis, rank)[0]})
    return Tracer.of(recorder, value, False, function([shadow_of(item) for item in items], axis=axis))


@lowers(np.concatenate, np.concat)
def _concatenate(recorder: Recorder, arrays: Any, /, axis: int | None = 0, **others: Any) -> Tracer:
    if others:
        recorder.fail(f"np.concatenate({', '.join(others)}=...) cannot be traced")
    if axis is None:
        return _joined(recorder, [np.ravel(as_tracer(recorder, item)) for item in arrays], np.concatenate, 0)
    return _joined(recorder, arrays, np.concatenate, axis)


@lowers(np.stack)
def _stack(recorder: Recorder, arrays: Any, axis: int = 0, **others: Any) -> Tracer:
    if others:
        recorder.fail(f"np.stack({', '.join(others)}=...) cannot be traced")
    return _joined(recorder, arrays, np.stack, axis, 1)


@lowers(np.hstack)
def _hstack(recorder: Recorder, tup: Any) -> Tracer:
    arrays = [_atleast_1d(recorder, item) for item in tup]
    return _joined(recorder, arrays, np.concatenate, 0 if arrays[0].ndim == 1 else 1)


# --- methods ---------------------------------------------------------------------------------------------------------
def _astype(tracer: Tracer) -> Any:
    def astype(dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
        if not copy and np.dtype(dtype) == tracer.dtype:
            return tracer
        value = tracer.recorder.cast(tracer.value, np.dtype(dtype))
        return Tracer.of(tracer.recorder, value, tracer.is_scalar, _copied_shadow(tracer, order))

    return astype


def _copy_method(tracer: Tracer) -> Any:
    def copy(order: str = "C") -> Any:
        return Tracer.of(tracer.recorder, tracer.value, tracer.is_scalar, _copied_shadow(tracer, order))

    return copy


def _fill(tracer: Tracer) -> Any:
    return lambda item: tracer.assign(operand_value(tracer.recorder, item, tracer.dtype), "unsafe")


def _method(function: Callable[..., Any]) -> Callable[[Tracer], Any]:
    return lambda tracer: lambda *args, **kwargs: FUNCTIONS[function](tracer.recorder, tracer, *args, **kwargs)


def _spread(function: Callable[..., Any]) -> Callable[[Tracer], Any]:
    """Methods that take a shape or axes as one tuple or one by one."""

    def bound(tracer: Tracer) -> Any:
        def call(*items: Any, **kwargs: Any) -> Any:
            whole = items[0] if len(items) == 1 and not isinstance(items[0], (int, np.integer)) else items
            given = () if not items else (whole,)
            return FUNCTIONS[function](tracer.recorder, tracer, *given, **kwargs)

        return call

    return bound


METHODS |= {
    "T": lambda tracer: _transpose(tracer.recorder, tracer),
    "mT": lambda tracer: _matrix_transpose(tracer.recorder, tracer),
    "real": lambda tracer: tracer,
    "astype": _astype,
    "clip": _method(np.clip),
    "copy": _copy_method,
    "dot": _method(np.dot),
    "fill": _fill,
    "flatten": lambda tracer: lambda order="C": np.ravel(tracer, order).copy(),
    "nbytes": lambda tracer: tracer.size * tracer.dtype.itemsize,
    "itemsize": lambda tracer: tracer.dtype.itemsize,
    "ravel": _method(np.ravel),
    "reshape": _spread(np.reshape),
    "round": _method(np.round),
    "squeeze": _method(np.squeeze),
    "swapaxes": _method(np.swapaxes),
    "transpose": _spread(np.transpose),
}
