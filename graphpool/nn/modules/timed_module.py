"""Modules that take time series and give time series.

A :class:`TimedModule` has a clock: an integer number of time steps ``dt``, in seconds. It turns series into rasters,
one row a step, and rasters into series; nothing below it knows seconds::

    class Filtered(TimedModule):
        def __init__(self, size, dt=1e-3):
            super().__init__(dt, shape=size)
            self.neurons = Rate(size, dt=dt).timed()

        def evolve(self, ts_input, duration, num_timesteps, record=False):
            x, _, _ = self.neurons(ts_input * 2.0)
            return x, {}, {}

The children that are timed modules themselves follow the clock: they start where their parent stands, run no further
than it does, and stand at its time afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphpool.errors import ClockError, ModuleError, format_error
from graphpool.nn.evolving import current_timeline, wrap_evolve
from graphpool.nn.modules.module import Module
from graphpool.nn.modules.runtime_module import RuntimeModule
from graphpool.nn.modules.series_ports import SeriesPorts
from graphpool.nn.stepping import refuse_in_step
from graphpool.parameters import SimulationParameter, unwrap
from graphpool.timeseries import TimeSeries
from graphpool.timeseries.clock import SAME, Clock, read_dt


class TimedModule(SeriesPorts):
    """Base class of modules that take and give time series.

    A subclass defines ``evolve(self, ts_input, duration, num_timesteps, record=False)``, which returns the output
    series, the new state and the record. When it runs, ``duration`` (seconds) and ``num_timesteps`` are both known and
    ``ts_input`` is a series: an array that the caller gave has become one, at ``dt``, from the present time on; where
    nothing was given it is silence. Calling it, or ``evolve``, moves the clock.

    Simulation parameter: ``dt`` in seconds.

    Args:
        dt: the time step in seconds.
        spiking_input: whether the input is events: a :class:`~graphpool.timeseries.TSEvent`.
        spiking_output: whether the output is events.
        add_events: whether several events of a channel within one step count as many, going in and coming out; else
            as one.
        shape: sizes, of which the first is the number of input channels and the last that of output channels.

    Raises:
        TimeSeriesError: ``dt`` is no positive number.
        ModuleError: ``shape`` is no shape.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wrap_evolve(cls)

    # --- running ------------------------------------------------------------------------------------------------------
    # Series and spans go in, not an array: the one place where a timed module is no Module for a type checker.
    def __call__(self, ts_input: Any = None, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Run a whole evolution: :meth:`evolve`."""
        return self.evolve(ts_input, *args, **kwargs)

    def evolve(  # type: ignore[override]
        self,
        ts_input: Any = None,
        duration: float | None = None,
        num_timesteps: int | None = None,
        kwargs_timeseries: dict[str, Any] | None = None,
        record: bool = False,
    ) -> tuple[Any, Any, Any]:
        """Evolve from the present time on; subclasses define it.

        Args:
            ts_input: a series of the class :attr:`input_type` on the module's time, or an array ``(T, N)`` or
                ``(1, T, N)`` of one row a step from now on; None is silence.
            duration: for how many seconds; the whole steps in it.
            num_timesteps: for how many steps; goes before ``duration``, and both before the length of the input, which
                is its end less the present time or, where it is periodic, one period.
            kwargs_timeseries: attributes of the output series, for example ``{"name": "membrane"}``.
            record: also return recorded values: arrays ``(1, T, *shape)``; what the modules of a timed
                :class:`~graphpool.nn.combinators.Sequential` return, ``<name>_output``, is series.

        Returns:
            The output series, the new state as a nested dict, and the record as a nested dict. State and clock move on.

        Raises:
            ClockError: neither input nor duration, a series that ended before the present time, or more steps than the
                parent runs.
            ModuleError: ``kwargs_timeseries`` that the output series does not have, or its clock.
            SeriesTypeError: another kind of series.
            TimeSeriesError: another number of channels, a series that does not cover the time, or more steps than fit
                into memory.
        """
        wanted = "def evolve(self, ts_input, duration, num_timesteps, record=False): ..."
        raise NotImplementedError(f"{self.class_name} defines no evolve: {wanted}")

    def _evolve_in_time(
        self, run: Callable[..., tuple[Any, Any, Any]], ts_input: Any, duration: Any, num_timesteps: Any
    ) -> tuple[Any, Any, Any]:
        """Settle the span, run it, and move the clocks; nothing has changed where something fails."""
        timeline = current_timeline()
        if timeline is not None:
            return timeline.run_timed(self, run, ts_input, duration, num_timesteps)
        refuse_in_step("the module", self.full_name, "inside a step, children are stepped: self.child.step(x)")
        settled = self._running  # of this very module: super().evolve(...) in an evolve
        series, steps = self._settle(ts_input, duration, num_timesteps)
        if settled is not None:
            return run(series, steps * self.dt, steps)
        outer = self._span
        begin, end = self._timestep, self._timestep + steps
        before = self.state()
        try:
            self._stand_at(begin)
            self._bound((begin, end))
            self._running = steps
            result = run(series, steps * self.dt, steps)
            self._check_result(result)
            self._check_children((begin, end))
        except BaseException:
            self.set_attributes(before)
            end = begin
            raise
        finally:
            self._running = None
            self._bound(outer)
            self._stand_at(end)
        return result

    def _settle(self, ts_input: Any, duration: Any, num_timesteps: Any) -> tuple[Any, int]:
        """The input as a series, and the number of steps, checked."""
        series, rows = self._read_input(ts_input)
        if num_timesteps is None and duration is None:
            num_timesteps = rows if self._running is None else self._running
        steps = self._determine_timesteps(series, duration, num_timesteps)
        if self._running not in (None, steps):
            what = f"super().evolve is asked for {steps} steps, this evolution has {self._running}"
            raise ClockError(format_error(what, where=self.full_name, hint="hand on what evolve was given"))
        series = self._silence(steps) if series is None else series
        if series is not None:
            self._check_input(series, steps)
        return series, steps

    def _check_result(self, result: Any) -> None:
        if not isinstance(result, tuple) or len(result) != 3:
            count = f" of {len(result)}" if isinstance(result, tuple) else ""
            what = f"evolve returned {type(result).__name__}{count}"
            hint = "return three things: the output series, the new state and the record, both dicts"
            raise ModuleError(format_error(what, where=self.full_name, hint=hint))
        outputs = result[0]
        if isinstance(outputs, (tuple, dict)):
            outputs = outputs.values() if isinstance(outputs, dict) else outputs
        else:
            outputs = (outputs,)
        for output in outputs:
            if not isinstance(output, TimeSeries):
                what, hint = f"evolve returned {type(output).__name__} as output", "self._gen_timeseries(raster)"
                raise ModuleError(format_error(what, where=self.full_name, hint=f"return a series: {hint}"))


class TimedModuleWrapper(TimedModule):
    """A module, or a compiled runtime, that takes and gives time series.

    ``module.timed()`` and ``run.timed()`` make one. The attributes of what it wraps are reachable through it, for
    reading and assigning: its own come first. States and parameters stand under ``_module`` in nested dicts.

    Args:
        module: a :class:`~graphpool.nn.modules.module.Module` that is not timed itself, or a
            :class:`~graphpool.runtimes.base.Runtime`.
        output_num: which output becomes the series, where there are several.
        dt: the time step in seconds, for a module that has none; it then gets this one.
        add_events: whether several events of a channel within one step count as many.

    Raises:
        ModuleError: ``module`` is no module, or a timed one.
        ClockError: there is no dt, or several that differ.
        TimeSeriesError: ``dt`` is no positive number.
    """

    _way_to_step = ", or .module.step(x) for one step without the clock"

    def __init__(self, module: Any, output_num: int = 0, dt: Any = None, add_events: bool = True) -> None:
        inner = _as_module(module, output_num)
        dt = _settle_dt(inner, dt)
        shape = None if inner.size_in is None or inner.size_out is None else (inner.size_in, inner.size_out)
        super().__init__(dt, inner.spiking_input, inner.spiking_output, add_events, shape)
        if getattr(inner, "dt", None) is None:
            inner.dt = SimulationParameter(dt)
        self._output_num = output_num
        self._module = inner

    @property
    def module(self) -> Any:
        """The module, or the runtime, that this one wraps."""
        return self._module.runtime if isinstance(self._module, RuntimeModule) else self._module

    def evolve(  # type: ignore[override]
        self,
        ts_input: Any = None,
        duration: float | None = None,
        num_timesteps: int | None = None,
        kwargs_timeseries: dict[str, Any] | None = None,
        record: bool = False,
    ) -> tuple[Any, Any, Any]:
        """Evolve what it wraps; see :meth:`TimedModule.evolve`."""
        if kwargs_timeseries is not None:
            self._check_kwargs_timeseries(kwargs_timeseries)
        if _settle_dt(self._module, None) != self.dt:
            what, hint = f"the module in it steps {self._module.dt} s, the clock {self.dt} s", "wrap it anew"
            raise ClockError(format_error(what, where=self.full_name, hint=hint))
        steps = self._determine_timesteps(ts_input, duration, num_timesteps)
        raster = self._raster(ts_input, steps)
        if not self._only_reads:
            raster = raster.copy()
        output, state, recorded = self._module.evolve(raster, record)
        rows, given = self._rows_of(output, steps), dict(kwargs_timeseries or {})
        if isinstance(self._module, RuntimeModule) and self._module.rows_a_step > 1:
            given = {"dt": self.dt / self._module.rows_a_step} | given
            rows = rows.reshape(-1, rows.shape[-1])
        series = self._gen_timeseries(rows, **given)
        if recorded and current_timeline() is None:
            recorded = self._module._wrap_recorded_state(recorded, Clock(self.dt, self.t))
        return series, {"_module": state}, recorded

    @property
    def _only_reads(self) -> bool:
        """Whether the input of what it wraps may be the samples of a series themselves."""
        return isinstance(self._module, RuntimeModule) or type(self._module).evolve is Module.evolve

    def _rows_of(self, output: Any, steps: int) -> Any:
        """The chosen output, one row a step."""
        several = isinstance(output, (tuple, dict))
        found = list(output.values() if isinstance(output, dict) else output) if several else [output]
        if not -len(found) <= self._output_num < len(found):
            what = f"output_num={self._output_num} of {len(found)} outputs"
            raise ModuleError(format_error(what, where=self._module.full_name))
        output = found[self._output_num]
        timeline = current_timeline()
        if timeline is not None:
            return timeline.rows_of(output)
        array = np.asarray(output)
        if array.ndim > 1 and array.shape[:2] == (1, steps):
            array = array[0]
        if array.ndim == 0 or len(array) != steps:
            what = f"{self._module.full_name} made an output of shape {array.shape} for {steps} steps"
            raise ModuleError(format_error(what, where=self.full_name, hint="one row a step"))
        return array[:, None] if array.ndim == 1 else array

    def _checked(self, attributes: Any, path: str) -> Iterator[tuple[Module, str, Any]]:
        for module, name, value in super()._checked(attributes, path):
            if name == "dt" and module is not self:
                self._check_dt(value)
            yield module, name, value

    def _check_dt(self, value: Any) -> None:
        if read_dt(unwrap(value), f"{self.full_name}.dt") != self.dt:
            what, hint = f"dt={value!r} is assigned, the module in it steps {self.dt} s", "wrap it anew"
            raise ClockError(format_error(what, where=self.full_name, hint=hint))

    # --- the attributes of what it wraps ------------------------------------------------------------------------------
    def _reaches(self, name: str) -> bool:
        """Whether an attribute is that of what it wraps."""
        inner = self.__dict__.get("_children", {}).get("_module")
        own = {*self.__dict__, *self.__dict__.get("_registry", {}), *self.__dict__.get("_children", {})}
        hidden = name.startswith("__") or name in own or hasattr(type(self), name)
        return inner is not None and not hidden and hasattr(inner, name)

    def _read_missing(self, name: str) -> Any:
        return getattr(self._module, name) if self._reaches(name) else super()._read_missing(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._reaches(name):
            setattr(self._module, name, value)
        else:
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        inner = self.__dict__.get("_children", {}).get("_module")
        return super().__repr__() + (f" with {inner.full_name} as module" if inner is not None else "")


def _as_module(item: Any, output_num: int) -> Module:
    if isinstance(item, Module) and not isinstance(item, TimedModule):
        return item
    if hasattr(getattr(item, "signature", None), "inputs"):
        return RuntimeModule(item, output_num)
    what = f"{item.full_name} is timed already" if isinstance(item, TimedModule) else f"{item!r} is no module"
    raise ModuleError(format_error(what, where="TimedModuleWrapper", hint="give a Module or a compiled runtime"))


def _settle_dt(module: Module, dt: Any) -> float:
    """The one time step of a module and all below it, in seconds.

    Raises:
        ClockError: there is none, or they differ.
        TimeSeriesError: ``dt`` is no positive number.
    """
    steps = {} if dt is None else {"the argument": read_dt(dt, module.full_name)}
    for one in module._walk():
        own = getattr(one, "dt", None)
        if own is not None:
            steps[one.full_name] = read_dt(own, f"{one.full_name}.dt")
    if not steps:
        raise ClockError(format_error("it has no dt", where=module.full_name, hint="give one: timed(dt=1e-3)"))
    first = next(iter(steps.values()))
    if any(not math.isclose(first, other, rel_tol=SAME) for other in steps.values()):
        listed = ", ".join(f"{name} {item} s" for name, item in steps.items())
        hint = "modules that are run by one clock take the same steps"
        raise ClockError(format_error(f"time steps differ: {listed}", where=module.full_name, hint=hint))
    return first
