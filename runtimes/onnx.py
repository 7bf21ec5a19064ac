"""Runs compiled ONNX models with onnxruntime."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from graphpool.archive import write_whole
from graphpool.artifact import Artifact
from graphpool.errors import ParameterError, TargetError, format_error
from graphpool.graph import Value
from graphpool.graph.files import SUFFIX as MODEL_SUFFIX
from graphpool.graph.types import Array, Shape
from graphpool.runtimes.base import Arrays, Mode, Runtime
from graphpool.runtimes.resident import ResidentSteps, StepModel
from graphpool.runtimes.tiles import bytes_of_plan, run_tiles, tile_length

SUFFIX = ".onnx"
ERRORS_ONLY = 3
EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
SPINNING = "session.intra_op.allow_spinning"
LEVELS = {
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}


@dataclass(frozen=True)
class SessionSettings:
    """How a session runs.

    Attributes:
        threads: how many threads one node may use; None leaves it to onnxruntime.
        optimisation: a key of :data:`LEVELS`.
        spinning: whether threads that have nothing to do wait in a loop, ready for the next node.
    """

    threads: int | None = None
    optimisation: str = "all"
    spinning: bool = True

    @classmethod
    def chosen(cls, options: Mapping[str, Any]) -> Self:
        """What the options of a compiled model say."""
        names = ("threads", "optimisation", "spinning")
        return cls(**{name: options[name] for name in names if name in options})

    def for_steps(self) -> Self:
        """For a model of one time step: its nodes are too small for a second thread, unless one is asked for."""
        return replace(self, threads=1) if self.threads is None else self


def make_session(model: bytes, settings: SessionSettings) -> Any:
    """An onnxruntime session on the CPU, for a self-contained model: it finds tensors in no other file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.graph_optimization_level = LEVELS[settings.optimisation]
    options.intra_op_num_threads = settings.threads or 0
    if not settings.spinning:
        options.add_session_config_entry(SPINNING, "0")
    with tempfile.TemporaryDirectory() as nothing:
        options.add_session_config_entry(EXTERNAL_FOLDER, nothing)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxRuntime(Runtime):
    """A compiled model that onnxruntime runs.

    Parameters are constants of the model, so :meth:`set_parameters` makes a new session; with ``parameters="inputs"``
    they are inputs, and it makes none.
    """

    _is_packed = True
    """Whether states go into sessions without axes of length 1."""

    _resident: ResidentSteps | None

    def __init__(
        self, artifact: Artifact, parameters: Mapping[str, Array], state: Mapping[str, Array] | None = None
    ) -> None:
        self._steps: ResidentSteps | None = None
        super().__init__(artifact, parameters, state)
        self._sessions: dict[str, Any] = {}
        self._session_settings = SessionSettings.chosen(artifact.options)

    def step(self, x: Any, *, sample: int = 0, check_finite: bool = False) -> Any:
        """Run one time step: see :meth:`graphpool.runtimes.base.Runtime.step`.

        The states stay where onnxruntime reads and writes them. An array of just the right dtype and shape goes
        straight there; everything else is read first.
        """
        steps = self._resident
        if steps is not None and not check_finite and type(sample) is int and sample == steps.sample and steps.fits(x):
            return steps.step(x)
        return super().step(x, sample=sample, check_finite=check_finite)

    def model_bytes(self, mode: Mode = "run") -> bytes:
        """The ONNX model of a whole evolution (``"run"``), one that also returns records, or one time step."""
        model: bytes = self._program(mode).file(self._handed_to(mode), record=mode == "record")
        return model

    def save(self, path: Any, *, record: bool = False) -> None:
        """Write the model of a whole evolution, with its parameters, to an ``.onnx`` file; whole or not at all.

        The present state does not go into it: states are inputs of the model. Nor do parameters that are inputs. A
        ``.gpz`` file has both: see :meth:`graphpool.runtimes.base.Runtime.save`.

        Args:
            path: ends in ``.onnx``, or in ``.gpz``.
            record: also put out every recorded value; a ``.gpz`` file always has them.

        Raises:
            TargetError: another ending, or the ``.gpz`` of a loaded ``.onnx`` model.
        """
        if Path(path).suffix == MODEL_SUFFIX:
            return super().save(path)
        if Path(path).suffix != SUFFIX:
            raise TargetError(f"cannot write {str(path)!r}: the name of an ONNX model ends in {SUFFIX}")
        content = self.model_bytes("record" if record else "run")
        write_whole(path, lambda file: file.write(content))

    def copy(self) -> OnnxRuntime:
        other = super().copy()
        other._sessions, other._steps = dict(self._sessions), None
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_sessions": {}, "_steps": None}

    @property
    def _takes_parameters(self) -> bool:
        return self.artifact.options.get("parameters") == "inputs"

    def _parameters_changed(self) -> None:
        self._state, self._steps = self._state, None
        if not self._takes_parameters:
            self._sessions = {}

    def _handed_to(self, mode: Mode) -> dict[Value, Array]:
        return {} if self._takes_parameters else super()._handed_to(mode)

    def _present_parameters(self) -> Arrays:
        """The parameters that the model takes, in order.

        Raises:
            ParameterError: some have no value.
        """
        if not self._takes_parameters:
            return []
        missing = [param.name for param in self.signature.params if param.name not in self._parameters]
        if missing:
            raise ParameterError(
                format_error(
                    f"no value for parameter {', '.join(map(repr, missing))}",
                    where=self.signature.name,
                    hint="parameters are inputs of this model, which holds no values: set_parameters({...}) gives them",
                )
            )
        return [self._parameters[param.name] for param in self.signature.params]

    def _session(self, mode: Mode) -> Any:
        if mode not in self._sessions:
            settings = self._session_settings
            settings = settings.for_steps() if mode == "step" else settings
            self._sessions[mode] = make_session(self._session_model(mode), settings)
        return self._sessions[mode]

    def _session_model(self, mode: Mode) -> bytes:
        """What the session of a mode runs: the same as the file, without what is there for other engines."""
        model: bytes = self._program(mode).private().file(self._handed_to(mode), record=mode == "record")
        return model

    # --- whole evolutions ------------------------------------------------------------------------------------------
    def _execute(self, mode: Mode, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        batch, steps = inputs[0].shape[:2]
        tile = tile_length(steps, batch * self._bytes_per_step(mode))
        execute = partial(self._run_session, mode)
        if tile == steps:
            return execute(inputs, states)
        return run_tiles(execute, self.signature, inputs, states, tile, records=mode == "record")

    def _bytes_per_step(self, mode: Mode) -> int:
        """What a run stores for each step of a sample."""
        return bytes_of_plan(self._program(mode).plan)

    def _run_session(self, mode: Mode, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        """Inputs of the model are ports, states, parameters; its outputs are outputs, records, next states."""
        session, parameters = self._session(mode), self._present_parameters()
        if self.signature.takes_sample:  # the model counts from the first one
            inputs = [*inputs[:-1], inputs[-1].reshape(-1)[:1]]
        if self._is_packed:
            states = [state.reshape(_packed(state.shape)) for state in states]
        arrays = [np.asarray(array, order="C") for array in (*inputs, *states, *parameters)]
        taken = [entry.name for entry in session.get_inputs()]
        given = zip(self._tensor_names(taken), arrays, strict=True)
        results = session.run(None, {name: array for name, array in given if name in taken})
        first, last = len(self.signature.outputs), len(results) - len(states)
        following = [
            array.reshape(len(array), *entry.type.shape)
            for entry, array in zip(self.signature.states, results[last:], strict=True)
        ]
        return results[:first], following, results[first:last]

    def _tensor_names(self, taken: list[str]) -> list[str]:
        """The names of ports, states and parameters in the model, which takes the given ones."""
        return taken

    # --- single steps ----------------------------------------------------------------------------------------------
    def _advance(self, inputs: Arrays, batch: int) -> Arrays:
        if self._steps is None or self._resident is not self._steps or self._steps.batch != batch:
            states = self._states_for(batch)
            if self._steps is None or self._steps.batch != batch:
                self._steps = ResidentSteps(self._step_model(), self.signature, batch)
            self._steps.load(states)
        outputs = self._steps.advance(inputs)
        self._resident = self._steps
        return outputs

    def _step_model(self) -> StepModel:
        session = self._session("step")
        taken, made = ([entry.name for entry in entries] for entries in (session.get_inputs(), session.get_outputs()))
        names, signature = self._tensor_names(taken), self.signature
        signals, states = len(signature.inputs) + signature.takes_sample, len(signature.states)
        before, after = names[signals : signals + states], made[len(made) - states :]
        parameters = [np.array(array, order="C") for array in self._present_parameters()]
        return StepModel(
            session,
            signals=names[:signals],
            outputs=made[: len(signature.outputs)],
            states=list(zip(before, after, strict=True)),
            fixed=dict(zip(names[signals + states :], parameters, strict=True)),
            has_time=self._step_has_time(),
            packed=self._is_packed,
        )

    def _step_has_time(self) -> tuple[bool, bool]:
        """Whether signals and outputs of the model of one step have a time axis."""
        return False, False


def _packed(shape: Shape) -> Shape:
    """A batch of states without axes of length 1 in the sample."""
    return shape[:1] + tuple(size for size in shape[1:] if size != 1)
