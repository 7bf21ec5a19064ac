"""Random initial values of parameters: functions of a shape.

They draw from NumPy's global generator, which ``np.random.seed`` makes reproducible.
"""

from __future__ import annotations

import numpy as np

from graphpool.parameters import Array, Shape


def _uniform(shape: Shape, limit_squared: float) -> Array:
    limit = np.sqrt(limit_squared)
    return np.random.uniform(-limit, limit, shape)


def unit_eigs(shape: Shape) -> Array:
    """Normal with variance ``1 / shape[0]``: the eigenvalues of a square matrix then fill the unit disk."""
    return np.asarray(np.random.normal(size=shape) / np.sqrt(max(shape[0], 1)))


def uniform_sqrt(shape: Shape) -> Array:
    """Uniform within ``sqrt(1 / shape[0])`` of zero."""
    return _uniform(shape, 1 / max(shape[0], 1))


def kaiming(shape: Shape) -> Array:
    """Uniform within ``sqrt(6 / shape[0])`` of zero: keeps the variance of a layer with rectified outputs."""
    return _uniform(shape, 6 / max(shape[0], 1))


def xavier(shape: Shape) -> Array:
    """Uniform within ``sqrt(6 / sum(shape))`` of zero: keeps the variance of a layer in both directions."""
    return _uniform(shape, 6 / max(sum(shape), 1))
