"""Graph to graph: one file a pass; :mod:`graphpool.passes.pipeline` lists them in order."""

from graphpool.passes.base import Note, Observer, Pass, PassResult, run_passes
from graphpool.passes.dce import DeadCode
from graphpool.passes.demote import demote_everything
from graphpool.passes.pipeline import AFFINE, EXACT, FLOAT32, PIPELINES

__all__ = [
    "AFFINE",
    "EXACT",
    "FLOAT32",
    "PIPELINES",
    "DeadCode",
    "Note",
    "Observer",
    "Pass",
    "PassResult",
    "demote_everything",
    "run_passes",
]
