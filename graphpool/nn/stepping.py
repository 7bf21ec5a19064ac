"""How a ``step`` runs: as NumPy, or under a trace.

What goes in and what comes out are copies either way, so that in-place lines of a step never reach the
caller's arrays, nor the caller's the states. Lives outside of ``nn/modules``, whose lines the tracer shows
as model code.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from types import MethodType
from typing import Any

import numpy as np

from graphpool.errors import InputError, ModuleError, TraceError, format_error
from graphpool.parameters import active_trace, read_array

Step = Callable[..., Any]

_running: ContextVar[Any] = ContextVar("running_step", default=None)
"""The outermost module whose step runs as NumPy in this context."""

_MARK = "__graphpool_step__"


def in_numpy_step() -> bool:
    """Whether a step runs as NumPy in this context."""
    return _running.get() is not None


def stepping_root() -> Any:
    """The outermost module whose step runs as NumPy in this context, or None."""
    return _running.get()


def refuse_in_step(what: str, where: str, hint: str) -> None:
    """Raise where a step runs, as NumPy or under a trace.

    Args:
        what: what is done, for example ``reset_state()``.
        where: the module it is done to.
        hint: what to do instead.

    Raises:
        TraceError: a step runs.
    """
    hooks = active_trace.get()
    if _running.get() is not None or hooks is not None:
        place = "inside a step" if hooks is None or hooks.timeline is None else "inside an evolve that is compiled"
        raise TraceError(format_error(f"{what} is called {place}", where=where, hint=hint))


def input_names(step: Step) -> list[str]:
    """The names of a bound step's inputs: its arguments without a default; not ``*args`` or ``**kwargs``."""
    found = inspect.signature(step).parameters.values()
    named = [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    return [one.name for one in named if one.default is one.empty]


def wrap_step(cls: type) -> None:
    """Make ``cls.step`` run its NumPy code, or the trace's version of it; once for each function.

    The function itself stays reachable as ``__wrapped__``. A step that a class inherits from a mixin is
    wrapped, too.

    Raises:
        ModuleError: ``step`` is no plain method.
    """
    raw = inspect.getattr_static(cls, "step")
    if not inspect.isfunction(raw):
        what = f"step is a {type(raw).__name__}"
        raise ModuleError(format_error(what, where=cls.__name__, hint="define a method: def step(self, x): ..."))
    # A decorator that copies the function's attributes copies the mark, too; it then names another function.
    if getattr(raw, _MARK, None) is not raw:
        setattr(cls, "step", wrapped_step(raw))  # noqa: B010  (mypy knows no attribute step of a type)


def left_as_it_is(raw: Step) -> Step:
    """A step that :func:`wrap_step` does not wrap: one that only raises."""
    setattr(raw, _MARK, raw)
    return raw


def wrapped_step(raw: Step) -> Step:
    """The function that stands for a step on its class."""
    arguments = inspect.signature(raw).parameters
    optional = frozenset(one.name for one in arguments.values() if one.default is not one.empty)
    positions = list(arguments)[1:]

    def read_inputs(self: Any, args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
        names = [*positions, *("*args" for _ in args)]
        read = [_read_input(self, name, item, optional) for name, item in zip(names, args, strict=False)]
        return read, {name: _read_input(self, name, item, optional) for name, item in kwargs.items()}

    @functools.wraps(raw)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = MethodType(raw, self)
        hooks = active_trace.get()
        if hooks is not None:
            return hooks.call_step(self, bound, args, kwargs)
        if _running.get() is not None:
            inner = {name: _copied(item) for name, item in kwargs.items()}
            return _copied_out(bound(*(_copied(item) for item in args), **inner))
        self._refuse_batched_states()
        inputs, named = read_inputs(self, args, kwargs)
        token = _running.set(self)
        try:
            return _copied_out(bound(*inputs, **named))
        finally:
            _running.reset(token)

    setattr(step, _MARK, step)
    return step


def _read_input(module: Any, name: str, item: Any, optional: frozenset[str]) -> Any:
    """An input as a new array; an argument with a default is an option and stays what it is."""
    if name in optional:
        return _copied(item)
    return read_array(item, f"{module.full_name}: input {name!r} of step", InputError)


def _copied(item: Any) -> Any:
    """Row by row whatever the caller's layout, on which it depends whether a reshape is a view."""
    return np.array(item, order="C") if isinstance(item, (np.ndarray, np.generic)) else item


def _copied_out(item: Any) -> Any:
    if isinstance(item, (tuple, list)):
        make = getattr(type(item), "_make", type(item))  # named tuples take their fields one by one
        return make(_copied_out(entry) for entry in item)
    return np.array(item, order="C") if isinstance(item, np.ndarray) else item
