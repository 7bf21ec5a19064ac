"""The feed-forward rate network without a loop: its equation is a filter of one pole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from tests.bench.networks import Floats, RateLayer
from tests.bench.opponents.numpy_loop import Result


def rate(layer: RateLayer, x: Floats) -> Callable[[], Result]:
    """All steps: ``(B, T, 1)`` in, ``(B, T, N)`` out. All neurons have one time constant."""
    numerator = np.array([layer.alpha], np.float32)
    denominator = np.array([1, layer.alpha - 1], np.float32)

    def run() -> Result:
        start = np.zeros((len(x), 1, layer.bias.size), np.float32)
        states, _ = lfilter(numerator, denominator, x @ layer.weight + layer.bias, axis=1, zi=start)
        return np.maximum(states - layer.threshold, 0), [states[:, -1]]

    return run
