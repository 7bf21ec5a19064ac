"""What ``compile(module, "onnx", ...)`` may choose. Needs no onnx, so that the target can be looked at without it."""

from __future__ import annotations

from dataclasses import dataclass

from graphpool.compilers.base import Option

OPTIONS = (
    Option("loop", ("Scan", "Loop")),
    Option("parameters", ("constants", "inputs")),
    Option("states", ("broadcast", "batched")),
    Option("threads", (None,), most=256, when_loaded=True),
    Option("optimisation", ("all", "extended", "basic", "none"), when_loaded=True),
    Option("spinning", (True, False), when_loaded=True),
)
"""The defaults stand first. The first three are :class:`FileOptions`; the others say how the runtime runs the file."""


@dataclass(frozen=True)
class FileOptions:
    """How a file is written. The results are the same.

    Attributes:
        loop: the ONNX op that repeats a step: ``"Scan"``, or ``"Loop"`` for engines that have no Scan.
        parameters: ``"constants"`` of the file, with what depends on them alone computed beforehand in float64; or
            ``"inputs"`` of the file in the dtypes of the trace, with that part inside, in the same dtypes.
        states: ``"broadcast"``: the first dimension of a state is 1 (one value for every sample) or the batch;
            ``"batched"``: it is the batch, and the file holds no nodes that repeat a state.
        private: for the session of the runtime alone: states are batched, and their samples have no axes of length 1;
            nothing is there for the sake of other engines.
    """

    loop: str = "Scan"
    parameters: str = "constants"
    states: str = "broadcast"
    private: bool = False
