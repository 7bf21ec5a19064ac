"""NumPy's functions and array methods on tracers, as tables from the function to its lowering.

The lowerings stand in one module a family, and most are written with NumPy's own functions, which trace in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.trace.hints import hint_for
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, operand_value, shadow_of

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
        plain = getattr(np, function.__name__, None)
        instead = f"np.{function.__name__}" if plain in FUNCTIONS or plain is np.matmul else None
        recorder.fail(f"{name} cannot be traced", hint=instead or hint_for(function.__name__))
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


def promoted(recorder: Recorder, items: Sequence[Any], weak: bool = False) -> list[Value]:
    """Operands in their common dtype; Python numbers are weak where the function has it so."""

    def described(item: Any) -> Any:
        if isinstance(item, Tracer):
            return item.dtype
        return item if weak and type(item) in (int, float) else recorder.plain(item).dtype

    dtype = np.result_type(*[described(item) for item in items])
    return [recorder.cast(operand_value(recorder, item, dtype), dtype) for item in items]


def owned(result: Any) -> Tracer:
    """A view of what a lowering has made for itself, as the array of its own that NumPy gives."""
    return Tracer.of(result.recorder, result.value, result.is_scalar, result.storage.shadow)


def copied_shadow(tracer: Tracer, order: Any) -> Array:
    """The layout of a copy."""
    return np.empty_like(tracer.storage.shadow, order=order)


def method(function: Callable[..., Any]) -> Callable[[Tracer], Any]:
    """An array method that is a NumPy function of the array."""
    return lambda tracer: lambda *args, **kwargs: FUNCTIONS[function](tracer.recorder, tracer, *args, **kwargs)


def spread(function: Callable[..., Any]) -> Callable[[Tracer], Any]:
    """Methods that take a shape or axes as one tuple or one by one."""

    def bound(tracer: Tracer) -> Any:
        def call(*items: Any, **kwargs: Any) -> Any:
            whole = items[0] if len(items) == 1 and not isinstance(items[0], (int, np.integer)) else items
            given = () if not items else (whole,)
            return FUNCTIONS[function](tracer.recorder, tracer, *given, **kwargs)

        return call

    return bound
