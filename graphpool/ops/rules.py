"""Type rules that several rows share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import BOOL, Attributes, DType, Shape, TensorType, dtype_name
from graphpool.ops.table import TypeRule

Accepts = Callable[[DType], bool]


def is_float(dtype: DType) -> bool:
    """Real floating point."""
    return np.issubdtype(dtype, np.floating)


def is_number(dtype: DType) -> bool:
    """Real or integer, not bool."""
    return dtype.kind in "fiu"


def is_integer(dtype: DType) -> bool:
    """Integer, not bool."""
    return dtype.kind in "iu"


def is_bool(dtype: DType) -> bool:
    """Boolean."""
    return dtype == BOOL


def is_any(dtype: DType) -> bool:
    """Whatever an array of numbers or flags may have."""
    return dtype.kind in "fiub"


def broadcast_shapes(shapes: tuple[Shape, ...]) -> Shape:
    """NumPy's broadcasting, as a type rule."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise TypeRuleError(f"shapes do not broadcast: {listed}") from None


def common_dtype(types: tuple[TensorType, ...], accepts: Accepts) -> DType:
    """The one dtype of all operands; no row promotes by itself."""
    dtypes = {entry.dtype for entry in types}
    if len(dtypes) != 1:
        raise TypeRuleError(f"operands of different dtypes: {', '.join(dtype_name(t.dtype) for t in types)}")
    dtype = types[0].dtype
    if not accepts(dtype):
        raise TypeRuleError(f"not defined for {dtype_name(dtype)}")
    return dtype


def elementwise(arity: int, accepts: Accepts, result: DType | None = None) -> TypeRule:
    """Same dtypes in, broadcast shape out; the dtype of the operands or ``result``."""

    def rule(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
        check_arity(types, arity)
        dtype = common_dtype(types, accepts)
        return TensorType(result or dtype, broadcast_shapes(tuple(entry.shape for entry in types)))

    return rule


def check_arity(types: tuple[TensorType, ...], arity: int) -> None:
    """Raise unless there are ``arity`` operands."""
    if len(types) != arity:
        raise TypeRuleError(f"takes {arity} operands, got {len(types)}")


def check_axes(axes: tuple[int, ...], rank: int) -> None:
    """Raise unless the axes are distinct, counted from the end and inside the rank."""
    if any(not -rank <= axis < 0 for axis in axes) or len(set(axes)) != len(axes):
        raise TypeRuleError(f"axes {axes} of an array of rank {rank}: each once, counted from the end")
