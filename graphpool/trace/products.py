"""Products of arrays, through the matrix product."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphpool.graph.types import BOOL
from graphpool.trace.functions import as_tracer, lowers, owned
from graphpool.trace.recorder import Recorder


# --- products --------------------------------------------------------------------------------------------------------
@lowers(np.dot)
def _dot(recorder: Recorder, a: Any, b: Any, out: Any = None) -> Any:
    left, right = as_tracer(recorder, a), as_tracer(recorder, b)
    if not left.ndim or not right.ndim:
        return np.multiply(left, right, out=out)
    if left.ndim > 1 and right.ndim > 2:
        recorder.fail(f"np.dot of shapes {left.shape} and {right.shape}", hint="use np.matmul (@)")
    return np.matmul(left, right, out=out)


@lowers(np.tensordot)
def _tensordot(recorder: Recorder, a: Any, b: Any, axes: Any = 2) -> Any:
    left, right = as_tracer(recorder, a), as_tracer(recorder, b)
    first, second = (range(-axes, 0), range(axes)) if isinstance(axes, (int, np.integer)) else axes
    over_left = _places(recorder, first, left.ndim)
    over_right = _places(recorder, second, right.ndim)
    sizes = [[array.shape[axis] for axis in over] for array, over in ((left, over_left), (right, over_right))]
    if sizes[0] != sizes[1]:
        recorder.fail(
            f"np.tensordot over axes of lengths {sizes[0]} and {sizes[1]}", operands=[left.value, right.value]
        )
    free_left = [axis for axis in range(left.ndim) if axis not in over_left]
    free_right = [axis for axis in range(right.ndim) if axis not in over_right]
    count = math.prod(sizes[0])
    rows = np.transpose(left, [*free_left, *over_left]).reshape(-1 if count == 0 else left.size // count, count)
    columns = np.transpose(right, [*over_right, *free_right]).reshape(count, right.size // max(count, 1))
    shape = [left.shape[axis] for axis in free_left] + [right.shape[axis] for axis in free_right]
    return owned(np.dot(rows, columns).reshape(shape))


def _places(recorder: Recorder, axes: Any, rank: int) -> list[int]:
    listed = list(axes) if isinstance(axes, (list, tuple, range)) else [axes]
    if any(not -rank <= axis < rank for axis in listed):
        recorder.fail(f"np.tensordot over axes {listed} of an array of {rank} axes")
    return [axis % rank for axis in listed]


@lowers(np.outer)
def _outer(recorder: Recorder, a: Any, b: Any, out: Any = None) -> Any:
    left, right = np.ravel(as_tracer(recorder, a)), np.ravel(as_tracer(recorder, b))
    return np.multiply(left[:, None], right[None, :], out=out)


@lowers(np.inner)
def _inner(recorder: Recorder, a: Any, b: Any) -> Any:
    left, right = as_tracer(recorder, a), as_tracer(recorder, b)
    if not left.ndim or not right.ndim:
        return np.multiply(left, right)
    if left.ndim == right.ndim == 1:
        return np.dot(left, right)
    return np.tensordot(left, right, (-1, -1))


@lowers(np.vdot)
def _vdot(recorder: Recorder, a: Any, b: Any) -> Any:
    return np.dot(np.ravel(as_tracer(recorder, a)), np.ravel(as_tracer(recorder, b)))


@lowers(np.kron)
def _kron(recorder: Recorder, a: Any, b: Any) -> Any:
    left, right = as_tracer(recorder, a), as_tracer(recorder, b)
    rank = max(left.ndim, right.ndim)
    first = (1,) * (rank - left.ndim) + left.shape
    second = (1,) * (rank - right.ndim) + right.shape
    spread = left.reshape([size for n in first for size in (n, 1)])
    product = spread * right.reshape([size for n in second for size in (1, n)])
    return owned(product.reshape([n * m for n, m in zip(first, second, strict=True)]))


@lowers(np.cross)
def _cross(
    recorder: Recorder, a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    left: Any = as_tracer(recorder, a)
    right: Any = as_tracer(recorder, b)
    left, right = np.moveaxis(left, axisa, -1), np.moveaxis(right, axisb, -1)
    if left.shape[-1] != 3 or right.shape[-1] != 3:
        recorder.fail(
            f"np.cross of vectors of {left.shape[-1]} and {right.shape[-1]} elements",
            hint="both have 3; of two elements, write a[0] * b[1] - a[1] * b[0]",
        )
    a0, a1, a2 = (left[..., place] for place in range(3))
    b0, b1, b2 = (right[..., place] for place in range(3))
    result = np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)
    return owned(np.moveaxis(result, -1, axisc)) if result.ndim > 1 else result


@lowers(np.convolve)
def _convolve(recorder: Recorder, a: Any, v: Any, mode: str = "full") -> Any:
    left, right = np.atleast_1d(as_tracer(recorder, a)), np.atleast_1d(as_tracer(recorder, v))
    if left.ndim != 1 or right.ndim != 1 or not left.size or not right.size:
        recorder.fail(f"np.convolve of shapes {left.shape} and {right.shape}", hint="it takes two vectors")
    if right.size > left.size:
        left, right = right, left
    n, m = left.size, right.size
    spans = {"full": (0, n + m - 1), "same": ((m - 1) // 2, (m - 1) // 2 + n), "valid": (m - 1, n)}
    if mode not in spans:
        recorder.fail(f"np.convolve with mode={mode!r}", hint="'full', 'same' or 'valid'")
    places = np.arange(*spans[mode])[:, None] - np.arange(m)
    inside = (places >= 0) & (places < n)
    products = left[np.clip(places, 0, n - 1)] * right
    if products.dtype == BOOL:
        return (products & inside).any(axis=1)
    if not inside.all():  # outside of the vector there is nothing, also where the other one is infinite
        products = np.where(inside, products, np.zeros((), products.dtype))
    return np.sum(products, axis=1, dtype=products.dtype)


@lowers(np.correlate)
def _correlate(recorder: Recorder, a: Any, v: Any, mode: str = "valid") -> Any:
    left, right = np.atleast_1d(as_tracer(recorder, a)), np.atleast_1d(as_tracer(recorder, v))
    if right.size > left.size:
        return _convolve(recorder, right, left[::-1], mode)[::-1]
    return _convolve(recorder, left, right[::-1], mode)
