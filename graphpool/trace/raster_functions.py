"""NumPy's functions on symbolic rasters: each is the function of a row, where it leaves time alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphpool.trace.functions import FUNCTIONS, METHODS
from graphpool.trace.rasters import LEADING_HINT, ROW_AXES_HINT, STEP_HINT, Raster, aligned, rasters_in
from graphpool.trace.tracer import Tracer

ELEMENTWISE = frozenset(
    {np.where, np.clip, np.round, np.around, np.copy, np.astype, np.zeros_like, np.ones_like, np.full_like}
    | {np.empty_like, np.nan_to_num, np.isclose, np.fix, np.sinc, np.isposinf, np.isneginf, np.real}
)
"""Functions whose operands broadcast, and which know no axes."""

ALONG = frozenset(
    {np.sum, np.prod, np.mean, np.max, np.amax, np.min, np.amin, np.any, np.all, np.std, np.var, np.ptp, np.median}
    | {np.argmax, np.argmin, np.cumsum, np.cumprod, np.count_nonzero, np.linalg.norm, np.average, np.diff, np.flip}
    | {np.roll, np.take, np.repeat, np.squeeze}
)
"""Functions of one raster along axes."""

JOINING = frozenset({np.concatenate, np.stack})


# --- ufuncs -----------------------------------------------------------------------------------------------------------
def apply_ufunc(raster: Raster, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``Raster.__array_ufunc__`` does."""
    if method != "__call__":
        if method not in ("reduce", "accumulate") or not isinstance(inputs[0], Raster) or "out" in kwargs:
            raster.fail(f"np.{ufunc.__name__}.{method} of a raster")
        axis = row_axis(inputs[0], kwargs.pop("axis", 0), inputs[0].ndim)
        return Raster(getattr(ufunc, method)(inputs[0].row, axis=axis, **kwargs), inputs[0].leading)
    if ufunc is np.matmul:
        return _matmul(raster, inputs, kwargs)
    if ufunc.signature is not None:
        raster.fail(f"np.{ufunc.__name__} of a raster")
    targets = kwargs.pop("out", ())
    where = [kwargs.pop("where")] if "where" in kwargs else []
    given = [one for one in targets if one is not None]
    if len(rasters_in(given)) != len(given):
        raster.fail("a raster is written into an array that knows no time", "make it with np.zeros_like(raster)")
    leading, rows = aligned(raster.recorder, [*inputs, *where, *given])
    if any(target.leading < leading for target in given):
        raster.fail("a raster with a batch axis is written into one without", "take it off: x[0]")
    if where:
        kwargs["where"] = rows[len(inputs)]
    if targets:
        kwargs["out"] = tuple(None if one is None else one.row for one in targets)
    results = ufunc(*rows[: len(inputs)], **kwargs)
    several = isinstance(results, tuple)
    made = [Raster(one, leading) for one in (results if several else (results,))]
    written = targets or (None,) * len(made)
    made = [one if target is None else target for one, target in zip(made, written, strict=True)]
    return tuple(made) if several else made[0]


