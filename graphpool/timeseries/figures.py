"""A recorded run as one picture: input, records and output over one time axis."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.errors import SeriesTypeError, TimeSeriesError, format_error, missing_extra
from graphpool.timeseries.base import TimeSeries
from graphpool.timeseries.channels import list_channels, read_count
from graphpool.timeseries.clock import Integers, read_dt, read_time
from graphpool.timeseries.continuous import TSContinuous
from graphpool.timeseries.event import TSEvent

LINES = 10
"""More channels than this become an image."""
COLUMNS = 2000
"""How many times a series without a clock is read at for an image; one with a clock has at most twice as many means."""
WHERE = "graphpool.plot"
SERIES_HINT = "a time series; or an array (B, T, N) and dt=, in seconds"


@dataclass(frozen=True)
class _Signal:
    """What one panel shows: a series, and which of its channels."""

    name: str
    series: TSContinuous | TSEvent
    channels: Integers

    @property
    def title(self) -> str:
        count, chosen = self.series.num_channels, self.channels.size
        return self.name if chosen == count else f"{self.name} ({chosen} of {count} channels)"


def plot(
    output: Any,
    record: Mapping[str, Any] | None = None,
    ts_input: Any = None,
    *,
    signals: str | Iterable[str] | None = None,
    channels: Any = None,
    sample: int | None = None,
    spikes: str | Iterable[str] | None = None,
    dt: float | None = None,
    t_start: float = 0.0,
    most: int = 8,
) -> Any:
    """Draw a recorded run: input, what was recorded, and output below each other, over one time axis in seconds.

    Events are dots; up to 10 continuous channels are lines, more are an image. Recorded arrays are events where they
    are bools; where they are whole numbers from 0 on under a name with ``spike`` in it; and where they are floats that
    are such whole numbers, at least half of them 0 but not all.

    Without ``signals`` everything recorded is shown, except what is a matrix in each step (weights that change), what
    has a name with an underscore in front, and what repeats a signal that is shown. A line at the bottom says what was
    left out.

    Args:
        output: what the run returned: a series; several in a tuple or a dict; or arrays ``(B, T, N)`` and ``dt``. The
            rows of recorded arrays share its time evenly.
        record: what the run recorded: nested dicts of arrays ``(B, T, ...)`` and series.
        ts_input: the input, a series or an array ``(B, T, N)``; what of it lies in the time of the output is shown.
        signals: which of the recorded signals to show: dotted paths such as ``"1_LIF.vmem"``, with wildcards such as
            ``"*.vmem"``; an empty list shows input and output only.
        channels: which channels of each signal to show: a number, several, a slice or a mask; or a dict of them by
            name, with wildcards and the names ``input`` and ``output``, of which the first that fits counts. Channels
            of values with more axes are counted row by row.
        sample: which sample of a batch.
        spikes: which arrays are events, by name as in ``signals``, in place of the rule above.
        dt: the time step of an output that is an array, in seconds.
        t_start: when such an output starts, in seconds.
        most: how many recorded signals are shown at most where ``signals`` does not choose.

    Returns:
        The matplotlib figure. The label of each of its axes is the name of the signal.

    Raises:
        TimeSeriesError: no signal has such a name (the message lists those that there are); a batch without
            ``sample``; rows that do not fit the time of the output; or there is nothing to show.
        ChannelError: a signal does not have such a channel.
        SeriesTypeError: something is neither a series nor an array of numbers.
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise missing_extra("plot", "matplotlib") from error
    run = _Run(sample, _globs(spikes, "spikes"), dt, t_start)
    outputs = [(name, run.read_output(name, item)) for name, item in _flatten(output, "output")]
    if not run.span or run.span[1] <= run.span[0]:
        raise TimeSeriesError(format_error("there is nothing to show: the run took no time", where=WHERE))
    inputs = [("input", run.read_input(ts_input))] if ts_input is not None else []
    recorded, left_out = _choose(run, record, outputs, signals, most)
    shown = _pick_channels([*inputs, *recorded, *outputs], channels)
    return _draw(plt, shown, run.span, left_out)


