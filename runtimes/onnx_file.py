"""Runs ``.onnx`` files that graphpool has written. They are read with suspicion."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from graphpool.artifact import FORMAT_VERSION, Artifact, ParamSignature, PortSignature, Signature, StateSignature
from graphpool.errors import GraphpoolError, ModelFileError, ParameterError, TargetError, format_error
from graphpool.graph import SAMPLE, Literal, TensorType
from graphpool.graph.types import SHORT_NAMES, DType
from graphpool.plan import EMITS, Emit, Plan
from graphpool.runtimes.base import Arrays, Mode
from graphpool.runtimes.onnx import OnnxRuntime, SessionSettings, make_session
from graphpool.runtimes.tiles import bytes_of_signature

SIGNATURE_KEY, VERSION_KEY, ONE_STEP_KEY = "graphpool.signature", "graphpool.format_version", "graphpool.one_step"
RECORD_KEY = "graphpool.record"
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
"""The most elements that a file may declare for a signal or for all states: files are untrusted."""

LARGEST_FILE = 2**31 - 1
"""In bytes: what protobuf can hold."""


class OnnxFileRuntime(OnnxRuntime):
    """A model loaded from an ``.onnx`` file.

    Its parameters are constants of the file; or they are inputs, and then they have no value until
    :meth:`set_parameters` gives one.
    """

    _is_packed = False

    def __init__(
        self,
        model: bytes,
        signature: Signature,
        names: list[str],
        *,
        has_records: bool,
        takes_parameters: bool,
        options: Mapping[str, Any],
    ) -> None:
        options = {**options, "parameters": "inputs" if takes_parameters else "constants"}
        super().__init__(Artifact("onnx", signature, NO_PLANS, _no_build, options=options), {})
        self._model = model
        self._names = names
        self._has_records = has_records

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
        """Set parameters where they are inputs of the model; those that are not named stay.

        Raises:
            ParameterError: they are constants of the file; or an unknown name, a wrong shape or dtype.
        """
        if self._takes_parameters:
            return super().set_parameters(parameters)
        raise ParameterError(
            format_error(
                "a loaded .onnx model has no parameters to set: they are constants of the file",
                where=self.signature.name,
                hint="set them on the module, compile it for onnx, and save it again; a file compiled with "
                "parameters='inputs' takes them when it runs",
            )
        )

    def _tensor_names(self, taken: list[str]) -> list[str]:
        """Those of the metadata: optimisers drop inputs that nothing reads, such as a state that is only written."""
        return self._names

    def _check_mode(self, mode: Mode) -> None:
        if mode == "record" and not self._has_records:
            raise TargetError(
                format_error(
                    "this .onnx file has no recorded values",
                    where=self.signature.name,
                    hint='write it with save("net.onnx", record=True)',
                )
            )

    def _session_model(self, mode: Mode) -> bytes:
        return self._model

    def _bytes_per_step(self, mode: Mode) -> int:
        return bytes_of_signature(self.signature, records=self._has_records)

    def _run_session(self, mode: Mode, inputs: Arrays, states: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        outputs, following, records = super()._run_session("run", inputs, states)
        return outputs, following, records if mode == "record" else []

    def _step_has_time(self) -> tuple[bool, bool]:
        return True, self.signature.emit == "each"


def _no_build(plan: Plan) -> NoReturn:
    raise TargetError("a loaded .onnx model cannot be built again")


NO_PLANS: Any = None


def load(path: Any, **options: Any) -> OnnxFileRuntime:
    """Load an ``.onnx`` file that graphpool has written.

    Args:
        path: the file.
        options: of the session: see :class:`~graphpool.runtimes.onnx.SessionSettings`.

    Raises:
        ModelFileError: it cannot be read, is no ONNX model, or none of graphpool's.
    """
    model = _read_file(path)
    try:
        session = make_session(model, SessionSettings.chosen(options))
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
    signature, names, takes_parameters = _read_signature(str(path), metadata[SIGNATURE_KEY], session)
    has_records = bool(signature.records) or metadata.get(RECORD_KEY) == "true"
    runtime = OnnxFileRuntime(
        model, signature, names, has_records=has_records, takes_parameters=takes_parameters, options=options
    )
    runtime._sessions["run"] = session
    return runtime


def _read_file(path: Any) -> bytes:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                # A device may have no end.
                raise ModelFileError(f"{str(path)!r} is no regular file")
            if status.st_size > LARGEST_FILE:
                raise ModelFileError(
                    f"{str(path)!r} has {status.st_size} bytes; an ONNX model has at most {LARGEST_FILE}"
                )
            return file.read()
    except OSError as error:
        raise ModelFileError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _read_signature(path: str, text: str, session: Any) -> tuple[Signature, list[str], bool]:
    """The signature, the names of all inputs in the model, and whether parameters are among them."""
    try:
        stored = json.loads(text)
        _check_sizes(stored["states"])
        ports = tuple(map(_read_port, stored["inputs"]))
        signature = Signature(
            name=str(stored["name"]),
            dt=None if stored["dt"] is None else float(stored["dt"]),
            inputs=tuple(port for port in ports if port.kind != SAMPLE),
            outputs=tuple(map(_read_port, stored["outputs"])),
            states=tuple(map(_read_state, stored["states"])),
            params=tuple(map(_read_param, stored.get("params", ()))),
            records=tuple(_read_port({"kind": ""} | entry) for entry in stored["records"]),
            takes_sample=bool(ports) and ports[-1].kind == SAMPLE,
            emit=_read_emit(stored.get("emit", "each")),
        )
        names = _check_tensors(stored, session)
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError, GraphpoolError) as error:
        raise ModelFileError(f"{path!r} has metadata that graphpool cannot read: {error!r}") from error
    return signature, names, "params" in stored


def _check_tensors(stored: Mapping[str, Any], session: Any) -> list[str]:
    """Check that the tensors of the model are those that its metadata name, in the same order.

    Inputs may be missing in the model: optimisers drop those that nothing reads.

    Returns:
        The names of all inputs.

    Raises:
        ValueError: they are not.
    """
    ports, states = "tensor", ("input", "output")
    inputs = [(entry[ports], entry, 1 if entry.get("kind") == SAMPLE else 2) for entry in stored["inputs"]]
    inputs += [(entry[states[0]], entry, 1) for entry in stored["states"]]
    inputs += [(entry[ports], entry, 0) for entry in stored.get("params", ())]
    leading = 1 if stored.get("emit") == "last" else 2
    outputs = [(entry[ports], entry, leading) for entry in stored["outputs"]]
    outputs += [(entry[ports], entry, 2) for entry in stored["records"]]
    outputs += [(entry[states[1]], entry, 1) for entry in stored["states"]]
    names = [name for name, _, _ in inputs]
    if len(set(names)) < len(names):
        raise ValueError(f"they name an input twice: {names}")
    taken = {tensor.name for tensor in session.get_inputs()}
    left = [entry for entry in inputs if entry[0] in taken]
    for wanted, tensors in ((left, session.get_inputs()), (outputs, session.get_outputs())):
        if [name for name, _, _ in wanted] != [tensor.name for tensor in tensors]:
            raise ValueError(f"they name {[name for name, _, _ in wanted]}, it has {[one.name for one in tensors]}")
        for (name, entry, leading), tensor in zip(wanted, tensors, strict=True):
            declared = TENSOR_TYPES[entry["dtype"]], entry["shape"], leading + len(entry["shape"])
            if declared != (tensor.type, tensor.shape[leading:], len(tensor.shape)):
                raise ValueError(f"{name!r} is {tensor.type} of shape {tensor.shape}, they say {entry}")
    return names


def _read_emit(stored: Any) -> Emit:
    if stored not in EMITS:
        raise ValueError(f"outputs are emitted at {stored!r}")
    return stored  # type: ignore[no-any-return]  # it is one of them


def _read_type(entry: Mapping[str, Any]) -> TensorType:
    shape = tuple(int(n) for n in entry["shape"])
    if math.prod(shape) > LARGEST_SAMPLE:
        raise ValueError(f"{entry['name']!r} has the shape {shape}; at most {LARGEST_SAMPLE} elements are read")
    return TensorType(DTYPES[entry["dtype"]], shape)


def _check_sizes(states: Sequence[Mapping[str, Any]]) -> None:
    """Check that all initial states together are not too large.

    Raises:
        ValueError: they are.
    """
    size = sum(_read_type(entry).size for entry in states)
    if size > LARGEST_SAMPLE:
        raise ValueError(f"all states have {size} elements; at most {LARGEST_SAMPLE} are read")


def _read_port(entry: Mapping[str, Any]) -> PortSignature:
    type_, clock = _read_type(entry), int(entry.get("clock", 1))
    if clock < 1 or clock > 1 and type_.shape[:-1] != (clock,):
        raise ValueError(f"clock {clock} of an output of shape {type_.shape}")
    return PortSignature(str(entry["name"]), type_, str(entry.get("kind", "continuous")), clock)


def _read_param(entry: Mapping[str, Any]) -> ParamSignature:
    return ParamSignature(str(entry["name"]), _read_type(entry))


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