def _matmul(raster: Raster, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    left, right = inputs
    if kwargs:
        raster.fail(f"np.matmul({', '.join(kwargs)}=...) of a raster", "write x @ w")
    if isinstance(right, Raster):
        if right.row.ndim < 2 or (isinstance(left, Raster) and left.row.ndim != right.row.ndim):
            raster.fail("a product that adds up over time", "rows times a matrix: x @ w")
        if not isinstance(left, Raster) and np.ndim(left) > 2:
            raster.fail(f"a matrix of shape {np.shape(left)} meets a raster", "one matrix for all rows")
    elif left.row.ndim == 0 or np.ndim(right) > 2:
        shapes = f"a raster whose rows have the shape {left.row.shape} and an array of shape {np.shape(right)}"
        raster.fail(f"a product of {shapes}", "rows times a matrix: x @ w")
    found = rasters_in(inputs)
    rows: Any = [one.row if isinstance(one, Raster) else one for one in inputs]
    return Raster(np.matmul(*rows), max(one.leading for one in found))


# --- functions --------------------------------------------------------------------------------------------------------
def apply_function(raster: Raster, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``Raster.__array_function__`` does."""
    if function in (np.shape, np.ndim, np.size):
        return getattr(args[0], function.__name__)
    if function is np.result_type:
        return np.result_type(*(one.dtype if isinstance(one, (Raster, Tracer)) else one for one in args))
    if function is np.dot:
        return np.matmul(*args, **kwargs)
    if function in ELEMENTWISE:
        names = list(kwargs)
        leading, rows = aligned(raster.recorder, [*args, *kwargs.values()])
        given = dict(zip(names, rows[len(args) :], strict=True))
        return Raster(_called(raster, function, rows[: len(args)], given), leading)
    if function in JOINING:
        return _join(raster, function, *args, **kwargs)
    if function is np.hstack:
        return _join(raster, np.concatenate, args[0], min(raster.ndim - 1, 1), **kwargs)
    if function in ALONG or function is np.expand_dims:
        return _along(raster, function, args, kwargs)
    raster.fail(f"np.{function.__name__} of a raster")


def _called(raster: Raster, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return FUNCTIONS[function](raster.recorder, *args, **kwargs)


def _along(raster: Raster, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function along the axes of the row."""
    signature = inspect.signature(function)
    given = dict(signature.bind(*args, **kwargs).arguments)
    target = given.pop(next(iter(signature.parameters)))
    axis = given.pop("axis", signature.parameters["axis"].default)
    if not isinstance(target, Raster) or rasters_in(given.values()):
        raster.fail(f"np.{function.__name__} of several rasters, or with one as an option")
    if function is np.squeeze and target.leading == 2 and axis in (0, -target.ndim):
        return Raster(target.row, 1)
    rank = target.ndim + (function is np.expand_dims)
    made = _called(raster, function, [target.row], given | {"axis": row_axis(target, axis, rank)})
    return Raster(made, target.leading)


def row_axis(raster: Raster, axis: Any, rank: int) -> Any:
    """Axes of a raster, of so many axes in all, as axes of a row: counted from the end."""
    if axis is None:
        raster.fail("all axes of a raster, time among them", ROW_AXES_HINT)
    if isinstance(axis, tuple):
        return tuple(row_axis(raster, one, rank) for one in axis)
    if not isinstance(axis, (int, np.integer)) or not -rank <= axis < rank:
        raster.fail(f"axis {axis!r} of a raster of {rank} axes", ROW_AXES_HINT)
    if axis % rank < raster.leading:
        raster.fail(f"axis {axis} is {'time' if axis % rank == raster.leading - 1 else 'the batch'}", ROW_AXES_HINT)
    return int(axis) % rank - rank


def _join(raster: Raster, function: Callable[..., Any], arrays: Any, /, axis: int = 0, **others: Any) -> Raster:
    listed = list(arrays)
    if len(rasters_in(listed)) != len(listed) or len({(one.leading, one.row.ndim) for one in listed}) != 1:
        raster.fail(f"np.{function.__name__} of a raster and something without the same axes in front", LEADING_HINT)
    rank = raster.ndim + (function is np.stack)
    rows = [one.row for one in listed]
    return Raster(
        _called(raster, function, [rows], {"axis": row_axis(raster, axis, rank), **others}), listed[0].leading
    )


# --- methods ----------------------------------------------------------------------------------------------------------
AS_FUNCTIONS = {
    "sum",
    "prod",
    "mean",
    "max",
    "min",
    "any",
    "all",
    "std",
    "var",
    "argmax",
    "argmin",
    "cumsum",
    "cumprod",
}
AS_FUNCTIONS |= {"squeeze", "repeat", "take", "clip", "round"}
OF_THE_ROW = {"astype", "copy", "fill"}


def _wrapped(result: Any, leading: int) -> Any:
    return Raster(result, leading) if isinstance(result, Tracer) else result


def method_of(raster: Raster, name: str) -> Any:
    """An array method of a raster."""
    if name in AS_FUNCTIONS:
        return lambda *args, **kwargs: getattr(np, name)(raster, *args, **kwargs)
    if name in OF_THE_ROW:
        return lambda *args, **kwargs: _wrapped(METHODS[name](raster.row)(*args, **kwargs), raster.leading)
    if name == "dot":
        return lambda other: np.matmul(raster, other)
    hints = {"reshape": f"{LEADING_HINT}; x[:, None] adds one behind them", "T": f"{LEADING_HINT}: x @ w"}
    raster.fail(f"ndarray.{name} of a raster", hints.get(name, STEP_HINT))
