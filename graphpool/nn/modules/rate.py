r"""Rate neurons: leaky integrators with an activation function H and a threshold h.

.. math::
    \alpha &= dt / \max(\tau, 10\,dt) \\
    x_t &= x_{t-1} + \alpha\,(-x_{t-1} + i_t + \sigma \sqrt{dt}\, \zeta_t + b + H(x_{t-1}, h)\,W_{rec}) \\
    a_t &= H(x_t, h)

with normal noise of the strength sigma, and one of

.. math::
    H_{ReLU}(x, h) = \max(x - h, 0), \qquad H_{tanh}(x, h) = \tanh(x - h), \qquad
    H_{sigmoid}(x, h) = \frac{\tanh(x - h) + 1}{2}

Time constants below 10 dt are limited to it, since the step would become inaccurate and, below dt / 2,
unstable.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from graphpool.errors import ModuleError, TimeConstantWarning, format_error
from graphpool.nn.initialisers import unit_eigs
from graphpool.nn.modules.noise import Noisy
from graphpool.parameters import Initialiser, Parameter, Shape, SimulationParameter, State, unwrap
from graphpool.timeseries.clock import read_dt

Activation = Callable[[Any, Any], Any]

DEFAULT_TAU = 20e-3
SHORTEST_TAU = 10
"""In time steps."""


def H_ReLU(x: Any, threshold: Any) -> Any:
    """Rectification above a threshold."""
    return np.maximum(x - threshold, 0)


def H_tanh(x: Any, threshold: Any) -> Any:
    """The hyperbolic tangent around a threshold."""
    return np.tanh(x - threshold)


def H_sigmoid(x: Any, threshold: Any) -> Any:
    """The hyperbolic tangent around a threshold, moved to the range from 0 to 1."""
    return (np.tanh(x - threshold) + 1) / 2


ACTIVATIONS: dict[str, Activation] = {"ReLU": H_ReLU, "tanh": H_tanh, "sigmoid": H_sigmoid}
SHORT = {"r": "relu", "t": "tanh", "s": "sigmoid", "sig": "sigmoid"}
"""Other names of the activation functions."""


def _default_tau(shape: Shape) -> Any:
    return np.full(shape, DEFAULT_TAU)


class Rate(Noisy):
    """Rate neurons.

    Parameters: ``w_rec`` ``(N, N)`` (weights; only with ``has_rec``), ``tau`` in seconds (taus), ``bias``
    (biases), ``threshold`` (thresholds); the last three ``(N,)`` or ``()``. State: ``x`` ``(N,)``, initially
    0. Simulation parameters: ``dt`` in seconds, ``noise_std``, ``act_fn``. Record: ``rec_input`` ``(N,)`` with
    ``has_rec``. Parameters are float64 unless given as arrays of another dtype.

    Args:
        shape: ``N`` or ``(N, N)``.
        tau: time constants in seconds, by default 20 ms; limited to ten time steps, with a warning.
        bias: by default 0.
        threshold: of the activation function, by default 0.
        w_rec: recurrent weights; only with ``has_rec``, by default ``weight_init_func`` draws them.
        weight_init_func: makes the recurrent weights from their shape.
        has_rec: whether the outputs are fed back.
        activation_func: ``"ReLU"``, ``"tanh"`` or ``"sigmoid"``, in any case, or a function of x and the threshold, in
            NumPy.
        dt: the time step in seconds.
        noise_std: the strength of the noise, a number or one for each neuron.
        seed: of the noise; see :class:`~graphpool.nn.modules.noise.Noise`.
        spiking_input: whether the input is events.
        spiking_output: whether the output is events.

    Raises:
        ModuleError: inputs and outputs differ in number, ``w_rec`` without ``has_rec``, an unknown
            activation function, or a value that does not fit the shape.
        TimeSeriesError: ``dt`` is no positive number.
    """

    w_rec: Any
    tau: Any
    bias: Any
    threshold: Any
    x: Any
    dt: Any
    act_fn: Any

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau: Any = None,
        bias: Any = None,
        threshold: Any = None,
        w_rec: Any = None,
        weight_init_func: Initialiser = unit_eigs,
        has_rec: bool = False,
        activation_func: str | Activation = "ReLU",
        dt: Any = 1e-3,
        noise_std: Any = 0.0,
        seed: int | None = None,
        spiking_input: bool = False,
        spiking_output: bool = False,
    ) -> None:
        super().__init__(shape, spiking_input, spiking_output)
        if not self.shape or self.size_in != self.size_out or len(self.shape) > 2:
            raise self._refused(f"the shape is {shape!r}", "as many inputs as outputs: N or (N, N)")
        if w_rec is not None and not has_rec:
            raise self._refused("w_rec is given without has_rec", "has_rec=True")
        size = self.shape[0]
        self.has_rec = bool(has_rec)
        if self.has_rec:
            self.w_rec = Parameter(w_rec, "weights", weight_init_func, (size, size))
        self.tau = Parameter(tau, "taus", _default_tau, [(size,), ()])
        self.bias = Parameter(bias, "biases", np.zeros, [(size,), ()])
        self.threshold = Parameter(threshold, "thresholds", np.zeros, [(size,), ()])
        self.x = State(init_func=np.zeros, shape=size)
        self.dt = SimulationParameter(read_dt(unwrap(dt), self.class_name))
        self._declare_noise(noise_std, size, seed)
        self.act_fn = SimulationParameter(self._activation(activation_func))
        self._warn_of_short_taus(stacklevel=3)

    def step(self, i: Any) -> Any:
        """Take one input ``(N,)``; returns the activity ``(N,)``."""
        alpha = self.dt / np.maximum(self.tau, SHORTEST_TAU * self.dt)
        drive = self._with_noise(-self.x + i) + self.bias
        if self.has_rec:
            rec_input = self.act_fn(self.x, self.threshold) @ self.w_rec
            self.record("rec_input", rec_input)
            drive = drive + rec_input
        self.x = self.x + alpha * drive
        return self.act_fn(self.x, self.threshold)

    def _refused(self, what: str, hint: str) -> ModuleError:
        return ModuleError(format_error(what, where=self.class_name, hint=hint))

    def _activation(self, name: Any) -> Activation:
        wanted = SHORT.get(name.lower(), name.lower()) if isinstance(name, str) else name
        for known, function in ACTIVATIONS.items():
            if wanted == known.lower():
                return function
        # A ufunc of one operand would take the threshold for the array that it writes into.
        if callable(wanted) and getattr(wanted, "nin", 2) == 2:
            return wanted  # type: ignore[no-any-return]  # nothing more is known of it
        listed = ", ".join(map(repr, ACTIVATIONS))
        raise self._refused(f"activation_func={name!r}", f"one of {listed}, or a function of x and the threshold")

    def _on_assigned(self, names: Collection[str]) -> None:
        super()._on_assigned(names)
        if "tau" in names or "dt" in names:
            self._warn_of_short_taus(stacklevel=5)

    def _warn_of_short_taus(self, stacklevel: int) -> None:
        shortest, limit = np.min(self.tau, initial=np.inf), SHORTEST_TAU * self.dt
        if shortest < limit:
            warnings.warn(
                format_error(
                    f"tau of {shortest:g} s is limited to {limit:g} s, ten time steps",
                    where=self.full_name,
                    hint="use a smaller dt",
                ),
                TimeConstantWarning,
                stacklevel=stacklevel,
            )


class RateJax(Rate):
    """:class:`Rate`, run by JAX when it is called."""

    runtime_target = "jax"
