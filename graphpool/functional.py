"""What NumPy lacks: functions for a ``step`` that name one row of the op table each.

They run on plain arrays, too, so a ``step`` stays plain NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphpool.graph.types import FLOAT64
from graphpool.ops import evaluate


def _apply(op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    for item in args:
        if hasattr(type(item), "__graphpool_apply__"):
            return item.__graphpool_apply__(op, args, attrs)
    dtype = np.result_type(*args)
    arrays = [np.asarray(item, dtype=dtype if dtype.kind == "f" else FLOAT64) for item in args]
    with np.errstate(divide="ignore", invalid="ignore"):
        return evaluate(op, np, arrays, [array.ndim for array in arrays], attrs)


def spike(v: Any, threshold: Any, *, window: float = 0.5, max_spikes: float = math.inf) -> Any:
    r"""How many whole thresholds fit into a membrane: :math:`\min([v \ge h] \lfloor v / h \rfloor, s_{max})`.

    Args:
        v: the membrane, any shape, float.
        threshold: the threshold h > 0, broadcast against ``v``.
        window: how far below the threshold the surrogate gradient reaches (JAX's ``apply`` uses it).
        max_spikes: the largest count in one step; 1 makes the spike binary.

    Returns:
        Counts, in the float dtype of the operands. Where differentiated, :math:`ds/dv = [v \ge h - w] / h`.
    """
    return _apply("spike", (v, threshold), {"window": float(window), "max_spikes": float(max_spikes)})
