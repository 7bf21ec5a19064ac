"""Rows that reduce axes of a sample: ``axes`` counts from the end, ``keepdims`` keeps them at length 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from graphpool.errors import TypeRuleError
from graphpool.graph.types import BOOL, Attributes, DType, TensorType
from graphpool.ops import samples
from graphpool.ops.rules import Accepts, check_arity, check_axes, common_dtype, is_bool, is_float, is_number
from graphpool.ops.samples import FLOATS, NUMBERS
from graphpool.ops.table import Sample, Trait, TypeRule, op


def _reduction(accepts: Accepts, needs_elements: bool = False) -> TypeRule:
    def rule(types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
        check_arity(types, 1)
        dtype = common_dtype(types, accepts)
        shape, axes = types[0].shape, attrs["axes"]
        check_axes(axes, len(shape))
        reduced = {axis % len(shape) for axis in axes}
        if needs_elements and any(shape[axis] == 0 for axis in reduced):
            raise TypeRuleError(f"an empty axis of {shape} has no such value")
        if attrs["keepdims"]:
            return TensorType(dtype, tuple(1 if axis in reduced else n for axis, n in enumerate(shape)))
        return TensorType(dtype, tuple(n for axis, n in enumerate(shape) if axis not in reduced))

    return rule


def _samples(dtypes: Sequence[DType], special: bool) -> Callable[[], Iterable[Sample]]:
    def make() -> Iterable[Sample]:
        for dtype in dtypes:
            for shape, axes, keepdims in (
                ((3,), (-1,), False),
                ((2, 3), (-2,), True),
                ((2, 3), (-2, -1), False),
            ):
                for seed in range(2 if special and dtype.kind == "f" else 1):
                    array = samples.values(dtype, shape, seed + 20, seed == 1)
                    yield Sample((array,), {"axes": axes, "keepdims": keepdims})

    return make


def _reduce(
    name: str,
    function: str,
    accepts: Accepts,
    dtypes: Sequence[DType],
    doc: str,
    *,
    tolerance: float = 0,
    traits: Iterable[Trait] = (),
    needs_elements: bool = False,
) -> None:
    op(
        name,
        type=_reduction(accepts, needs_elements),
        kernel=lambda xp, x, axes, keepdims: getattr(xp, function)(x, axis=axes, keepdims=keepdims),
        traits=traits,
        samples=_samples(dtypes, special=True),
        tolerance=tolerance,
        doc=doc,
    )


def _sum_kernel(xp: object, x: object, axes: tuple[int, ...], keepdims: bool) -> object:
    return xp.sum(x, axis=axes, keepdims=keepdims, dtype=x.dtype)  # type: ignore[attr-defined]


op(
    "sum",
    type=_reduction(is_number),
    kernel=_sum_kernel,
    samples=_samples(NUMBERS, special=True),
    tolerance=4,
    doc="the sum over axes; small integers are cast to int64 first",
)


def _prod_kernel(xp: object, x: object, axes: tuple[int, ...], keepdims: bool) -> object:
    return xp.prod(x, axis=axes, keepdims=keepdims, dtype=x.dtype)  # type: ignore[attr-defined]


op(
    "prod",
    type=_reduction(is_number),
    kernel=_prod_kernel,
    samples=_samples(NUMBERS, special=True),
    tolerance=8,
    doc="the product over axes; small integers are cast to int64 first",
)
_reduce("mean", "mean", is_float, FLOATS, "the mean over axes", tolerance=4, needs_elements=True)
_reduce("max", "max", is_number, NUMBERS, "the largest element over axes; NaN wins", needs_elements=True)
_reduce("min", "min", is_number, NUMBERS, "the smallest element over axes; NaN wins", needs_elements=True)
_reduce("any", "any", is_bool, (BOOL,), "whether any element over axes is true")
_reduce("all", "all", is_bool, (BOOL,), "whether all elements over axes are true")

UFUNC_REDUCTIONS: dict[np.ufunc, str] = {
    np.add: "sum",
    np.multiply: "prod",
    np.maximum: "max",
    np.minimum: "min",
    np.logical_or: "any",
    np.logical_and: "all",
}
"""What ``ufunc.reduce`` traces to."""
