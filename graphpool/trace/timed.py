"""From the ``evolve`` of a timed module to a graph: run it on a symbolic series.

A series stands for what happens within one time step of the network. A timed child of k sub-steps takes k: its code
runs k times, each time on the part of its input that lies within the sub-step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from graphpool.graph.types import FLOAT64
from graphpool.trace.evolving import EvolveTrace
from graphpool.trace.ports import walk
from graphpool.trace.rasters import STEP_HINT, Raster, Unknown
from graphpool.trace.recorder import Recorder
from graphpool.trace.series import Entry, Series
from graphpool.trace.tracer import Tracer

COUNTER = "_timestep"
"""The state that counts time steps, where the time base is used."""

START, MIDDLE = Fraction(0), Fraction(1, 2)
SPAN_HINT = "hand on what evolve was given, or leave it out: children run for as long as the network does"
WHOLE = frozenset({"spike", "floor", "ceil", "trunc", "round"})
"""Ops that give whole numbers."""


class TimeBase(Raster):
    """When each step starts, in seconds, ``(T,)``; counting steps begins with its first use."""

    __slots__ = ("_count", "_recorder", "_row")

    def __init__(self, recorder: Recorder, count: Callable[[], Tracer]) -> None:
        self.leading = 1
        self._recorder = recorder
        self._count = count
        self._row: Tracer | None = None

    @property
    def recorder(self) -> Recorder:
        """The recorder of its trace."""
        return self._recorder

    @property
    def row(self) -> Tracer:  # type: ignore[override]
        """The time of this step."""
        if self._row is None:
            self._row = self._count()
        return self._row


class TimedTrace(EvolveTrace):
    """One run of an ``evolve`` that may be that of a timed module, or hold timed modules."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._outputs_found: list[Series] = []
        self._owner: Any = None
        """The timed module whose ``evolve`` runs."""
        self._sub_step = (0, 1)
        """Which sub-step of the network's step it is, and how many there are."""
        self._duration = Unknown(self._recorder, "the duration", STEP_HINT)

    # --- the root -----------------------------------------------------------------------------------------------------
    def _run_root(self) -> Any:
        if not hasattr(self._root, "input_type"):
            return super()._run_root()
        series = self._series(self._root.input_type, self._root.spiking_input, self._inputs[0], self._ports()[0])
        output, _, _ = self._root.evolve(series)
        several = isinstance(output, (tuple, dict))
        found = list(output.values() if isinstance(output, dict) else output) if several else [output]
        self._outputs_found = found
        rows = [one.rows() for one in found]
        return tuple(rows) if several else rows[0]

    def _output_form(self, number: int) -> tuple[str, int]:
        if not self._outputs_found:
            return super()._output_form(number)
        series = self._outputs_found[number]
        return "event" if series.is_event else "continuous", series.clock

    def _series(self, kind: type, is_event: bool, row: Tracer, name: str) -> Series:
        """A series of one row a step."""
        entry = Entry(MIDDLE if is_event else START, row)
        return Series(self._recorder, kind, bool(is_event), [entry], row.shape[0], name)

    # --- timed modules ------------------------------------------------------------------------------------------------
    def run_timed(
        self, module: Any, run: Callable[..., Any], ts_input: Any, duration: Any, num_timesteps: Any
    ) -> tuple[Any, Any, Any]:
        """The ``evolve`` of a timed module, once for each of its sub-steps."""
        self._check_span(module, duration, num_timesteps)
        path, outer = self.path(module), self._owner
        with self._inside(path):
            if module is outer:  # super().evolve(...)
                result: tuple[Any, Any, Any] = run(self._input_of(module, ts_input), self._duration, self.steps)
                return result
            factor = 1 if outer is None else outer._factor(module)
            if factor > 1:
                self._check_sub_steps(module, ts_input, num_timesteps, factor)
            series = self._input_of(module, ts_input)
            self._run_once(module, {id(one) for _, one in walk(module)})
            results = []
            for number in range(factor):
                if number:
                    self._forget(path)
                with self._owned_by(module, number, factor):
                    part = None if series is None else series.part(number, factor)
                    results.append(run(part, self._duration, self.steps))
                    module._check_result(results[-1])
        record = results[-1][2] if factor == 1 else self._no_record(results[-1][2])
        return _joined([result[0] for result in results]), results[-1][1], record

    def _no_record(self, record: Any) -> Any:
        """The record of a child with sub-steps, of which the network's step has several: it may be handed on only."""
        if isinstance(record, dict):
            return {name: self._no_record(item) for name, item in record.items()}
        hint = "record=True of the compiled network shows it: the values after the last sub-step"
        return Unknown(self._recorder, "the record of a child that takes sub-steps", hint)

    def _check_span(self, module: Any, duration: Any, num_timesteps: Any) -> None:
        for name, span in (("duration", duration), ("num_timesteps", num_timesteps)):
            if span is not None and not isinstance(span, Unknown):
                self.refuse(f"{module.full_name} is given {name}={span!r}", SPAN_HINT)

    def _check_sub_steps(self, module: Any, ts_input: Any, num_timesteps: Any, factor: int) -> None:
        if num_timesteps is not None:
            what = f"num_timesteps counts the steps of the network, {module.full_name} takes {factor} in each"
            self.refuse(what, "hand on the duration, or nothing")
        if isinstance(ts_input, Raster):
            hint = "self._gen_timeseries(raster) makes a series of it, at the dt of the network"
            self.refuse(f"a raster of the network is given to {module.full_name}, which takes sub-steps", hint)

    @contextmanager
    def _owned_by(self, module: Any, number: int, factor: int) -> Iterator[None]:
        before = self._owner, self._sub_step, self._ran
        index, count = self._sub_step
        self._owner, self._sub_step, self._ran = module, (index * factor + number, count * factor), set()
        try:
            yield
        finally:
            self._owner, self._sub_step, self._ran = before

    def _forget(self, path: str) -> None:
        """Of sub-steps the last one is recorded, as its states are those that stay."""
        for name in [name for name in self._records if name.startswith(f"{path}.")]:
            del self._records[name]
        self._outputs.forget(path)

    def _input_of(self, module: Any, ts_input: Any) -> Series | None:
        """The input of a timed module as a series; silence where there is none."""
        if isinstance(ts_input, Series):
            module._check_input(ts_input, 0)
            return ts_input
        if isinstance(ts_input, Raster):
            return self._made(module, module.input_type, module.spiking_input, ts_input, "input array")
        if ts_input is not None:
            what = f"{module.full_name} is given {type(ts_input).__name__}, which is no series of this network"
            self.refuse(what, "signals from elsewhere are inputs of the network; constants are Parameters")
        if module.size_in is None:
            return None
        zeros = Tracer.of(self._recorder, self._recorder.constant(np.zeros(module.size_in)), False)
        return self._series(module.input_type, module.spiking_input, zeros, "silence")

    def record(self, module: Any, name: str, value: Any, kind: str = "") -> None:
        """A value that ``record=True`` shows; of several sub-steps only the last, which is no signal."""
        super().record(module, name, value, kind if self._sub_step[1] == 1 else "")

    # --- between series and rasters -----------------------------------------------------------------------------------
    def prepare(self, module: Any, ts_input: Any, duration: Any, num_timesteps: Any) -> tuple[Any, Any, Any]:
        """The times, the raster, and the number of steps."""
        self._check_span(module, duration, num_timesteps)
        sub_step = self._sub_step
        times = TimeBase(self._recorder, lambda: self._time(module, *sub_step))
        return times, self.read_raster(module, ts_input), self.steps

    def read_raster(self, module: Any, ts_input: Any) -> Raster:
        """The input of a timed module, one row a step."""
        if module is not self._owner:
            self.refuse(f"the input of {module.full_name} is read outside of its evolve", "call it: self.child(series)")
        series = self._input_of(module, ts_input)
        if series is None:
            self.refuse(f"{module.full_name} has neither an input nor a shape", "give it a series")
        row: Any = series.row()
        if not series.is_event:
            shape = row.shape if module.size_in is None else (module.size_in,)
            row = row if row.shape == shape else np.broadcast_to(row, shape)
        elif not module._add_events:
            row = row > 0
        return self._over_time(row.value, 1)

    def rows_of(self, output: Any) -> Raster:
        """What a wrapped module returned, ``(T, N)``."""
        if not isinstance(output, Raster):
            self.refuse(f"evolve returned {type(output).__name__} as output", "return a raster, one row a step")
        row: Any = output.row if output.row.ndim else output.row[None]
        return Raster(row, 1)

    def make(self, module: Any, output: Any, kwargs: dict[str, Any]) -> Series:
        """A raster as the output series of a timed module."""
        if not isinstance(output, Raster):
            self.refuse(f"a series is made of {type(output).__name__}, which is no raster of this network", STEP_HINT)
        if set(kwargs) - {"name"}:
            self.refuse(f"a series is made with {', '.join(kwargs)}", "its clock is that of the network")
        return self._made(module, module.output_type, module.spiking_output, output, kwargs["name"])

    def _made(self, module: Any, kind: type, is_event: bool, raster: Raster, name: str) -> Series:
        row: Any = raster.row[None] if raster.ndim == 1 else raster.row
        if row.ndim != 1:
            self.refuse(
                f"a series is made of rows of the shape {row.shape}", "a series takes (T, N), (1, T, N) or (T,)"
            )
        row = row.astype(FLOAT64)
        if is_event:
            row = row if self._is_whole(raster.row.value) else np.trunc(row)
            row = row if module._add_events else np.minimum(row, 1)
        return self._series(kind, is_event, row, name)

    def _is_whole(self, value: Any) -> bool:
        """Whether a value is known to hold whole numbers: then nothing is in the way of a gradient."""
        node = self._recorder.builder.nodes[value]
        if node.op in WHOLE or node.type.dtype.kind != "f":
            return True
        return node.op in ("cast", "reshape", "expand", "broadcast") and self._is_whole(node.args[0])

    # --- time ---------------------------------------------------------------------------------------------------------
    def _time(self, module: Any, number: int, factor: int) -> Tracer:
        """The time at which the present step of a module starts, in seconds, counted from the first step on."""
        key = (id(self._root), COUNTER)
        if key not in self._handles:
            current = self._recorder.builder.state(COUNTER, np.zeros((), np.int64))
            self._currents[COUNTER] = (current, key)
            count = Tracer.of(self._recorder, current, True)
            following: Any = count + np.int64(1)
            self._handles[key] = following
            self._count: Any = count
        step = self._count * np.int64(factor) + np.int64(number)
        time: Tracer = module._times_of(step.astype(FLOAT64))
        return time


def _joined(outputs: list[Any]) -> Any:
    """The outputs of all sub-steps, one after the other; what was only held from one to the next does not count."""
    first, count = outputs[0], len(outputs)
    if count == 1:
        return first
    if not isinstance(first, Series):
        if isinstance(first, dict):
            return {name: _joined([one[name] for one in outputs]) for name in first}
        return tuple(_joined([one[place] for one in outputs]) for place in range(len(first)))
    entries = [
        replace(entry, place=(number + entry.place) / count)
        for number, one in enumerate(outputs)
        for entry in one.entries
        if number == 0 or not entry.is_held
    ]
    return first.with_entries(entries)
