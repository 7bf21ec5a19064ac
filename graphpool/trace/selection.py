"""Functions that choose among values."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.graph.types import BOOL
from graphpool.trace.functions import METHODS, as_tracer, lowers, method, promoted
from graphpool.trace.loops import CLIP
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, elementwise_shadow, operand_value
from graphpool.trace.ufuncs import deliver


# --- selection -------------------------------------------------------------------------------------------------------
@lowers(np.where)
def _where(recorder: Recorder, condition: Any, x: Any = None, y: Any = None) -> Tracer:
    if x is None or y is None:
        recorder.fail(
            "np.where(condition) alone: how many it finds is not known while tracing",
            hint="index with the condition itself, x[x > 1] = 0, or give both values",
        )
    mask = recorder.cast(operand_value(recorder, condition), BOOL)
    args = promoted(recorder, [x, y], weak=True)
    value = recorder.emit("where", [mask, *args])
    return Tracer.of(recorder, value, False, elementwise_shadow(condition, x, y))


@lowers(np.clip)
def _clip(recorder: Recorder, a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    low, high = kwargs.pop("min", a_min), kwargs.pop("max", a_max)
    a = np.asarray(a) if isinstance(a, (int, float)) else a  # NumPy calls its method: no weak number any more
    kwargs |= {} if out is None else {"out": (out,)}
    if low is None and high is None:
        return np.positive(a, **kwargs)
    if low is None:
        return np.minimum(a, high, **kwargs)
    if high is None:
        return np.maximum(a, low, **kwargs)
    return CLIP(a, low, high, **kwargs)


@lowers(np.round, np.around)
def _round(recorder: Recorder, a: Any, decimals: int = 0, out: Any = None) -> Any:
    """As NumPy does: scaled by a power of ten, rounded, and scaled back."""
    tracer = as_tracer(recorder, a)
    if tracer.dtype.kind != "f":
        if decimals < 0:
            recorder.fail(f"np.round of integers with decimals={decimals}", hint="x.astype(float) first")
        return np.positive(tracer, out=out)
    if decimals == 0:
        return np.rint(tracer, out=out)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return np.divide(np.rint(np.multiply(tracer, scale)), scale, out=out)
    return np.multiply(np.rint(np.divide(tracer, scale)), scale, out=out)


@lowers(np.select)
def _select(recorder: Recorder, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not len(condlist):
        recorder.fail(f"np.select of {len(condlist)} conditions and {len(choicelist)} choices", hint="as many of each")
    if any(as_tracer(recorder, item).dtype != BOOL for item in condlist):
        recorder.fail("np.select with a condition that is not bool", hint="compare: x > 0")
    *choices, default = (Tracer.of(recorder, value) for value in promoted(recorder, [*choicelist, default], weak=True))
    shape = np.broadcast_shapes(*[np.shape(item) for item in (*condlist, *choices)])
    result: Any = default
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    value = recorder.broadcast(result.value, shape)
    return Tracer.of(recorder, value)


@lowers(np.choose)
def _choose(recorder: Recorder, a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """A traced number that no choice has takes the nearest one; NumPy raises there."""
    tracer: Any = as_tracer(recorder, a)
    count = len(choices)
    if tracer.dtype.kind not in "iub" or mode not in ("raise", "clip", "wrap"):
        recorder.fail(f"np.choose by {tracer!r} with mode={mode!r}", hint="by integers, mode 'raise', 'clip' or 'wrap'")
    if tracer.dtype != BOOL:
        tracer = np.mod(tracer, count) if mode == "wrap" else np.clip(tracer, 0, count - 1)
    others: list[Any]
    result: Any
    *others, result = (Tracer.of(recorder, value) for value in promoted(recorder, list(choices), weak=True))
    for number, choice in reversed(list(enumerate(others))):
        result = np.where(np.equal(tracer, number), choice, result)
    shape = np.broadcast_shapes(tracer.shape, *[np.shape(item) for item in choices])
    value = recorder.broadcast(result.value, shape)
    return Tracer.of(recorder, value) if out is None else deliver(recorder, value, out, exactly=True)


@lowers(np.piecewise)
def _piecewise(recorder: Recorder, x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    tracer = as_tracer(recorder, x)
    listed = isinstance(condlist, (list, tuple)) and not isinstance(condlist[0], (bool, np.bool_))
    conditions = [_as_bools(recorder, item) for item in (condlist if listed else [condlist])]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(np.stack(conditions), axis=0))
    if len(funclist) != len(conditions):
        recorder.fail(f"np.piecewise of {len(conditions)} conditions and {len(funclist)} functions")
    result = np.zeros_like(tracer)
    for condition, function in zip(conditions, funclist, strict=True):
        result[condition] = function(tracer[condition], *args, **kw) if callable(function) else function
    return result


def _as_bools(recorder: Recorder, item: Any) -> Tracer:
    """A condition as bools."""
    return as_tracer(recorder, item).astype(BOOL)  # type: ignore[no-any-return]


# --- tables ----------------------------------------------------------------------------------------------------------
@lowers(np.searchsorted)
def _searchsorted(recorder: Recorder, a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """How many entries lie before: a comparison with each, and a sum. NaN lies behind everything."""
    table, wanted = as_tracer(recorder, a), as_tracer(recorder, v)
    if table.ndim != 1 or sorter is not None or side not in ("left", "right"):
        recorder.fail("np.searchsorted of anything but a sorted vector", hint="side is 'left' or 'right'")
    each = wanted[..., None]
    before = table < each if side == "left" else table <= each
    if wanted.dtype.kind == "f":
        missing = np.not_equal(each, each)
        before = before | (missing & (table == table) if side == "left" else missing)
    count: Any = np.sum(before, axis=-1, dtype=np.int64)
    return Tracer.of(recorder, count.value)


@lowers(np.digitize)
def _digitize(recorder: Recorder, x: Any, bins: Any, right: bool = False) -> Any:
    """Whether the edges rise or fall must be known."""
    if isinstance(bins, Tracer):
        recorder.fail("np.digitize with traced edges", hint="of edges that rise, np.searchsorted(edges, x, 'right')")
    edges, side = recorder.plain(bins), "left" if right else "right"
    steps = np.diff(edges)
    if edges.ndim != 1 or not ((steps >= 0).all() or (steps <= 0).all()):
        recorder.fail("np.digitize with edges that neither rise nor fall", hint="sort them outside of the step")
    if (steps < 0).any():
        return edges.size - _searchsorted(recorder, edges[::-1], x, side)
    return _searchsorted(recorder, edges, x, side)


@lowers(np.interp)
def _interp(
    recorder: Recorder, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """The line between the two points around x, as NumPy computes it."""
    at, points, heights = (as_tracer(recorder, item).astype(np.float64) for item in (x, xp, fp))
    if points.ndim != 1 or points.shape != heights.shape or not points.size:
        recorder.fail(f"np.interp of points {points.shape} and heights {heights.shape}", hint="two vectors of a length")
    if period is not None:
        recorder.fail("np.interp with a period", hint="np.interp(x % period, ...) with points that reach around it")
    last = points.size - 1
    below = heights[0] if left is None else left
    above = heights[last] if right is None else right
    if last == 0:
        inside = heights[0]
    else:
        place = np.searchsorted(points, at, "right") - 1
        place = np.clip(place, 0, last - 1)
        slopes = np.diff(heights) / np.diff(points)
        start = points[place]
        inside = slopes[place] * (at - start) + heights[place]
        if isinstance(fp, Tracer) or not np.isfinite(fp).all():
            inside = _from_the_other_end(inside, at, points, heights, slopes, place)
        inside = np.where(at == start, heights[place], inside)
    inside = np.where(at == points[last], heights[last], inside)
    inside = np.where(at < points[0], below, np.where(at > points[last], above, inside))
    result = np.where(at != at, at, inside)
    return Tracer.of(recorder, result.value)


def _from_the_other_end(inside: Any, at: Any, points: Any, heights: Any, slopes: Any, place: Any) -> Any:
    """What NumPy does where infinite heights have given NaN."""
    end = heights[place + 1]
    other = slopes[place] * (at - points[place + 1]) + end
    other = np.where((other != other) & (heights[place] == end), end, other)
    return np.where(inside != inside, other, inside)


METHODS |= {"choose": method(np.choose), "searchsorted": method(np.searchsorted)}
