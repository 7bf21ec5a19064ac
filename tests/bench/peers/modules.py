"""The neurons of other libraries as graphpool modules: their equations, in one `step` each.

Each takes the number of neurons, the threshold, what is left of membranes and currents after a step, and recurrent
weights ``(N, N)`` or None; input and output are ``(N,)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool import Parameter, State
from graphpool.nn.modules import Module


class PeerNeurons(Module):
    """What all of them have: a membrane, a current, spikes, and their parameters."""

    def __init__(self, size: int, threshold: float, decay: float, w_rec: Any = None) -> None:
        super().__init__(shape=size, spiking_output=True)
        self.threshold = Parameter(threshold, family="thresholds")
        self.decay_v = Parameter(decay)
        self.decay_i = Parameter(decay)
        self.has_rec = w_rec is not None
        if self.has_rec:
            self.w_rec = Parameter(w_rec, family="weights")
        self.v = State(shape=size, init_func=np.zeros)
        self.i = State(shape=size, init_func=np.zeros)
        self.z = State(shape=size, init_func=np.zeros)

    def fed_back(self, x: Any, spikes: Any) -> Any:
        """A current and what the spikes add to it."""
        return x + spikes @ self.w_rec if self.has_rec else x


class NorseLIF(PeerNeurons):
    """Norse's `LIF` and `LIFRecurrent`: Euler steps of the membrane, reset to a value."""

    def __init__(self, size: int, threshold: float, decay: float, w_rec: Any = None) -> None:
        super().__init__(size, threshold, decay, w_rec)
        self.v_reset = Parameter(0.0)

    def step(self, x: Any) -> Any:
        """Take one input; returns 0 or 1."""
        jumped = self.fed_back(self.i + x, self.z)
        v = self.v + (1 - self.decay_v) * (-self.v + jumped)
        self.i = jumped - (1 - self.decay_i) * jumped
        self.z = np.where(v > self.threshold, 1.0, 0.0)
        self.v = (1 - self.z) * v + self.z * self.v_reset
        return self.z


class SnnTorchSynaptic(PeerNeurons):
    """snnTorch's `Synaptic` and `RSynaptic`: the threshold is taken off a step after the spike."""

    def step(self, x: Any) -> Any:
        """Take one input; returns 0 or 1."""
        reset = np.where(self.v > self.threshold, 1.0, 0.0)
        self.i = self.fed_back(self.decay_i * self.i + x, self.z)
        self.v = (self.decay_v * self.v + self.i) - reset * self.threshold
        self.z = np.where(self.v > self.threshold, 1.0, 0.0)
        return self.z


class SpyxCuBaLIF(PeerNeurons):
    """Spyx's `CuBaLIF` and `RCuBaLIF`: a spike leaves a step after the membrane has reached its threshold."""

    def step(self, x: Any) -> Any:
        """Take one input; returns 0 or 1."""
        spikes = np.where(self.v > self.threshold, 1.0, 0.0)
        self.i = self.fed_back(self.decay_i * self.i + x, spikes)
        self.v = self.decay_v * (self.v - spikes * self.threshold) + self.i
        return spikes
