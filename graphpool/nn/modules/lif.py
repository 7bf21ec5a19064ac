r"""Leaky integrate-and-fire neurons with exponential synapses.

For the input i, the synaptic currents I, the membrane v, the threshold h and the spike counts s:

.. math::
    I_t &= \beta\, (I_{t-1} + i_t + s_{t-1} W_{rec}) \\
    v'_t &= \alpha\, v_{t-1} + \big(\sum_{syn} I_t + \sigma \sqrt{dt}\, \zeta_t + b\big) \\
    s_t &= \min([v'_t \ge h] \lfloor v'_t / h \rfloor,\; s_{max}) \\
    v_t &= v'_t - s_t h

with normal noise of the strength sigma, and with decays from time constants, given as such, or from bit shifts:

.. math:: \alpha = e^{-dt / \tau}, \qquad \alpha\, v = v - v\, 2^{-dash}

The input is added before the decay. A neuron may spike several times in one step, and each spike takes one
threshold off its membrane.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphpool.errors import ModuleError, ParameterError, format_error
from graphpool.functional import spike
from graphpool.nn.initialisers import kaiming
from graphpool.nn.modules.noise import Noisy
from graphpool.parameters import (
    Constant,
    Initialiser,
    Parameter,
    SimulationParameter,
    State,
    active_trace,
    read_array,
    unwrap,
)
from graphpool.timeseries.clock import read_dt

LEAKS = {"taus": ("tau_mem", "tau_syn"), "decays": ("alpha", "beta"), "bitshifts": ("dash_mem", "dash_syn")}
"""By leak mode: the parameters of the membrane and of the synapses."""

NOTHING_LEFT = 1000
"""Time constants in one step, of which the exponential is 0."""

DEFAULTS = {"taus": 20e-3, "decays": 0.5, "bitshifts": 1.0}


class LIF(Noisy):
    """Leaky integrate-and-fire neurons, each with one or several synapses.

    With S = Nin / Nout synapses a neuron, consecutive inputs belong to one neuron.

    Parameters: ``w_rec`` ``(Nout, Nin)`` (weights; only with ``has_rec``); the leaks of the membranes ``(Nout,)`` or
    ``()`` and of the synapses ``(Nout, S)``, ``(1, S)`` or ``()``; ``bias`` (biases) and ``threshold`` (thresholds),
    ``(Nout,)`` or ``()``. States, initially 0: ``spikes`` ``(Nout,)``, ``isyn`` ``(Nout, S)``, ``vmem`` ``(Nout,)``.
    Simulation parameters: ``max_spikes_per_dt``, ``dt`` in seconds, ``noise_std``. Record: ``irec`` ``(Nout, S)`` with
    ``has_rec``. Parameters are float64 unless given as arrays of another dtype.

    The leaks are ``tau_mem`` and ``tau_syn`` in seconds (taus), ``alpha`` and ``beta`` (decays), or ``dash_mem`` and
    ``dash_syn`` (bitshifts), as ``leak_mode`` says. The others can be read and assigned as well: they are converted.

    Args:
        shape: ``N``, or ``(Nin, Nout)`` with Nin a multiple of Nout.
        tau_mem: time constants of the membranes in seconds, by default 20 ms.
        tau_syn: time constants of the synapses in seconds, by default 20 ms.
        bias: added to the membrane at each step.
        w_rec: recurrent weights; only with ``has_rec``, by default ``weight_init_func`` draws them.
        has_rec: whether the spikes are fed back.
        weight_init_func: makes the recurrent weights from their shape.
        threshold: of the membrane, positive.
        noise_std: the strength of the noise, a number or one for each neuron.
        max_spikes_per_dt: the largest number of spikes in one step.
        dt: the time step in seconds.
        spiking_input: whether the input is events.
        spiking_output: whether the output is events.
        leak_mode: ``"taus"``, ``"decays"`` or ``"bitshifts"``: which leaks are the parameters.
        alpha: what is left of the membranes after a step, by default 0.5.
        beta: what is left of the synaptic currents after a step, by default 0.5.
        dash_mem: how many bits the membranes are shifted by to get what they lose in a step, by default 1.
        dash_syn: the same of the synaptic currents.
        seed: of the noise; see :class:`~graphpool.nn.modules.noise.Noise`.

    Raises:
        ModuleError: ``shape`` has more than two sizes, or Nin is no multiple of Nout; ``w_rec`` without ``has_rec``; a
            value that does not fit the shape; an unknown leak mode, or a leak of another one; a negative
            ``max_spikes_per_dt``.
        TimeSeriesError: ``dt`` is no positive number.
        ParameterError: a leak of another mode is assigned, and does not leave 0 to 1 of a value after a step.
    """

    w_rec: Any
    bias: Any
    threshold: Any
    spikes: Any
    isyn: Any
    vmem: Any
    max_spikes_per_dt: Any

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau_mem: Any = None,
        tau_syn: Any = None,
        bias: Any = 0,
        w_rec: Any = None,
        has_rec: bool = False,
        weight_init_func: Initialiser = kaiming,
        threshold: Any = 1,
        noise_std: Any = 0.0,
        max_spikes_per_dt: Any = 2**16,
        dt: Any = 1e-3,
        spiking_input: bool = False,
        spiking_output: bool = True,
        leak_mode: str = "taus",
        alpha: Any = None,
        beta: Any = None,
        dash_mem: Any = None,
        dash_syn: Any = None,
        seed: int | None = None,
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
        leaks = {"tau_mem": tau_mem, "tau_syn": tau_syn, "alpha": alpha, "beta": beta}
        leaks |= {"dash_mem": dash_mem, "dash_syn": dash_syn}
        shapes = (per_neuron, [(size_out, synapses), (1, synapses), ()])
        self._declare_leaks(leak_mode, leaks, shapes)
        self.bias = Parameter(bias, "biases", shape=per_neuron)
        self.threshold = Parameter(threshold, "thresholds", shape=per_neuron)
        self.spikes = State(shape=size_out, init_func=np.zeros)
        self.isyn = State(shape=(size_out, synapses), init_func=np.zeros)
        self.vmem = State(shape=size_out, init_func=np.zeros)
        self.max_spikes_per_dt = SimulationParameter(self._read_limit(unwrap(max_spikes_per_dt)))
        self.dt = SimulationParameter(read_dt(unwrap(dt), self.class_name))
        self._declare_noise(noise_std, size_out, seed)

    def step(self, i: Any) -> Any:
        """Take one input ``(Nin,)``; returns the number of spikes ``(Nout,)``."""
        i = i.reshape(self.isyn.shape)
        if self.has_rec:
            irec = (self.spikes @ self.w_rec).reshape(self.isyn.shape)
            self.record("irec", irec)
            i = i + irec
        mem, syn = LEAKS[self.leak_mode]
        self.isyn = self._leaked(self.isyn + i, getattr(self, syn))
        vmem = self._leaked(self.vmem, getattr(self, mem)) + (self._with_noise(self.isyn.sum(axis=-1)) + self.bias)
        self.spikes = spike(vmem, self.threshold, max_spikes=self.max_spikes_per_dt)
        self.vmem = vmem - self.spikes * self.threshold
        return self.spikes

    # --- leaks --------------------------------------------------------------------------------------------------------
    def _declare_leaks(self, mode: Any, leaks: dict[str, Any], shapes: Sequence[Any]) -> None:
        if mode not in LEAKS:
            raise self._refused(f"leak_mode={mode!r}", f"one of {', '.join(map(repr, LEAKS))}")
        wrong = [name for name, leak in leaks.items() if leak is not None and name not in LEAKS[mode]]
        if wrong:
            hint = f"this mode takes {' and '.join(LEAKS[mode])}"
            raise self._refused(f"{', '.join(wrong)} with leak_mode={mode!r}", hint)
        self.leak_mode = str(mode)
        for name, shape in zip(LEAKS[mode], shapes, strict=True):
            leak = leaks[name]
            given = leak.value if isinstance(leak, Constant) else leak
            value = DEFAULTS[mode] if given is None else given
            setattr(self, name, Parameter(Constant(value) if isinstance(leak, Constant) else value, mode, shape=shape))

    def _leaked(self, value: Any, leak: Any) -> Any:
        """What is left of a value after a step."""
        if self.leak_mode == "taus":
            return value * np.exp(-self.dt / leak)
        if self.leak_mode == "decays":
            return value * leak
        return value - value * 2.0**-leak

    def _read_missing(self, name: str) -> Any:
        found = _find_leak(name, self.__dict__.get("leak_mode"))
        if found is None:
            return super()._read_missing(name)
        mode, registered = found
        return _from_decay(mode, _to_decay(self.leak_mode, getattr(self, registered), self.dt), self.dt)

    def __setattr__(self, name: str, value: Any) -> None:
        found = _find_leak(name, self.__dict__.get("leak_mode"))
        if found is None or active_trace.get() is not None:
            super().__setattr__(name, value)
        else:
            mode, registered = found
            decay = _to_decay(mode, read_array(unwrap(value), self._where(name), ParameterError), self.dt)
            if not ((decay >= 0) & (decay <= 1)).all():
                what = f"{name}={value!r} leaves {decay} of a value after a step"
                raise ParameterError(format_error(what, where=self._where(name), hint="between 0 and 1 of it"))
            setattr(self, registered, _from_decay(self.leak_mode, decay, self.dt))

    def _read_limit(self, limit: Any) -> Any:
        is_number = isinstance(limit, (int, float, np.number)) and not isinstance(limit, bool)
        if not is_number or not limit >= 0:
            raise self._refused(f"max_spikes_per_dt={limit!r}", "a number, 0 or more")
        return limit

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


def _find_leak(name: str, leak_mode: str | None) -> tuple[str, str] | None:
    """The mode of a leak that is not that of the module, and the leak which the module has in its place."""
    for mode, names in LEAKS.items():
        if leak_mode not in (None, mode) and name in names:
            return mode, LEAKS[str(leak_mode)][names.index(name)]
    return None


def _to_decay(mode: str, leak: Any, dt: float) -> Any:
    """What is left of a value after a step."""
    with np.errstate(divide="ignore", over="ignore"):  # nothing is left, or much more
        if mode == "taus":
            return np.exp(-dt / leak)
        return leak if mode == "decays" else 1 - 2.0**-leak


def _from_decay(mode: str, decay: Any, dt: float) -> Any:
    """The leak of a mode that leaves so much of a value after a step."""
    with np.errstate(divide="ignore", invalid="ignore"):  # no leak at all, or a parameter that is no leak
        if mode == "taus":
            rate = np.minimum(-np.log(decay), NOTHING_LEFT)
            return np.where(rate == 0, np.inf, dt / rate)
        return decay if mode == "decays" else -np.log2(1 - decay)


class LIFJax(LIF):
    """:class:`LIF`, run by JAX when it is called."""

    runtime_target = "jax"
