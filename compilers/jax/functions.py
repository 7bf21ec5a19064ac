"""Functions in JAX where ``jax.numpy`` is less accurate than the op table states, or differs from NumPy.

Derivatives are given where those of an equation would be NaN or lose accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special

from graphpool.compilers import formulas
from graphpool.compilers.jax.lowerings import lowers

Function = Callable[[Any], Any]

_barrier: Function = jax.lax.optimization_barrier


def _with_derivative(function: Function, derivative: Function) -> Function:
    """A function of one array whose derivative is another one."""
    wrapped = jax.custom_jvp(function)
    wrapped.defjvps(lambda tangent, result, x: tangent * derivative(x))
    return wrapped


class _Namespace:
    """``jax.numpy`` for the equations, with a logarithm that does not lose 128 units of the last place."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @staticmethod
    def rounded(x: Any) -> Any:
        """XLA makes x of (1 + x) - 1."""
        return _barrier(x)

    @staticmethod
    def log1p(x: Any) -> Any:
        """The equation."""
        return _log1p(x)


EQUATIONS = _Namespace()
_log1p = _with_derivative(partial(formulas.log1p, EQUATIONS), lambda x: 1 / (1 + x))
_exp2 = partial(formulas.exp2, EQUATIONS)
_sinh, _cosh = partial(formulas.sinh, EQUATIONS), partial(formulas.cosh, EQUATIONS)
_arctanh = partial(formulas.arctanh, EQUATIONS)


def _lowered(name: str, function: Function) -> None:
    lowers(name)(lambda xp, x: function(x))


_lowered("log1p", _log1p)
_lowered("expit", jax.nn.sigmoid)
_lowered("erf", special.erf)
_lowered("exp2", _with_derivative(_exp2, lambda x: _exp2(x) * formulas.LN_2))
_lowered("sinh", _with_derivative(_sinh, _cosh))
_lowered("cosh", _with_derivative(_cosh, _sinh))
_lowered("arctanh", _with_derivative(_arctanh, lambda x: 1 / ((1 - x) * (1 + x))))


@lowers("floor_divide")
def _floor_divide(xp: Any, x: Any, y: Any) -> Any:
    """NumPy's: an integer divided by 0 is 0, and a float quotient of zero has a sign."""
    if jnp.issubdtype(y.dtype, jnp.integer):
        zero = y == 0
        return jnp.where(zero, jnp.zeros_like(y), jnp.floor_divide(x, jnp.where(zero, jnp.ones_like(y), y)))
    return formulas.floor_divide(EQUATIONS, jax.lax.stop_gradient(x), jax.lax.stop_gradient(y))


@lowers("fmod")
def _fmod(xp: Any, x: Any, y: Any) -> Any:
    """As :func:`_floor_divide`."""
    if not jnp.issubdtype(y.dtype, jnp.integer):
        return jnp.fmod(x, y)
    zero = y == 0
    return jnp.where(zero, jnp.zeros_like(y), jnp.fmod(x, jnp.where(zero, jnp.ones_like(y), y)))