# --- what is shown ----------------------------------------------------------------------------------------------------
class _Run:
    """How arrays become series: their sample, their time step and whether they are events."""

    def __init__(self, sample: Any, spikes: list[str] | None, dt: Any, t_start: Any) -> None:
        self._sample = None if sample is None else read_count(sample, "sample", WHERE)
        self._dt = None if dt is None else read_dt(dt, WHERE)
        self._t_start = read_time(t_start, "t_start", WHERE)
        self.spikes = spikes
        self._output: TSContinuous | TSEvent | None = None

    @property
    def span(self) -> tuple[float, float]:
        """The time of the output, in seconds."""
        return (0.0, 0.0) if self._output is None else (self._output.t_start, self._output.t_stop)

    def read_output(self, name: str, item: Any) -> TSContinuous | TSEvent:
        if isinstance(item, (TSContinuous, TSEvent)):
            series = item
        elif self._dt is None or isinstance(item, TimeSeries):
            raise SeriesTypeError(format_error(f"{name} is a {type(item).__name__}", where=WHERE, hint=SERIES_HINT))
        else:
            series = self._make(name, self._rows(name, item), self._dt, self._t_start)
        self._output = self._output or series
        return series

    def read_input(self, item: Any) -> TSContinuous | TSEvent:
        """The input's part in the time of the output."""
        start, stop = self.span
        series = self.read("input", item)
        if not series.periodic:
            start, stop = max(start, series.t_start), min(stop, series.t_stop)
        if start >= stop:
            what = f"{series._label} is from t={series.t_start} s to {series.t_stop} s, the output from t="
            raise TimeSeriesError(format_error(f"{what}{self.span[0]} s to {self.span[1]} s", where=WHERE))
        if isinstance(series, TSEvent):
            return series.clip(start, stop)
        return series.clip(start, stop, include_stop=False)

    def read(self, name: str, item: Any) -> TSContinuous | TSEvent:
        """A recorded series, or an array as one."""
        if isinstance(item, (TSContinuous, TSEvent)):
            return item
        rows = self._rows(name, item)
        return self._make(name, rows, self._step_of(name, len(rows)), self.span[0])

    def _rows(self, name: str, item: Any) -> npt.NDArray[Any]:
        """One sample of an array, ``(T, N)``."""
        array = np.asarray(item)
        if array.dtype.kind not in "biuf" or array.ndim < 2:
            what = f"{name} is a {type(item).__name__} of shape {array.shape} and dtype {array.dtype}"
            raise SeriesTypeError(format_error(what, where=WHERE, hint="numbers (B, T, ...), or a time series"))
        batch = len(array)
        if batch != 1 if self._sample is None else self._sample >= batch:
            what = f"{name} has {batch} samples" + ("" if self._sample is None else f", sample={self._sample}")
            raise TimeSeriesError(format_error(what, where=WHERE, hint="say which one: sample=0 is the first"))
        chosen: npt.NDArray[Any] = array[self._sample or 0]
        return chosen.reshape(len(chosen), int(np.prod(chosen.shape[1:])))

    def _step_of(self, name: str, rows: int) -> float:
        """The time step of an array whose rows share the time of the output evenly, in seconds."""
        output = self._output
        assert output is not None
        clock = output._clock
        steps = rows if clock is None else round(output.duration / clock.dt)
        if not rows or (steps % rows and rows % steps):
            what = f"{name} has {rows} rows, the output {steps} steps from t={output.t_start} s to {output.t_stop} s"
            raise TimeSeriesError(format_error(what, where=WHERE, hint="give the output and the record of one run"))
        return output.duration / rows if clock is None else clock.dt * (steps / rows)

    def _make(self, name: str, rows: npt.NDArray[Any], dt: float, t_start: float) -> TSContinuous | TSEvent:
        events = _looks_like_events(name, rows) if self.spikes is None else _fits(name, self.spikes)
        if events:
            return TSEvent.from_raster(rows, dt=dt, t_start=t_start, name=name)
        return TSContinuous.from_clocked(rows.astype(np.float64), dt=dt, t_start=t_start, name=name)


def _looks_like_events(name: str, rows: npt.NDArray[Any]) -> bool:
    if rows.dtype == np.bool_:
        return True
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows == np.floor(rows)).all()):
        return False
    silent = float((rows == 0).mean()) if rows.size else 1.0
    return "spike" in name or (rows.dtype.kind == "f" and 0.5 <= silent < 1.0)


