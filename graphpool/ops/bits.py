"""Rows that work on the bits of integers, which are in two's complement."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from graphpool.graph.types import Array, DType
from graphpool.ops import samples
from graphpool.ops.rules import elementwise, is_integer
from graphpool.ops.samples import INTS
from graphpool.ops.table import Sample, Trait, op


def _extremes(dtype: DType) -> tuple[Array, Array]:
    """Integers with bits in all places, and counts of places from below none to more than there are."""
    info = np.iinfo(dtype)
    numbers = np.array([info.min, info.max, -1, 0x0F0F0F, 5, -8, 77, -77], dtype)
    return numbers, np.array([1, info.bits - 1, info.bits, 4, 0, -1, 100, 3], dtype)


def _samples(arity: int) -> Callable[[], Iterable[Sample]]:
    def make() -> Iterable[Sample]:
        yield from samples.elementwise(arity, INTS)()
        for dtype in INTS:
            yield Sample(_extremes(dtype)[:arity])

    return make


def _bits(name: str, ufunc: np.ufunc, doc: str, *extra: Trait) -> None:
    op(
        name,
        type=elementwise(ufunc.nin, is_integer),
        kernel=lambda xp, *args: getattr(xp, ufunc.__name__)(*args),
        traits=(Trait.ELEMENTWISE, *extra),
        ufunc=ufunc,
        samples=_samples(ufunc.nin),
        doc=doc,
    )


_bits("bit_and", np.bitwise_and, "the bits that both have", Trait.COMMUTATIVE)
_bits("bit_or", np.bitwise_or, "the bits that either has", Trait.COMMUTATIVE)
_bits("bit_xor", np.bitwise_xor, "the bits that one of the two has", Trait.COMMUTATIVE)
_bits("bit_not", np.invert, "all bits turned over: -1 - x")
_bits("shift_left", np.left_shift, "the bits y places up; 0 where y is negative or as large as the width")
_bits("shift_right", np.right_shift, "x / 2**y rounded down; by the sign of x 0 or -1 where y is no place")
