"""The ONNX target: a program that makes the file when it is given the parameters.

onnx is imported when a file is made, so that asking for the target without it gives graphpool's own error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphpool.compilers.base import Target, check_lowerable
from graphpool.compilers.onnx.options import OPTIONS, FileOptions
from graphpool.errors import LoweringError, format_error, missing_extra
from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.plan import Plan, join_loops

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class OnnxProgram:
    """What the ONNX runtime runs: a plan that becomes a model once the parameters are known.

    Where parameters are constants of the file, a model for another parameter set is another model.
    """

    plan: Plan
    options: FileOptions = FileOptions()

    def private(self) -> OnnxProgram:
        """The program of the runtime's own session: see :class:`~graphpool.compilers.onnx.options.FileOptions`."""
        return replace(self, options=replace(self.options, private=True))

    def model(self, handed: Mapping[Value, Array], *, record: bool = False) -> onnx.ModelProto:
        """The model.

        Args:
            handed: the values of ``plan.handed``, as :func:`graphpool.plan.compute_once` makes them; not read where
                parameters are inputs.
            record: whether the file says that it has all records.
        """
        from graphpool.compilers.onnx.model import make_model

        return make_model(self.plan, handed, self.options, record=record)

    def file(self, handed: Mapping[Value, Array], *, record: bool = False) -> bytes:
        """The bytes of the file: the same for the same plan and values, on every run."""
        return bytes(self.model(handed, record=record).SerializeToString(deterministic=True))


def build(plan: Plan, **options: Any) -> OnnxProgram:
    """Check that ONNX can express a plan, and make its program.

    Args:
        plan: what it computes.
        options: see :class:`~graphpool.compilers.onnx.options.FileOptions`; what else the target has as options
            changes nothing here.

    Raises:
        MissingExtraError: onnx is not installed.
        LoweringError: lists the nodes that have no lowering; or the network has no input.
    """
    try:
        from graphpool.compilers.onnx.nodes import has_lowering
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
    of_session = {option.name for option in OPTIONS if option.when_loaded}
    of_file = {name: value for name, value in options.items() if name not in of_session}
    return OnnxProgram(plan, FileOptions(**of_file))


TARGET = Target(
    "onnx",
    build,
    "graphpool.runtimes.onnx:OnnxRuntime",
    options=OPTIONS,
    affine=True,
    arrange=join_loops,
    rule="it stands between two loops, and a few sums and products there cost less inside",
)
"""What the entry point names."""
