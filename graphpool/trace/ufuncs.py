"""NumPy's ufuncs on tracers: the dtypes that NumPy itself resolves, then rows of the op table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import BOOL, FLOAT64, Array, DType
from graphpool.ops import Trait, row
from graphpool.trace.loops import LOGICAL, check_known, emit_loop, name_of
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, elementwise_shadow, operand_value, shadow_of


def apply_ufunc(
    recorder: Recorder, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What ``Tracer.__array_ufunc__`` does."""
    from graphpool.trace.masks import MaskedTracer
    from graphpool.trace.ufunc_methods import apply_method

    if any(isinstance(item, MaskedTracer) for item in inputs):
        return NotImplemented
    if method != "__call__":
        return apply_method(recorder, ufunc, method, inputs, kwargs)
    out = kwargs.pop("out", None)
    where = kwargs.pop("where", True)
    unknown = [name for name in kwargs if name not in ("dtype", "casting")]
    if unknown:
        recorder.fail(f"{name_of(ufunc)}({', '.join(unknown)}=...) cannot be traced")
    values = call_ufunc(recorder, ufunc, inputs, kwargs.get("dtype"))
    targets = out or (None,) * len(values)
    if where is not True and any(target is None for target in targets):
        recorder.fail(f"{name_of(ufunc)}(where=...) without out=", hint="use np.where")
    results = [_result(recorder, ufunc, inputs, *each, where) for each in zip(values, targets, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _result(recorder: Recorder, ufunc: np.ufunc, inputs: Sequence[Any], value: Value, target: Any, where: Any) -> Any:
    """One result, fresh or written where ``out=`` says."""
    if target is None:
        shadow = _matmul_shadow(*inputs) if ufunc is np.matmul else elementwise_shadow(*inputs)
        return Tracer.of(recorder, value, shadow=shadow)
    if isinstance(target, Tracer) and target.is_scalar and target is inputs[0]:
        return Tracer.of(recorder, value)  # `s += 1` binds the name of a scalar anew
    return deliver(recorder, value, target, where)


def _matmul_shadow(left: Any, right: Any) -> Array | None:
    """The layout of a product: matrices row by row, stacks of them in the order that NumPy chooses."""
    a, b = shadow_of(left), shadow_of(right)
    if a.ndim <= 2 and b.ndim <= 2:
        return None
    # One element of each matrix shows the order of the stacks as well as all of them.
    stacks = np.matmul(a[..., :1, :1] if a.ndim > 1 else a[:1], b[..., :1, :1] if b.ndim > 1 else b[:1])
    rows, columns = a.shape[-2:-1], b.shape[-1:] if b.ndim > 1 else ()
    outer = stacks.ndim - len(rows) - len(columns)
    order = sorted(range(outer), key=lambda axis: -stacks.strides[axis])
    made = np.empty((*(stacks.shape[axis] for axis in order), *rows, *columns), dtype=np.bool_)
    return made.transpose((*(order.index(axis) for axis in range(outer)), *range(outer, stacks.ndim)))


def deliver(recorder: Recorder, value: Value, target: Any, where: Any = True, *, exactly: bool = False) -> Tracer:
    """Write a result into ``out=``, which may be larger by broadcasting unless ``exactly`` its shape is wanted."""
    if not isinstance(target, Tracer):
        recorder.fail(
            f"out= is a plain {type(target).__name__}; a traced value cannot be written into it",
            hint="make the buffer with np.zeros_like of a traced array, or drop out=",
        )
    if target.is_scalar:
        recorder.fail("out= is a scalar, not an array", operands=[target.value], hint="drop out=")
    shape = recorder.type(value).shape
    if len(shape) > target.ndim or (exactly and shape != target.shape):
        recorder.fail(f"out= has the shape {target.shape}, the result {shape}", operands=[value], hint="drop out=")
    if where is not True:
        condition = operand_value(recorder, where)
        value = recorder.cast(value, target.dtype)
        value = recorder.emit("where", [condition, value, target.value])
    target.assign(value)
    return target


def call_ufunc(recorder: Recorder, ufunc: np.ufunc, inputs: Sequence[Any], dtype: Any = None) -> list[Value]:
    """The values of the results of ``ufunc(*inputs)``."""
    plain = [item if isinstance(item, Tracer) else _plain_operand(recorder, item) for item in inputs]
    if dtype is not None:
        plain = [_as_dtype(recorder, ufunc, item, np.dtype(dtype)) for item in plain]
    loop = _loop_dtypes(recorder, ufunc, plain)
    check_known(recorder, ufunc)
    if ufunc in LOGICAL:
        return [recorder.emit(LOGICAL[ufunc], [_operand(recorder, item, None, BOOL) for item in plain])]
    args = [_operand(recorder, item, target, target) for item, target in zip(plain, loop, strict=True)]
    return emit_loop(recorder, ufunc, args, loop[0])


def _plain_operand(recorder: Recorder, item: Any) -> Any:
    if isinstance(item, (int, float, complex)) and not isinstance(item, np.generic):
        if isinstance(item, complex):
            recorder.fail(f"a complex number cannot be part of a graph: {item!r}", hint="use real numbers")
        return item
    return recorder.plain(item)


def _as_dtype(recorder: Recorder, ufunc: np.ufunc, item: Any, dtype: DType) -> Any:
    given = np.result_type(item) if type(item) in (int, float, bool) else item.dtype
    if not np.can_cast(given, dtype, "same_kind"):
        recorder.fail(f"{name_of(ufunc)}(dtype={dtype}) of {given}: not a cast of the same kind")
    return Tracer.of(recorder, _operand(recorder, item, dtype, dtype))


def _loop_dtypes(recorder: Recorder, ufunc: np.ufunc, operands: Sequence[Any]) -> list[DType]:
    """The dtypes of NumPy's loop; Python numbers are weak (NEP 50)."""
    described = [
        type(item) if type(item) in (int, float) else (BOOL if isinstance(item, bool) else item.dtype)
        for item in operands
    ]
    try:
        resolved = ufunc.resolve_dtypes((*described, *[None] * ufunc.nout))
    except TypeError as error:
        listed = ", ".join(item.__name__ if isinstance(item, type) else str(item) for item in described)
        recorder.fail(f"{name_of(ufunc)} is not defined for {listed}", cause=error)
    return list(resolved[: len(operands)])


def _operand(recorder: Recorder, item: Any, weak: DType | None, dtype: DType) -> Value:
    try:
        value = operand_value(recorder, item, weak)
    except OverflowError as error:
        recorder.fail(f"the number {item} does not fit into {dtype}", cause=error)
    return recorder.cast(value, dtype)


def apply_op(recorder: Recorder, op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Tracer:
    """One row on operands promoted to a common float: what ``graphpool.functional`` calls."""
    plain = [item if isinstance(item, Tracer) else _plain_operand(recorder, item) for item in args]
    dtype = np.result_type(*[item if isinstance(item, (int, float)) else item.dtype for item in plain])
    if dtype.kind != "f":
        dtype = FLOAT64
    value = recorder.emit(op, [_operand(recorder, item, dtype, dtype) for item in plain], attrs)
    shadow = elementwise_shadow(*plain) if Trait.ELEMENTWISE in row(op).traits else None
    return Tracer.of(recorder, value, shadow=shadow)


def power(base: Tracer, exponent: Any) -> Any:
    """``base ** exponent``: like NumPy, a square and a root for the Python numbers 2 and 0.5."""
    recorder = base.recorder
    if type(exponent) in (int, float):
        if exponent == 1:
            return base.__copy__()
        if exponent == 2:
            return np.square(base)
        if base.dtype.kind == "f" and exponent == 0.5:
            return np.sqrt(base)
        if base.dtype.kind == "f" and exponent == -1:
            return np.reciprocal(base)
        if base.dtype.kind == "i" and type(exponent) is int and exponent < 0:
            recorder.fail("integers to negative integer powers are not allowed", hint="use a float base")
    return np.power(base, exponent)
