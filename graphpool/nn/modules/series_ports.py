"""Between time series and rasters: how long an evolution is, what goes into it, what comes out.

A raster has one row a time step of the module. Series are read at the times of these steps; a clocked series with
the same steps is read row by row.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.errors import ClockError, ModuleError, SeriesTypeError, TimeSeriesError, format_error
from graphpool.nn.evolving import current_timeline
from graphpool.nn.modules.timekeeper import Timekeeper
from graphpool.parameters import Shape, is_integer
from graphpool.timeseries import TimeSeries, TSContinuous, TSEvent
from graphpool.timeseries.clock import Clock, read_time
from graphpool.timeseries.sizes import check_steps

Array = npt.NDArray[Any]

INPUT_ARRAY = "input array"
SILENCE = "silence"
SETTLED = ("dt", "t_start", "t_stop")
"""What the clock says of an output series."""

NO_LONGER = "a child runs no longer than its parent does"


class SeriesPorts(Timekeeper):
    """The part of :class:`~graphpool.nn.modules.timed_module.TimedModule` that converts its input and output."""

    _add_events: bool

    def __init__(
        self,
        dt: Any,
        spiking_input: bool = False,
        spiking_output: bool = False,
        add_events: bool = True,
        shape: int | Shape | None = None,
    ) -> None:
        super().__init__(dt, spiking_input, spiking_output, shape)
        self._add_events = bool(add_events)

    # --- kinds of series ----------------------------------------------------------------------------------------------
    @property
    def input_type(self) -> type[TSContinuous] | type[TSEvent]:
        """The class of the input series."""
        return TSEvent if self.spiking_input else TSContinuous

    @property
    def output_type(self) -> type[TSContinuous] | type[TSEvent]:
        """The class of the output series."""
        return TSEvent if self.spiking_output else TSContinuous

    # --- how long -----------------------------------------------------------------------------------------------------
    def _determine_timesteps(self, ts_input: Any = None, duration: Any = None, num_timesteps: Any = None) -> int:
        """The number of steps of an evolution from now on: ``num_timesteps``, else ``duration``, else the input.

        Raises:
            ClockError, TimeSeriesError: see :meth:`evolve`.
        """
        timeline = current_timeline()
        if timeline is not None:
            return timeline.steps  # type: ignore[no-any-return]
        if num_timesteps is not None:
            if not is_integer(num_timesteps) or num_timesteps < 0:
                raise self._span_refused(f"num_timesteps={num_timesteps!r}", "a whole number, 0 or more")
            steps = int(num_timesteps)
        elif duration is not None:
            seconds = read_time(duration, "the duration", self.full_name)
            if seconds < 0:
                raise self._span_refused(f"duration={duration!r}", "a number of seconds, 0 or more")
            steps = self._clock.whole_steps(seconds, where=self.full_name)
            if seconds > 0 and steps == 0:
                raise self._span_refused(f"duration={duration!r} is shorter than dt={self.dt} s", "num_timesteps=1")
        elif isinstance(ts_input, TimeSeries):
            steps = self._steps_of(ts_input)
        elif self._span is not None:
            steps = self._rest_of(self._span)
        else:
            what = f"neither an input nor a duration is given at t={self.t} s"
            raise self._span_refused(what, "give one: duration=1.0, in seconds")
        if self._span is not None and self._timestep + steps > self._span[1]:
            until = self._clock.time(self._span[1])
            what = f"{steps} steps from t={self.t} s go beyond t={until} s, where the module that holds it stops"
            raise self._span_refused(what, NO_LONGER)
        check_steps(steps, max(self.size_in or 1, self.size_out or 1), self.dt, self.full_name)
        return steps

    def _steps_of(self, series: TimeSeries) -> int:
        rest = None if self._span is None else self._rest_of(self._span)
        if series.periodic:
            return self._clock.whole_steps(series.duration) if rest is None else rest
        # A child takes each step that starts before the end; a module on its own those that end before it.
        stop = float(self._clock.positions(series.t_stop, where=self.full_name))
        steps = (math.floor(stop) if rest is None else math.ceil(stop)) - self._timestep
        if steps <= 0 and rest != 0:
            raise self._ended(series)
        return max(steps, 0) if rest is None else min(max(steps, 0), rest)

    def _rest_of(self, span: tuple[int, int]) -> int:
        """How many steps are left of the parent's evolution."""
        if span[0] < span[1] == self._timestep:
            what = f"it stands at t={self.t} s already, where the module that holds it stops"
            raise self._span_refused(what, NO_LONGER)
        return span[1] - self._timestep

    def _ended(self, series: TimeSeries) -> ClockError:
        what = f"{series._label} ended at t={series.t_stop} s, the module stands at t={self.t} s"
        return self._span_refused(what, "ts.start_at(module.t) moves the series, module.reset_time() the module")

    def _span_refused(self, what: str, hint: str) -> ClockError:
        return ClockError(format_error(what, where=self.full_name, hint=hint))

    # --- series in ----------------------------------------------------------------------------------------------------
    def _read_input(self, ts_input: Any) -> tuple[Any, int | None]:
        """An array as a series at ``dt`` from now on, and its number of rows; series, and None, as they are."""
        if ts_input is None or isinstance(ts_input, TimeSeries):
            return ts_input, None
        what = f"an input of type {type(ts_input).__name__}"
        if isinstance(ts_input, Mapping):
            raise SeriesTypeError(format_error(what, where=self.full_name, hint="a timed module has one input"))
        try:
            array = np.asarray(ts_input)
        except ValueError as error:
            raise SeriesTypeError(format_error(f"{what} is no array: {error}", where=self.full_name)) from error
        if array.ndim == 3 and array.shape[0] == 1:
            array = array[0]
        if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
            what = f"an input array of shape {array.shape} and dtype {array.dtype} at t={self.t} s"
            hint = f"give a {self.input_type.__name__}, or numbers of shape (T, N), one row a step"
            raise SeriesTypeError(format_error(what, where=self.full_name, hint=hint))
        return self._made(self.input_type, array, name=INPUT_ARRAY), len(array)

    def _silence(self, steps: int) -> Any:
        """An input of zeros, or without events; None where the number of channels is not known."""
        if self.size_in is None:
            return None
        return self._made(self.input_type, np.zeros((steps, self.size_in)), name=SILENCE)

    def _prepare_input(
        self, ts_input: Any = None, duration: float | None = None, num_timesteps: int | None = None
    ) -> tuple[Array, Array, int]:
        """Turn the input of an evolution into a raster.

        Args:
            ts_input: as for :meth:`evolve`.
            duration: in seconds.
            num_timesteps: in steps.

        Returns:
            The times of the steps ``(T,)`` in seconds, the raster ``(T, N)`` (values, or numbers of events, or bools
            where ``add_events`` is off), which is the caller's to change, and T.

        Raises:
            ClockError, SeriesTypeError, TimeSeriesError: as :meth:`evolve`.
        """
        timeline = current_timeline()
        if timeline is not None:
            return timeline.prepare(self, ts_input, duration, num_timesteps)
        series, rows = self._read_input(ts_input)
        if num_timesteps is None and duration is None:
            num_timesteps = rows
        steps = self._determine_timesteps(series, duration, num_timesteps)
        raster = self._raster(self._silence(steps) if series is None else series, steps)
        return self._gen_time_trace(self.t, steps), np.array(raster), steps

    def _check_input(self, series: Any, steps: int) -> None:
        """Check that an input series fits this module, and has something to say about the next steps.

        Raises:
            SeriesTypeError: another kind.
            TimeSeriesError: another number of channels (one channel drives all inputs), or a signal that ends early.
            ClockError: it ended before the present time.
        """
        if not isinstance(series, self.input_type):
            shown = series._label if isinstance(series, TimeSeries) else type(series).__name__
            what = f"the input from t={self._now} s on is {shown}, the module takes {self.input_type.__name__}"
            hint = {
                TSEvent: "spiking_input=True marks a module that takes events; ts.raster(dt) gives an array",
                TSContinuous: "TSEvent.from_raster(samples, dt) makes events",
            }.get(type(series), "")
            raise SeriesTypeError(format_error(what, where=self.full_name, hint=hint))
        channels = series.num_channels
        if self.size_in not in (None, channels) and (self.spiking_input or channels != 1):
            what = f"{series._label} has {channels} channels at t={self._now} s, the module takes {self.size_in}"
            hint = "num_channels= says that the others are silent" if self.spiking_input else ""
            raise TimeSeriesError(format_error(what, where=self.full_name, hint=hint))
        if steps and not series.periodic:
            self._check_covers(series, steps)

    def _check_covers(self, series: Any, steps: int) -> None:
        stop = math.ceil(float(self._clock.positions(series.t_stop, where=self.full_name)))
        if stop <= self._timestep:
            raise self._ended(series)
        # No events later on is an answer; no samples is none.
        if stop < self._timestep + steps and isinstance(series, TSContinuous) and series.beyond_range_exception:
            until = self._clock.time(self._timestep + steps)
            what = f"{series._label} ends at t={series.t_stop} s, {steps} steps from t={self.t} s go to t={until} s"
            raise TimeSeriesError(format_error(what, where=self.full_name, hint="a shorter duration, or periodic=True"))

    def _raster(self, series: Any, steps: int) -> Array:
        """The input of the next steps, one row a step; may be a view of the samples, and is only read."""
        timeline = current_timeline()
        if timeline is not None:
            return timeline.read_raster(self, series)  # type: ignore[no-any-return]
        self._check_input(series, steps)
        if isinstance(series, TSEvent):
            return series._raster(self._clock, self._timestep, steps, self._add_events)
        rows: Array = series._rows(self._clock, self._timestep, steps)
        return rows if self.size_in is None else np.broadcast_to(rows, (steps, self.size_in))

    # --- series out ---------------------------------------------------------------------------------------------------
    def _gen_time_trace(self, t_start: float, num_timesteps: int) -> Array:
        """The times of steps from ``t_start`` on, in seconds, ``(num_timesteps,)``."""
        return Clock(self.dt, t_start).times(0, num_timesteps)

    def _gen_timeseries(self, output: Any, **kwargs: Any) -> Any:
        """Turn an output raster into a series of the class :attr:`output_type`.

        Args:
            output: ``(T, N)``, ``(1, T, N)`` or ``(T,)``, one row a step.
            **kwargs: of ``from_clocked`` or ``from_raster``, where the defaults are not meant: the series starts at
                the module's time and is called ``Output samples`` or ``Output events``.

        Raises:
            ModuleError: another shape.
            TimeSeriesError: values that cannot be numbers of events.
        """
        name = "Output events" if self.spiking_output else "Output samples"
        kwargs = {"name": f"{name} {self.name!r}" if self.name else name} | kwargs
        timeline = current_timeline()
        if timeline is not None:
            return timeline.make(self, output, kwargs)
        array = np.asarray(output)
        if array.ndim == 3 and array.shape[0] == 1:
            array = array[0]
        if array.ndim not in (1, 2):
            what, hint = f"an output of shape {array.shape}", "a series takes (T, N), (1, T, N) or (T,)"
            raise ModuleError(format_error(what, where=self.full_name, hint=hint))
        return self._made(self.output_type, array, **kwargs)

    def _times_of(self, steps: Any) -> Any:
        """The times of traced steps, counted from t = 0 on, as :class:`~graphpool.timeseries.clock.Clock` has them."""
        rate = self._clock._rate
        return steps * self.dt if rate is None else steps / rate

    def _check_kwargs_timeseries(self, given: Any) -> None:
        """Check that they are attributes of the output series which its clock does not settle.

        Raises:
            ModuleError: they are not.
        """
        make = TSContinuous.from_clocked if self.output_type is TSContinuous else TSEvent.from_raster
        known = [name for name in list(inspect.signature(make).parameters)[1:] if name not in SETTLED]
        if not isinstance(given, Mapping) or not set(given).issubset(known):
            what, hint = f"kwargs_timeseries={given!r}", f"a dict of {', '.join(known)}"
            raise ModuleError(format_error(what, where=self.full_name, hint=hint))

    def _made(self, kind: type[TSContinuous] | type[TSEvent], array: Array, **kwargs: Any) -> Any:
        """A series of rows at ``dt``, from now on."""
        kwargs = {"dt": self.dt, "t_start": self.t} | kwargs
        if kind is TSContinuous:
            return TSContinuous.from_clocked(array, **kwargs)
        return TSEvent.from_raster(array if self._add_events else np.minimum(array, 1), **kwargs)
