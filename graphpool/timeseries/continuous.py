"""Continuous time series: samples over time, and their values between samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from graphpool.errors import ChannelError, SeriesTypeError, TimeSeriesError, format_error
from graphpool.timeseries.arithmetic import Arithmetic
from graphpool.timeseries.base import UNNAMED
from graphpool.timeseries.channels import read_count
from graphpool.timeseries.clock import Clock, Floats, read_dt, read_time
from graphpool.timeseries.conversions import ContinuousConversions
from graphpool.timeseries.cutting import clipped, resampled, sliced
from graphpool.timeseries.joining import appended, merged, with_channels_of
from graphpool.timeseries.sampling import HOLD, Kind, read_fill, read_kind, read_samples
from graphpool.timeseries.sizes import check_steps


class TSContinuous(ContinuousConversions, Arithmetic):
    """A continuous signal of N channels, sampled T times.

    Call the series with times in seconds to get its values there, an array ``(times, N)``. The operators
    ``+ - * / // ** @`` take numbers, arrays and other series.

    Args:
        times: (T,) ascending times of the samples, in seconds.
        samples: (T, N), or (T,) for one channel; copied as float64.
        num_channels: N of a series without samples.
        periodic: whether the series repeats itself with the period ``duration``, in both directions.
        t_start: where the series starts, in seconds; by default at the first time, or 0.
        t_stop: where it stops, in seconds; by default at the last time. :meth:`from_clocked` gives the last sample
            its full time step.
        name: for messages and plots.
        units: of the samples, for the y axis of plots.
        interp_kind: the value between samples: "previous" (a sample holds until the next one), "next", "nearest",
            "nearest-up", "zero", "linear", "slinear", "quadratic", "cubic", or the order of a spline.
        fill_value: what follows the last sample, up to ``t_stop``: "extrapolate" for that sample, a number, or one
            number a channel.

    Attributes:
        periodic, name, units: as given.
        beyond_range_exception: whether a time out of range is an error; otherwise its value is NaN, with a warning.
        approx_limit_times: whether a time out of range by less than a nanosecond, and a millionth of the duration,
            is read as the limit, with a warning.

    Raises:
        TimeSeriesError: times or samples that do not fit together, are not numeric, or lie outside of the range; an
            unknown kind of interpolation.
    """

    # --- construction -------------------------------------------------------------------------------------------------
    def __init__(
        self,
        times: Any = None,
        samples: Any = None,
        num_channels: int | None = None,
        periodic: bool = False,
        t_start: float | None = None,
        t_stop: float | None = None,
        name: str | None = UNNAMED,
        units: str | None = None,
        interp_kind: str | int = "previous",
        fill_value: Any = HOLD,
    ) -> None:
        super().__init__(times, periodic, t_start, t_stop, name=name)
        read = np.zeros((0, 0)) if samples is None else read_samples(samples, self._label)
        if not read.size and num_channels is not None and (samples is None or np.ndim(samples) == 1):
            read = np.zeros((0, read_count(num_channels, "num_channels", self._label)))
        self._check_rows(len(read), len(self._times))
        self._samples, self._clock = read, None
        self._interp_kind = read_kind(interp_kind, self._label)
        self._fill_value = read_fill(fill_value, read.shape[1], self._label)
        self.units = units
        self.beyond_range_exception = True
        self.approx_limit_times = True

    @staticmethod
    def from_clocked(
        samples: Any,
        dt: float,
        t_start: float = 0.0,
        periodic: bool = False,
        name: str | None = None,
        interp_kind: str | int = "previous",
    ) -> TSContinuous:
        """A series whose sample k holds from ``t_start + k dt`` to ``t_start + (k + 1) dt``.

        Such a series knows its clock: it is sampled, clipped and joined by whole steps, without rounding.

        Args:
            samples: (T, N), or (T,) for one channel; copied as float64.
            dt: the time step in seconds.
            t_start: when the first sample starts, in seconds.
            periodic: whether the samples repeat, in both directions.
            name: for messages and plots.
            interp_kind: as for the class; the last sample holds for its full step with every kind.

        Raises:
            TimeSeriesError: ``dt`` is not positive, ``t_start`` or the end not finite, or the samples are no matrix of
                numbers.
            SeriesTypeError: the samples are None.
        """
        if samples is None:
            raise SeriesTypeError("TSContinuous.from_clocked needs samples, got None")
        name = UNNAMED if name is None else str(name)
        where = f"TSContinuous {name!r}"
        clock = Clock(read_dt(dt, where), read_time(t_start, "t_start", where))
        kind = read_kind(interp_kind, where)
        read = read_samples(samples, where)
        clock.end(len(read), where)
        return TSContinuous._from_owned(read, clock, name=name, periodic=bool(periodic), interp_kind=kind)

    @staticmethod
    def _on_clock(samples: Floats, clock: Clock, where: str, fields: dict[str, Any]) -> TSContinuous:
        """A series of the steps of a clock from step 0 on, and what else the class takes."""
        range_ = {"t_start": clock.origin, "t_stop": clock.end(len(samples), where)}
        series = TSContinuous(clock.times(0, len(samples)), samples, **{**range_, **fields})
        series._clock = clock
        return series

    def _check_rows(self, rows: int, times: int) -> None:
        if rows != times:
            hint = "one row a time; from_clocked makes a series of samples and a time step"
            raise TimeSeriesError(format_error(f"{rows} samples for {times} times", where=self._label, hint=hint))

    def _with_samples(self, samples: Floats) -> Self:
        return self._changed(samples)

    # --- properties ---------------------------------------------------------------------------------------------------
    @property
    def samples(self) -> Floats:
        """The samples, (T, N) float64: the array itself, whose values may be changed. Assigning T rows copies them."""
        return self._samples

    @samples.setter
    def samples(self, samples: Any) -> None:
        read = read_samples(samples, self._label)
        self._check_rows(len(read), len(self))
        self._become(self._changed(read), inplace=True)

    @property
    def clock(self) -> Clock | None:
        """The clock of a series made by :meth:`from_clocked`; None for other series."""
        return self._clock

    @property
    def num_channels(self) -> int:
        """N, how many channels there are."""
        return int(self._samples.shape[1])

    num_traces = num_channels

    @property
    def interp_kind(self) -> Kind | int:
        """The kind of interpolation between samples."""
        return self._interp_kind

    @interp_kind.setter
    def interp_kind(self, kind: str | int) -> None:
        self._interp_kind = read_kind(kind, self._label)

    @property
    def fill_value(self) -> str | float | Floats:
        """What follows the last sample: "extrapolate" for that sample, a number, or one number a channel."""
        return self._fill_value

    @fill_value.setter
    def fill_value(self, fill: Any) -> None:
        self._fill_value = read_fill(fill, self.num_channels, self._label)

    @property
    def max(self) -> float:
        """The largest of all samples, without NaNs; NaN if there are only those.

        Raises:
            TimeSeriesError: there are no samples.
        """
        self._check_not_empty("largest")
        return float(np.fmax.reduce(self._samples, axis=None))

    @property
    def min(self) -> float:
        """The smallest of all samples, without NaNs; NaN if there are only those.

        Raises:
            TimeSeriesError: there are no samples.
        """
        self._check_not_empty("smallest")
        return float(np.fmin.reduce(self._samples, axis=None))

    def _check_not_empty(self, which: str) -> None:
        if not self._samples.size:
            raise TimeSeriesError(format_error(f"no samples, so no {which} one", where=self._label))

    # --- other times --------------------------------------------------------------------------------------------------
    def clip(
        self,
        t_start: float | None = None,
        t_stop: float | None = None,
        channels: Any = None,
        include_stop: bool = True,
        sample_limits: bool = True,
        inplace: bool = False,
    ) -> Self:
        """The part between two times, in seconds. A periodic series has such a part anywhere, and stays periodic.

        A series with a clock keeps it where both limits are starts of its steps, or no sample is inserted.

        Args:
            t_start: where the part starts; None for no cut there.
            t_stop: where it stops; None for no cut there. The two may be swapped.
            channels: which channels: a number, several, a slice or a mask; None for all.
            include_stop: whether a sample at ``t_stop`` belongs to the part.
            sample_limits: whether to insert a sample at a limit that has none.
            inplace: whether to change this series.

        Raises:
            TimeSeriesError: a limit is not finite, or outside of a series that is not periodic; a periodic series has
                too many repetitions between them.
            ChannelError: there is no such channel.
            SeriesTypeError: ``channels`` is something else.
        """
        return self._become(clipped(self, t_start, t_stop, channels, include_stop, sample_limits), inplace)

    def resample(self, times: Any, channels: Any = None, inplace: bool = False) -> Self:
        """A series of the values at other times, which starts at the first and stops at the last of them.

        Args:
            times: ascending times in seconds, a scalar or a vector.
            channels: which channels: a number, several, a slice or a mask; None for all.
            inplace: whether to change this series.

        Raises:
            TimeSeriesError: the times are not ascending, or one is out of range.
            ChannelError: there is no such channel.
            SeriesTypeError: ``channels`` is something else.
        """
        return self._become(resampled(self, times, channels), inplace)

    def to_clocked(self, dt: float) -> Floats:
        """The values at ``t_start + k dt``, for as many steps of ``dt`` seconds as cover the duration.

        Returns:
            (steps, N) float64, a new array.

        Raises:
            TimeSeriesError: ``dt`` is not positive, there are too many steps, or the series has no value at one of
                these times.
        """
        clock = Clock(read_dt(dt, self._label), self._t_start)
        steps = self.duration / clock.dt
        check_steps(steps, self.num_channels, clock.dt, self._label)
        rows = self._rows(clock, 0, math.ceil(clock.positions(self._t_stop, self._label)))
        return rows.copy() if np.may_share_memory(rows, self._samples) else rows

    def __getitem__(self, key: Any) -> Self:
        """``series[times]``, ``series[start:stop:step]``, and either with channels: ``series[times, channels]``.

        Times are in seconds; ``stop`` is excluded. No samples are inserted at the limits of a slice. A negative step
        plays the part backwards: the samples of the positive step, at the same times, in reverse.

        Raises:
            TimeSeriesError: as :meth:`resample` and :meth:`clip`, or a step of 0.
            ChannelError: there is no such channel, or there are more than two indices.
            SeriesTypeError: the channels are something else.
        """
        indices = key if isinstance(key, tuple) else (key,)
        if len(indices) not in (1, 2):
            hint = "series[times] or series[times, channels]"
            raise ChannelError(format_error(f"{len(indices)} indices", where=self._label, hint=hint))
        times, channels = (*indices, None)[:2]
        if isinstance(times, slice):
            return sliced(self, times, channels)
        return self.resample(times, channels)

    def __iter__(self) -> Iterator[tuple[float, Floats]]:
        """Each time in seconds with its sample (N,)."""
        return zip(self._all_times().tolist(), self._samples, strict=True)

    # --- other series -------------------------------------------------------------------------------------------------
    def append_t(self, other: TSContinuous | Iterable[TSContinuous], offset: Any = None, inplace: bool = False) -> Self:
        """This series and, after it in time, another one or several.

        Args:
            other: series with as many channels; each starts where the one before stops.
            offset: seconds between the two, or one number for each series. By default none after a series with a
                clock, whose sample at ``t_stop`` gives way to the next series' first; after others the median of
                the differences of their times.
            inplace: whether to change this series.

        Raises:
            TimeSeriesError: the channels differ, the series would overlap, or the offsets are not one a series.
            SeriesTypeError: ``other`` is no continuous series.
        """
        return self._become(appended(self, TSContinuous, other, offset), inplace)

    def append_c(self, other: TSContinuous | Iterable[TSContinuous], inplace: bool = False) -> Self:
        """This series with the channels of another one, or of several, which are sampled at its times.

        Raises:
            TimeSeriesError: a series does not cover the times of this one.
            SeriesTypeError: ``other`` is no continuous series.
        """
        return self._become(with_channels_of(self, TSContinuous, other), inplace)

    def merge(
        self,
        other: TSContinuous | Iterable[TSContinuous],
        remove_duplicates: bool = True,
        inplace: bool = False,
    ) -> Self:
        """The samples of this series and of others, in order of time; the range is the union of theirs.

        Args:
            other: series with as many channels; those without samples may have others.
            remove_duplicates: whether a sample is dropped where a series before it has one at the same time.
            inplace: whether to change this series.

        Raises:
            TimeSeriesError: the channels differ.
            SeriesTypeError: ``other`` is no continuous series.
        """
        return self._become(merged(self, TSContinuous, other, remove_duplicates), inplace)

    # --- text and plots -----------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        kind = "Empty" if self.isempty() else "periodic" if self.periodic else "non-periodic"
        head = f"{kind} TSContinuous object `{self.name}` {self._shown_range()}"
        return f"{head}. Samples: {len(self)}. Channels: {self.num_channels}"

    def _lines(self) -> Iterable[str]:
        return (f"{time}: \t {row}" for time, row in self)

    def plot(
        self,
        times: Any = None,
        target: Any = None,
        channels: Any = None,
        stagger: float | None = None,
        skip: int | None = None,
        dt: float | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Plot the channels over time with matplotlib.

        Args:
            times: where to sample, in seconds; by default at the times of the samples.
            target: axes to plot into; by default the current ones.
            channels: which channels to plot; by default all.
            stagger: how much higher each channel is drawn than the one before.
            skip: plot each ``skip``-th channel only.
            dt: sample every ``dt`` seconds.
            *args: for matplotlib.
            **kwargs: for matplotlib.

        Returns:
            The lines; ``target``, where one was given.
        """
        from graphpool.timeseries.plotting import plot_continuous

        return plot_continuous(self, times, target, channels, stagger, skip, dt, *args, **kwargs)
