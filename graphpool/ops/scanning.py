"""Rows that run along one axis of a sample: where its extreme lies, and running sums and products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphpool.errors import TypeRuleError
from graphpool.graph.types import INT32, Attributes, TensorType
from graphpool.ops import samples
from graphpool.ops.rules import check_arity, check_axes, common_dtype, is_number
from graphpool.ops.samples import NUMBERS
from graphpool.ops.table import Sample, Trait, op


def _samples() -> Iterable[Sample]:
    for dtype in NUMBERS:
        for number, (shape, axis) in enumerate((((4,), -1), ((2, 3), -2), ((2, 3), -1), ((2, 3, 2), -2))):
            for round_ in range(3 if dtype.kind == "f" else 1):
                array = samples.values(dtype, shape, 20 + number + 5 * round_, round_ > 0)
                yield Sample((array,), {"axis": axis})


# --- where the extreme lies ------------------------------------------------------------------------------------------
def _place_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 1)
    common_dtype(types, is_number)
    shape, axis = types[0].shape, attrs["axis"]
    check_axes((axis,), len(shape))
    if shape[axis] == 0:
        raise TypeRuleError(f"an empty axis of {shape} has no such place")
    return TensorType(INT32, tuple(n for place, n in enumerate(shape) if place != axis % len(shape)))


def _place(name: str, what: str) -> None:
    op(
        name,
        type=_place_type,
        kernel=lambda xp, x, axis: getattr(xp, name)(x, axis=axis).astype(INT32),
        traits=(Trait.DISCRETE,),
        samples=_samples,
        doc=f"the position of the {what} element along an axis, as int32; the first of equal ones, and the first NaN",
    )


_place("argmax", "largest")
_place("argmin", "smallest")


# --- running ---------------------------------------------------------------------------------------------------------
def _running_type(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    check_arity(types, 1)
    common_dtype(types, is_number)
    check_axes((attrs["axis"],), types[0].rank)
    return types[0]


def _running(name: str, what: str, tolerance: float) -> None:
    def kernel(xp: Any, x: Any, axis: int) -> Any:
        return getattr(xp, name)(x, axis=axis, dtype=x.dtype)

    op(
        name,
        type=_running_type,
        kernel=kernel,
        samples=_samples,
        tolerance=tolerance,
        doc=f"the running {what} along an axis",
    )


_running("cumsum", "sum", 8)
_running("cumprod", "product", 8)
