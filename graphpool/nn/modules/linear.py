r"""A layer of weights.

.. math:: y = x W + b
"""

from __future__ import annotations

from typing import Any

from graphpool.errors import ModuleError, format_error
from graphpool.nn.initialisers import kaiming, uniform_sqrt
from graphpool.nn.modules.module import Module
from graphpool.parameters import Initialiser, Parameter


class Linear(Module):
    """Weights, and biases on request.

    Parameters: ``weight`` ``(Nin, Nout)`` (weights); ``bias`` ``(Nout,)`` (biases; only with ``has_bias``).
    Both are float64 unless given as arrays of another dtype.

    Args:
        shape: ``(Nin, Nout)``.
        weight: the weights; by default ``weight_init_func`` draws them.
        bias: the biases; giving them implies ``has_bias``.
        has_bias: whether there are biases.
        weight_init_func: makes the weights from their shape.
        bias_init_func: makes the biases from their shape.
        spiking_input: whether the input is events.
        spiking_output: whether the output is events.

    Raises:
        ModuleError: ``shape`` does not have two sizes, or a value does not fit it.
    """

    weight: Any
    bias: Any

    def __init__(
        self,
        shape: tuple[int, int],
        weight: Any = None,
        bias: Any = None,
        has_bias: bool = False,
        weight_init_func: Initialiser = kaiming,
        bias_init_func: Initialiser = uniform_sqrt,
        spiking_input: bool = False,
        spiking_output: bool = False,
    ) -> None:
        super().__init__(shape, spiking_input, spiking_output)
        if len(self.shape) != 2:
            raise ModuleError(
                format_error(f"the shape is {shape!r}", where=self.class_name, hint="give (inputs, outputs)")
            )
        self.has_bias = bool(has_bias) or bias is not None
        self.weight = Parameter(weight, "weights", weight_init_func, self.shape)
        if self.has_bias:
            self.bias = Parameter(bias, "biases", bias_init_func, self.shape[1:])

    def step(self, x: Any) -> Any:
        """Weigh one input ``(Nin,)``; returns ``(Nout,)``."""
        y = x @ self.weight
        if self.has_bias:
            y = y + self.bias
        return y


class LinearJax(Linear):
    """:class:`Linear`, run by JAX when it is called."""

    runtime_target = "jax"
