r"""The spike, the one op that knows about neurons.

For a membrane v and a threshold h:

.. math:: s = \min([v \ge h] \lfloor v / h \rfloor,\; s_{max})

Its derivative is zero almost everywhere, so targets that differentiate use a surrogate on the window w below the
threshold and everywhere above it:

.. math:: \frac{ds}{dv} = \frac{[v \ge h - w]}{h}, \qquad \frac{ds}{dh} = -\frac{v}{h^2} [v \ge h - w]
"""

from __future__ import annotations

from typing import Any

from graphpool.ops import samples
from graphpool.ops.rules import elementwise, is_float
from graphpool.ops.samples import FLOATS
from graphpool.ops.table import Trait, op


def _spike(xp: Any, v: Any, threshold: Any, *, window: float, max_spikes: float) -> Any:
    return xp.minimum(xp.where(v >= threshold, xp.floor(v / threshold), 0), max_spikes)


op(
    "spike",
    type=elementwise(2, is_float),
    kernel=_spike,
    traits=(Trait.ELEMENTWISE, Trait.DISCRETE),
    samples=samples.elementwise(2, FLOATS, special=False, low=0.25, attrs={"window": 0.5, "max_spikes": 3.0}),
    doc="how many whole thresholds fit into the membrane, at most max_spikes; has a surrogate gradient",
    differs="NaN and infinities",
)
