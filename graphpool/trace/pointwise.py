"""Functions of NumPy that are no ufuncs but work element by element, written with those that are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphpool.trace.functions import as_tracer, lowers
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer


@lowers(np.fix)
def _fix(recorder: Recorder, x: Any, out: Any = None) -> Any:
    return np.trunc(x, out=out)


@lowers(np.sinc)
def _sinc(recorder: Recorder, x: Any) -> Any:
    scaled = np.multiply(math.pi, as_tracer(recorder, x))
    angle = np.where(scaled, scaled, float(np.finfo(scaled.dtype).eps))
    return np.sin(angle) / angle


@lowers(np.isposinf)
def _isposinf(recorder: Recorder, x: Any, out: Any = None) -> Any:
    return np.equal(x, math.inf, out=out)


@lowers(np.isneginf)
def _isneginf(recorder: Recorder, x: Any, out: Any = None) -> Any:
    return np.equal(x, -math.inf, out=out)


@lowers(np.nan_to_num)
def _nan_to_num(
    recorder: Recorder, x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """The largest numbers are those of the dtype that a target runs in, hence a row and no constants."""
    source = as_tracer(recorder, x)
    result: Any = np.copy(source) if copy else source
    if source.dtype.kind == "f":
        chosen = ((np.isposinf(source), posinf), (np.isneginf(source), neginf), (np.isnan(source), nan))
        np.copyto(result, Tracer.of(recorder, recorder.emit("limit", [source.value])))
        for mask, number in chosen:
            if number is not None:
                np.copyto(result, number, where=mask)
    return result if result.ndim else result[()]


@lowers(np.isclose)
def _isclose(recorder: Recorder, a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """As NumPy defines it: the tolerance is relative to b."""
    x = a if isinstance(a, (Tracer, int, float)) else recorder.plain(a)
    y = b if isinstance(b, (Tracer, int, float)) else recorder.plain(b)
    y = float(y) if isinstance(y, (int, float)) else y.astype(np.result_type(y.dtype, 1.0))
    near = np.less_equal(abs(x - y), atol + rtol * abs(y)) & np.isfinite(y)
    close = near | np.equal(x, y)
    if equal_nan:
        close = close | (np.isnan(x) & np.isnan(y))
    return close if close.ndim else close[()]


@lowers(np.allclose)
def _allclose(recorder: Recorder, a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    return np.all(np.isclose(a, b, rtol, atol, equal_nan))
