"""Operands for the op matrix: shapes that broadcast in each way, and special values among the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from graphpool.graph.types import BOOL, FLOAT32, FLOAT64, INT32, INT64, Array, DType, Shape
from graphpool.ops.table import Sample

FLOATS: tuple[DType, ...] = (FLOAT32, FLOAT64)
INTS: tuple[DType, ...] = (INT32, INT64)
NUMBERS: tuple[DType, ...] = FLOATS + INTS
ALL: tuple[DType, ...] = (*NUMBERS, BOOL)

SHAPES: dict[int, tuple[tuple[Shape, ...], ...]] = {
    1: (((3,),), ((),), ((2, 3),)),
    2: (((3,), (3,)), ((), (3,)), ((3,), ()), ((2, 1), (3,)), ((), ())),
    3: (((3,), (3,), (3,)), ((), (3,), ()), ((2, 1), (3,), (2, 3))),
}

SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)


def values(dtype: DType, shape: Shape, seed: int, special: bool = False, low: float = -3, high: float = 3) -> Array:
    """Reproducible values: multiples of 1/4 between ``low`` and ``high``, NaN and infinities on request."""
    rng = np.random.default_rng(seed)
    if dtype == BOOL:
        return np.asarray(rng.integers(0, 2, shape)).astype(bool)
    if dtype.kind == "i":
        return np.asarray(rng.integers(int(low), int(high) + 1, shape)).astype(dtype)
    array = np.asarray(rng.integers(int(low * 4), int(high * 4) + 1, shape) / 4).astype(dtype)
    if special and array.size:
        flat = array.reshape(-1)
        flat[0] = SPECIAL[seed % len(SPECIAL)]
        flat[-1] = SPECIAL[(seed * 3 + 1) % len(SPECIAL)]
    return array


def elementwise(
    arity: int,
    dtypes: Sequence[DType],
    *,
    special: bool = True,
    low: float = -3,
    high: float = 3,
    nonzero: Sequence[int] = (),
    attrs: dict[str, object] | None = None,
) -> Callable[[], Iterable[Sample]]:
    """Samples of an elementwise row; operands named in ``nonzero`` hold no zero where they are integers."""

    def make() -> Iterable[Sample]:
        for dtype in dtypes:
            for number, shapes in enumerate(SHAPES[arity]):
                for round_ in range(2 if special and dtype.kind == "f" else 1):
                    args = [
                        values(dtype, shape, 7 * number + 3 * place + 11 * round_, round_ == 1, low, high)
                        for place, shape in enumerate(shapes)
                    ]
                    for place in nonzero:
                        if dtype.kind == "i":
                            args[place] = np.where(args[place] == 0, 2, args[place]).astype(dtype)
                    yield Sample(tuple(args), dict(attrs or {}))

    return make
