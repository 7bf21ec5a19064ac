"""The clock of a timed module, and how its children follow it.

A clock is an integer number of time steps ``dt``, in seconds. A child whose ``dt`` divides its parent's runs that many
sub-steps in each of its steps. While a parent evolves, its children start where it stands and run no further than it
does; afterwards they stand at its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from graphpool.errors import ClockError, ModuleError, format_error
from graphpool.nn.evolving import current_timeline
from graphpool.nn.modules.module import OUTSIDE_HINT, Module
from graphpool.nn.stepping import in_numpy_step, refuse_in_step
from graphpool.parameters import Shape, SimulationParameter, active_trace, unwrap
from graphpool.timeseries.clock import Clock, read_dt, read_time, sub_steps

TIME_HINT = "time_base, raster, n = self._prepare_input(ts_input, duration, num_timesteps): time_base is a stream"


class Timekeeper(Module):
    """A module with a clock; the part of :class:`~graphpool.nn.modules.timed_module.TimedModule` that keeps time."""

    dt: Any
    _timestep: int
    _span: tuple[int, int] | None
    """While the parent evolves: the steps at which it started and stops."""
    _running: int | None
    """While this module evolves: for how many steps."""

    def __init__(
        self, dt: Any, spiking_input: bool = False, spiking_output: bool = False, shape: int | Shape | None = None
    ) -> None:
        super().__init__(shape, spiking_input, spiking_output)
        self._timestep = 0
        self._span = None
        self._running = None
        self.dt = SimulationParameter(read_dt(unwrap(dt), self.class_name), family="dt")

    # --- the clock ----------------------------------------------------------------------------------------------------
    @property
    def _clock(self) -> Clock:
        return Clock(self.dt)

    @property
    def _now(self) -> float:
        return self._clock.time(self._timestep)

    @property
    def t(self) -> float:
        """The present time in seconds. Assigning it moves this module and its children to the step of that time.

        Raises:
            TimeSeriesError: it is assigned no finite number.
            ClockError: it is assigned while the module evolves.
            TraceError: it is read in an ``evolve`` that is traced.
        """
        timeline = current_timeline()
        if timeline is not None:
            timeline.refuse("self.t is read in evolve, where it is the time before the run", TIME_HINT)
        return self._now

    @t.setter
    def t(self, time: float) -> None:
        self._refuse_while_evolving("t", "assigned")
        self._stand_at(self._clock.step(read_time(time, "t", self.full_name), where=self.full_name))

    def _stand_at(self, timestep: int) -> None:
        """Go to a step, with all children; a child of a smaller ``dt`` is further by its count."""
        for keeper, its_timestep in list(self._places(timestep)):
            keeper._timestep = its_timestep

    def _places(self, timestep: int) -> Iterator[tuple[Timekeeper, int]]:
        yield self, timestep
        for child, factor in self._timed_children():
            yield from child._places(timestep * factor)

    def reset_time(self) -> Self:
        """Set the clock of this module, and of all below it, to 0. Returns the module.

        Raises:
            ClockError: the module evolves.
        """
        self._refuse_while_evolving("reset_time()", "called")
        self._stand_at(0)
        return self

    def reset_all(self) -> Self:
        """Reset state and clock of this module and of all below it. Returns the module."""
        self.reset_time()
        return self.reset_state()

    def _refuse_while_evolving(self, what: str, done: str) -> None:
        refuse_in_step(what, self.full_name, OUTSIDE_HINT)
        if self._running is not None or self._span is not None:
            raise ClockError(format_error(f"{what} is {done} while the module evolves", where=self.full_name))

    # --- single steps -------------------------------------------------------------------------------------------------
    _way_to_step = ""

    def _has_no_step(self) -> Exception:
        hint = f"call it with num_timesteps=1{self._way_to_step}"
        if in_numpy_step() or active_trace.get() is not None:
            hint = "hold the module itself, without timed(): self.child.step(x)"
        if current_timeline() is not None:
            hint = "in evolve, call it on the raster: self.child(x)"
        return ModuleError(
            format_error("a timed module runs spans of time, not single steps", where=self.full_name, hint=hint)
        )

    # --- while the parent evolves -------------------------------------------------------------------------------------
    def _bound(self, span: tuple[int, int] | None) -> None:
        """Let this module, and all timed ones below it, run between two steps only; None lets them run freely."""
        children = list(self._timed_children())
        self._span = span
        for child, factor in children:
            child._bound(None if span is None else (span[0] * factor, span[1] * factor))

    def _check_children(self, span: tuple[int, int]) -> None:
        """Check that each child has run for all of a span, or not at all.

        Raises:
            ClockError: one has run for a part of it.
        """
        for child, factor in self._timed_children():
            if span[0] * factor < child._timestep < span[1] * factor:
                until = self._clock.time(span[1])
                what = f"{child.full_name} has run to t={child.t} s only, {self.full_name} runs to t={until} s"
                hint = "the series that it was given ended too early"
                raise ClockError(format_error(what, where=self.full_name, hint=hint))

    # --- children -----------------------------------------------------------------------------------------------------
    def _timed_children(self) -> Iterator[tuple[Timekeeper, int]]:
        """The nearest timed modules below, and how many of their steps make one of this module.

        Raises:
            ClockError: a child's dt does not divide this module's.
        """
        return ((child, self._factor(child)) for child in _nearest(self, {id(self)}))

    def _factor(self, child: Timekeeper) -> int:
        factor = sub_steps(self.dt, child.dt)
        if factor is None:
            raise ClockError(
                format_error(
                    f"{child.full_name} steps {child.dt} s, which does not divide dt={self.dt} s",
                    where=self.full_name,
                    hint="a timed child takes a whole number of steps in each step of its parent",
                )
            )
        return factor

    def _register_child(self, name: str, child: Any) -> None:
        if isinstance(child, Timekeeper) and "dt" in self._registry:
            factor = self._factor(child)
            super()._register_child(name, child)
            child._stand_at(self._timestep * factor)
        else:
            super()._register_child(name, child)

    # --- another dt ---------------------------------------------------------------------------------------------------
    def _assign(self, name: str, value: Any) -> None:
        if name == "dt":
            self._check_dt(value)
        super()._assign(name, value)

    def _checked(self, attributes: Any, path: str) -> Iterator[tuple[Module, str, Any]]:
        for module, name, value in super()._checked(attributes, path):
            if module is self and name == "dt":
                self._check_dt(value)
            yield module, name, value

    def _check_dt(self, value: Any) -> None:
        dt = read_dt(unwrap(value), f"{self.full_name}.dt")
        if dt == self.dt:
            return
        self._refuse_while_evolving("dt", "assigned")
        if self._timestep:
            what = f"dt={dt} s is assigned at t={self.t} s"
            raise ClockError(format_error(what, where=self.full_name, hint="call reset_time() first"))
        for child, _ in self._timed_children():
            if sub_steps(dt, child.dt) is None:
                what = f"{child.full_name} steps {child.dt} s, which does not divide dt={dt} s"
                raise ClockError(format_error(what, where=self.full_name))


def _nearest(module: Module, seen: set[int]) -> Iterator[Timekeeper]:
    """The timed modules below a module that have no other timed module above them."""
    for _, child in module._own_children(seen):
        if isinstance(child, Timekeeper):
            yield child
        else:
            yield from _nearest(child, seen)