def _choose(
    run: _Run, record: Any, outputs: list[tuple[str, Any]], signals: Any, most: int
) -> tuple[list[tuple[str, Any]], list[str]]:
    """The recorded signals to show, and the names of those left out, each with the reason."""
    if record is not None and not isinstance(record, Mapping):
        what = f"the record is a {type(record).__name__}"
        raise SeriesTypeError(format_error(what, where=WHERE, hint="what a call with record=True returns last"))
    found = dict(_flatten(record or {}))
    globs = _globs(signals, "signals")
    _check_names([*found], globs or [], "signals")
    if run.spikes:
        _check_names([*found, "input", *(name for name, _ in outputs)], run.spikes, "spikes")
    if globs is not None:
        return [(name, run.read(name, item)) for name, item in found.items() if _fits(name, globs)], []
    read_count(most, "most", WHERE)
    shown: list[tuple[str, Any]] = []
    left_out: list[str] = []
    for name, item in found.items():
        if _is_hidden(name, item):
            left_out.append(name)
            continue
        series = run.read(name, item)
        same = next((other for other, known in [*outputs, *shown] if _equal(series, known)), None)
        if same is not None:
            left_out.append(f"{name} (equals {same})")
        elif len(shown) >= most:
            left_out.append(name)
        else:
            shown.append((name, series))
    return shown, left_out


def _is_hidden(name: str, item: Any) -> bool:
    matrix = not isinstance(item, TimeSeries) and sum(size > 1 for size in np.shape(item)[2:]) > 1
    return matrix or name.rpartition(".")[2].startswith("_")


def _equal(one: Any, other: Any) -> bool:
    """Whether two series show the same."""
    if type(one) is not type(other) or len(one) != len(other) or one.num_channels != other.num_channels:
        return False
    if isinstance(one, TSEvent):
        same = np.array_equal(one.channels, other.channels)
    else:
        same = np.array_equal(one.samples, other.samples, equal_nan=True)
    return same and np.allclose(one.times, other.times, rtol=1e-9, atol=1e-9 * one.duration)


def _pick_channels(signals: list[tuple[str, Any]], channels: Any) -> list[_Signal]:
    by_name = isinstance(channels, Mapping)
    if by_name:
        _check_names([name for name, _ in signals], list(channels), "channels")
    picked = []
    for name, series in signals:
        chosen = channels
        if by_name:
            chosen = next((item for glob, item in channels.items() if fnmatchcase(name, glob)), None)
        columns = list_channels(chosen, series.num_channels, f"{WHERE}: {name}")
        if columns.size:
            picked.append(_Signal(name, series, columns))
    if not picked:
        raise TimeSeriesError(format_error("there is nothing to show: no signal has channels", where=WHERE))
    return picked


