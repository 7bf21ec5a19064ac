"""Where JAX runs an op otherwise than by the row's kernel over ``jax.numpy``.

A lowering has the signature of a kernel. There are few: kernels are written for any array namespace, so those
that stand here mend what XLA rewrites, avoid writing to arrays, or have a derivative of their own.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from graphpool.compilers.base import Lowerings
from graphpool.ops.indexing import put_operands
from graphpool.ops.shaping import Index, as_slices, update_operands
from graphpool.ops.table import Kernel, row

lowers: Lowerings[Kernel] = Lowerings("jax")


@lowers("div")
def _div(xp: Any, x: Any, y: Any) -> Any:
    """Written so that XLA divides.

    It turns a division by a broadcast scalar into a product with the reciprocal, which differs from NumPy in
    a fifth of all values. A divisor that depends on x is no broadcast; where x is NaN, so is the quotient.
    """
    return x / jnp.where(jnp.isnan(x), jnp.ones_like(y), y)


@lowers("mod")
def _mod(xp: Any, x: Any, y: Any) -> Any:
    """NumPy's: an integer modulo 0 is 0, and a float remainder of zero has the sign of y."""
    if jnp.issubdtype(y.dtype, jnp.integer):
        zero = y == 0
        return jnp.where(zero, jnp.zeros_like(y), jnp.mod(x, jnp.where(zero, jnp.ones_like(y), y)))
    return _with_sign_of_zero(jnp.mod(x, y), y)


@jax.custom_jvp
def _with_sign_of_zero(rest: Any, y: Any) -> Any:
    return jnp.where(rest == 0, jnp.copysign(jnp.zeros_like(rest), y), rest)


# The derivative of a remainder is 1 where it is zero, too: a phase of 0 must not stop a gradient.
_with_sign_of_zero.defjvps(lambda tangent, result, rest, y: tangent, None)


@lowers("sign")
def _sign(xp: Any, x: Any) -> Any:
    """The sign of -0.0 is 0.0 in NumPy."""
    return jnp.where(x == 0, jnp.zeros_like(x), jnp.sign(x))


@lowers("update")
def _update(xp: Any, base: Any, value: Any, *, ranks: tuple[int, ...], index: Index) -> Any:
    """JAX arrays are immutable; XLA updates in place where nothing else reads the base."""
    whole, part = update_operands(jnp, base, value, ranks, index)
    return whole.at[(Ellipsis, *as_slices(index))].set(part)


@lowers("put")
def _put(xp: Any, base: Any, index: Any, rows: Any, *, ranks: tuple[int, ...]) -> Any:
    leading, (whole, places, values) = put_operands(jnp, (base, index, rows), ranks)
    result = whole.at[jnp.arange(len(whole))[:, None], places].set(values)
    return result.reshape(leading + whole.shape[1:])


@lowers("conv")
def _conv(xp: Any, x: Any, weight: Any, *, ranks: tuple[int, ...], **attrs: Any) -> Any:
    """XLA's own, where all samples have the same weights."""
    if weight.ndim > ranks[1] or x.ndim == ranks[0]:
        return row("conv").kernel(jnp, x, weight, ranks=ranks, **attrs)
    leading = x.shape[: x.ndim - ranks[0]]
    made = jax.lax.conv_general_dilated(
        x.reshape(math.prod(leading), *x.shape[-ranks[0] :]),
        weight,
        window_strides=attrs["stride"],
        padding=attrs["padding"],
        rhs_dilation=attrs["dilation"],
        feature_group_count=attrs["groups"],
        precision=jax.lax.Precision.HIGHEST,
    )
    return made.reshape(*leading, *made.shape[1:])


@lowers("spike")
def _spike(xp: Any, v: Any, threshold: Any, *, window: float, max_spikes: float, strict: bool = False) -> Any:
    return _spikes(v, threshold, window, max_spikes, strict)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _spikes(v: Any, threshold: Any, window: float, max_spikes: float, strict: bool) -> Any:
    """The row's kernel, with a true division as in :func:`_div`: a rounding error here is a spike."""
    fires = v > threshold if strict else v >= threshold
    if max_spikes == 1:
        return fires.astype(v.dtype)
    quotient = v / jnp.where(fires, threshold, jnp.ones_like(threshold))
    return jnp.minimum(jnp.where(fires, jnp.floor(quotient), jnp.zeros_like(quotient)), max_spikes)


@_spikes.defjvp
def _surrogate(window: float, max_spikes: float, strict: bool, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The surrogate gradient: see :mod:`graphpool.ops.spiking` for the equations."""
    (v, threshold), (v_dot, threshold_dot) = primals, tangents
    near = v >= threshold - window
    scale = jnp.where(threshold > 0, threshold, jnp.ones_like(threshold))
    by_v = jnp.where(near, 1 / scale, jnp.zeros_like(threshold))
    by_threshold = jnp.where(near, -v / (scale * scale), jnp.zeros_like(v))
    return _spikes(v, threshold, window, max_spikes, strict), by_v * v_dot + by_threshold * threshold_dot
