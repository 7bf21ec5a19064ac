r"""Leaky integrate-and-fire neurons with exponential synapses.

For the input i, the synaptic currents I, the membrane v, the threshold h and the spike counts s:

.. math::
    I_t &= (I_{t-1} + i_t + s_{t-1} W_{rec})\, e^{-dt / \tau_{syn}} \\
    v'_t &= v_{t-1}\, e^{-dt / \tau_{mem}} + \big(\sum_{syn} I_t + b\big) \\
    s_t &= \min([v'_t \ge h] \lfloor v'_t / h \rfloor,\; s_{max}) \\
    v_t &= v'_t - s_t h

The input is added before the decay. A neuron may spike several times in one step, and each spike takes one
threshold off its membrane.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.functional import spike
from graphpool.nn.initialisers import kaiming
from graphpool.nn.modules.module import Module
from graphpool.parameters import Initialiser, Parameter, SimulationParameter, State


class LIF(Module):
    """Leaky integrate-and-fire neurons, each with one or several synapses.

    With S = Nin / Nout synapses a neuron, consecutive inputs belong to one neuron.

    Parameters: ``w_rec`` ``(Nout, Nin)`` (weights; only with ``has_rec``), ``tau_mem`` ``(Nout,)`` or ``()``
    and ``tau_syn`` ``(Nout, S)``, ``(1, S)`` or ``()`` in seconds (taus), ``bias`` (biases) and ``threshold``
    (thresholds), ``(Nout,)`` or ``()``. States, initially 0: ``spikes`` ``(Nout,)``, ``isyn`` ``(Nout, S)``,
    ``vmem`` ``(Nout,)``. Simulation parameters: ``max_spikes_per_dt``, ``dt`` in seconds. Record: ``irec``
    ``(Nout, S)`` with ``has_rec``. Parameters are float64 unless given as arrays of another dtype.

    Args:
        shape: ``N``, or ``(Nin, Nout)`` with Nin a multiple of Nout.
        tau_mem: time constants of the membranes in seconds.
        tau_syn: time constants of the synapses in seconds.
        bias: added to the membrane at each step.
        w_rec: recurrent weights; only with ``has_rec``, by default ``weight_init_func`` draws them.
        has_rec: whether the spikes are fed back.
        weight_init_func: makes the recurrent weights from their shape.
        threshold: of the membrane, positive.
        max_spikes_per_dt: the largest number of spikes in one step.
        dt: the time step in seconds.
        spiking_input: whether the input is events.
        spiking_output: whether the output is events.

    Raises:
        ModuleError: ``shape`` has more than two sizes, or Nin is no multiple of Nout; ``w_rec`` without
            ``has_rec``; a value that does not fit the shape.
    """

    w_rec: Any
    tau_mem: Any
    tau_syn: Any
    bias: Any
    threshold: Any
    spikes: Any
    isyn: Any
    vmem: Any
    max_spikes_per_dt: Any
    dt: Any

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau_mem: Any = 20e-3,
        tau_syn: Any = 20e-3,
        bias: Any = 0,
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Initialiser = kaiming,
        threshold: Any = 1,
        max_spikes_per_dt: Any = 2**16,
        dt: Any = 1e-3,
        spiking_input: bool = False,
        spiking_output: bool = True,
    ) -> None:
        super().__init__(shape, spiking_input, spiking_output)
        size_in, size_out = self._sizes(shape)
        if w_rec is not None and not has_rec:
            raise self._refused("w_rec is given without has_rec", "has_rec=True")
        synapses = size_in // size_out if size_out else 1
        self.has_rec = bool(has_rec)
        if self.has_rec:
            self.w_rec = Parameter(w_rec, "weights", weight_init_func, (size_out, size_in))
        per_neuron: list[Any] = [(size_out,), ()]
        self.tau_mem = Parameter(tau_mem, "taus", shape=per_neuron)
        self.tau_syn = Parameter(tau_syn, "taus", shape=[(size_out, synapses), (1, synapses), ()])
        self.bias = Parameter(bias, "biases", shape=per_neuron)
        self.threshold = Parameter(threshold, "thresholds", shape=per_neuron)
        self.spikes = State(shape=size_out, init_func=np.zeros)
        self.isyn = State(shape=(size_out, synapses), init_func=np.zeros)
        self.vmem = State(shape=size_out, init_func=np.zeros)
        self.max_spikes_per_dt = SimulationParameter(max_spikes_per_dt)
        self.dt = SimulationParameter(dt, shape=())

    def step(self, i: Any) -> Any:
        """Take one input ``(Nin,)``; returns the number of spikes ``(Nout,)``."""
        i = i.reshape(self.isyn.shape)
        if self.has_rec:
            irec = (self.spikes @ self.w_rec).reshape(self.isyn.shape)
            self.record("irec", irec)
            i = i + irec
        self.isyn = (self.isyn + i) * np.exp(-self.dt / self.tau_syn)
        vmem = self.vmem * np.exp(-self.dt / self.tau_mem) + (self.isyn.sum(axis=-1) + self.bias)
        self.spikes = spike(vmem, self.threshold, max_spikes=self.max_spikes_per_dt)
        self.vmem = vmem - self.spikes * self.threshold
        return self.spikes

    def _sizes(self, shape: Any) -> tuple[int, int]:
        if len(self.shape) not in (1, 2):
            raise self._refused(f"the shape is {shape!r}", "give N or (Nin, Nout)")
        size_in, size_out = self.shape[0], self.shape[-1]
        if size_in != size_out and (size_out == 0 or size_in == 0 or size_in % size_out):
            raise self._refused(
                f"{size_in} inputs cannot be shared among {size_out} neurons",
                f"the number of inputs is a multiple of {size_out}",
            )
        return size_in, size_out

    def _refused(self, what: str, hint: str) -> ModuleError:
        return ModuleError(format_error(what, where=self.class_name, hint=hint))


class LIFJax(LIF):
    """:class:`LIF`, run by JAX when it is called."""

    runtime_target = "jax"