# --- names ------------------------------------------------------------------------------------------------------------
def _flatten(item: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested dicts, and tuples, to dotted paths."""
    if isinstance(item, (Mapping, tuple)):
        entries = item.items() if isinstance(item, Mapping) else enumerate(item)
        for name, entry in entries:
            yield from _flatten(entry, f"{path}.{name}" if path else str(name))
    else:
        yield path, item


def _globs(globs: Any, argument: str) -> list[str] | None:
    if globs is None or isinstance(globs, str):
        return None if globs is None else [globs]
    names = list(globs) if isinstance(globs, Iterable) else [globs]
    if not all(isinstance(name, str) for name in names):
        raise SeriesTypeError(format_error(f"{argument}={globs!r}", where=WHERE, hint='names, such as "*.vmem"'))
    return names


def _fits(name: str, globs: list[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _check_names(names: list[str], globs: list[Any], argument: str) -> None:
    for glob in globs:
        if not isinstance(glob, str) or not any(fnmatchcase(name, glob) for name in names):
            there = f"there are: {', '.join(names)}" if names else "nothing was recorded: record=True"
            raise TimeSeriesError(format_error(f"{argument}: no signal {glob!r}", where=WHERE, hint=there))


# --- drawing ----------------------------------------------------------------------------------------------------------
def _draw(plt: Any, signals: list[_Signal], span: tuple[float, float], left_out: list[str]) -> Any:
    heights = [2.0 if signal.channels.size > LINES else 1.3 for signal in signals]
    figure = plt.figure(figsize=(11, 0.8 + sum(heights)), layout="constrained")
    # Legends and colour bars stand in a column of their own, so that all time axes are equally wide.
    grid = figure.add_gridspec(len(signals), 2, height_ratios=heights, width_ratios=(70, 1))
    panels: list[Any] = []
    for row, signal in enumerate(signals):
        axes = figure.add_subplot(grid[row, 0], sharex=panels[0] if panels else None, label=signal.name)
        panels.append(axes)
        axes.set_title(signal.title, loc="left", fontsize="medium")
        axes.tick_params(labelbottom=row == len(signals) - 1)
        if isinstance(signal.series, TSEvent):
            _draw_dots(axes, signal, signal.series, 72 * heights[row])
        elif signal.channels.size > LINES:
            _draw_image(figure, axes, grid[row, 1], signal, signal.series)
        else:
            _draw_lines(axes, signal, signal.series)
    panels[-1].set_xlim(span)
    panels[-1].set_xlabel("Time (s)")
    if left_out:
        note = textwrap.fill(f"not shown: {', '.join(left_out)}", 150, break_long_words=False)
        figure.supxlabel(note, x=0.01, ha="left", fontsize="small")
    return figure


def _draw_lines(axes: Any, signal: _Signal, series: TSContinuous) -> None:
    lines = axes.plot(series.times, series.samples[:, signal.channels], linewidth=1)
    axes.set_ylabel(series.units or "")
    if len(lines) > 1:
        columns = 1 if len(lines) <= 5 else 2
        axes.legend(
            lines,
            [str(channel) for channel in signal.channels],
            loc="upper left",
            bbox_to_anchor=(1.0, 1.05),
            ncols=columns,
            fontsize="small",
            frameon=False,
            handlelength=1,
            columnspacing=1,
            labelspacing=0.2,
        )


def _draw_dots(axes: Any, signal: _Signal, series: TSEvent, points: float) -> None:
    rows = np.full(series.num_channels, -1)
    rows[signal.channels] = np.arange(signal.channels.size)
    heights = rows[series.channels]
    size = float(np.clip(1.2 * points / signal.channels.size, 1.5, 5))
    drawn = heights >= 0
    axes.plot(series.times[drawn], heights[drawn], ".", markersize=size, color="black", markeredgewidth=0)
    _number_channels(axes, signal.channels)


def _draw_image(figure: Any, axes: Any, beside: Any, signal: _Signal, series: TSContinuous) -> None:
    start, stop, samples = series.t_start, series.t_stop, series.samples
    if series.clock is None:
        start, stop = series._value_range()
        samples = series(np.linspace(start, stop, COLUMNS))
    step = -(-len(samples) // (2 * COLUMNS))
    samples = samples[:, signal.channels]
    if step > 1:
        firsts = np.arange(0, len(samples), step)
        with np.errstate(invalid="ignore"):  # infinities of both signs
            samples = np.add.reduceat(samples, firsts) / np.diff(firsts, append=len(samples))[:, np.newaxis]
        stop = start + (stop - start) * (step * len(firsts) / len(series))
    values = np.ma.masked_invalid(samples.T)
    low, high = (float(values.min()), float(values.max())) if values.count() else (0.0, 0.0)
    colors: dict[str, Any] = {"cmap": "viridis", "vmin": low, "vmax": high}
    # A membrane that only just crosses zero keeps all colours for where its values are.
    if min(-low, high) > 0.1 * max(-low, high):
        colors = {"cmap": "RdBu_r", "vmin": -max(-low, high), "vmax": max(-low, high)}
    extent = (start, stop, -0.5, signal.channels.size - 0.5)
    image = axes.imshow(values, aspect="auto", origin="lower", extent=extent, **colors)
    figure.colorbar(image, cax=figure.add_subplot(beside, label=f"{signal.name} colours"), label=series.units or "")
    _number_channels(axes, signal.channels)


def _number_channels(axes: Any, channels: Integers) -> None:
    """Rows from below, with the numbers of the channels that they show."""

    def number(row: float, position: Any = None) -> str:
        return str(channels[int(row)]) if row == int(row) and 0 <= row < channels.size else ""

    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_ylim(-0.5, channels.size - 0.5)
    axes.set_ylabel("channel")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(FuncFormatter(number))
