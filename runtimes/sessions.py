"""Sessions of onnxruntime: how a model runs there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import onnxruntime

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
