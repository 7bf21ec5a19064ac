r"""An adaptive leaky integrate-and-fire neuron with a refractory period, as a user's own module.

In continuous time, with membrane v, adaptation a and stimulus x:

.. math:: \tau_v \dot v = -v + g x - a, \qquad \tau_a \dot a = -a

A spike leaves when v reaches the threshold; then v is held at 0 for the refractory period and a rises by a jump. Both
equations decay exactly over one step of dt seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphpool import Parameter, SimulationParameter, State
from graphpool.nn.modules import Module

Values = float | NDArray[np.float64]
"""One number for all neurons, or one each."""


class AdaptiveNeuron(Module):
    """Spikes where a leaky membrane, driven by the input less an adaptation, reaches its threshold.

    Args:
        size: how many neurons, each with an input of its own.
        tau_v: time constant of the membrane in seconds.
        tau_a: time constant of the adaptation in seconds.
        gain: of the input.
        jump: of the adaptation, at each spike.
        threshold: of the membrane.
        refractory: for how long the membrane is held at 0 after a spike, in seconds.
        dt: the time step in seconds.
    """

    def __init__(
        self, size: int, *, tau_v: Values, tau_a: Values, gain: Values, jump: Values, threshold: Values,
        refractory: Values, dt: float,
    ) -> None:  # fmt: skip
        super().__init__(shape=size, spiking_output=True)
        self.tau_v = Parameter(np.full(size, tau_v), family="taus")
        self.tau_a = Parameter(np.full(size, tau_a), family="taus")
        self.gain = Parameter(np.full(size, gain))
        self.jump = Parameter(np.full(size, jump))
        self.threshold = Parameter(np.full(size, threshold), family="thresholds")
        self.refractory_steps = Parameter(np.full(size, np.rint(np.asarray(refractory) / dt), dtype=np.int64))
        self.dt = SimulationParameter(dt)
        self.v = State(shape=size, init_func=np.zeros)
        self.a = State(shape=size, init_func=np.zeros)
        self.wait = State(np.zeros(size, dtype=np.int64))

    def step(self, x: Any) -> Any:
        """One time step of one sample: the input ``(size,)`` to spikes ``(size,)``, bool."""
        decay_v = np.exp(-self.dt / self.tau_v)
        decay_a = np.exp(-self.dt / self.tau_a)
        self.v = decay_v * self.v + (1 - decay_v) * (self.gain * x - self.a)
        self.v[self.wait > 0] = 0
        spikes = self.v >= self.threshold
        self.record("membrane", self.v)
        self.v[spikes] = 0
        self.a = decay_a * self.a + self.jump * spikes
        self.wait = np.where(spikes, self.refractory_steps, np.maximum(self.wait - 1, 0))
        return spikes
