"""The one face of all runtimes.

A target's runtime says how it runs a program; everything that a user sees is here: ports, batches, states, parameters,
chunks. Bad input raises before anything changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from graphpool.artifact import Artifact, ParamSignature, Signature, StateSignature
from graphpool.errors import InputError, ModuleError, ParameterError, StateError, TargetError, format_error
from graphpool.graph import Value
from graphpool.graph.files import SUFFIX, write_model
from graphpool.graph.types import Array
from graphpool.graph.values import read_nested, read_values
from graphpool.nested import nest
from graphpool.plan import Plan, compute_once
from graphpool.runtimes.arrays import check_emits, empty_arrays, number_samples, read_ports
from graphpool.runtimes.ragged import read_lengths, run_ragged
from graphpool.runtimes.resident import Resident

Mode = Literal["run", "record", "step"]
Arrays = list[Array]


class Runtime:
    """Runs a compiled model and holds its state.

    A call is a whole evolution, :meth:`step` one time step; the state carries over from either to the next. All arrays
    that go in are copied or only read; all that come out belong to the caller.

    Args:
        artifact: what a compiler made.
        parameters: all parameters by dotted path; they become arrays in the dtypes of the trace.
        state: states by dotted path; those that are missing start at their initial value.
    """

    def __init__(
        self, artifact: Artifact, parameters: Mapping[str, Array], state: Mapping[str, Array] | None = None
    ) -> None:
        self.artifact = artifact
        self._parameters = self._read_parameters(parameters)
        self._resident: Resident | None = None
        self._state = self._initial_state()
        self._programs: dict[str, Any] = {}
        self._handed: dict[str, dict[Value, Array]] = {}
        self._compiled_parameters = dict(self._parameters)
        if state:
            self._state = self._merged_state(state)

    # --- running ---------------------------------------------------------------------------------------------------
    def __call__(
        self,
        x: Any,
        record: bool = False,
        *,
        lengths: Any = None,
        sample: int = 0,
        check_finite: bool = False,
    ) -> tuple[Any, Any, Any]:
        """Run a whole evolution, from the present state.

        Args:
            x: ``(B, T, *sample)`` or ``(T, *sample)``; a dict by port name where the model has several inputs.
            record: also return every recorded value and every state, as ``(B, T, *shape)``.
            lengths: ``(B,)`` whole numbers: how many steps each sample has, where they are not all T. Behind its end a
                sample's output and records are 0; its state is that after its last step, and with ``emit="last"`` so
                is its output.
            sample: the number of the first sample: noise is a function of it. Row b of a batch has the noise of a run
                with ``sample + b``.
            check_finite: refuse NaN and infinities in x.

        Returns:
            The output ``(B, T, *sample)`` (a dict by name where there are several), the new state as a nested dict,
            and the record as a nested dict (empty without ``record``). Compiled with ``emit="last"``, the output is
            ``(B, *sample)``, that of the last step.

        Raises:
            InputError: x does not fit its port, or the lengths do not fit x; or there is no step to emit.
            StateError: the batch of x does not fit the state's.
        """
        if not isinstance(record, (bool, np.bool_)):
            hint = "several inputs go in as one dict by port name"
            raise InputError(format_error(f"record is a {type(record).__name__}, not True or False", hint=hint))
        mode: Mode = "record" if record else "run"
        self._check_mode(mode)
        batch = read_ports(self.signature.inputs, x, time=True, check_finite=check_finite)
        states = self._states_for(batch.size)
        inputs = batch.arrays + number_samples(self.signature, sample, (batch.size, batch.steps))
        check_emits(self.signature, batch.steps)
        if lengths is not None:
            lengths = read_lengths(lengths, batch.size, batch.steps, self.signature.emit)
        if batch.steps == 0:
            outputs = empty_arrays(self.signature.outputs, batch.size)
            records = empty_arrays(self.signature.records if record else (), batch.size)
        elif lengths is not None:
            outputs, following, records = self._execute_ragged(mode, inputs, states, lengths)
            self._keep(following)
        else:
            outputs, following, records = self._execute(mode, inputs, states)
            self._keep(following)
        names = [entry.name for entry in self.signature.records] if record else []
        return self._delivered(outputs), self.state(), nest(dict(zip(names, records, strict=True)))

    def step(self, x: Any, *, sample: int = 0, check_finite: bool = False) -> Any:
        """Run one time step, from the present state.

        Args:
            x: ``(*sample)`` or ``(B, *sample)``; a dict by port name where the model has several inputs.
            sample: as for a call.
            check_finite: refuse NaN and infinities in x.

        Returns:
            The output, with a batch axis if x had one.

        Raises:
            InputError: x does not fit its port.
            StateError: the batch of x does not fit the state's.
        """
        batch = read_ports(self.signature.inputs, x, time=False, check_finite=check_finite)
        outputs = self._advance(batch.arrays + number_samples(self.signature, sample, (batch.size,)), batch.size)
        return self._delivered(outputs if batch.is_batched else [output[0] for output in outputs])

    def stream(self, chunks: Iterable[Any], *, sample: int = 0, check_finite: bool = False) -> Iterator[Any]:
        """Run chunk after chunk, in bounded memory; equal to one long run. With ``emit="last"``, one output a chunk.

        Args:
            chunks: arrays as a call takes them; their lengths may differ.
            sample: as for a call.
            check_finite: refuse NaN and infinities.

        Yields:
            The output of each chunk.
        """
        for chunk in chunks:
            yield self(chunk, sample=sample, check_finite=check_finite)[0]

    # --- state -----------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """The present state as a nested dict of copies: sample shapes, or ``(B, *shape)`` after a batch of B > 1."""
        return nest({name: array.copy() for name, array in self._state.items()})

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Set states from a nested dict; those that it does not name stay.

        Raises:
            StateError: an unknown name, a wrong shape or dtype, or batches that differ; nothing has changed then.
        """
        self._state = self._merged_state(read_nested(state, "state", StateError))

    def reset_state(self) -> None:
        """Give every state its initial value; also drops the batch axis."""
        self._state = self._initial_state()

    # --- parameters ------------------------------------------------------------------------------------------------
    def parameters(self) -> dict[str, Any]:
        """All parameters as a nested dict of copies, in the dtypes of the trace."""
        return nest({name: array.copy() for name, array in self._parameters.items()})

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Set parameters from a nested dict; those that it does not name stay. Nothing is compiled again.

        Raises:
            ParameterError: an unknown name, a wrong shape or dtype; nothing has changed then.
        """
        self._parameters |= self._read_parameters(read_nested(parameters, "parameter", ParameterError))
        self._handed.clear()
        self._parameters_changed()

    def reset_parameters(self) -> None:
        """Give every parameter the value that it was compiled with."""
        self._parameters = dict(self._compiled_parameters)
        self._handed = {}
        self._parameters_changed()

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set parameters and states from one nested dict; those that it does not name stay.

        Raises:
            ParameterError: an unknown name, or a parameter that does not fit; nothing has changed then.
            StateError: a state that does not fit; nothing has changed then.
        """
        flat = read_nested(attributes, "attribute", ParameterError)
        names = {state.name for state in self.signature.states}
        state = self._merged_state({name: item for name, item in flat.items() if name in names})
        parameters = {name: item for name, item in flat.items() if name not in names}
        if parameters:
            self.set_parameters(nest(parameters))
        self._state = state

    def timed(self, *, dt: float | None = None, output_num: int = 0, add_events: bool = True) -> Any:
        """This runtime with a clock: it takes and gives time series.

        Args:
            dt: the time step in seconds, for a model that has none.
            output_num: which output becomes the series, where there are several.
            add_events: whether several events of a channel within one step count as many.

        Returns:
            A :class:`~graphpool.nn.modules.timed_module.TimedModuleWrapper`; it holds this very runtime, whose state
            carries over.

        Raises:
            ClockError: there is no dt, or another one.
            ModuleError: the model has several inputs, or one whose sample is no vector; or it emits the last step
                only, which is no series.
        """
        from graphpool.nn.modules.timed_module import TimedModuleWrapper

        if self.signature.emit == "last":
            what = "a model that emits the last step only gives no time series"
            raise ModuleError(format_error(what, where=self.signature.name, hint='compile it with emit="each"'))

        return TimedModuleWrapper(self, output_num, dt, add_events)

    # --- the rest of the face --------------------------------------------------------------------------------------
    @property
    def signature(self) -> Signature:
        """Ports, states, parameters and dt."""
        return self.artifact.signature

    @property
    def dt(self) -> float | None:
        """The time step in seconds, or None."""
        return self.signature.dt

    @property
    def notes(self) -> tuple[str, ...]:
        """What the passes did that may matter to you, such as integers that become floats, with reasons."""
        return self.artifact.notes

    @property
    def plan(self) -> Plan:
        """The plan of a whole evolution; ``run.plan.graph`` is the graph after all passes."""
        return self.artifact.plans.run

    def copy(self) -> Self:
        """An independent stream: the same model, with its own state and parameters."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._resident = None
        other._parameters = {name: array.copy() for name, array in self._parameters.items()}
        other._state = {name: array.copy() for name, array in self._state.items()}
        other._programs = dict(self._programs)
        other._handed = dict(self._handed)
        return other

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": self._state, "_resident": None, "_programs": {}, "_handed": {}}

    def save(self, path: Any) -> None:
        """Write the model as traced, with its present parameters and its present state, to a ``.gpz`` file.

        :func:`graphpool.load` compiles it again, for any target. The file is written whole or not at all.

        Raises:
            TargetError: another ending, or a runtime that has no graph.
            ParameterError: a parameter has no value.
            OSError: the file cannot be written.
        """
        source = self.artifact.source
        if Path(path).suffix != SUFFIX or source is None:
            raise TargetError(
                format_error(
                    f"a runtime of target {self.artifact.target!r} cannot write {str(path)!r}",
                    hint='save("net.gpz") writes the graph with its values; compile(module, "onnx").save("net.onnx") '
                    "an ONNX model, and a loaded one has no graph",
                )
            )
        write_model(path, source, self._parameters, self._state, self._settings())

    def _settings(self) -> dict[str, Any]:
        """What a file says of a model beside its graph and its values."""
        entries: tuple[ParamSignature | StateSignature, ...] = (*self.signature.params, *self.signature.states)
        families = {entry.name: entry.family for entry in entries if entry.family is not None}
        return {"dtype": self.artifact.dtype, "hoist": self.plan.hoist, "emit": self.plan.emit, "families": families}

    def __str__(self) -> str:
        signature = self.signature
        lines = [f"{type(self).__name__} of {signature.name}" + (f", dt={self.dt} s" if self.dt is not None else "")]
        for title, ports in (("input", signature.inputs), ("output", signature.outputs)):
            lines += [f"    {title} {port}" for port in ports]
        lines += [f"    state {state.name}: {state.type}" for state in signature.states]
        lines += [f"    parameter {param.name}: {param.type}" for param in signature.params]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.signature.name!r}>"

    # --- what targets override -------------------------------------------------------------------------------------
    def _advance(self, inputs: Arrays, batch: int) -> Arrays:
        """Run one step from the present state, and keep the next one; the outputs belong to the caller."""
        outputs, states, _ = self._execute("step", inputs, self._states_for(batch))
        self._keep(states)
        return outputs

    def _execute(self, mode: Mode, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        """Run the program of a mode: inputs ``(B, T, *sample)``, ``(B, *sample)`` for a step; at least one step."""
        outputs, following, records = self._program(mode)(self._handed_to(mode), states, inputs)
        return outputs, following, records

    def _execute_ragged(
        self, mode: Mode, inputs: Arrays, states: Arrays, lengths: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Run a batch whose samples have their own numbers of steps."""
        execute = partial(self._execute, mode)
        return run_ragged(execute, self.signature, inputs, states, lengths, records=mode == "record")

    def _check_mode(self, mode: Mode) -> None:
        """Called before a whole evolution; raises where this runtime has no program for it."""

    def _parameters_changed(self) -> None:
        """Called after parameters have been set."""

    # --- helpers ---------------------------------------------------------------------------------------------------
    @property
    def _state(self) -> dict[str, Array]:
        """The present state by dotted path. Where it lives in the target it is fetched, and goes on living there."""
        return self._held if self._resident is None else self._resident.fetch()

    @_state.setter
    def _state(self, state: dict[str, Array]) -> None:
        self._held, self._resident = state, None

    def _program(self, mode: Mode) -> Any:
        if mode not in self._programs:
            self._programs[mode] = self.artifact.build(getattr(self.artifact.plans, mode))
        return self._programs[mode]

    def _handed_to(self, mode: Mode) -> dict[Value, Array]:
        """What the program of a mode takes ready: computed once per parameter set."""
        if mode not in self._handed:
            self._handed[mode] = compute_once(getattr(self.artifact.plans, mode), self._parameters)
        return self._handed[mode]

    def _initial_state(self) -> dict[str, Array]:
        return {state.name: state.init.array.copy() for state in self.signature.states}

    def _read_parameters(self, flat: Mapping[str, Any]) -> dict[str, Array]:
        types = {param.name: param.type for param in self.signature.params}
        return read_values(flat, types, "parameter", ParameterError, batched=False)

    def _merged_state(self, flat: Mapping[str, Any]) -> dict[str, Array]:
        """The present states with some replaced, checked: all that carry a batch axis are of one batch."""
        types = {state.name: state.type for state in self.signature.states}
        merged = self._state | read_values(flat, types, "state", StateError, batched=True)
        sizes = {name: len(array) for name, array in merged.items() if array.ndim > types[name].rank}
        if len(set(sizes.values())) > 1:
            raise StateError(
                format_error(
                    f"states of different batches: {sizes}",
                    where=self.signature.name,
                    hint="set all of them, or call reset_state() first",
                )
            )
        return merged

    def _states_for(self, batch: int) -> Arrays:
        """The states with a batch axis; an unbatched state starts every sample."""
        present, states = self._state, []
        for entry in self.signature.states:
            array = present[entry.name]
            if array.ndim == entry.type.rank:
                array = array[None] if batch == 1 else np.broadcast_to(array, (batch, *entry.type.shape))
            elif array.shape[0] != batch:
                raise StateError(
                    format_error(
                        f"the state {entry.name!r} is that of {array.shape[0]} samples, the input has {batch}",
                        where=self.signature.name,
                        hint="go on with the same batch, or call reset_state() first",
                    )
                )
            states.append(array)
        return states

    def _keep(self, states: Arrays) -> None:
        self._state = {
            entry.name: np.array(array[0] if array.shape[0] == 1 else array)
            for entry, array in zip(self.signature.states, states, strict=True)
        }

    def _delivered(self, outputs: Arrays) -> Any:
        names = [port.name for port in self.signature.outputs]
        if names == ["output"]:
            return outputs[0]
        return dict(zip(names, outputs, strict=True))
