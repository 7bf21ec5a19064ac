r"""The neurons of NIR, one module each, and the equations that they share.

In continuous time, after the NIR specification, :math:`\tau \dot v = (v_{leak} - v) + r I` and
:math:`\tau_{syn} \dot I = -I + w_{in} i`. I and IF have no leak; only CubaLI and CubaLIF have a synapse,
elsewhere I = i. For the input i, the current I, the membrane v, the threshold h and the spikes z, one step is:

.. math::
    I_t &= \beta I_{t-1} + c\, i_t \\
    v'_t &= \alpha v_{t-1} + g\, I_t + u \\
    z_t &= [v'_t > h]

What :math:`\alpha, g, u, \beta, c` are depends on the solver: :func:`leak`. How v is reset depends on the reset:
:class:`Spiking`. All parameters are ``()`` or of the shape of one sample, float64; so are the states, initially 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.errors import ModuleError, format_error
from graphpool.functional import spike
from graphpool.nir.semantics import Semantics
from graphpool.nn.modules.module import Module
from graphpool.parameters import Parameter, Shape, SimulationParameter, State, read_shape
from graphpool.timeseries.clock import read_dt

FAMILIES = {"tau": "taus", "tau_mem": "taus", "tau_syn": "taus", "v_threshold": "thresholds", "w_in": "weights"}
"""Of parameters, where they have one."""


def leak(solver: str, dt: float, tau: Any) -> tuple[Any, Any]:
    """What one step leaves of a value, and how much of its drive it takes up, for tau x' = -x + drive."""
    if solver == "euler":
        return 1 - dt / tau, dt / tau
    decay = np.exp(-dt / tau)
    return decay, 1.0 if solver == "exponential" else 1 - decay


class Neuron(Module):
    """Base class of the neurons of NIR: a membrane, which the input drives.

    Args:
        shape: of one sample.
        parameters: the parameters of the NIR node by name, each ``()`` or of the shape of one sample.
        dt: the time step in seconds.
        semantics: how a step is made; a :class:`~graphpool.nir.semantics.Semantics`.

    Raises:
        ModuleError: a parameter is missing or does not fit the shape.
    """

    needs: tuple[str, ...] = ("r",)
    """The names of the parameters."""

    states: tuple[str, ...] = ("v",)
    """The names of the states."""

    v: Any
    r: Any
    dt: Any

    def __init__(self, shape: Any, parameters: dict[str, Any], dt: float, semantics: Semantics) -> None:
        sample = read_shape(shape, type(self).__name__)
        super().__init__(sample if len(sample) == 1 else None, spiking_output=isinstance(self, Spiking))
        self.sample_shape: Shape = sample
        missing = [name for name in self.needs if name not in parameters]
        if missing:
            what, hint = f"the parameters {', '.join(missing)} are missing", f"it takes {', '.join(self.needs)}"
            raise ModuleError(format_error(what, where=self.class_name, hint=hint))
        for name in self.needs:
            value = np.asarray(parameters[name], dtype=np.float64)
            setattr(self, name, Parameter(value, FAMILIES.get(name), shape=[sample, ()], permit_reshape=False))
        self.dt = SimulationParameter(read_dt(dt, self.class_name))
        for name, choice in semantics.as_dict().items():
            if name in self.switches:
                setattr(self, name, SimulationParameter(choice))
        self._declare_states()

    switches: tuple[str, ...] = ("solver", "gain", "initial")
    """The options of the semantics that matter to it."""

    def _declare_states(self) -> None:
        start = self.v_leak if self.initial == "leak" and "v_leak" in self.needs else 0.0
        self.v = State(np.broadcast_to(start, self.sample_shape))

    @property
    def input_shapes(self) -> dict[str, Shape]:
        """The shape of one sample."""
        return {"x": self.sample_shape}

    def _driven(self, current: Any) -> Any:
        """The membrane after a step with this current, before any spike."""
        tau = self._tau()
        if tau is None:
            if self.gain != "file":
                return self.v + current
            return self.v + (self.r if self.solver == "exponential" else self.dt * self.r) * current
        kept, taken = leak(self.solver, self.dt, tau)
        driven = current if self.gain == "one" else (taken * self.r) * current
        return kept * self.v + (driven + (1 - kept) * self.v_leak)

    def _tau(self) -> Any:
        """The time constant of the membrane; None without a leak."""
        return None


