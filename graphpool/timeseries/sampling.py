"""How the value of a series at a time is found: pure functions on arrays."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from graphpool.errors import TimeSeriesError, format_error
from graphpool.timeseries.clock import ROUNDING, Floats, Integers, as_times

Kind = Literal["previous", "next", "nearest", "nearest-up", "zero", "linear", "slinear", "quadratic", "cubic"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HOLD = "extrapolate"
"""The fill value that stands for the last sample."""

PLAIN: dict[Kind | int, Kind] = {"zero": "previous", 0: "previous", "slinear": "linear", 1: "linear"}
"""Splines of low order, as the kinds that also go through two samples at one time."""

SPLINES = ("quadratic", "cubic")


# --- what users give --------------------------------------------------------------------------------------------------
def read_samples(samples: Any, where: str) -> Floats:
    """A new float64 array (T, N); a vector is one channel.

    Raises:
        TimeSeriesError: complex, not numeric, or of more than two dimensions.
    """
    try:
        given = np.asarray(samples)
    except ValueError as error:
        raise TimeSeriesError(format_error(f"the samples are no array: {error}", where=where)) from error
    if given.dtype.kind not in "biuf":
        hint = "real numbers" if given.dtype.kind != "c" else "take the real part, or two channels"
        raise TimeSeriesError(format_error(f"the samples are {given.dtype}", where=where, hint=hint))
    if given.ndim > 2:
        what = f"the samples have shape {given.shape}"
        raise TimeSeriesError(format_error(what, where=where, hint="(times, channels); a series is one trial"))
    array = np.array(given, dtype=np.float64, order="C")
    return array.reshape(-1, 1) if array.ndim < 2 else array


def read_kind(kind: Any, where: str) -> Kind | int:
    """A kind of interpolation: a name, or the order of a spline.

    Raises:
        TimeSeriesError: there is none of that name; lists the kinds.
    """
    if isinstance(kind, (int, np.integer)) and not isinstance(kind, bool) and kind >= 0:
        return int(kind)
    for known in KINDS:
        if isinstance(kind, str) and kind == known:
            return known
    hint = f"one of {', '.join(KINDS)}, or the order of a spline"
    raise TimeSeriesError(format_error(f"interp_kind={kind!r}", where=where, hint=hint))


def read_fill(fill: Any, channels: int, where: str) -> str | float | Floats:
    """What follows the last sample: "extrapolate", a number, or one number a channel.

    Of a pair (below, above), a tuple, the second counts: no series has a value before its first sample.

    Raises:
        TimeSeriesError: another string, no numbers, or not one number a channel.
    """
    if isinstance(fill, str) and fill == HOLD:
        return HOLD
    hint = f"{HOLD!r}, a number, or one number a channel"
    if isinstance(fill, tuple) and len(fill) == 2:
        fill = fill[1]
    try:
        given = np.asarray(fill)
    except ValueError as error:
        raise TimeSeriesError(format_error(f"fill_value={fill!r}", where=where, hint=hint)) from error
    row = given.astype(np.float64) if given.dtype.kind in "biuf" and given.ndim < 2 else None
    if row is None or not fits_channels(row, channels):
        raise TimeSeriesError(format_error(f"fill_value={fill!r} for {channels} channels", where=where, hint=hint))
    return row if row.ndim else float(row)


def fits_channels(fill: str | float | Floats, channels: int) -> bool:
    """Whether a fill value has a number for each channel."""
    return not isinstance(fill, np.ndarray) or fill.size in (1, channels) or not channels


def read_unsorted_times(times: Any, where: str) -> Floats:
    """The times that are asked for, as a float64 vector in any order; a scalar is one time.

    Raises:
        TimeSeriesError: not numeric, not finite, or of more than one dimension.
    """
    asked = as_times(times, where)
    if asked.ndim > 1:
        what = f"the times have shape {asked.shape}"
        raise TimeSeriesError(format_error(what, where=where, hint="a scalar or a vector of times"))
    asked = asked.reshape(-1)
    if not np.isfinite(asked).all():
        wrong = asked[~np.isfinite(asked)][0]
        raise TimeSeriesError(format_error(f"asked for its value at t={wrong}", where=where, hint="times are finite"))
    return asked


# --- where a time lies ------------------------------------------------------------------------------------------------
def wrap(times: Floats, start: float, duration: float) -> Floats:
    """Times of a periodic series, moved into its first period; the end of a period is the start of the next."""
    slack = np.minimum(ROUNDING * (np.abs(times) + abs(start) + duration) / duration, 0.49)
    periods = np.floor((times - start) / duration + slack)
    inside: Floats = np.clip(times - periods * duration, start, start + duration)
    return inside


def snap(times: Floats, targets: Floats, tolerance: float | Floats) -> Floats:
    """Times, each replaced by the ascending target that it misses by no more than the tolerance, if there is one."""
    after = np.searchsorted(targets, times).clip(0, len(targets) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(np.abs(targets[after] - times) <= np.abs(targets[before] - times), after, before)
    found: Floats = np.where(np.abs(targets[nearest] - times) <= tolerance, targets[nearest], times)
    return found


def last_before(targets: Floats, times: Floats, tolerance: float | Floats) -> Integers:
    """The index of the last ascending target at or before each time; -1 for none.

    A time that misses the next target by no more than the tolerance is at that target.
    """
    index = np.searchsorted(targets, times, side="right")
    loose = np.searchsorted(targets, times + tolerance, side="right")
    if not np.array_equal(index, loose):
        # A time that is a target to the bit stays there, however near the next one is.
        exact = (index > 0) & (targets[index - 1] == times)
        index = np.where(exact, index, loose)
    return index - 1


# --- values -----------------------------------------------------------------------------------------------------------
def interpolate(axis: Floats, samples: Floats, asked: Floats, kind: Kind | int, where: str) -> Floats:
    """Values (times, channels) between samples; at a sample, that sample to the bit, the later one of two.

    Args:
        axis: ascending positions of the samples.
        samples: (T, N), at least one row.
        asked: positions from the first to the last of ``axis``.
        kind: as :func:`read_kind`.
        where: names the series in an error.

    Raises:
        TimeSeriesError: there are too few samples for this kind, or it cannot deal with their values.
    """
    index = np.searchsorted(axis, asked, side="right") - 1
    values = samples.take(index, axis=0, mode="clip")
    between = np.flatnonzero(axis.take(index, mode="clip") != asked)
    if between.size and len(axis) > 1:
        values[between] = _between(axis, samples, asked[between], kind, where)
    return values


def _between(axis: Floats, samples: Floats, asked: Floats, kind: Kind | int, where: str) -> Floats:
    from scipy.interpolate import interp1d

    kind = PLAIN.get(kind, kind)
    if kind in SPLINES or isinstance(kind, int):
        # No spline goes through two samples at one time.
        last = np.append(axis[1:] != axis[:-1], True)
        axis, samples = axis[last], samples[last]
    try:
        curve = interp1d(axis, samples, kind=kind, axis=0, copy=False, assume_sorted=True)
        values: Floats = curve(asked).real
    except (ValueError, OverflowError) as error:
        what = f"interpolation {kind!r} of {len(axis)} samples: {error}"
        hint = "a spline needs one sample more than its order, and finite values"
        raise TimeSeriesError(format_error(what, where=where, hint=hint)) from error
    return values
