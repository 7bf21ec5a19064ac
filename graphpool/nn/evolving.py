"""How the ``evolve`` of a timed module runs: its clock, its input and its children around the user's code.

A class writes ``evolve(self, ts_input, duration, num_timesteps, record=False, ...)`` for a span that is already
settled. What is called is this wrapper, which settles it, moves the clock, and undoes everything where the user's code
fails.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from graphpool.errors import ModuleError, format_error
from graphpool.parameters import active_trace
from graphpool.timeseries import TSContinuous, TSEvent
from graphpool.timeseries.clock import Clock

Evolve = Callable[..., tuple[Any, Any, Any]]

_MARK = "__graphpool_evolve__"
OPTIONS = ("kwargs_timeseries", "record")
"""What a class may leave out of its ``evolve``; it is then not handed on."""


class Timeline(Protocol):
    """What a trace does in the place of whole evolutions: it has symbolic series and rasters, and one time step."""

    steps: Any
    """The number of steps, which is not known."""

    def refuse(self, what: str, hint: str = "") -> NoReturn:
        """Raise a TraceError at the user's line."""

    def run_steps(self, module: Any, input_data: Any, record: bool) -> tuple[Any, Any, Any]:
        """Evolve a module by its step."""

    def final_state(self, module: Any) -> dict[str, Any]:
        """What ``state()`` returns."""

    def with_batch(self, data: Any, size_in: int | None) -> Any:
        """What ``_auto_batch`` makes of an input."""

    def run_timed(
        self, module: Any, run: Evolve, ts_input: Any, duration: Any, num_timesteps: Any
    ) -> tuple[Any, Any, Any]:
        """Run the ``evolve`` of a timed module, as often as it has sub-steps."""

    def prepare(self, module: Any, ts_input: Any, duration: Any, num_timesteps: Any) -> tuple[Any, Any, Any]:
        """What ``_prepare_input`` returns."""

    def read_raster(self, module: Any, ts_input: Any) -> Any:
        """The input of a timed module, one row a step."""

    def rows_of(self, output: Any) -> Any:
        """What a wrapped module returned, one row a step."""

    def make(self, module: Any, output: Any, kwargs: dict[str, Any]) -> Any:
        """What ``_gen_timeseries`` returns."""


def current_timeline() -> Timeline | None:
    """The trace that runs, while it is in the code of an ``evolve``."""
    hooks = active_trace.get()
    found: Timeline | None = None if hooks is None else hooks.timeline
    return found


def recorded_series(array: Any, kind: str, clock: Clock, name: str) -> TSContinuous | TSEvent:
    """A recorded signal as a time series.

    Args:
        array: ``(1, T, N)``.
        kind: ``continuous`` or ``event``.
        clock: whose step 0 is the first row.
        name: of the series.
    """
    make = TSEvent.from_raster if kind == "event" else TSContinuous.from_clocked
    return make(array[0], dt=clock.dt, t_start=clock.origin, name=name)


def wrap_evolve(cls: type) -> None:
    """Make ``cls.evolve`` keep the clock; once for each function, which stays reachable as ``__wrapped__``.

    Raises:
        ModuleError: ``evolve`` is no plain method.
    """
    raw = inspect.getattr_static(cls, "evolve")
    if not inspect.isfunction(raw):
        hint = "define a method: def evolve(self, ts_input, duration, num_timesteps, record=False): ..."
        raise ModuleError(format_error(f"evolve is a {type(raw).__name__}", where=cls.__name__, hint=hint))
    if getattr(raw, _MARK, None) is not raw:
        setattr(cls, "evolve", _wrapped(raw))  # noqa: B010  (mypy knows no attribute evolve of a type)


def _wrapped(raw: Evolve) -> Evolve:
    try:
        inspect.signature(raw).bind(*range(4))
    except TypeError as error:
        hint = "def evolve(self, ts_input, duration, num_timesteps, record=False): ..."
        raise ModuleError(format_error(f"evolve: {error}", where=raw.__qualname__, hint=hint)) from error
    taken = inspect.signature(raw).parameters.values()
    takes_all = any(one.kind is one.VAR_KEYWORD for one in taken)
    options = [name for name in OPTIONS if takes_all or name in {one.name for one in taken}]

    @functools.wraps(raw)
    def evolve(
        self: Any,
        ts_input: Any = None,
        duration: float | None = None,
        num_timesteps: int | None = None,
        kwargs_timeseries: dict[str, Any] | None = None,
        record: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[Any, Any, Any]:
        if kwargs_timeseries is not None and "kwargs_timeseries" not in options:
            what, hint = (
                "kwargs_timeseries is given, and its evolve does not take it",
                "add it to the arguments of evolve",
            )
            raise ModuleError(format_error(what, where=self.full_name, hint=hint))
        given = {"kwargs_timeseries": kwargs_timeseries, "record": record}
        kwargs |= {name: given[name] for name in options}

        def run(*span: Any) -> tuple[Any, Any, Any]:
            return raw(self, *span, *args, **kwargs)

        result: tuple[Any, Any, Any] = self._evolve_in_time(run, ts_input, duration, num_timesteps)
        return result

    setattr(evolve, _MARK, evolve)
    return evolve
