"""From a module's ``evolve`` to a graph: run it on symbolic rasters.

One step of one sample is traced, as everywhere: a raster stands for the stream, and the modules that ``evolve`` calls
on it take one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from graphpool.errors import TraceError, format_error
from graphpool.graph import Value
from graphpool.graph.types import Shape
from graphpool.nested import join_path, nest
from graphpool.parameters import State
from graphpool.trace.ports import evolve_ports, port_dtype, step_ports, walk
from graphpool.trace.rasters import STEP_HINT, Raster, Unknown
from graphpool.trace.step import StepTrace
from graphpool.trace.tracer import Tracer, operand_value

STATE_HINT = "a Module with a step(self, x) reads and assigns its states at each time step; call it on the raster"


class EvolveTrace(StepTrace):
    """One run of an ``evolve``; what :data:`graphpool.parameters.active_trace` holds meanwhile."""

    _entry = "evolve"
    _steps_running = 0
    """How deep the code that runs is in steps; 0 in that of an ``evolve``."""
    _running = ""
    """The path of the module whose step stands for its evolution."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ran: set[int] = set()
        self.steps = Unknown(self._recorder, "the number of time steps", STEP_HINT)

    @property
    def timeline(self) -> Any:
        """This trace, while the code of an ``evolve`` runs; None within a step."""
        return None if self._steps_running else self

    def _ports(self) -> list[str]:
        return evolve_ports(self._root)

    def _known_shapes(self) -> dict[str, Shape]:
        known = list(self._root.input_shapes.values())
        if len(known) != 1 and not self._root.shape:
            hint = f'input_shapes={{"{self._ports()[0]}": (3,)}}, or a shape for super().__init__'
            what = "the shape of a row of the input is not known"
            raise TraceError(format_error(what, where=self._root.full_name, hint=hint))
        return {self._ports()[0]: known[0] if len(known) == 1 else self._root.shape[:1]}

    def _run_root(self) -> Any:
        with self._inside(""):
            result = self._root.evolve(Raster(self._inputs[0], 2))
            if not isinstance(result, tuple) or len(result) != 3:
                hint = "return three things: the output, the new state and the record, both dicts"
                self.refuse(f"evolve returned {type(result).__name__}", hint)
            output = result[0]
            several = isinstance(output, (tuple, list, dict))
            found = list(output.values() if isinstance(output, dict) else output) if several else [output]
            for one in found:
                if not isinstance(one, Raster):
                    hint = "return a raster, one row for each of the input"
                    self.refuse(f"evolve returned {type(one).__name__} as output", hint)
        return tuple(one.row for one in found) if several else found[0].row

    def refuse(self, what: str, hint: str = "") -> NoReturn:
        """Raise a TraceError at the user's line."""
        self._recorder.fail(what, hint=hint)

    # --- what modules call while they are traced ----------------------------------------------------------------------
    def read(self, module: Any, name: str) -> Any:
        """A parameter; within a step a state, too."""
        if not self._steps_running and isinstance(module._registered(name), State):
            self.refuse(f"the state self.{name} is read in evolve, where it is what it was before the run", STATE_HINT)
        return super().read(module, name)

    def write(self, module: Any, name: str, value: Any) -> None:
        """An assignment to a state, within a step."""
        if not self._steps_running:
            hint = "use a local variable" if module._registered(name) is None else STATE_HINT
            self.refuse(f"self.{name} is assigned in evolve", hint)
        super().write(module, name, value)

    def record(self, module: Any, name: str, value: Any, kind: str = "") -> None:
        """A value that ``record=True`` shows."""
        super().record(module, name, value.row if isinstance(value, Raster) else value, kind)

    def call_step(self, module: Any, step: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a module's step, which another step calls."""
        if not self._steps_running:
            self.refuse(f"{module.full_name}.step is called in evolve", "call the module on the raster: self.child(x)")
        return super().call_step(module, step, args, kwargs)

    def path(self, module: Any, *, in_run: bool = False) -> str:
        """The dotted path of a module of the traced tree; with ``in_run`` from the module whose evolution it is."""
        path = super().path(module)
        return path.removeprefix(self._running).removeprefix(".") if in_run else path

    # --- modules on rasters -------------------------------------------------------------------------------------------
    def run_steps(self, module: Any, input_data: Any, record: bool) -> tuple[Any, Any, Any]:
        """One step of a module in the place of its evolution over a raster."""
        path = self.path(module)
        self._run_once(module, {id(one) for _, one in walk(module) if one._registered_names(State)})
        rows = self._step_inputs(module, input_data)
        self._steps_running += 1
        self._running = path
        try:
            result = module.step(*rows)
        finally:
            self._steps_running -= 1
        several = isinstance(result, (tuple, list))
        made = [self._over_time(operand_value(self._recorder, one)) for one in (result if several else [result])]
        output = {module._output_name(number): one for number, one in enumerate(made)} if several else made[0]
        return output, self.final_state(module), self._record_of(module, path) if record else {}

    def _run_once(self, module: Any, holders: set[int]) -> None:
        """Refuse a second run of one state in an evolution: it would start where the first one ends."""
        if holders & self._ran:
            hint = "call it once, or make two modules of it"
            self.refuse(f"{module.full_name} has a state and runs twice in one evolution", hint)
        self._ran |= holders

    def _step_inputs(self, module: Any, input_data: Any) -> list[Tracer]:
        ports = step_ports(module)
        given = input_data if isinstance(input_data, Mapping) else {ports[0]: input_data}
        if set(given) != set(ports):
            self.refuse(f"{module.full_name} takes the inputs {ports}, given are {list(given)}", "a dict by name")
        shapes, dtype = module.input_shapes, port_dtype(list(walk(module)))
        return [self._step_input(module, given[name], tuple(shapes[name])).astype(dtype) for name in ports]

    def _step_input(self, module: Any, item: Any, shape: Shape) -> Any:
        if not isinstance(item, Raster):
            what = f"{module.full_name} is called on {type(item).__name__}, which is no raster of this network"
            self.refuse(what, "what is the same at each time step is a Parameter")
        row = self._fitted(item, shape)
        if row.shape != shape:
            self.refuse(f"{module.full_name} takes rows of the shape {shape}, given are rows of {row.shape}")
        return row

    @staticmethod
    def _fitted(raster: Raster, shape: Shape) -> Any:
        """The row of a raster: a vector is one channel over time, and one channel drives all of a module's inputs."""
        row: Any = raster.row[None] if raster.ndim == 1 else raster.row
        is_spread = row.shape == (1,) and len(shape) == 1 and row.shape != shape
        return np.broadcast_to(row, shape) if is_spread else row

    def with_batch(self, data: Any, size_in: int | None) -> Raster:
        """A raster as ``(1, T, N)``."""
        if not isinstance(data, Raster):
            self.refuse(f"{type(data).__name__} is no raster of this network", "give the input of evolve")
        shape = data.row.shape if size_in is None else (size_in,)
        return Raster(Tracer.of(self._recorder, self._fitted(data, shape).value, False), 2)

    def _over_time(self, value: Value, leading: int = 2) -> Raster:
        return Raster(Tracer.of(self._recorder, value, False), leading)

    def final_state(self, module: Any) -> dict[str, Any]:
        """The new state, which may be returned and no more."""
        final = Unknown(self._recorder, "the state after the run", STATE_HINT)
        names = [join_path(path, name) for path, one in walk(module) for name in one._registered_names(State)]
        return nest(dict.fromkeys(names, final))

    def _record_of(self, module: Any, path: str) -> dict[str, Any]:
        """The record of a module and of all below it, as rasters."""
        start = f"{path}." if path else ""
        held = {name[len(start) :]: value for name, value in self._records.items() if name.startswith(start)}
        for below, one in walk(module):
            held |= {join_path(below, n): self._handles[id(one), n].value for n in one._registered_names(State)}
        return nest({name: self._over_time(value) for name, value in held.items()})
