"""Plots of series with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error, missing_extra
from graphpool.timeseries.base import UNNAMED, TimeSeries
from graphpool.timeseries.channels import list_channels
from graphpool.timeseries.clock import Clock, Floats, read_dt, read_time
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent
from graphpool.timeseries.sampling import read_unsorted_times
from graphpool.timeseries.sizes import check_steps

DOT = 9
"""The area of an event's dot, in square points: neighbours stay apart."""


def plot_continuous(
    series: TSContinuous,
    times: Any = None,
    target: Any = None,
    channels: Any = None,
    stagger: float | None = None,
    skip: int | None = None,
    dt: float | None = None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Draw a continuous series, one line a channel, straight from sample to sample.

    The axes get the units, "Time (s)" and, where they have no title yet, the name of the series; they show the first
    to the last time that is drawn, and what they showed before. An empty series draws nothing.

    Args:
        series: what to draw.
        times: the times to draw it at, in seconds; by default those of its samples.
        target: the matplotlib axes to draw into; by default the current ones.
        channels: which channels: a number, several, a slice or a mask; by default all.
        stagger: how much higher each line is drawn than the one before, in units of the samples.
        skip: draw the first and then every ``skip``-th of the channels.
        dt: draw the values every ``dt`` seconds, from the first to the last of ``times`` or, without them, wherever the
            series has a value.
        *args: for :meth:`matplotlib.axes.Axes.plot`, for example ``"r--"``.
        **kwargs: the same, for example ``drawstyle="steps-post"``; ``label`` is the series' name by default.

    Returns:
        The lines, in the order of the channels; or ``target`` where it is given.

    Raises:
        SeriesTypeError: ``target`` is no matplotlib axes.
        ChannelError: there is no such channel.
        TimeSeriesError: the series has no value at one of the times; ``stagger`` is no finite number, ``skip`` no
            whole number from 1 on, or ``dt`` not positive.
        MissingExtraError: matplotlib is not installed.
    """
    _check_target(target, series._label)
    columns = list_channels(channels, series.num_channels, series._label)
    columns = columns[:: _read_skip(skip, series._label)]
    offset = 0.0 if stagger is None else _read_stagger(stagger, series._label)
    drawn, values = _values(series, times, dt)
    values = values[:, columns] + offset * np.arange(columns.size)
    axes = _axes(target)
    before = axes.get_xlim() if axes.has_data() else ()
    lines = axes.plot(drawn, values, *args, **{"label": series.name} | kwargs) if drawn.size and columns.size else []
    _label_axes(axes, series, series.units)
    if drawn.size:
        _show(axes.set_xlim, float(drawn.min()), float(drawn.max()), before)
    return lines if target is None else target


def plot_events(
    series: TSEvent, time_limits: Any = None, target: Any = None, channels: Any = None, *args: Any, **kwargs: Any
) -> Any:
    """Draw the events of a series as dots: channels over time.

    The axes get "Channels", "Time (s)" and, where they have no title yet, the name of the series; they show the time
    range that is asked for, all channels, and what they showed before. An empty series draws no dots.

    Args:
        series: what to draw.
        time_limits: the first time to draw and the one to stop before, in seconds; by default the range of the series.
        target: the matplotlib axes to draw into; by default the current ones.
        channels: the events of which channels to draw: a number, several, a slice or a mask; by default all.
        *args: for :meth:`matplotlib.axes.Axes.scatter`, for example the size of the dots.
        **kwargs: the same, for example ``marker="|"``; ``label`` is the series' name by default.

    Returns:
        The dots, a matplotlib collection; or ``target`` where it is given.

    Raises:
        SeriesTypeError: ``target`` is no matplotlib axes, or ``time_limits`` are nothing that has a length.
        TimeSeriesError: ``time_limits`` are not two finite times.
        ChannelError: there is no such channel.
        MissingExtraError: matplotlib is not installed.
    """
    _check_target(target, series._label)
    start, stop = _read_limits(series, time_limits)
    times, ids = series(start, stop, channels)
    axes = _axes(target)
    before_x, before_y = (axes.get_xlim(), axes.get_ylim()) if axes.has_data() else ((), ())
    # The first of the other arguments is the size.
    defaults = {"label": series.name} if args else {"label": series.name, "s": DOT}
    dots = axes.scatter(times, ids, *args, **defaults | kwargs)
    _label_axes(axes, series, "Channels")
    _show(axes.set_xlim, start, stop, before_x)
    _show(axes.set_ylim, -1.0, float(series.num_channels), before_y)
    _mark_whole_numbers(axes)
    return dots if target is None else target


# --- arguments --------------------------------------------------------------------------------------------------------
def _check_target(target: Any, where: str) -> None:
    try:
        import matplotlib.axes
    except ImportError as error:
        raise missing_extra("plot", "matplotlib") from error
    if target is not None and not isinstance(target, matplotlib.axes.Axes):
        what = f"target is a {type(target).__name__}"
        raise SeriesTypeError(format_error(what, where=where, hint="matplotlib axes, for example of plt.subplots()"))


def _read_skip(skip: Any, where: str) -> int:
    if skip is None:
        return 1
    if isinstance(skip, (bool, np.bool_)) or not isinstance(skip, (int, np.integer)) or skip < 1:
        raise TimeSeriesError(format_error(f"skip={skip!r}", where=where, hint="a whole number, 1 for every channel"))
    return int(skip)


def _read_stagger(stagger: Any, where: str) -> float:
    try:
        value = float(stagger)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise TimeSeriesError(
            format_error(f"stagger={stagger!r}", where=where, hint="a number, in units of the samples")
        )
    return value


def _read_limits(series: TSEvent, limits: Any) -> tuple[float, float]:
    if limits is None:
        return series.t_start, series.t_stop
    hint = "a pair of times in seconds: (first, stop)"
    try:
        count = len(limits)
    except TypeError as error:
        what = f"time_limits is a {type(limits).__name__}"
        raise SeriesTypeError(format_error(what, where=series._label, hint=hint)) from error
    if count != 2:
        raise TimeSeriesError(format_error(f"time_limits={limits!r}", where=series._label, hint=hint))
    first, last = (read_time(limit, "a limit of time", series._label) for limit in limits)
    return min(first, last), max(first, last)


def _values(series: TSContinuous, times: Any, dt: float | None) -> tuple[Floats, Floats]:
    """The times to draw at, and the values there."""
    step = None if dt is None else read_dt(dt, series._label)
    asked = None if times is None else read_unsorted_times(times, series._label)
    if series.isempty() or (asked is not None and not asked.size):
        return np.zeros(0), np.zeros((0, series.num_channels))
    if step is not None:
        first, last = series._value_range() if asked is None else (float(asked.min()), float(asked.max()))
        clock = Clock(step, first)
        check_steps((last - first) / step, series.num_channels, step, series._label)
        asked = clock.times(0, clock.whole_steps(last - first) + 1)
    return (series.times, series.samples) if asked is None else (asked, series(asked))


# --- axes -------------------------------------------------------------------------------------------------------------
def _axes(target: Any) -> Any:
    # Asked for last: this may open a figure, which bad arguments should not.
    import matplotlib.pyplot as plt

    return plt.gca() if target is None else target


def _label_axes(axes: Any, series: TimeSeries, vertical: str | None) -> None:
    axes.set_xlabel("Time (s)")
    if vertical is not None:
        axes.set_ylabel(vertical)
    if series.name != UNNAMED and not axes.get_title():
        axes.set_title(series.name)


def _show(set_limits: Any, lower: float, upper: float, before: tuple[float, ...]) -> None:
    """Set the limits of an axis so that it shows a range, and what it showed before."""
    limits = min((lower, *before)), max((upper, *before))
    # matplotlib has no axis without an extent.
    if limits[0] < limits[1]:
        set_limits(limits)


def _mark_whole_numbers(axes: Any) -> None:
    from matplotlib.ticker import AutoLocator

    # There is no channel 0.5; the user's own ticks stay.
    if isinstance(axes.yaxis.get_major_locator(), AutoLocator):
        axes.yaxis.get_major_locator().set_params(integer=True)
