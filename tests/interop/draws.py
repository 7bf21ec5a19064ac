"""Random weights, decays and inputs: coarse, so that single precision holds every sum, or any real numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass
class Draws:
    """Where a network gets its numbers from.

    Attributes:
        seed: of all draws.
        exact: weights are multiples of 1/4, decays 1/2 or 3/4, and there are few steps.
    """

    seed: int
    exact: bool

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    @property
    def steps(self) -> int:
        """Of a run: with each one, membranes may need two bits more."""
        return 9 if self.exact else 100

    def weights(self, *shape: int, low: float = -1.0, high: float = 2.0) -> Array:
        """Uniform in a range, which is meant for few inputs; divide it for many."""
        if self.exact:
            return (self._random.integers(round(low * 4), round(high * 4) + 1, shape) / 4).astype(np.float32)
        return self._random.uniform(low, high, shape).astype(np.float32)

    def decays(self, count: int) -> Array:
        """What a membrane or a current keeps from one step to the next."""
        if self.exact:
            return self._random.choice(np.array([0.5, 0.75], np.float32), count)
        return self._random.uniform(0.4, 0.95, count).astype(np.float32)

    def thresholds(self, count: int) -> Array:
        """Positive."""
        return self._random.choice(np.array([1.0, 1.5, 2.0], np.float32), count)

    def spikes(self, *shape: int) -> Array:
        """An input ``(steps, *shape)`` of 0 and 1."""
        return self._random.integers(0, 2, (self.steps, *shape)).astype(np.float32)
