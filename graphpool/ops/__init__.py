"""The op table. Importing this package fills it: one module a family of rows."""

from graphpool.ops import (
    bits,
    elementwise,
    functions,
    indexing,
    linear,
    noise,
    reduction,
    scanning,
    shaping,
    spiking,
)
from graphpool.ops.table import OPS, Op, Sample, Trait, align, evaluate, infer_type, op, pad, row

FAMILIES = (elementwise, functions, bits, reduction, scanning, linear, shaping, indexing, spiking, noise)
"""The modules that hold the rows, in the order of the reference page."""

__all__ = ["FAMILIES", "OPS", "Op", "Sample", "Trait", "align", "evaluate", "infer_type", "op", "pad", "row"]
