"""Rows that read and write at integer positions which may be traced. The indexed axis is the first of a sample.

A position is the number of a row, 0 to n - 1. What a user writes in brackets becomes one by ``position``: negative
numbers count from the end, and whatever lies outside goes to the nearest end, on every target. (NumPy itself raises
there; a compiled program cannot.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import BOOL, FLOAT32, INT32, INT64, Attributes, DType, Shape, TensorType
from graphpool.ops import samples
from graphpool.ops.rules import check_arity, common_dtype, is_any
from graphpool.ops.samples import INTS
from graphpool.ops.table import Sample, Trait, op

DTYPES: tuple[DType, ...] = (FLOAT32, INT64, BOOL)
OUT_OF_RANGE = "a position outside of 0 to n - 1, which `position` never gives"


def _is_integer(dtype: DType) -> bool:
    return dtype in INTS


# --- positions -------------------------------------------------------------------------------------------------------
def _position_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 1)
    common_dtype(types, _is_integer)
    if attrs["size"] < 1:
        raise TypeRuleError("an axis of length 0 has no position")
    return types[0]


def _position(xp: Any, index: Any, *, size: int) -> Any:
    return xp.clip(xp.where(index < 0, index + size, index), 0, size - 1)


def _position_samples() -> Iterable[Sample]:
    for dtype in INTS:
        for number, (shape,) in enumerate(samples.SHAPES[1]):
            yield Sample((samples.values(dtype, shape, number, low=-9, high=9),), {"size": 4})


op(
    "position",
    type=_position_type,
    kernel=_position,
    traits=(Trait.ELEMENTWISE, Trait.DISCRETE),
    samples=_position_samples,
    doc="an index as a position in an axis of length size: negative ones from the end, then clipped into the axis",
)


# --- reading ---------------------------------------------------------------------------------------------------------
def _check_index(array: TensorType, index: TensorType) -> None:
    if not _is_integer(index.dtype):
        raise TypeRuleError(f"the index is {index}, not int32 or int64")
    if not array.shape:
        raise TypeRuleError("an array without axes has no positions")
    if array.shape[0] == 0 and index.size:
        raise TypeRuleError("an axis of length 0 has no position")


def _take_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 2)
    array, index = types
    common_dtype((array,), is_any)
    _check_index(array, index)
    return TensorType(array.dtype, index.shape + array.shape[1:])


def _take(xp: Any, x: Any, index: Any, *, ranks: tuple[int, ...]) -> Any:
    rank, index_rank = ranks
    rest: Shape = x.shape[x.ndim - rank + 1 :]
    if index.ndim == index_rank:
        return x[(Ellipsis, index, *[slice(None)] * len(rest))]
    if x.ndim == rank:
        return x[index]
    leading = x.shape[: x.ndim - rank]
    count = math.prod(leading)
    rows = x.reshape(count, *x.shape[x.ndim - rank :])
    places = index.reshape(count, -1) if index.size else index.reshape(count, 0)
    return rows[xp.arange(count)[:, None], places].reshape(leading + index.shape[len(leading) :] + rest)


def _positions(shape: Shape, size: int, seed: int, dtype: DType) -> Any:
    return np.random.default_rng(seed).integers(0, size, shape).astype(dtype)


def _take_samples() -> Iterable[Sample]:
    shapes = (((4,), ()), ((4,), (3,)), ((3, 2), ()), ((3, 2), (4,)), ((3, 2), (2, 2)), ((2, 2, 3), (1,)))
    for dtype in DTYPES:
        for number, (shape, index) in enumerate(shapes):
            array = samples.values(dtype, shape, number, True)
            yield Sample((array, _positions(index, shape[0], number + 40, INTS[number % 2])))


op(
    "take",
    type=_take_type,
    kernel=_take,
    traits=(Trait.RANKED, Trait.DISCRETE),
    samples=_take_samples,
    doc="the rows at positions along the first axis",
    differs=OUT_OF_RANGE,
)


# --- writing ---------------------------------------------------------------------------------------------------------
def _put_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 3)
    base, index, rows = types
    common_dtype((base, rows), is_any)
    _check_index(base, index)
    if index.rank != 1 or rows.shape != index.shape + base.shape[1:]:
        raise TypeRuleError(f"cannot put {rows} at the positions {index} of {base}")
    return base


def put_operands(xp: Any, args: tuple[Any, Any, Any], ranks: tuple[int, ...]) -> tuple[tuple[int, ...], list[Any]]:
    """The leading axes of the result, and the operands with those folded into one."""
    leading: tuple[int, ...] = max((arg.shape[: arg.ndim - r] for arg, r in zip(args, ranks, strict=True)), key=len)
    count = math.prod(leading)
    folded = []
    for arg, rank in zip(args, ranks, strict=True):
        shape = arg.shape[arg.ndim - rank :]
        whole = arg if arg.ndim > rank else xp.broadcast_to(arg, leading + shape)
        folded.append(whole.reshape(count, *shape))
    return leading, folded


def _put(xp: Any, base: Any, index: Any, rows: Any, *, ranks: tuple[int, ...]) -> Any:
    leading, (whole, places, values) = put_operands(xp, (base, index, rows), ranks)
    result = np.array(whole, copy=True)
    result[np.arange(len(whole))[:, None], places] = values
    return result.reshape(leading + whole.shape[1:])


def _put_samples() -> Iterable[Sample]:
    cases: tuple[tuple[Shape, tuple[int, ...]], ...] = (
        ((4,), (2,)), ((4,), (3, 0, 1)), ((3, 2), (1,)), ((3, 2), (2, 0)), ((2, 2, 3), (1,)),
    )  # fmt: skip
    for dtype in DTYPES:
        for number, (shape, places) in enumerate(cases):
            index = np.array(places, (INT32, INT64)[number % 2])
            rows = samples.values(dtype, (len(places), *shape[1:]), number + 30)
            yield Sample((samples.values(dtype, shape, number), index, rows))


op(
    "put",
    type=_put_type,
    kernel=_put,
    traits=(Trait.RANKED, Trait.DISCRETE),
    samples=_put_samples,
    doc="the array with the rows at positions along the first axis replaced; equal positions get equal rows",
    differs=OUT_OF_RANGE,
)
