"""What a program makes once of arrays that stay where they are: operands in the shape of a result, views of buffers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import Array, Shape
from graphpool.ops import pad

SCALARS = 1024
VECTORS = 1 << 17
"""In bytes: results up to which a scalar, or an array with axes, is repeated to their shape: NumPy does it slowly."""

LONG = 256
"""Elements: a run of the result's last axes that is long enough for NumPy to repeat over the others at no cost."""

Make = Callable[[Any, Shape], Any]
"""The array of a source and the leading axes to what is made of them."""


@dataclass(frozen=True)
class Derived:
    """Something made of an array (or of the leading axes alone) whenever these change."""

    source: Value | None
    make: Make


@dataclass(frozen=True)
class Fitting:
    """An operand that is no stream, repeated to the shape of a stream."""

    shape: Shape
    always: bool

    def __call__(self, array: Array, leading: Shape) -> Array:
        whole = leading + self.shape
        one_row = whole[1:] if len(leading) > 1 and math.prod(whole[1:]) >= LONG else whole
        limit = SCALARS if array.size == 1 else VECTORS
        if self.always:
            one_row = whole
        elif math.prod(one_row) * array.itemsize > limit:
            return array
        return np.array(np.broadcast_to(array, one_row), order="C")


@dataclass(frozen=True)
class Repeated:
    """A constant that is no value of the graph, repeated likewise."""

    array: Array
    fitting: Fitting

    def __call__(self, array: None, leading: Shape) -> Array:
        return self.fitting(self.array, leading)


@dataclass(frozen=True)
class Padding:
    """A stream with axes of length 1 in front of its sample axes."""

    own: int
    rank: int

    def __call__(self, array: Array) -> Any:
        return pad(array, self.own, self.rank)


@dataclass(frozen=True)
class Shaping:
    """A shape with the leading axes; folded, all axes but the last are one."""

    shape: Shape
    folded: bool

    def __call__(self, array: None, leading: Shape) -> Shape:
        whole = leading + self.shape
        return (math.prod(whole[:-1]), whole[-1]) if self.folded else whole


def turned(array: Array, leading: Shape) -> Array:
    """A weight that stands left of a stream, for the product the other way round."""
    return array.T


def as_view(make: Callable[[Any], Any]) -> Make:
    """A view of an array that stays where it is."""

    def view(array: Array, leading: Shape) -> Any:
        result = make(array)
        if result.size and not np.may_share_memory(result, array):
            raise AssertionError("a view became a copy")
        return result

    return view
