"""Rows that move elements: shapes, axes, joining, slices. All axes count from the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import BOOL, FLOAT32, INT64, Attributes, DType, Shape, TensorType
from graphpool.ops import samples
from graphpool.ops.rules import broadcast_shapes, check_arity, check_axes, common_dtype, is_any
from graphpool.ops.table import Sample, Trait, op, pad

Index = tuple[int | tuple[int, int | None, int], ...]
"""One entry an axis: an integer, or (start, stop, step) as Python's ``slice`` reads them."""

DTYPES: tuple[DType, ...] = (FLOAT32, INT64, BOOL)


def _one(types: tuple[TensorType, ...]) -> TensorType:
    check_arity(types, 1)
    common_dtype(types, is_any)
    return types[0]


def _samples(*cases: tuple[tuple[Shape, ...], dict[str, Any]]) -> Callable[[], Iterable[Sample]]:
    def make() -> Iterable[Sample]:
        for dtype in DTYPES:
            for number, (shapes, attrs) in enumerate(cases):
                arrays = tuple(samples.values(dtype, shape, number + 9 * i, True) for i, shape in enumerate(shapes))
                yield Sample(arrays, attrs)

    return make


# --- shapes and axes -------------------------------------------------------------------------------------------------
def _reshape_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    result = TensorType(_one(types).dtype, attrs["shape"])
    if result.size != types[0].size:
        raise TypeRuleError(f"cannot reshape {types[0].shape} into {result.shape}")
    return result


def _reshape(xp: Any, x: Any, *, ranks: tuple[int, ...], shape: Shape) -> Any:
    return x.reshape(x.shape[: x.ndim - ranks[0]] + shape)


op(
    "reshape",
    type=_reshape_type,
    kernel=_reshape,
    traits=(Trait.RANKED,),
    doc="the same elements in another shape",
    samples=_samples((((6,),), {"shape": (2, 3)}), (((2, 3),), {"shape": (6,)}), (((),), {"shape": (1, 1)})),
)


def _transpose_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    source, axes = _one(types), attrs["axes"]
    check_axes(axes, source.rank)
    if len(axes) != source.rank:
        raise TypeRuleError(f"axes {axes} do not name each axis of {source.shape} once")
    return TensorType(source.dtype, tuple(source.shape[axis] for axis in axes))


