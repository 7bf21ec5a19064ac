"""What a trace asks a tree of modules for: its paths, its ports, their dtype and the time step."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphpool.errors import GraphpoolWarning, TraceError, format_error
from graphpool.graph.types import FLOAT64, DType
from graphpool.nested import join_path
from graphpool.parameters import Parameter, State
from graphpool.trace.source import defining_origin


def walk(module: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """A module and all its children with their dotted paths; a child reached twice keeps its first path."""
    seen = set() if seen is None else seen
    if id(module) in seen:
        return
    seen.add(id(module))
    yield path, module
    for name, child in module.modules().items():
        yield from walk(child, join_path(path, name), seen)


def step_ports(module: Any) -> list[str]:
    """The names that the module gives its inputs, else those of the step's arguments without a default.

    Raises:
        TraceError: the module has no step, or its step takes ``*args``.
    """
    if module.step.__qualname__ == "Module.step":
        raise TraceError(
            format_error(
                "only a step can be compiled, and this module defines none",
                where=module.full_name,
                hint="write step(self, x) for one time step of one sample",
            )
        )
    named: list[str] | None = module._port_names()
    if named is not None:
        return named
    parameters = inspect.signature(module.step).parameters.values()
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters):
        raise TraceError(
            format_error(
                "step takes *args or **kwargs, so its ports have no names",
                where=module.full_name,
                line=str(defining_origin(module.step, module.full_name)),
                hint="name each input of step",
            )
        )
    ports = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    if not ports:
        raise TraceError(
            format_error(
                "step takes no input, from which a run has its batch and its number of steps",
                where=module.full_name,
                line=str(defining_origin(module.step, module.full_name)),
                hint="let step take an input, even where it is not used",
            )
        )
    return ports


def evolve_ports(module: Any) -> list[str]:
    """The name of the input of a module's own ``evolve``: its first argument.

    Raises:
        TraceError: it has none.
    """
    parameters = inspect.signature(module.evolve).parameters.values()
    found = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    if not found:
        raise TraceError(
            format_error(
                "evolve takes no input, from which a run has its batch and its number of steps",
                where=module.full_name,
                line=str(defining_origin(module.evolve, module.full_name)),
                hint="def evolve(self, input_data, record=False): ...",
            )
        )
    return found[:1]


def port_dtype(tree: list[tuple[str, Any]]) -> DType:
    """The widest float among parameters and states, else float64."""
    dtypes = {
        np.asarray(module._registered(name).value).dtype
        for _, module in tree
        for kind in (Parameter, State)
        for name in module._registered_names(kind)
    }
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    return max(floats, key=lambda dtype: dtype.itemsize) if floats else FLOAT64


def time_step(tree: list[tuple[str, Any]]) -> float | None:
    """The root's dt, else the first child's; seconds."""
    found = [
        (path, float(module.dt))
        for path, module in tree
        if module._registered("dt") is not None and isinstance(module.dt, (int, float))
    ]
    if not found:
        return None
    path, dt = found[0]
    others = sorted({other for _, other in found} - {dt})
    if others and path:
        warnings.warn(
            GraphpoolWarning(f"children have different time steps: {dt} s and {others}; the graph takes {dt} s"),
            stacklevel=5,
        )
    return dt
