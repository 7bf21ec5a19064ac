"""The methods of ufuncs: ``np.add.reduce``, ``np.subtract.outer``, ``np.add.accumulate``."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.ops.reduction import UFUNC_REDUCTIONS
from graphpool.trace.functions import as_tracer
from graphpool.trace.loops import name_of
from graphpool.trace.recorder import Recorder
from graphpool.trace.reductions import reduce_array

RUNNING = {np.add: np.cumsum, np.multiply: np.cumprod}

HINTS = {
    "reduce": "write it with np.sum, np.max and other functions that trace",
    "accumulate": "along time, keep it in a State; along an axis of n, np.where(np.tri(n, dtype=bool), x, -np.inf) and "
    ".max(axis=1)",
    "at": "x += graphpool.functional.one_hot(indices, len(x)).T @ values",
    "reduceat": "reduce slices, and join them with np.stack",
}
"""The way round what cannot be traced, by method."""


def apply_method(
    recorder: Recorder, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What a method of a ufunc gives for traced values."""
    if method == "reduce" and ufunc in UFUNC_REDUCTIONS:
        return reduce_array(recorder, UFUNC_REDUCTIONS[ufunc], inputs[0], **{"axis": 0, **kwargs})
    if method == "accumulate" and ufunc in RUNNING:
        running: Any = RUNNING[ufunc]
        out = kwargs.pop("out", (None,))
        return running(as_tracer(recorder, inputs[0]), **{"axis": 0, **kwargs}, out=out[0])
    if method == "outer":
        left, right = (as_tracer(recorder, item) for item in inputs)
        return ufunc(np.expand_dims(left, tuple(range(-right.ndim, 0))), right, **kwargs)
    recorder.fail(f"{name_of(ufunc)}.{method} cannot be traced", hint=HINTS.get(method, "write it with plain ufuncs"))
