"""What continuous series hold, and how calling one finds its values."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from graphpool.errors import TimeSeriesError, TimeSeriesWarning, format_error
from graphpool.timeseries.base import UNNAMED, TimeSeries
from graphpool.timeseries.clock import ROUNDING, Clock, Floats, Integers
from graphpool.timeseries.sampling import (
    HOLD,
    Kind,
    fits_channels,
    interpolate,
    last_before,
    read_unsorted_times,
    snap,
    wrap,
)
from graphpool.timeseries.sizes import check_steps

NO_TIMES: Floats = np.empty(0)
"""What a clocked series has as times until someone asks for them."""
NEAR = 1e-9
"""In seconds: by how much a time may miss the range, where ``approx_limit_times`` is set."""
NEAR_SHARE = 1e-6
"""The same as share of the duration; the smaller one counts."""


class SampledSeries(TimeSeries):
    """Samples (T, N) at the times of a clock, or at any ascending times."""

    units: str | None
    beyond_range_exception: bool
    approx_limit_times: bool
    _samples: Floats
    _clock: Clock | None
    _interp_kind: Kind | int
    _fill_value: str | float | Floats

    # --- construction -------------------------------------------------------------------------------------------------
    @classmethod
    def _from_owned(
        cls,
        samples: Floats,
        clock: Clock | None,
        *,
        name: str | None = None,
        periodic: bool = False,
        t_start: float | None = None,
        t_stop: float | None = None,
        units: str | None = None,
        interp_kind: Kind | int = "previous",
        fill_value: str | float | Floats = HOLD,
        times: Floats = NO_TIMES,
    ) -> Self:
        """A series that takes over an array (T, N) of float64, without copying or checking anything.

        Without a clock it needs ``times``, ``t_start`` and ``t_stop``.
        """
        series = cls.__new__(cls)
        series.name = UNNAMED if name is None else name
        series.periodic = periodic
        series.units = units
        series._plotting_backend = None
        series.beyond_range_exception = True
        series.approx_limit_times = True
        series._samples = samples
        series._clock = clock
        series._times = times
        series._interp_kind = interp_kind
        series._fill_value = fill_value
        if clock is not None:
            t_start = clock.origin if t_start is None else t_start
            t_stop = clock.time(len(samples)) if t_stop is None else t_stop
        series._t_start, series._t_stop = float(t_start or 0.0), float(t_stop or 0.0)
        return series

    def _changed(self, samples: Floats, **fields: Any) -> Self:
        """A series like this one with these samples, which it takes over, and other fields.

        A fill value that has no number for each channel any more becomes "extrapolate".
        """
        changed = type(self).__new__(type(self))
        changed.__dict__.update(self.__dict__)
        changed._samples = samples
        changed.__dict__.update(fields)
        if not fits_channels(changed._fill_value, samples.shape[1]):
            changed._fill_value = HOLD
        return changed

    def _selected(self, samples: Floats, columns: slice | Integers, **fields: Any) -> Self:
        """As :meth:`_changed`, with some of the columns of ``samples``; copies where it has to."""
        fill = self._fill_value
        if isinstance(fill, np.ndarray) and fill.size == samples.shape[1]:
            fields["_fill_value"] = fill[columns]
        whole = isinstance(columns, slice) and columns == slice(None)
        return self._changed(samples if whole else samples[:, columns].copy(), **fields)

    # --- times --------------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self._samples)

    def _all_times(self) -> Floats:
        if self._clock is not None and len(self._times) != len(self._samples):
            self._times = self._clock.times(0, len(self._samples))
        return self._times

    def _set_times(self, times: Floats) -> None:
        super()._set_times(times)
        self._clock = None

    def _move(self, offset: float, start: float) -> None:
        starts, stops = self._starts_with_clock(), self._stops_with_clock()
        super()._move(offset, start)
        if self._clock is not None:
            self._take_clock(Clock(self._clock.dt, start) if starts else self._clock.moved(offset), stops)

    def _take_clock(self, clock: Clock, stops: bool) -> None:
        """Take a moved clock and, where the series stops with it, its end: sums of floats drift apart."""
        self._clock, self._times = clock, NO_TIMES
        self._t_start = min(self._t_start, clock.origin)
        self._t_stop = clock.time(len(self)) if stops else max(self._t_stop, clock.time(max(len(self) - 1, 0)))

    def _starts_with_clock(self) -> bool:
        """Whether the series starts when its clock does."""
        return self._clock is not None and _same(self._clock.origin, self._t_start, self._t_stop)

    def _stops_with_clock(self) -> bool:
        """Whether the series stops when the step of its last sample does."""
        return self._clock is not None and _same(self._clock.time(len(self)), self._t_stop, self._t_start)

    def _wraps_by_step(self) -> bool:
        """Whether the period is exactly the steps of the clock."""
        return self.periodic and len(self) > 0 and self._starts_with_clock() and self._stops_with_clock()

    def _slack(self) -> float:
        """By how many seconds a time of this series may be off for rounding alone."""
        return ROUNDING * (abs(self._t_start) + abs(self._t_stop))

    # --- sampling -----------------------------------------------------------------------------------------------------
    def __call__(self, times: Any) -> Floats:
        """The values at times in seconds, in any order.

        Args:
            times: a scalar or a vector.

        Returns:
            (times, N) float64; one row for a scalar.

        Raises:
            TimeSeriesError: a time is out of range (see ``beyond_range_exception``) or not finite, or the series
                has no samples.
        """
        asked = read_unsorted_times(times, self._label)
        if not asked.size:
            return np.zeros((0, self._samples.shape[1]))
        if not len(self):
            raise TimeSeriesError(format_error(f"no samples, so no value at t={asked[0]} s", where=self._label))
        if self._wraps_by_step():
            return self._values_by_step(asked)
        return self._values_by_time(asked)

    def _values_by_step(self, asked: Floats) -> Floats:
        assert self._clock is not None
        positions = self._clock.positions(asked, self._label)
        positions %= len(self)
        return self._values_at_positions(positions)

    def _values_at_positions(self, positions: Floats) -> Floats:
        """The values at positions in units of steps; those of the last bin are the last sample."""
        if self._interp_kind == "previous":
            return self._samples.take(positions.astype(np.int64), axis=0, mode="clip")
        last = len(self) - 1
        axis = np.arange(last + 1, dtype=np.float64)
        return interpolate(axis, self._samples, positions.clip(0, last), self._interp_kind, self._label)

    def _values_by_time(self, asked: Floats) -> Floats:
        slack: float | Floats = self._slack()
        inside = asked
        if self.periodic and self.duration > 0:
            slack = slack + ROUNDING * np.abs(asked)
            inside = wrap(asked, self._t_start, self.duration)
        inside, beyond = self._in_range(inside, asked, slack)
        values = self._values_inside(inside, slack)
        if not isinstance(self._fill_value, str):
            end = self._times[-1] if self._clock is None else self._clock.time(len(self))
            values[inside > end + slack] = self._fill_value
        if beyond is not None:
            values[beyond] = np.nan
        return values

    def _values_inside(self, inside: Floats, slack: float | Floats) -> Floats:
        clock, kind = self._clock, self._interp_kind
        if clock is not None:
            # The clock allows for rounding of these times, not for that of the times before they were wrapped.
            inside = snap(inside, self._all_times(), slack) if self.periodic else inside
            return self._values_at_positions(clock.positions(inside, self._label))
        if kind == "previous" or len(self) == 1:
            return self._samples.take(last_before(self._times, inside, slack), axis=0, mode="clip")
        inside = snap(inside, self._times, slack).clip(self._times[0], self._times[-1])
        return interpolate(self._times, self._samples, inside, kind, self._label)

    # --- the range of values ------------------------------------------------------------------------------------------
    def _value_range(self) -> tuple[float, float]:
        """The first and the last time at which the series has a value."""
        if len(self) == 1 and isinstance(self._fill_value, str):
            return self._t_start, self._t_stop
        if self._clock is not None:
            return self._clock.origin, self._t_stop
        last = self._t_stop if self._interp_kind == "previous" else float(self._times[-1])
        return float(self._times[0]), last

    def _in_range(
        self, inside: Floats, asked: Floats, slack: float | Floats
    ) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
        """The times limited to the range, and which of them have no value; None for none.

        ``asked`` are the same times as the user gave them, for messages; ``slack`` is what rounding may have done to
        them.
        """
        lower, upper = self._value_range()
        if lower <= inside.min() and inside.max() <= upper:
            return inside, None
        misses = np.maximum(lower - inside, inside - upper)
        near = min(NEAR, NEAR_SHARE * self.duration) if self.approx_limit_times else 0.0
        beyond = misses > np.maximum(near, slack)
        limits = f"from t={lower} s to {upper} s"
        if beyond.any():
            what = f"no value at t={asked[beyond][0]} s, only {limits}"
            if self.beyond_range_exception:
                hint = "set beyond_range_exception to False for NaN there"
                raise TimeSeriesError(format_error(what, where=self._label, hint=hint))
            warnings.warn(format_error(what, where=self._label, hint="NaN there"), TimeSeriesWarning, stacklevel=4)
        snapped = ~beyond & (misses > slack)
        if snapped.any():
            what = f"t={asked[snapped][0]} s is read as the nearest time with a value, {limits}"
            warnings.warn(format_error(what, where=self._label), TimeSeriesWarning, stacklevel=4)
        return np.clip(inside, lower, upper), beyond if beyond.any() else None

    # --- on other clocks ----------------------------------------------------------------------------------------------
    def _rows(self, clock: Clock, first: int, count: int) -> Floats:
        """The values (count, N) at ``count`` steps of a clock from step ``first`` on.

        It is what calling the series with ``clock.times(first, count)`` gives. Where the steps are this series' own,
        it is a view of its samples: do not write into it.

        Raises:
            TimeSeriesError: as calling the series, or there are too many steps.
        """
        check_steps(count, self._samples.shape[1], clock.dt, self._label)
        own = self._own_step(clock, first, count)
        if own is None:
            return self(clock.times(first, count))
        size = len(self)
        if self._wraps_by_step():
            own %= size
            if own + count > size:
                return self._samples.take(np.arange(own, own + count) % size, axis=0)
        elif self.periodic or own < 0 or own + count > size:
            return self(clock.times(first, count))
        return self._samples[own : own + count]

    def _own_step(self, clock: Clock, first: int, count: int) -> int | None:
        """The step of the own clock that is step ``first`` of another one, if all ``count`` steps coincide."""
        if self._clock is None or count <= 0:
            return None
        offset = self._clock.offset_of(clock)
        if offset is None:
            return None
        # Time steps that differ by rounding alone drift apart in the long run.
        ends = self._clock.positions([clock.time(first), clock.time(first + count - 1)], self._label)
        own = offset + first
        return own if ends[0] == own and ends[1] == own + count - 1 else None

    def _values_on(self, other: SampledSeries) -> Floats:
        """The values at the times of another series, one row each; do not write into it.

        Raises:
            TimeSeriesError: this series has no value at one of them; names both.
        """
        if len(self) == len(other):
            same_clock = self._clock is not None and self._clock == other._clock
            if same_clock or np.array_equal(self._all_times(), other._all_times()):
                return self._samples
        try:
            if other._clock is None:
                return self(other._all_times())
            return self._rows(other._clock, 0, len(other))
        except TimeSeriesError as error:
            what = f"{self._label} does not cover its times"
            raise TimeSeriesError(format_error(what, where=other._label, details=str(error).splitlines())) from error


def _same(time: float, other: float, scale: float) -> bool:
    """Whether two times of a series, of which ``scale`` is a third, differ for rounding alone."""
    return abs(time - other) <= ROUNDING * (abs(time) + abs(other) + abs(scale))
