"""The ONNX target: a program that makes the file when it is given the parameters.

onnx is imported when a file is made, so that asking for the target without it gives graphpool's own error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphpool.compilers.base import Target, check_lowerable
from graphpool.errors import LoweringError, format_error, missing_extra
from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.plan import Plan

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class OnnxProgram:
    """What the ONNX runtime runs: a plan that becomes a model once the parameters are known.

    A model for another parameter set is another model: parameters are constants in the file.
    """

    plan: Plan

    def model(self, handed: Mapping[Value, Array]) -> onnx.ModelProto:
        """The model.

        Args:
            handed: the values of ``plan.handed``, as :func:`graphpool.plan.compute_once` makes them.
        """
        from graphpool.compilers.onnx.model import make_model

        return make_model(self.plan, handed)

    def file(self, handed: Mapping[Value, Array]) -> bytes:
        """The bytes of the file: the same for the same plan and values, on every run."""
        return bytes(self.model(handed).SerializeToString(deterministic=True))


def build(plan: Plan) -> OnnxProgram:
    """Check that ONNX can express a plan, and make its program.

    Raises:
        MissingExtraError: onnx is not installed.
        LoweringError: lists the nodes that have no lowering; or the network has no input.
    """
    try:
        from graphpool.compilers.onnx.regions import has_lowering
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise missing_extra("onnx", "onnx") from error
    check_lowerable(plan.graph, "onnx", has_lowering)
    if not plan.graph.inputs:
        raise LoweringError(
            format_error(
                "target 'onnx' cannot run a network without an input: its file takes batch and time from it",
                where=plan.graph.name,
                hint="let step take an input, even where it is not used",
            )
        )
    return OnnxProgram(plan)


TARGET = Target("onnx", build, "graphpool.runtimes.onnx:OnnxRuntime")
"""What the entry point names."""
