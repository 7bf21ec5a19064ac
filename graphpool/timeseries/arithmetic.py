"""The operators of continuous series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Never, Self, cast

import numpy as np

from graphpool.errors import TimeSeriesError, format_error
from graphpool.timeseries.base import TimeSeries
from graphpool.timeseries.clock import Floats

Function = Callable[[Any, Any], Any]
REFUSED: Never = cast(Never, NotImplemented)
"""Python then asks the other operand, and raises a TypeError at last."""


class Arithmetic(ABC):
    """What ``+ - * / // ** @``, unary ``-`` and ``abs`` do with the samples of a series.

    The other operand is a number, an array that broadcasts to the samples ``(T, N)``, or another series, which is
    sampled on this one's times. With ``*`` a series of one channel takes as many as the other operand has. ``+`` and
    ``-`` read a NaN as 0 where the other operand has a number. ``series @ matrix`` and ``matrix @ series`` apply a
    matrix to each sample. The result has this series' times, range, name, units and switches.

    Raises:
        TimeSeriesError: the shapes do not fit, or the other series does not cover this one's times.
    """

    # NumPy then leaves the operators to this class, when an array is on the left.
    __array_ufunc__ = None

    _samples: Floats

    @property
    @abstractmethod
    def _label(self) -> str:
        """Class and name, for messages."""

    @abstractmethod
    def _values_on(self, other: Any) -> Floats:
        """The values of this series at the times of another one."""

    @abstractmethod
    def _with_samples(self, samples: Floats) -> Self:
        """A series like this one with other samples, of as many rows."""

    @abstractmethod
    def _become(self, other: Self, inplace: bool) -> Self:
        """``other``, or this series with its content."""

    # --- one operator -------------------------------------------------------------------------------------------------
    def _operand(self, other: Any) -> Floats | None:
        """The other operand as float64 array; None for what is none."""
        if isinstance(other, Arithmetic):
            return other._values_on(self)
        if isinstance(other, (str, bytes, TimeSeries)):
            return None
        try:
            array = np.asarray(other)
        except ValueError:
            return None
        return array.astype(np.float64, copy=False) if array.dtype.kind in "biuf" else None

    def _check_shape(self, shape: tuple[int, ...], widen: bool) -> None:
        own = self._samples.shape
        try:
            result: tuple[int, ...] | None = np.broadcast_shapes(own, shape)
        except ValueError:
            result = None
        if result != own and not (widen and result is not None and result[:-1] == own[:1]):
            what = f"an operand of shape {shape} does not fit samples of shape {own}"
            hint = "a number, one a channel, (times, 1), or one a sample"
            raise TimeSeriesError(format_error(what, where=self._label, hint=hint))

    def _combined(self, function: Function, other: Any, *, widen: bool = False, inplace: bool = False) -> Self:
        values = self._operand(other)
        if values is None:
            return REFUSED
        self._check_shape(values.shape, widen)
        return self._become(self._with_samples(function(self._samples, values)), inplace)

    def _times_matrix(self, other: Any, *, transposed: bool = False, inplace: bool = False) -> Self:
        matrix = None if isinstance(other, Arithmetic) else self._operand(other)
        if matrix is None:
            return REFUSED
        channels = self._samples.shape[1]
        columns = matrix.reshape(-1, 1) if matrix.ndim == 1 else matrix.T if transposed else matrix
        if matrix.ndim not in (1, 2) or len(columns) != channels:
            side = "columns" if transposed and matrix.ndim == 2 else "rows"
            what = f"a matrix of shape {matrix.shape} does not fit {channels} channels"
            raise TimeSeriesError(format_error(what, where=self._label, hint=f"it needs {channels} {side}"))
        return self._become(self._with_samples(self._samples @ columns), inplace)

    # --- sums: a NaN counts as 0 where the other operand has a number -------------------------------------------------
    def __add__(self, other: Any) -> Self:
        return self._combined(_sum, other)

    def __radd__(self, other: Any) -> Self:
        return self._combined(_sum, other)

    def __iadd__(self, other: Any) -> Self:
        return self._combined(_sum, other, inplace=True)

    def __sub__(self, other: Any) -> Self:
        return self._combined(_difference, other)

    def __rsub__(self, other: Any) -> Self:
        return self._combined(_swapped(_difference), other)

    def __isub__(self, other: Any) -> Self:
        return self._combined(_difference, other, inplace=True)

    # --- products -----------------------------------------------------------------------------------------------------
    def __mul__(self, other: Any) -> Self:
        return self._combined(np.multiply, other, widen=True)

    def __rmul__(self, other: Any) -> Self:
        return self._combined(np.multiply, other, widen=True)

    def __imul__(self, other: Any) -> Self:
        return self._combined(np.multiply, other, widen=True, inplace=True)

    def __matmul__(self, other: Any) -> Self:
        return self._times_matrix(other)

    def __rmatmul__(self, other: Any) -> Self:
        return self._times_matrix(other, transposed=True)

    def __imatmul__(self, other: Any) -> Self:
        return self._times_matrix(other, inplace=True)

    # --- quotients and powers -----------------------------------------------------------------------------------------
    def __truediv__(self, other: Any) -> Self:
        return self._combined(np.true_divide, other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._combined(_swapped(np.true_divide), other)

    def __itruediv__(self, other: Any) -> Self:
        return self._combined(np.true_divide, other, inplace=True)

    def __floordiv__(self, other: Any) -> Self:
        return self._combined(np.floor_divide, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return self._combined(_swapped(np.floor_divide), other)

    def __ifloordiv__(self, other: Any) -> Self:
        return self._combined(np.floor_divide, other, inplace=True)

    def __pow__(self, other: Any) -> Self:
        return self._combined(np.power, other)

    def __rpow__(self, other: Any) -> Self:
        return self._combined(_swapped(np.power), other)

    def __ipow__(self, other: Any) -> Self:
        return self._combined(np.power, other, inplace=True)

    # --- one operand --------------------------------------------------------------------------------------------------
    def __neg__(self) -> Self:
        return self._with_samples(-self._samples)

    def __abs__(self) -> Self:
        return self._with_samples(np.abs(self._samples))


def _swapped(function: Function) -> Function:
    return lambda left, right: function(right, left)


def _sum(left: Floats, right: Floats) -> Floats:
    return _without_lone_nan(left + right, left, right)


def _difference(left: Floats, right: Floats) -> Floats:
    return _without_lone_nan(left - right, left, -right)


def _without_lone_nan(result: Floats, left: Floats, right: Floats) -> Floats:
    # The minimum is NaN if anything is, and much cheaper than a mask.
    if not result.size or not np.isnan(result.min()):
        return result
    left_missing, right_missing = np.isnan(left), np.isnan(right)
    filled = np.where(left_missing & ~right_missing, right, result)
    return np.where(right_missing & ~left_missing, left, filled)
