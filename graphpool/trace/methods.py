"""An array's methods and attributes on tracers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.trace.functions import METHODS, as_tracer, copied_shadow, lowers, method, spread
from graphpool.trace.tracer import Tracer, operand_value


def _astype(tracer: Tracer) -> Any:
    def astype(dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
        if not copy and np.dtype(dtype) == tracer.dtype:
            return tracer
        value = tracer.recorder.cast(tracer.value, np.dtype(dtype))
        return Tracer.of(tracer.recorder, value, tracer.is_scalar, copied_shadow(tracer, order))

    return astype


def _copy_method(tracer: Tracer) -> Any:
    def copy(order: str = "C") -> Any:
        return Tracer.of(tracer.recorder, tracer.value, tracer.is_scalar, copied_shadow(tracer, order))

    return copy


def _fill(tracer: Tracer) -> Any:
    return lambda item: tracer.assign(operand_value(tracer.recorder, item, tracer.dtype), "unsafe")


def _imag(tracer: Tracer) -> Any:
    zeros: Any = np.zeros_like(tracer)
    return zeros[()] if tracer.is_scalar else zeros


METHODS |= {
    "T": np.transpose,
    "mT": np.matrix_transpose,
    "real": lambda tracer: tracer,
    "imag": _imag,
    "conj": lambda tracer: lambda: tracer,
    "conjugate": lambda tracer: lambda: tracer,
    "astype": _astype,
    "clip": method(np.clip),
    "copy": _copy_method,
    "dot": method(np.dot),
    "fill": _fill,
    "flatten": lambda tracer: lambda order="C": np.ravel(tracer, order).copy(),
    "nbytes": lambda tracer: tracer.size * tracer.dtype.itemsize,
    "itemsize": lambda tracer: tracer.dtype.itemsize,
    "ravel": method(np.ravel),
    "reshape": spread(np.reshape),
    "round": method(np.round),
    "squeeze": method(np.squeeze),
    "swapaxes": method(np.swapaxes),
    "transpose": spread(np.transpose),
}

# The parts of real numbers.
lowers(np.real)(lambda recorder, val: as_tracer(recorder, val).real)
lowers(np.imag)(lambda recorder, val: as_tracer(recorder, val).imag)
