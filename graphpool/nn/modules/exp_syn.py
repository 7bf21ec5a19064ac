r"""Exponential synapses.

For the input i and the time constant tau:

.. math::
    I_t &= (I_{t-1} + i_t)\, e^{-dt / \tau} \\
    y_t &= I_t + \sigma \sqrt{dt}\, \zeta_t

The input is added before the decay; noise is in the output alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.nn.modules.noise import Noisy
from graphpool.parameters import Parameter, SimulationParameter, State, unwrap
from graphpool.timeseries.clock import read_dt


class ExpSyn(Noisy):
    """Exponential synapses.

    Parameter: ``tau`` ``(N,)`` or ``()`` in seconds (taus), float64 unless given as an array of another dtype. State:
    ``isyn`` ``(N,)``, initially 0. Simulation parameters: ``dt`` in seconds, ``noise_std``.

    Args:
        shape: ``N`` or ``(N, N)``.
        tau: time constants in seconds.
        noise_std: the strength of the noise, a number or one for each synapse.
        dt: the time step in seconds.
        spiking_input: whether the input is events.
        spiking_output: whether the output is events.
        seed: of the noise; see :class:`~graphpool.nn.modules.noise.Noise`.

    Raises:
        ModuleError: inputs and outputs differ in number, or a value does not fit the shape.
    """

    tau: Any
    isyn: Any

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau: Any = 10e-3,
        noise_std: Any = 0.0,
        dt: Any = 1e-3,
        spiking_input: bool = True,
        spiking_output: bool = False,
        seed: int | None = None,
    ) -> None:
        super().__init__(shape, spiking_input, spiking_output)
        if not self.shape or self.size_in != self.size_out or len(self.shape) > 2:
            what, hint = f"the shape is {shape!r}", "as many inputs as outputs: N or (N, N)"
            raise ModuleError(format_error(what, where=self.class_name, hint=hint))
        size = self.shape[0]
        self.tau = Parameter(tau, "taus", shape=[(size,), ()])
        self.isyn = State(shape=size, init_func=np.zeros)
        self.dt = SimulationParameter(read_dt(unwrap(dt), self.class_name))
        self._declare_noise(noise_std, size, seed)

    def step(self, i: Any) -> Any:
        """Take one input ``(N,)``; returns the synaptic currents ``(N,)``."""
        self.isyn = (self.isyn + i) * np.exp(-self.dt / self.tau)
        return self._with_noise(self.isyn)


class ExpSynJax(ExpSyn):
    """:class:`ExpSyn`, run by JAX when it is called."""

    runtime_target = "jax"
