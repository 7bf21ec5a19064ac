r"""Clocks: which time step a time in seconds belongs to.

Step k of a clock is the half-open bin

.. math:: [\,origin + k\,dt,\; origin + (k+1)\,dt\,)

Floats do not hold 0.3 exactly, nor 3 times 0.1, so a time that lies below the start of a bin by no more than its own
rounding, or by a billionth of a step, is the start of that bin. All other times fall where exact arithmetic puts them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.errors import TimeSeriesError, format_error

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NEGLIGIBLE = 1e-9
"""The share of a step by which a time may miss the start of its bin."""

ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""The largest relative error of a time that a few operations on floats have made."""

MOST_SLACK = 0.49
"""In steps; below half a step, so that a time never skips one."""

SAME = 1e-12
"""The relative difference of two time steps that are the same."""

LAST_STEP = 2**53
"""Steps beyond this one have no float of their own."""

NO_NUMBERS = (str, bytes, complex, np.complexfloating)
"""What numpy would turn into a time although it is none."""


def rounding(*times: Any) -> float:
    """By how many seconds times of these magnitudes may be off for rounding alone."""
    return sum(ROUNDING * float(np.max(np.abs(one), initial=0.0)) for one in times)


def read_dt(dt: Any, where: str = "") -> float:
    """A time step in seconds.

    Raises:
        TimeSeriesError: it is no positive, finite number.
    """
    try:
        value = float(dt)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(dt, (bool, str)) or not 0 < value < math.inf:
        raise TimeSeriesError(
            format_error(f"dt={dt!r}", where=where, hint="a time step is a positive number of seconds")
        )
    return value


@dataclass(frozen=True)
class Clock:
    """A regular grid of time steps.

    Args:
        dt: the time step in seconds.
        origin: the time at which step 0 starts, in seconds.

    Raises:
        TimeSeriesError: ``dt`` is not positive or ``origin`` not finite.
    """

    dt: float
    origin: float = 0.0

    def __post_init__(self) -> None:
        read_dt(self.dt)
        if not math.isfinite(self.origin):
            raise TimeSeriesError(f"a clock cannot start at t={self.origin} s")

    # --- from steps to times ------------------------------------------------------------------------------------------
    def times(self, first: int, count: int) -> Floats:
        """When ``count`` steps start, from step ``first`` on."""
        return self.starts(np.arange(first, first + count, dtype=np.float64))

    def time(self, step: int) -> float:
        """When a step starts."""
        return float(self.starts(np.float64(step)))

    def starts(self, steps: Any) -> Floats:
        """When steps start, of any shape; k + 0.5 is the middle of step k."""
        steps = np.asarray(steps, dtype=np.float64)
        rate = self._rate
        if rate is None:
            return np.asarray(steps * self.dt + self.origin)
        # One rounding: 3 / 10 is the float that people write as 0.3, 3 * 0.1 is not.
        before = self.origin * rate
        if math.isfinite(before) and round(before) / rate == self.origin:
            return np.asarray((steps + round(before)) / rate)
        return np.asarray(steps / rate + self.origin)

    @property
    def _rate(self) -> int | None:
        """Steps per second, where that is a whole number."""
        rate = round(1 / self.dt) if self.dt > 1 / LAST_STEP else 0
        return rate if rate and 1 / rate == self.dt else None

    # --- from times to steps ------------------------------------------------------------------------------------------
    def steps(self, times: Any, where: str = "") -> Integers:
        """The step of each time, of any shape, as int64; ``where`` says in an error whose times they are.

        Raises:
            TimeSeriesError: a time is not finite, or too far away for a step of its own.
        """
        quotients, slack = self._quotients(times, where)
        quotients += slack
        floors = np.floor(quotients, out=quotients) if quotients.ndim else np.floor(quotients)
        return floors.astype(np.int64)

    def step(self, time: float, where: str = "") -> int:
        """The step of one time; see :meth:`steps`."""
        return int(self.steps(time, where))

    def positions(self, times: Any, where: str = "") -> Floats:
        """Times in units of steps from the origin; whole numbers for those that mean the start of a step.

        Raises:
            TimeSeriesError: as :meth:`steps`.
        """
        quotients, slack = self._quotients(times, where)
        nearest = np.rint(quotients)
        return np.where(np.abs(quotients - nearest) <= slack, nearest, quotients)

    def _quotients(self, times: Any, where: str) -> tuple[Floats, Floats]:
        times = np.asarray(times, dtype=np.float64)
        # For each time on its own, so that the step of a time does not depend on the others.
        slack: Floats = np.abs(times)
        largest = float(np.max(slack, initial=0.0))
        if not largest < LAST_STEP * self.dt:
            wrong = times.ravel()[~(slack.ravel() < LAST_STEP * self.dt)][0]
            what = f"t={wrong} s is no time on a clock with dt={self.dt} s"
            raise TimeSeriesError(format_error(what, where=where, hint="dt and all times are in seconds"))
        slack *= ROUNDING / self.dt
        slack += NEGLIGIBLE + ROUNDING * abs(self.origin) / self.dt
        quotients: Floats = times - self.origin
        quotients /= self.dt
        return quotients, slack if self._slack(largest) < MOST_SLACK else np.minimum(slack, MOST_SLACK)

    def on_grid(self, time: float) -> bool:
        """Whether a time is the start of a step."""
        position = (time - self.origin) / self.dt
        return math.isfinite(position) and abs(position - round(position)) <= self._slack(abs(time))

    def nearest(self, time: float) -> int:
        """The step whose start is nearest to a time."""
        return round((time - self.origin) / self.dt)

    def snapped(self, time: float) -> float:
        """The start of a step for a time that means it; any other time as it is."""
        return self.time(self.nearest(time)) if self.on_grid(time) else time

    def _slack(self, largest: float) -> float:
        return min(NEGLIGIBLE + ROUNDING * (largest + abs(self.origin)) / self.dt, MOST_SLACK)

    # --- lengths and other clocks -------------------------------------------------------------------------------------
    def whole_steps(self, duration: float, where: str = "") -> int:
        """How many whole steps fit into so many seconds; ``where`` says in an error whose they are.

        Raises:
            TimeSeriesError: there is no such number.
        """
        return math.floor(self._count(duration, where) + self._slack(abs(duration)))

    def covering_steps(self, duration: float, where: str = "") -> int:
        """How many steps cover so many seconds; as :meth:`whole_steps`."""
        return math.ceil(self._count(duration, where) - self._slack(abs(duration)))

    def _count(self, duration: float, where: str) -> float:
        count = duration / self.dt
        if not math.isfinite(count):
            what = f"{duration} s cannot be counted in steps of dt={self.dt} s"
            raise TimeSeriesError(format_error(what, where=where, hint="dt and all times are in seconds"))
        return count

    def moved(self, offset: float) -> Clock:
        """The clock that starts later by so many seconds."""
        return Clock(self.dt, self.origin + offset)

    def end(self, count: int, where: str = "") -> float:
        """When ``count`` steps from step 0 on end; ``where`` says in an error whose steps they are.

        Raises:
            TimeSeriesError: floats have no such time.
        """
        with np.errstate(over="ignore"):
            stop = self.time(count)
        if not math.isfinite(stop):
            what = f"{count} steps of dt={self.dt} s from t={self.origin} s on have no end"
            raise TimeSeriesError(format_error(what, where=where, hint="dt and all times are in seconds"))
        return stop

    def started_at(self, step: int) -> Clock:
        """The clock whose step 0 is this one's ``step``."""
        return Clock(self.dt, self.time(step))

    def offset_of(self, other: Clock) -> int | None:
        """The step of this clock at which the other one starts; None where they have not the same bins."""
        if not math.isclose(self.dt, other.dt, rel_tol=SAME) or not self.on_grid(other.origin):
            return None
        return self.nearest(other.origin)