def _transpose(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    leading = x.ndim - len(axes)
    return xp.transpose(x, (*range(leading), *(x.ndim + axis for axis in axes)))


op(
    "transpose",
    type=_transpose_type,
    kernel=_transpose,
    doc="the axes in another order",
    samples=_samples((((2, 3),), {"axes": (-1, -2)}), (((2, 3, 4),), {"axes": (-2, -1, -3)})),
)


def _squeeze_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    source, axes = _one(types), attrs["axes"]
    check_axes(axes, source.rank)
    gone = {axis % source.rank for axis in axes}
    if any(source.shape[axis] != 1 for axis in gone):
        raise TypeRuleError(f"axes {axes} of {source.shape} are not all of length 1")
    return TensorType(source.dtype, tuple(n for axis, n in enumerate(source.shape) if axis not in gone))


op(
    "squeeze",
    type=_squeeze_type,
    kernel=lambda xp, x, axes: xp.squeeze(x, axis=axes),
    doc="without axes of length 1",
    samples=_samples((((3, 1),), {"axes": (-1,)}), (((1, 2, 1),), {"axes": (-3, -1)}), (((1,),), {"axes": (-1,)})),
)


def _expand_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    source, axes = _one(types), attrs["axes"]
    rank = source.rank + len(axes)
    check_axes(axes, rank)
    rest, new = iter(source.shape), {axis % rank for axis in axes}
    return TensorType(source.dtype, tuple(1 if axis in new else next(rest) for axis in range(rank)))


op(
    "expand",
    type=_expand_type,
    kernel=lambda xp, x, axes: xp.expand_dims(x, axes),
    doc="with new axes of length 1",
    samples=_samples((((3,),), {"axes": (-1,)}), (((2, 3),), {"axes": (-3, -2)}), (((),), {"axes": (-1,)})),
)


def _broadcast_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    source, shape = _one(types), attrs["shape"]
    if broadcast_shapes((source.shape, shape)) != shape:
        raise TypeRuleError(f"cannot broadcast {source.shape} to {shape}")
    return TensorType(source.dtype, shape)


def _broadcast(xp: Any, x: Any, *, ranks: tuple[int, ...], shape: Shape) -> Any:
    leading = x.shape[: x.ndim - ranks[0]]
    return xp.broadcast_to(pad(x, ranks[0], len(shape)), leading + shape)


op(
    "broadcast",
    type=_broadcast_type,
    kernel=_broadcast,
    traits=(Trait.RANKED,),
    doc="repeated to a larger shape",
    samples=_samples((((3,),), {"shape": (2, 3)}), (((2, 1),), {"shape": (4, 2, 3)}), (((),), {"shape": (2, 2)})),
)


# --- joining ---------------------------------------------------------------------------------------------------------
def _share_leading(xp: Any, args: tuple[Any, ...], ranks: tuple[int, ...]) -> list[Any]:
    leading = max((arg.shape[: arg.ndim - rank] for arg, rank in zip(args, ranks, strict=True)), key=len)
    return [
        xp.broadcast_to(arg, leading + arg.shape) if arg.ndim == rank else arg
        for arg, rank in zip(args, ranks, strict=True)
    ]


def _concatenate_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    dtype, axis = common_dtype(types, is_any), attrs["axis"]
    check_axes((axis,), types[0].rank)
    shapes = [list(entry.shape) for entry in types]
    joined = sum(shape[axis] if len(shape) == types[0].rank else 0 for shape in shapes)
    for shape in shapes:
        if len(shape) == types[0].rank:
            shape[axis] = joined
    if any(shape != shapes[0] for shape in shapes):
        raise TypeRuleError(f"cannot join {', '.join(str(entry.shape) for entry in types)} along axis {axis}")
    return TensorType(dtype, tuple(shapes[0]))


def _concatenate(xp: Any, *args: Any, ranks: tuple[int, ...], axis: int) -> Any:
    return xp.concatenate(_share_leading(xp, args, ranks), axis=axis)


op(
    "concatenate",
    type=_concatenate_type,
    kernel=_concatenate,
    traits=(Trait.RANKED,),
    doc="joined along an axis",
    samples=_samples((((3,), (2,)), {"axis": -1}), (((2, 3), (1, 3), (2, 3)), {"axis": -2})),
)


def _stack_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    dtype, axis = common_dtype(types, is_any), attrs["axis"]
    if any(entry.shape != types[0].shape for entry in types):
        raise TypeRuleError(f"cannot stack {', '.join(str(entry.shape) for entry in types)}: shapes differ")
    check_axes((axis,), types[0].rank + 1)
    shape = list(types[0].shape)
    shape.insert(axis + len(shape) + 1, len(types))
    return TensorType(dtype, tuple(shape))


def _stack(xp: Any, *args: Any, ranks: tuple[int, ...], axis: int) -> Any:
    return xp.stack(_share_leading(xp, args, ranks), axis=axis)


op(
    "stack",
    type=_stack_type,
    kernel=_stack,
    traits=(Trait.RANKED,),
    doc="joined along a new axis",
    samples=_samples((((3,), (3,)), {"axis": -1}), (((), ()), {"axis": -1}), (((2, 3), (2, 3)), {"axis": -3})),
)


# --- slices ----------------------------------------------------------------------------------------------------------
def as_slices(index: Index) -> tuple[int | slice, ...]:
    """The index of a ``slice`` or ``update`` node as Python's own."""
    return tuple(item if isinstance(item, int) else slice(*item) for item in index)


def _slot(source: TensorType, index: Index) -> Shape:
    if len(index) != source.rank:
        raise TypeRuleError(f"index {index} has {len(index)} entries for the {source.rank} axes of {source.shape}")
    shape: list[int] = []
    for entry, size in zip(as_slices(index), source.shape, strict=True):
        if isinstance(entry, slice):
            shape.append(len(range(*entry.indices(size))))
        elif not -size <= entry < size:
            raise TypeRuleError(f"index {entry} is out of bounds for an axis of length {size}")
    return tuple(shape)


def _slice_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    source = _one(types)
    return TensorType(source.dtype, _slot(source, attrs["index"]))


def _slice(xp: Any, x: Any, *, index: Index) -> Any:
    return x[(Ellipsis, *as_slices(index))]


_INDICES: tuple[tuple[Shape, Index], ...] = (
    ((4,), (1,)), ((4,), ((1, 3, 1),)), ((4,), ((3, None, -1),)), ((5,), ((0, 5, 2),)), ((2, 3), (-1, (0, 2, 1))),
    ((2, 3), ((1, 2, 1), 0)), ((5,), ((3, 0, -2),)),
)  # fmt: skip

op(
    "slice",
    type=_slice_type,
    kernel=_slice,
    doc="a basic slice or integer index",
    samples=_samples(*(((shape,), {"index": index}) for shape, index in _INDICES)),
)


def _update_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 2)
    common_dtype(types, is_any)
    base, value = types
    slot = _slot(base, attrs["index"])
    if broadcast_shapes((value.shape, slot)) != slot:
        raise TypeRuleError(f"cannot write {value.shape} into the slot {slot} of {base.shape}")
    return base


def update_operands(xp: Any, base: Any, value: Any, ranks: tuple[int, ...], index: Index) -> tuple[Any, Any]:
    """Base with the leading axes of the result, and the value with the rank of the slot."""
    slot_rank = sum(not isinstance(item, int) for item in index)
    leading = max(base.shape[: base.ndim - ranks[0]], value.shape[: value.ndim - ranks[1]], key=len)
    shape = leading + base.shape[base.ndim - ranks[0] :]
    return xp.broadcast_to(base, shape), pad(value, ranks[1], slot_rank)


def _update(xp: Any, base: Any, value: Any, *, ranks: tuple[int, ...], index: Index) -> Any:
    whole, part = update_operands(xp, base, value, ranks, index)
    result = np.array(whole, copy=True)
    result[(Ellipsis, *as_slices(index))] = part
    return result


def _update_samples() -> Iterable[Sample]:
    for dtype in DTYPES:
        for number, (shape, index) in enumerate(_INDICES):
            slot = _slot(TensorType(dtype, shape), index)
            base = samples.values(dtype, shape, number)
            yield Sample((base, samples.values(dtype, slot, number + 30)), {"index": index})
            yield Sample((base, samples.values(dtype, (), number + 60)), {"index": index})


op(
    "update",
    type=_update_type,
    kernel=_update,
    traits=(Trait.RANKED,),
    samples=_update_samples,
    doc="the array with a basic slice or integer index replaced",
)
