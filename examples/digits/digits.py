"""Scikit-learn's handwritten digits as spike trains.

An image has 8 x 8 pixels of 0 to 16. Each pixel is an input neuron that fires the more often the brighter it is: its
phase grows by its brightness, from 0 to 1, in every step, and it fires when the phase passes a whole number. Phases
start apart, so that equal pixels do not fire in step. Nothing here is random: the same image always gives the same
spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

DT = 1e-4
"""Seconds of a step, as snnTorch writes its files."""
STEPS = 25
"""Steps that an image is shown."""
TRAINED = 1437
"""Images that the network learns from: the first four fifths. The rest is held out."""
GOLDEN_RATIO = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class Digits:
    """Images and what they show.

    Attributes:
        images: ``(n, 8, 8)``, brightness from 0 to 1.
        labels: ``(n,)``, the digits.
    """

    images: Any
    labels: Any

    @property
    def spikes(self) -> Any:
        """The images as spike trains ``(n, STEPS, 64)``, 0 or 1, in float32."""
        pixels = self.images.reshape(len(self.images), 1, -1)
        start = np.arange(pixels.shape[-1]) * GOLDEN_RATIO % 1
        phases = start + np.arange(STEPS + 1)[:, None] * pixels
        return np.diff(np.floor(phases), axis=1).astype(np.float32)


def load() -> tuple[Digits, Digits]:
    """What the network learns from, and what is held out."""
    bunch = load_digits()
    images, labels = bunch.images / 16, bunch.target
    return Digits(images[:TRAINED], labels[:TRAINED]), Digits(images[TRAINED:], labels[TRAINED:])


def decide(output: Any) -> Any:
    """The digit of the output neuron that fires most: ``(n, STEPS, 10)`` to ``(n,)``. Of equals, the smallest digit."""
    return output.sum(axis=1).argmax(axis=-1)
