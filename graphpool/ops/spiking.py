r"""The spike, the one op that knows about neurons.

For a membrane v and a threshold h, reached at h, or beyond it where the spike is strict (v > h):

.. math:: s = \min([v \ge h] \lfloor v / h \rfloor,\; s_{max})

Where one spike is the most, that is the comparison alone, and h may be any number; for several it is positive.
Its derivative is zero almost everywhere, so targets that differentiate use a surrogate on the window w below the
threshold and everywhere above it:

.. math:: \frac{ds}{dv} = \frac{[v \ge h - w]}{h}, \qquad \frac{ds}{dh} = -\frac{v}{h^2} [v \ge h - w]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from graphpool.ops import samples
from graphpool.ops.rules import elementwise, is_float
from graphpool.ops.samples import FLOATS
from graphpool.ops.table import Sample, Trait, op


def _spike(xp: Any, v: Any, threshold: Any, *, window: float, max_spikes: float, strict: bool = False) -> Any:
    fires = v > threshold if strict else v >= threshold
    if max_spikes == 1:
        return fires.astype(v.dtype)
    return xp.minimum(xp.where(fires, xp.floor(v / threshold), 0), max_spikes)


def _spike_samples() -> Iterable[Sample]:
    for attrs in ({}, {"strict": True}, {"max_spikes": 1.0}, {"strict": True, "max_spikes": 1.0}):
        options: dict[str, object] = {"window": 0.5, "max_spikes": 3.0, **attrs}
        yield from samples.elementwise(2, FLOATS, special=False, low=0.25, attrs=options)()
        for dtype in FLOATS:
            level = np.array([0.5, 1.0, 1.5], dtype)
            yield Sample((level, level), options)
            if options["max_spikes"] == 1:
                yield Sample((level - 1, np.array([-0.5, 0.0, -1.0], dtype)), options)


op(
    "spike",
    type=elementwise(2, is_float),
    kernel=_spike,
    traits=(Trait.ELEMENTWISE, Trait.DISCRETE),
    samples=_spike_samples,
    doc="how many whole thresholds fit into the membrane, at most max_spikes; has a surrogate gradient",
    differs="NaN and infinities",
)
