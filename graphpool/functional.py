"""What NumPy lacks: functions for a ``step``. They run on plain arrays, too, so a ``step`` stays plain NumPy.

``spike`` and ``conv`` are rows of the op table; the others are written with NumPy's functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphpool.graph.types import FLOAT64
from graphpool.ops import evaluate
from graphpool.ops.convolution import read_options


def _apply(op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    for item in args:
        if hasattr(type(item), "__graphpool_apply__"):
            return item.__graphpool_apply__(op, args, attrs)
    dtype = np.result_type(*args)
    arrays = [np.asarray(item, dtype=dtype if dtype.kind == "f" else FLOAT64) for item in args]
    with np.errstate(divide="ignore", invalid="ignore"):
        return evaluate(op, np, arrays, [array.ndim for array in arrays], attrs)


def spike(v: Any, threshold: Any, *, window: float = 0.5, max_spikes: float = math.inf, strict: bool = False) -> Any:
    r"""How many whole thresholds fit into a membrane: :math:`\min([v \ge h] \lfloor v / h \rfloor, s_{max})`.

    Args:
        v: the membrane, any shape, float.
        threshold: the threshold h, broadcast against ``v``; positive, unless ``max_spikes`` is 1.
        window: how far below the threshold the surrogate gradient reaches (JAX's ``apply`` uses it).
        max_spikes: the largest count in one step; 1 makes the spike binary.
        strict: whether the membrane has to exceed the threshold, v > h.

    Returns:
        Counts, in the float dtype of the operands. Where differentiated, :math:`ds/dv = [v \ge h - w] / h`,
        with 1 for an h that is not positive.
    """
    attrs = {"window": float(window), "max_spikes": float(max_spikes)} | ({"strict": True} if strict else {})
    return _apply("spike", (v, threshold), attrs)


def conv(
    x: Any,
    weight: Any,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int | tuple[int, int]] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """The convolution of a layer, as frameworks call the correlation with a kernel; the input is 0 outside.

    Args:
        x: ``(channels, length)`` or ``(channels, height, width)``, float.
        weight: ``(outputs, channels / groups, *kernel)``.
        stride: how far the kernel moves; one number, or one for each dimension, as the next two.
        padding: how many zeros go before and behind, or pairs of both; ``"valid"`` means none, ``"same"`` as many as
            keep the size, one more behind where their number is odd (only with a stride of 1).
        dilation: how far apart in the input neighbours of the kernel are.
        groups: into how many parts the channels are split, each of which has outputs of its own.

    Returns:
        ``(outputs, *sizes)``, in the float dtype of the operands.

    Raises:
        ValueError: ``padding`` is another text, or ``"same"`` with another stride.
        TypeRuleError: the shapes do not fit; traced, with the user's line.
    """
    return _apply("conv", (x, weight), read_options(np.shape(weight)[2:], stride, padding, dilation, groups))


def _as_float(x: Any) -> Any:
    array = x if hasattr(type(x), "__graphpool_apply__") else np.asarray(x)
    return array if array.dtype.kind == "f" else array.astype(FLOAT64)


def sigmoid(x: Any) -> Any:
    r"""The logistic function :math:`1 / (1 + e^{-x})`, through the hyperbolic tangent: it never overflows.

    Args:
        x: any shape; integers and bools become float64.

    Returns:
        Values from 0 to 1, of the shape and the float dtype of ``x``, exact to about 1e-16 (absolute) in float64.
    """
    return 0.5 * np.tanh(0.5 * _as_float(x)) + 0.5


def softmax(x: Any, axis: int = -1) -> Any:
    r"""Positive numbers that sum to 1 along an axis: :math:`e^{x_i} / \sum_j e^{x_j}`. It never overflows.

    Args:
        x: at least one axis; integers and bools become float64.
        axis: an axis of one sample at one step; the last one by default.

    Returns:
        The shape and the float dtype of ``x``.
    """
    x = _as_float(x)
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    r"""The logarithm of :func:`softmax`, :math:`x_i - \log \sum_j e^{x_j}`, also where that is too small for a float.

    Args:
        x: at least one axis; integers and bools become float64.
        axis: an axis of one sample at one step; the last one by default.

    Returns:
        The shape and the float dtype of ``x``.
    """
    x = _as_float(x)
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def one_hot(index: Any, depth: int, dtype: Any = FLOAT64) -> Any:
    """1 at the place that an integer names, 0 elsewhere; all 0 for an integer outside of 0 to ``depth - 1``.

    Args:
        index: integers of any shape.
        depth: the length of the new last axis.
        dtype: of the result.

    Returns:
        An array of shape ``(*index.shape, depth)``.
    """
    return np.equal(np.expand_dims(index, -1), np.arange(depth)).astype(dtype)


def delay(buffer: Any, x: Any) -> tuple[Any, Any]:
    """A delay line: ``late, self.buffer = delay(self.buffer, x)`` gives x as it was k steps ago.

    Args:
        buffer: a state of shape ``(k, *x.shape)``, k >= 1, oldest first. Its first value is what comes out before
            the first x does.
        x: the value of this step.

    Returns:
        The value of k steps ago, and the buffer of the next step.
    """
    return buffer[0], np.concatenate([buffer[1:], np.expand_dims(x, 0)])
