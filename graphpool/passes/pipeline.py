"""The passes in the order in which they run; the one place that lists them."""

from __future__ import annotations

from graphpool.passes.affine import AffineStates
from graphpool.passes.base import Pass
from graphpool.passes.cse import CommonSubexpressions
from graphpool.passes.dce import DeadCode
from graphpool.passes.demote import Demote
from graphpool.passes.fold import Fold
from graphpool.passes.simplify import Simplify

EXACT: tuple[Pass, ...] = (Fold(), Simplify(), CommonSubexpressions(), DeadCode())
"""Runs in the dtypes of the trace."""

FLOAT32: tuple[Pass, ...] = (Demote(), *EXACT)
"""Runs in float32, with constants and parameters rounded where they meet a stream."""

AFFINE: tuple[Pass, ...] = (Fold(), Simplify(), AffineStates())
"""Runs before these where a target takes affine states."""

PIPELINES: dict[str, tuple[Pass, ...]] = {"float64": EXACT, "float32": FLOAT32}
"""The pipeline of each ``dtype`` of :func:`graphpool.compile`."""