class Spiking(Neuron):
    """What integrate-and-fire neurons share: the spikes and the reset."""

    switches = (*Neuron.switches, "compare", "spikes", "reset")

    def _fired(self, current: Any) -> Any:
        """The spikes of a step with this current; leaves the membrane as it is after them."""
        reset = self._reset_here()
        v = self._driven(current)
        if reset in ("value", "subtract"):
            z = self._spikes_of(v)
            self.v = np.where(z > 0, self.v_reset, v) if reset == "value" else v - z * self.v_threshold
            return z
        before = self._spikes_of(self.v)
        v = np.where(before > 0, self.v_reset, v) if reset == "value-late" else v - before * self.v_threshold
        z = self._spikes_of(v)
        self.v = v - (z - before) * self.v_threshold if reset == "snntorch-subtract" else v
        return z

    def _reset_here(self) -> Any:
        """What the reset means for this kind of neuron."""
        if self.reset != "spyx-subtract":
            return self.reset
        return "subtract" if isinstance(self, Synaptic) else "subtract-late"

    def _spikes_of(self, v: Any) -> Any:
        most = 1.0 if self.spikes == "one" else np.inf
        return spike(v, self.v_threshold, max_spikes=most, strict=self.compare == ">")


class Synaptic(Neuron):
    """What neurons with a synapse share: the current."""

    states = ("isyn", "v")

    isyn: Any

    def _declare_states(self) -> None:
        self.isyn = State(shape=self.sample_shape, init_func=np.zeros)
        super()._declare_states()

    def _current(self, x: Any) -> Any:
        """The current that enters the membrane, from the input of this step."""
        kept, taken = leak(self.solver, self.dt, self.tau_syn)
        weighed = x if self.gain != "file" else (taken * self.w_in) * x
        before = self.isyn
        self.isyn = kept * (before + weighed) if self.synapse == "input first" else kept * before + weighed
        return before if self.current == "old" else self.isyn


class I(Neuron):  # noqa: E742  (the name that NIR gives it)
    r"""An integrator: :math:`\dot v = r i`. Gives v."""

    def step(self, x: Any) -> Any:
        """Take one input of the sample's shape; returns the membrane."""
        self.v = self._driven(x)
        return self.v


class LI(Neuron):
    r"""A leaky integrator: :math:`\tau \dot v = (v_{leak} - v) + r i`. Gives v."""

    needs = ("tau", "r", "v_leak")
    switches = (*Neuron.switches, "synapse")

    def _tau(self) -> Any:
        return self.tau

    def step(self, x: Any) -> Any:
        """Take one input of the sample's shape; returns the membrane."""
        if self.synapse == "input first":
            x = x * leak(self.solver, self.dt, self.tau)[0]
        self.v = self._driven(x)
        return self.v


class IF(Spiking):
    r"""Integrate and fire: :math:`\dot v = r i`. Gives spikes."""

    needs = ("r", "v_threshold", "v_reset")

    def step(self, x: Any) -> Any:
        """Take one input of the sample's shape; returns the spikes."""
        return self._fired(x)


class LIF(Spiking):
    r"""Leaky integrate and fire: :math:`\tau \dot v = (v_{leak} - v) + r i`. Gives spikes."""

    needs = ("tau", "r", "v_leak", "v_threshold", "v_reset")

    def _tau(self) -> Any:
        return self.tau

    def step(self, x: Any) -> Any:
        """Take one input of the sample's shape; returns the spikes."""
        return self._fired(x)


class CubaLI(Synaptic):
    r"""A leaky integrator with a synapse: :math:`\tau_{syn} \dot I = -I + w_{in} i` drives it. Gives v."""

    needs = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    switches = (*LI.switches, "current")

    def _tau(self) -> Any:
        return self.tau_mem

    def step(self, x: Any) -> Any:
        """Take one input of the sample's shape; returns the membrane."""
        self.v = self._driven(self._current(x))
        return self.v


class CubaLIF(Synaptic, Spiking):
    r"""Leaky integrate and fire with a synapse: :math:`\tau_{syn} \dot I = -I + w_{in} i` drives it. Gives spikes."""

    needs = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")
    switches = (*CubaLI.switches, "compare", "spikes", "reset")

    def _tau(self) -> Any:
        return self.tau_mem

    def step(self, x: Any) -> Any:
        """Take one input of the sample's shape; returns the spikes."""
        return self._fired(self._current(x))


NEURONS: dict[str, type[Neuron]] = {kind.__name__: kind for kind in (I, LI, IF, LIF, CubaLI, CubaLIF)}
"""The modules by the type of the NIR node."""
