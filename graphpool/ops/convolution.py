r"""The convolution of layers of neurons, which is a correlation: channels first, in one or two dimensions.

For the input x of C channels, the weights w, the stride s, the dilation d, and x being 0 outside, where k runs over the
kernel and c over the channels of the group that o is in:

.. math:: y_{o, p} = \sum_{c, k} w_{o, c, k}\; x_{c,\, s p + d k - before}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import Attributes, Shape, TensorType
from graphpool.ops.rules import check_arity, common_dtype, is_float

Padding = Sequence[tuple[int, int]]

MOST_PATCHES = 2**22
"""Elements of the patches that the NumPy kernel lays out at a time, which bounds its memory."""


def read_options(kernel: Shape, stride: Any, padding: Any, dilation: Any, groups: Any) -> dict[str, Any]:
    """The attributes of a node from what :func:`graphpool.functional.conv` takes.

    Raises:
        ValueError: ``padding`` is another text, or ``"same"`` with a stride.
    """
    steps, gaps = _spread(stride, len(kernel)), _spread(dilation, len(kernel))
    return {"stride": steps, "padding": _pairs(padding, kernel, steps, gaps), "dilation": gaps, "groups": int(groups)}


def _spread(item: Any, count: int) -> tuple[Any, ...]:
    entries = np.ravel(item).tolist()
    return tuple(entries * count if len(entries) == 1 else entries)


def _pairs(padding: Any, kernel: Shape, steps: Shape, gaps: Shape) -> tuple[tuple[int, int], ...]:
    if not isinstance(padding, str):
        listed = [padding] * len(kernel) if np.ndim(padding) == 0 else list(padding)
        pairs = [np.ravel(item).tolist() for item in listed]
        return tuple((pair[0], pair[-1]) for pair in pairs)
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same" or any(step != 1 for step in steps):
        raise ValueError(f"padding={padding!r} with the stride {steps}: 'valid', or 'same' with a stride of 1")
    totals = [gap * (length - 1) for gap, length in zip(gaps, kernel, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def output_sizes(sizes: Shape, kernel: Shape, attrs: Any) -> Shape:
    """The spatial sizes of the result."""
    pads, strides, dilations = attrs["padding"], attrs["stride"], attrs["dilation"]
    return tuple(
        (size + before + after - dilation * (length - 1) - 1) // stride + 1
        for size, length, (before, after), stride, dilation in zip(sizes, kernel, pads, strides, dilations, strict=True)
    )


def conv_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 2)
    dtype = common_dtype(types, is_float)
    x, weight = types[0].shape, types[1].shape
    if len(x) not in (2, 3) or len(weight) != len(x) + 1:
        raise TypeRuleError(f"{x} with the weights {weight}: (channels, *sizes) and (outputs, channels, *kernel)")
    _check_attributes(attrs, len(x) - 1)
    groups = attrs["groups"]
    if weight[1] * groups != x[0] or weight[0] % groups:
        what = f"{x[0]} channels, the weights {weight} and groups={groups} do not fit"
        raise TypeRuleError(f"{what}: {weight[1]} channels for each group, of {x[0]}")
    if 0 in weight or 0 in x:
        raise TypeRuleError(f"nothing is convolved: {x} with the weights {weight}")
    sizes = output_sizes(x[1:], weight[2:], attrs)
    if any(size < 1 for size in sizes):
        raise TypeRuleError(f"the kernel {weight[2:]} is larger than the input {x[1:]} with its padding")
    return TensorType(dtype, (weight[0], *sizes))


def _check_attributes(attrs: Attributes, dimensions: int) -> None:
    def whole(item: Any, least: int) -> bool:
        return type(item) is int and item >= least

    for name in ("stride", "dilation"):
        found = attrs[name]
        if not isinstance(found, tuple) or len(found) != dimensions or not all(whole(item, 1) for item in found):
            raise TypeRuleError(f"{name}={found!r} in {dimensions} dimensions: whole numbers from 1 on")
    pads = attrs["padding"]
    pairs = isinstance(pads, tuple) and len(pads) == dimensions and all(isinstance(item, tuple) for item in pads)
    if not pairs or not all(len(pair) == 2 and all(whole(item, 0) for item in pair) for pair in pads):
        raise TypeRuleError(f"padding={pads!r} in {dimensions} dimensions: pairs (before, after) from 0 on")
    if not whole(attrs["groups"], 1):
        raise TypeRuleError(f"groups={attrs['groups']!r}: a whole number from 1 on")


def conv(
    xp: Any,
    x: Any,
    weight: Any,
    *,
    ranks: tuple[int, ...],
    stride: Shape,
    padding: Padding,
    dilation: Shape,
    groups: int,
) -> Any:
    """A matrix product over all patches; of few leading rows at a time, where NumPy would need much memory."""
    dimensions = ranks[0] - 1
    leading, sample = x.shape[: x.ndim - ranks[0]], x.shape[x.ndim - ranks[0] :]
    kernel = weight.shape[-dimensions:]
    sizes = output_sizes(sample[1:], kernel, {"stride": stride, "padding": padding, "dilation": dilation})
    window = Window(kernel, sizes, stride, dilation)
    outputs, channels = weight.shape[-dimensions - 2 : -dimensions]
    shape = (groups, outputs // groups, channels * math.prod(kernel))
    matrix = weight.reshape(*weight.shape[: weight.ndim - ranks[1]], *shape)

    def run(part: Any) -> Any:
        around = [(0, 0)] * (part.ndim - dimensions) + [tuple(pair) for pair in padding]
        patches = window.patches(xp, xp.pad(part, around), groups)
        made = xp.matmul(matrix, patches)
        return made.reshape(*made.shape[:-3], made.shape[-3] * made.shape[-2], *sizes)

    rows, per_row = math.prod(leading), sample[0] * math.prod(kernel) * math.prod(sizes)
    if xp is not np or weight.ndim > ranks[1] or rows * per_row <= MOST_PATCHES:
        return run(x)
    folded, step = x.reshape(rows, *sample), max(1, MOST_PATCHES // per_row)
    whole = np.concatenate([run(folded[start : start + step]) for start in range(0, rows, step)])
    return whole.reshape(*leading, *whole.shape[1:])


@dataclass(frozen=True)
class Window:
    """How the kernel moves over a padded input."""

    kernel: Shape
    sizes: Shape
    stride: Shape
    dilation: Shape

    def places(self) -> Iterator[tuple[slice, ...]]:
        """For each element of the kernel, row by row, what it meets of the padded input."""
        for offsets in product(*map(range, self.kernel)):
            yield tuple(
                slice(offset * gap, offset * gap + step * (size - 1) + 1, step)
                for offset, gap, step, size in zip(offsets, self.dilation, self.stride, self.sizes, strict=True)
            )

    def patches(self, xp: Any, padded: Any, groups: int) -> Any:
        """What the kernel meets at each place: ``(..., groups, channels * kernel, places)``."""
        met = xp.stack([padded[(Ellipsis, *place)] for place in self.places()], axis=-len(self.sizes) - 1)
        *lead, channels, elements = met.shape[: -len(self.sizes)]
        return met.reshape(*lead, groups, channels // groups * elements, math.prod(self.sizes))
