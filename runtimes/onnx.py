"""Runs ONNX models with onnxruntime, compiled ones and loaded files."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime

from graphpool.artifact import FORMAT_VERSION, Artifact, PortSignature, Signature, StateSignature
from graphpool.errors import GraphpoolError, ModelFileError, ParameterError, TargetError, format_error
from graphpool.graph import Literal, TensorType
from graphpool.graph.types import SHORT_NAMES, Array, DType
from graphpool.plan import Plan
from graphpool.runtimes.base import Arrays, Mode, Runtime

SUFFIX = ".onnx"
ERRORS_ONLY = 3
EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
SIGNATURE_KEY, VERSION_KEY, ONE_STEP_KEY = "graphpool.signature", "graphpool.format_version", "graphpool.one_step"
DTYPES = {dtype.name: dtype for dtype in SHORT_NAMES}
TENSOR_TYPES = {
    "float32": "tensor(float)",
    "float64": "tensor(double)",
    "int32": "tensor(int32)",
    "int64": "tensor(int64)",
    "bool": "tensor(bool)",
}
"""What onnxruntime calls the dtypes."""

LARGEST_SAMPLE = 2**28
"""The most elements that a file may declare for a signal or a state: files are untrusted."""


def make_session(model: bytes) -> Any:
    """An onnxruntime session on the CPU, for a self-contained model: it finds tensors in no other file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    with tempfile.TemporaryDirectory() as nothing:
        options.add_session_config_entry(EXTERNAL_FOLDER, nothing)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxRuntime(Runtime):
    """A compiled model that onnxruntime runs.

    Parameters are constants of the model, so :meth:`set_parameters` makes a new session.
    """

    def __init__(
        self, artifact: Artifact, parameters: Mapping[str, Array], state: Mapping[str, Array] | None = None
    ) -> None:
        super().__init__(artifact, parameters, state)
        self._sessions: dict[str, Any] = {}

    def model_bytes(self, mode: Mode = "run") -> bytes:
        """The ONNX model of a whole evolution (``"run"``), one that also returns records, or one time step."""
        model: bytes = self._program(mode).file(self._handed_to(mode))
        return model

    def save(self, path: Any, *, record: bool = False) -> None:
        """Write the model of a whole evolution, with its parameters, to an ``.onnx`` file; whole or not at all.

        The present state does not go into it: states are inputs of the model.

        Args:
            path: ends in ``.onnx``.
            record: also put out every recorded value.

        Raises:
            TargetError: another ending.
        """
        if Path(path).suffix != SUFFIX:
            raise TargetError(f"cannot write {str(path)!r}: the name of an ONNX model ends in {SUFFIX}")
        write_whole(Path(path), self.model_bytes("record" if record else "run"))

    def copy(self) -> OnnxRuntime:
        other = super().copy()
        other._sessions = dict(self._sessions)
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_sessions": {}}

    def _parameters_changed(self) -> None:
        self._sessions = {}

    def _session(self, mode: Mode) -> Any:
        if mode not in self._sessions:
            self._sessions[mode] = make_session(self.model_bytes(mode))
        return self._sessions[mode]

    def _execute(self, mode: Mode, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        return self._run_session(self._session(mode), inputs, states)

    def _run_session(self, session: Any, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        """The model's inputs are ports, then states; its outputs are outputs, then records, then next states."""
        names = [entry.name for entry in session.get_inputs()]
        arrays = [np.ascontiguousarray(array) for array in (*inputs, *states)]
        results = session.run(None, dict(zip(names, arrays, strict=True)))
        first, last = len(self.signature.outputs), len(results) - len(states)
        return results[:first], results[last:], results[first:last]


class OnnxFileRuntime(OnnxRuntime):
    """A model loaded from an ``.onnx`` file: its parameters are constants of the file."""

    def __init__(self, model: bytes, signature: Signature) -> None:
        super().__init__(Artifact("onnx", signature, NO_PLANS, _no_build), {})
        self._model = model

    @property
    def plan(self) -> Plan:
        """A file has no plan.

        Raises:
            TargetError: always.
        """
        raise TargetError("a loaded .onnx model has no graph and no plan; compile the module to look at them")

    def model_bytes(self, mode: Mode = "run") -> bytes:
        """The content of the file.

        Raises:
            TargetError: records are asked for, and the file has none.
        """
        self._check_mode(mode)
        return self._model

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """A file has no parameters to set.

        Raises:
            ParameterError: always; says what to do.
        """
        raise ParameterError(
            format_error(
                "a loaded .onnx model has no parameters to set: they are constants of the file",
                where=self.signature.name,
                hint="set them on the module, compile it for onnx, and save it again",
            )
        )

    def _check_mode(self, mode: Mode) -> None:
        if mode == "record" and not self.signature.records:
            raise TargetError(
                format_error(
                    "this .onnx file has no recorded values",
                    where=self.signature.name,
                    hint='write it with save("net.onnx", record=True)',
                )
            )

    def _execute(self, mode: Mode, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        if mode != "step":
            outputs, following, records = super()._execute("run", inputs, states)
            return outputs, following, records if mode == "record" else []
        outputs, following, _ = super()._execute("run", [array[:, None] for array in inputs], states)
        return [output[:, 0] for output in outputs], following, []


def _no_build(plan: Plan) -> NoReturn:
    raise TargetError("a loaded .onnx model cannot be built again")


NO_PLANS: Any = None


def load(path: Any) -> OnnxFileRuntime:
    """Load an ``.onnx`` file that graphpool has written.

    Raises:
        ModelFileError: it cannot be read, is no ONNX model, or none of graphpool's.
    """
    try:
        model = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {str(path)!r}: {error.strerror}") from error
    try:
        session = make_session(model)
    except Exception as error:  # onnxruntime has a class for each failure, and no common base but this one
        raise ModelFileError(f"{str(path)!r} is no ONNX model that onnxruntime can run: {error}") from error
    metadata = session.get_modelmeta().custom_metadata_map
    if SIGNATURE_KEY not in metadata:
        raise ModelFileError(
            format_error(
                f"{str(path)!r} is an ONNX model, but not one that graphpool has written",
                hint="run it with onnxruntime itself",
            )
        )
    version = metadata.get(VERSION_KEY)
    if version != str(FORMAT_VERSION):
        raise ModelFileError(f"{str(path)!r} has format version {version}; this graphpool reads {FORMAT_VERSION}")
    if metadata.get(ONE_STEP_KEY) != "false":
        raise ModelFileError(f"{str(path)!r} is a model of one time step; load takes models of whole evolutions")
    runtime = OnnxFileRuntime(model, _read_signature(str(path), metadata[SIGNATURE_KEY], session))
    runtime._sessions["run"] = session
    return runtime


def _read_signature(path: str, text: str, session: Any) -> Signature:
    try:
        stored = json.loads(text)
        signature = Signature(
            name=str(stored["name"]),
            dt=None if stored["dt"] is None else float(stored["dt"]),
            inputs=tuple(map(_read_port, stored["inputs"])),
            outputs=tuple(map(_read_port, stored["outputs"])),
            states=tuple(map(_read_state, stored["states"])),
            records=tuple(map(_read_port, stored["records"])),
        )
        _check_tensors(stored, session)
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError, GraphpoolError) as error:
        raise ModelFileError(f"{path!r} has metadata that graphpool cannot read: {error!r}") from error
    return signature


def _check_tensors(stored: Mapping[str, Any], session: Any) -> None:
    """Check that the tensors of the model are those that its metadata name, in the same order.

    Raises:
        ValueError: they are not.
    """
    ports, states = "tensor", ("input", "output")
    inputs = [(entry[ports], entry, 2) for entry in stored["inputs"]]
    inputs += [(entry[states[0]], entry, 1) for entry in stored["states"]]
    outputs = [(entry[ports], entry, 2) for entry in (*stored["outputs"], *stored["records"])]
    outputs += [(entry[states[1]], entry, 1) for entry in stored["states"]]
    for wanted, tensors in ((inputs, session.get_inputs()), (outputs, session.get_outputs())):
        if [name for name, _, _ in wanted] != [tensor.name for tensor in tensors]:
            raise ValueError(f"they name {[name for name, _, _ in wanted]}, it has {[one.name for one in tensors]}")
        for (name, entry, leading), tensor in zip(wanted, tensors, strict=True):
            declared = TENSOR_TYPES[entry["dtype"]], entry["shape"], leading + len(entry["shape"])
            if declared != (tensor.type, tensor.shape[leading:], len(tensor.shape)):
                raise ValueError(f"{name!r} is {tensor.type} of shape {tensor.shape}, they say {entry}")


def _read_type(entry: Mapping[str, Any]) -> TensorType:
    shape = tuple(int(n) for n in entry["shape"])
    if math.prod(shape) > LARGEST_SAMPLE:
        raise ValueError(f"{entry['name']!r} has the shape {shape}; at most {LARGEST_SAMPLE} elements are read")
    return TensorType(DTYPES[entry["dtype"]], shape)


def _read_port(entry: Mapping[str, Any]) -> PortSignature:
    return PortSignature(str(entry["name"]), _read_type(entry), str(entry.get("kind", "continuous")))


def _read_state(entry: Mapping[str, Any]) -> StateSignature:
    type_ = _read_type(entry)
    stored = entry["init"]
    numbers = stored["fill"] if isinstance(stored, Mapping) else stored
    init = np.asarray(_read_numbers(numbers, type_.dtype), dtype=type_.dtype)
    return StateSignature(str(entry["name"]), type_, Literal(np.broadcast_to(init, type_.shape)))


def _read_numbers(item: Any, dtype: DType) -> Any:
    """Numbers of strict JSON: NaN and infinities are written as strings."""
    if isinstance(item, list):
        return [_read_numbers(entry, dtype) for entry in item]
    return float(item) if dtype.kind == "f" else item


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: into a temporary one beside it, which then takes its name."""
    handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
