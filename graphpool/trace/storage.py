"""Where a tracer's value lives: NumPy's memory, as far as in-place lines can tell.

A :class:`Cell` owns a value. An :class:`IndexView` is (base, index): reading and writing go through to the base, also
after the base has changed. A :class:`DerivedView` (a transpose, a reshape) is read through its base and cannot be
written. Whether NumPy would make a view or a copy is asked of NumPy itself, with a shadow array of the same layout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.ops.shaping import Index
from graphpool.trace.recorder import Recorder


class Storage(Protocol):
    """What a tracer reads and writes."""

    @property
    def shadow(self) -> Array:
        """An array with the memory layout that NumPy would give this one; its contents mean nothing."""

    def read(self) -> Value:
        """The present value."""

    def write(self, value: Value) -> None:
        """Replace the whole value; it has the type of the present one."""


class Cell:
    """Memory of its own; ``protected`` says why it may not be written, ``shadow`` its layout if not row by row."""

    def __init__(self, recorder: Recorder, value: Value, protected: str = "", shadow: Array | None = None) -> None:
        self._recorder = recorder
        self._value = value
        self._protected = protected
        self._shadow = shadow

    @property
    def shadow(self) -> Array:
        if self._shadow is None:
            self._shadow = np.empty(self._recorder.type(self._value).shape, dtype=np.bool_)
        return self._shadow

    def read(self) -> Value:
        return self._value

    def write(self, value: Value) -> None:
        if self._protected:
            self._recorder.fail(self._protected, operands=[self._value], hint="work on a copy: x = x.copy()")
        self._value = value


class _View:
    """Reads through its base, and computes again only after the base has changed.

    What it computes belongs to the line that has made the view, whichever line reads it.
    """

    def __init__(self, recorder: Recorder, base: Storage, shadow: Array) -> None:
        self._recorder = recorder
        self._base = base
        self._view_shadow = shadow
        self._origin = recorder.origin()
        self._seen: tuple[Value, Value] | None = None

    @property
    def shadow(self) -> Array:
        return self._view_shadow

    def _compute(self, base: Value) -> Value:
        raise NotImplementedError

    def read(self) -> Value:
        base = self._base.read()
        if self._seen is None or self._seen[0] != base:
            with self._recorder.at(self._origin):
                self._seen = (base, self._compute(base))
        return self._seen[1]


class IndexView(_View):
    """A basic index of a base: ``index`` for its axes, then new axes at ``new_axes`` (counted from the end)."""

    def __init__(
        self, recorder: Recorder, base: Storage, shadow: Array, index: Index, new_axes: tuple[int, ...]
    ) -> None:
        super().__init__(recorder, base, shadow)
        self._index = index
        self._new_axes = new_axes

    def _is_whole(self, base: Value) -> bool:
        shape = self._recorder.type(base).shape
        return self._index == tuple((0, size, 1) for size in shape)

    def _compute(self, base: Value) -> Value:
        value = base
        if not self._is_whole(base):
            value = self._recorder.emit("slice", [value], {"index": self._index})
        if self._new_axes:
            value = self._recorder.emit("expand", [value], {"axes": self._new_axes})
        return value

    def write(self, value: Value) -> None:
        if self._new_axes:
            value = self._recorder.emit("squeeze", [value], {"axes": self._new_axes})
        base = self._base.read()
        if not self._is_whole(base):
            value = self._recorder.emit("update", [base, value], {"index": self._index})
        self._base.write(value)


class DerivedView(_View):
    """A view through something other than an index, which can be read only."""

    def __init__(
        self, recorder: Recorder, base: Storage, shadow: Array, what: str, compute: Callable[[Value], Value]
    ) -> None:
        super().__init__(recorder, base, shadow)
        self._what = what
        self._through = compute

    def _compute(self, base: Value) -> Value:
        return self._through(base)

    def write(self, value: Value) -> None:
        self._recorder.fail(
            f"writing through {self._what}, which is a view of another array",
            operands=[self._base.read()],
            hint="write to the array itself, or to a copy of the view",
        )


def derive(
    recorder: Recorder,
    base: Storage,
    what: str,
    reshape: Callable[[Array], Any],
    compute: Callable[[Value], Value],
) -> Storage:
    """The storage of a rearranged array: a view where NumPy makes one, else a copy.

    Args:
        recorder: the recorder of the trace.
        base: what is rearranged.
        what: how messages call it.
        reshape: the rearrangement in NumPy, applied to the shadow.
        compute: the rearrangement as nodes.
    """
    shadow = np.asarray(reshape(base.shadow))
    if base.shadow.size and not np.shares_memory(shadow, base.shadow):
        return Cell(recorder, compute(base.read()))
    return DerivedView(recorder, base, shadow, what, compute)