def sub_steps(dt: float, inner: float) -> int | None:
    """How many steps of ``inner`` seconds make one of ``dt``; None where that is no whole number."""
    ratio = dt / inner
    count = round(ratio) if math.isfinite(ratio) else 0
    return count if count and math.isclose(ratio, count, rel_tol=NEGLIGIBLE) else None


def as_times(times: Any, where: str) -> Floats:
    """A new float64 array of times, of any shape.

    Raises:
        TimeSeriesError: they are no real numbers.
    """
    try:
        given = np.asarray([] if times is None else times)
        # Numpy takes the number out of a text, and half of a complex number.
        wrong = given.dtype.kind not in "biufO" or any(isinstance(one, NO_NUMBERS) for one in _objects(given))
        if not wrong or not given.size:
            return np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TimeSeriesError(format_error(f"the times are no numbers: {error}", where=where)) from error
    what = f"the times are no numbers, but {given.dtype}"
    raise TimeSeriesError(format_error(what, where=where, hint="real numbers, in seconds"))


def _objects(given: npt.NDArray[Any]) -> Iterable[Any]:
    """The entries of an array that may be anything; none of an array of numbers."""
    return given.ravel() if given.dtype == np.object_ else ()


def read_times(times: Any, where: str) -> Floats:
    """A new vector of ascending times in seconds; equal ones may follow each other.

    Raises:
        TimeSeriesError: not numeric, not finite, or not ascending; says which.
    """
    array = as_times(times, where).reshape(-1)
    if not array.size:
        return array
    if not np.isfinite(array).all():
        index = int(np.argmax(~np.isfinite(array)))
        raise TimeSeriesError(format_error(f"time {index} is {array[index]}", where=where, hint="times are finite"))
    falls = np.flatnonzero(array[1:] < array[:-1])
    if falls.size:
        index = int(falls[0])
        what = f"t={array[index + 1]} s follows t={array[index]} s, at position {index + 1}"
        raise TimeSeriesError(format_error(what, where=where, hint="sort the times, and what belongs to them alike"))
    return array


def read_time(time: Any, what: str, where: str) -> float:
    """One finite time in seconds.

    Raises:
        TimeSeriesError: it is something else.
    """
    try:
        value = math.nan if np.asarray(time).dtype.kind in "cSU" else float(time)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise TimeSeriesError(format_error(f"{what} is {time!r}", where=where, hint="a finite number of seconds"))
    return value
