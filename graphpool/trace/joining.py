"""Functions that join arrays and cut them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphpool.trace.functions import as_tracer, lowers, promoted, read_axes
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer, shadow_of


# --- joining ---------------------------------------------------------------------------------------------------------
def _joined(recorder: Recorder, arrays: Any, function: Callable[..., Any], axis: int, extra: int = 0) -> Tracer:
    items = list(arrays)
    args = promoted(recorder, items)
    rank = recorder.type(args[0]).rank + extra
    value = recorder.emit(function.__name__, args, {"axis": read_axes(recorder, axis, rank)[0]})
    return Tracer.of(recorder, value, False, function([shadow_of(item) for item in items], axis=axis))


@lowers(np.concatenate, np.concat)
def _concatenate(recorder: Recorder, arrays: Any, /, axis: int | None = 0, **others: Any) -> Tracer:
    if others:
        recorder.fail(f"np.concatenate({', '.join(others)}=...) cannot be traced")
    if axis is None:
        return _joined(recorder, [np.ravel(as_tracer(recorder, item)) for item in arrays], np.concatenate, 0)
    return _joined(recorder, arrays, np.concatenate, axis)


@lowers(np.stack)
def _stack(recorder: Recorder, arrays: Any, axis: int = 0, **others: Any) -> Tracer:
    if others:
        recorder.fail(f"np.stack({', '.join(others)}=...) cannot be traced")
    return _joined(recorder, arrays, np.stack, axis, 1)


@lowers(np.hstack)
def _hstack(recorder: Recorder, tup: Any) -> Tracer:
    arrays = [np.atleast_1d(as_tracer(recorder, item)) for item in tup]
    return _joined(recorder, arrays, np.concatenate, 0 if arrays[0].ndim == 1 else 1)


@lowers(np.vstack)
def _vstack(recorder: Recorder, tup: Any, **others: Any) -> Any:
    return np.concatenate([np.atleast_2d(as_tracer(recorder, item)) for item in tup], 0, **others)


@lowers(np.dstack)
def _dstack(recorder: Recorder, tup: Any) -> Any:
    return np.concatenate([np.atleast_3d(as_tracer(recorder, item)) for item in tup], 2)


@lowers(np.column_stack)
def _column_stack(recorder: Recorder, tup: Any) -> Any:
    tracers = [as_tracer(recorder, item) for item in tup]
    return np.concatenate([item if item.ndim > 1 else np.atleast_1d(item)[:, None] for item in tracers], 1)


@lowers(np.append)
def _append(recorder: Recorder, arr: Any, values: Any, axis: Any = None) -> Any:
    return _concatenate(recorder, (arr, values), axis=axis)


# --- cutting ---------------------------------------------------------------------------------------------------------
@lowers(np.array_split)
def _array_split(recorder: Recorder, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    tracer = as_tracer(recorder, ary)
    (place,) = read_axes(recorder, axis, tracer.ndim) or (None,)
    if place is None:
        recorder.fail("np.split of an array without axes")
    size = tracer.shape[place]
    if isinstance(indices_or_sections, (int, np.integer)):
        count = int(indices_or_sections)
        if count < 1:
            recorder.fail(f"np.split into {count} parts", hint="the number of parts is 1 or more")
        each, extra = divmod(size, count)
        cuts = np.cumsum([0] + [each + 1] * extra + [each] * (count - extra)).tolist()
        spans = list(zip(cuts[:-1], cuts[1:], strict=True))
    else:
        given = [int(cut) for cut in indices_or_sections]
        spans = list(zip([0, *given], [*given, size], strict=True))
    ahead = [slice(None)] * (place + tracer.ndim)
    return [tracer[(*ahead, slice(start, stop))] for start, stop in spans]


@lowers(np.split)
def _split(recorder: Recorder, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    tracer = as_tracer(recorder, ary)
    if isinstance(indices_or_sections, (int, np.integer)):
        (place,) = read_axes(recorder, axis, tracer.ndim) or (-1,)
        if tracer.ndim and indices_or_sections > 0 and tracer.shape[place] % indices_or_sections:
            recorder.fail(
                f"np.split of {tracer.shape[place]} elements into {indices_or_sections} equal parts",
                hint="np.array_split makes parts of different lengths",
            )
    return _array_split(recorder, tracer, indices_or_sections, axis)


@lowers(np.hsplit)
def _hsplit(recorder: Recorder, ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(recorder, ary, indices_or_sections, 1 if as_tracer(recorder, ary).ndim > 1 else 0)


lowers(np.vsplit)(lambda recorder, ary, indices_or_sections: _split(recorder, ary, indices_or_sections, 0))
lowers(np.dsplit)(lambda recorder, ary, indices_or_sections: _split(recorder, ary, indices_or_sections, 2))


@lowers(np.unstack)
def _unstack(recorder: Recorder, x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    tracer = as_tracer(recorder, x)
    (place,) = read_axes(recorder, axis, tracer.ndim) or (None,)
    if place is None:
        recorder.fail("np.unstack of an array without axes")
    ahead = [slice(None)] * (place + tracer.ndim)
    return tuple(tracer[(*ahead, number, Ellipsis)] for number in range(tracer.shape[place]))
