"""The matrix product, for all ranks of ``numpy.matmul`` and any leading axes of either operand; the convolution."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from graphpool.errors import TypeRuleError
from graphpool.graph.types import FLOAT32, FLOAT64, INT64, Attributes, Shape, TensorType
from graphpool.ops import samples
from graphpool.ops.convolution import conv, conv_type
from graphpool.ops.rules import broadcast_shapes, check_arity, common_dtype, is_number
from graphpool.ops.table import Sample, Trait, op, pad


def _matmul_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 2)
    dtype = common_dtype(types, is_number)
    left, right = types[0].shape, types[1].shape
    if not left or not right:
        raise TypeRuleError(f"a scalar has no matrix product: {left} @ {right}")
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        raise TypeRuleError(f"inner sizes differ: {left} @ {right}")
    stacked = broadcast_shapes((left[:-2], right[:-2]))
    return TensorType(dtype, stacked + left[-2:-1] + (right[-1:] if len(right) > 1 else ()))


def _rows(xp: Any, rows: Any, matrix: Any) -> Any:
    """``rows @ matrix`` with all leading axes folded into one: a single product of two matrices."""
    folded = rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1])
    return xp.matmul(folded, matrix).reshape(*rows.shape[:-1], matrix.shape[-1])


def _matmul(xp: Any, a: Any, b: Any, *, ranks: tuple[int, ...]) -> Any:
    left, right = ranks
    streams = (a.ndim > left, b.ndim > right)
    if right == 2 and not streams[1]:
        return _rows(xp, a, b)
    if left == 2 and not streams[0] and right == 1:
        return _rows(xp, b, a.T)
    if left == 1:
        a = a[..., None, :]
    if right == 1:
        b = b[..., :, None]
    rank = max(left, right, 2)
    product = xp.matmul(pad(a, max(left, 2), rank), pad(b, max(right, 2), rank))
    if left == 1:
        product = product[..., 0, :]
    if right == 1:
        product = product[..., 0]
    return product


def _matmul_samples() -> Iterable[Sample]:
    shapes = (
        ((3,), (3, 2)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((4, 2, 3), (3, 2)), ((2, 3), (4, 3, 2)),
        ((3,), (4, 3, 2)), ((4, 2, 3), (3,)), ((1, 2, 3), (4, 3, 2)), ((5, 1, 2, 3), (4, 3, 2)),
    )  # fmt: skip
    for dtype in (FLOAT32, FLOAT64, INT64):
        for number, (left, right) in enumerate(shapes):
            yield Sample((samples.values(dtype, left, number), samples.values(dtype, right, number + 50)))


op(
    "matmul",
    type=_matmul_type,
    kernel=_matmul,
    traits=(Trait.RANKED,),
    samples=_matmul_samples,
    tolerance=64,
    doc="x @ y, for all ranks of numpy.matmul; a stream against a weight is one product over all steps",
)


def _conv_samples() -> Iterable[Sample]:
    plain: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    cases: tuple[tuple[Shape, Shape, dict[str, Any]], ...] = (
        ((2, 5, 4), (3, 2, 3, 2), {}),
        ((4, 5, 6), (2, 2, 2, 3), {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "groups": 2}),
        ((1, 6, 5), (2, 1, 2, 2), {"dilation": (2, 3), "stride": (1, 2)}),
        ((3, 2, 2), (3, 1, 1, 1), {"groups": 3}),
        ((2, 6), (3, 2, 3), {"stride": (2,), "padding": ((1, 1),), "dilation": (1,)}),
        ((2, 7), (4, 1, 2), {"stride": (3,), "padding": ((0, 2),), "dilation": (3,), "groups": 2}),
    )
    for dtype in (FLOAT32, FLOAT64):
        for number, (x, weight, attrs) in enumerate(cases):
            operands = samples.values(dtype, x, number), samples.values(dtype, weight, number + 50)
            yield Sample(operands, {**plain, **attrs})


op(
    "conv",
    type=conv_type,
    kernel=conv,
    traits=(Trait.RANKED,),
    samples=_conv_samples,
    tolerance=64,
    doc="convolution of a layer, channels first, in one or two dimensions",
)
