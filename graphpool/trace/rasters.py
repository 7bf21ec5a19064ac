"""The symbolic raster: a stream of rows, with the time axis that an ``evolve`` sees in front of them.

One step of one sample is traced. A raster is the traced row of this step, and what the code does to the raster is done
to the row: so it may touch the axes behind time only. Its shape is ``(T, *row)`` or, with the batch axis that modules
put in front, ``(1, T, *row)``; T is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from graphpool.graph.types import BOOL, DType
from graphpool.trace.recorder import Recorder
from graphpool.trace.tracer import Tracer

STEP_HINT = (
    "what happens to one row is the step(self, x) of a Module, which may keep a State from row to row; call that "
    "module on the raster"
)
ROW_AXES_HINT = "count axes from the end, axis=-1; what adds up over time is a State in the step of a Module"
LEADING_HINT = "the axes of time and batch stay in front"


class Unknown:
    """A number that is not known while tracing, such as that of the steps; it may be handed on, and no more."""

    def __init__(self, recorder: Recorder, what: str, hint: str) -> None:
        self._recorder = recorder
        self._what = what
        self._hint = hint

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        self._recorder.fail(f"{self._what} is not known while tracing", hint=self._hint)

    __bool__ = __int__ = __float__ = __index__ = __complex__ = __round__ = __iter__ = __len__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __abs__ = __getitem__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _refuse
    __array__ = __array_ufunc__ = __array_function__ = _refuse
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self._what}>"


class RasterShape(tuple[Any, ...]):
    """The shape of a raster: the sizes behind the time axis are known."""

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        if isinstance(item, Unknown):
            item._refuse()
        return item


class Raster(np.lib.mixins.NDArrayOperatorsMixin):
    """A traced raster.

    Attributes:
        row: its row at this step, of one sample.
        leading: how many axes are in front of the row's: 1 for ``(T, *row)``, 2 for ``(1, T, *row)``.
    """

    __slots__ = ("leading", "row")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, row: Tracer, leading: int = 1) -> None:
        # Behind time, what is a scalar of the row is an array of the raster: `x += 1` changes it in place.
        self.row = Tracer(row.recorder, row.storage) if row.is_scalar else row
        self.leading = leading

    @property
    def recorder(self) -> Recorder:
        """The recorder of its trace."""
        return self.row.recorder

    # --- what an array tells of itself --------------------------------------------------------------------------------
    @property
    def steps(self) -> Unknown:
        """The length of the time axis."""
        return Unknown(self.recorder, "the number of time steps", STEP_HINT)

    @property
    def shape(self) -> Any:
        """``(T, *row)`` or ``(1, T, *row)``."""
        return RasterShape((*(1,) * (self.leading - 1), self.steps, *self.row.shape))

    @property
    def dtype(self) -> DType:
        """The dtype."""
        return self.row.dtype

    @property
    def ndim(self) -> int:
        """The number of axes, those in front included."""
        return self.row.ndim + self.leading

    @property
    def size(self) -> Unknown:
        """The number of elements."""
        return Unknown(self.recorder, "the number of elements of a raster", STEP_HINT)

    def __repr__(self) -> str:
        return f"<traced raster, each row {self.recorder.type(self.row.value)}>"

    # --- what needs all rows at once ----------------------------------------------------------------------------------
    def fail(self, what: str, hint: str = STEP_HINT) -> NoReturn:
        """Raise a TraceError at the user's line."""
        self.recorder.fail(what, operands=[self.row.value], hint=hint)

    def __len__(self) -> int:
        self.fail("the number of time steps is not known while tracing")

    def __iter__(self) -> Iterator[Any]:
        self.fail("a loop over the time steps of a raster")

    def __bool__(self) -> bool:
        self.fail("the truth of a raster is not known while tracing", "np.where(condition, a, b) chooses in each row")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.fail("a raster has no numbers yet: a plain array or Python number cannot hold it")

    def __float__(self) -> float:
        self.fail("a raster is no Python number")

    __int__ = __index__ = __complex__ = __float__

    def __contains__(self, item: Any) -> bool:
        self.fail("`in` needs values that are not known while tracing")

    # --- indexing -----------------------------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> Any:
        leading, rest = self._split(key)
        found = self.row if _is_whole(rest) else self.row[rest]
        if isinstance(found, Tracer) and found.is_scalar:
            found = self.row[(*rest, ...)]
        return Raster(found, leading) if isinstance(found, Tracer) else found

    def __setitem__(self, key: Any, item: Any) -> None:
        leading, rest = self._split(key)
        target = self.row if _is_whole(rest) else self.row[rest]
        if isinstance(target, Tracer):
            leading_of_item, (item, *_) = aligned(self.recorder, [item, Raster(target, leading)])
            if leading_of_item > leading:
                self.fail("a raster with a batch axis is written into one without", "take it off: x[0]")
        self.row[... if _is_whole(rest) else rest] = item

    def _split(self, key: Any) -> tuple[int, Any]:
        """What is left of the axes in front, and the index of the row."""
        if isinstance(key, Raster):
            if key.dtype != BOOL or key.leading != self.leading:
                self.fail("a raster is an index", "a mask of the same axes, x[x > 1] = 0, or np.where")
            return self.leading, key.row
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(isinstance(one, (Raster, Unknown)) for one in keys):
            self.fail("a raster is one of several indices", "np.where chooses in each row")
        leading = self.leading
        if keys and keys[0] is None and leading == 1:
            return 2, self._behind(keys[1:], 1)
        if keys and leading == 2 and _is_first(keys[0]):
            return 1, self._behind(keys[1:], 1)
        return leading, self._behind(keys, leading)

    def _behind(self, keys: list[Any], axes: int) -> Any:
        """The indices behind so many axes, of which each is taken whole."""
        for number in range(axes):
            if not keys or keys[0] is Ellipsis:
                break
            one = keys.pop(0)
            if isinstance(one, slice) and one == slice(None):
                continue
            if one is None:
                self.fail("a new axis in front of time", "put it behind: x[:, None]")
            if number == 0 and axes == 2:
                self.fail(f"the batch axis is indexed with {one!r}", "x[0] takes it off")
            if isinstance(one, slice) and one.start is None and one.stop is None:
                self.fail("the time axis is reversed or thinned out")
            self.fail(f"the time axis is indexed with {one!r}")
        return tuple(keys)

    # --- NumPy's protocols --------------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from graphpool.trace.raster_functions import apply_ufunc

        return apply_ufunc(self, ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from graphpool.trace.raster_functions import apply_function

        return apply_function(self, function, args, kwargs)

    def __graphpool_apply__(self, op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        leading, rows = aligned(self.recorder, args)
        return Raster(self.row.__graphpool_apply__(op, tuple(rows), attrs), leading)

    def __getattr__(self, name: str) -> Any:
        from graphpool.trace.raster_functions import method_of

        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced raster has no attribute {name!r}")
        return method_of(self, name)

    def __copy__(self) -> Raster:
        return Raster(self.row.__copy__(), self.leading)

    def __deepcopy__(self, memo: Any) -> Raster:
        return self.__copy__()


def _is_whole(index: Any) -> bool:
    """Whether an index of the row is none."""
    return isinstance(index, tuple) and not index


def _is_first(key: Any) -> bool:
    """Whether an index of an axis of one element takes that element."""
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool) and key in (0, -1)


def rasters_in(items: Iterable[Any]) -> list[Raster]:
    """The rasters among some operands."""
    return [item for item in items if isinstance(item, Raster)]


def aligned(recorder: Recorder, items: Sequence[Any]) -> tuple[int, list[Any]]:
    """The operands of something elementwise as rows, and the axes in front of the result.

    NumPy aligns shapes at their ends, so all rasters must have time at the same place, and nothing else may lie there.
    """
    found = rasters_in(items)
    leading, rank = max(item.leading for item in found), found[0].row.ndim
    for item in found:
        if item.row.ndim != rank:
            shapes = [f"(T, {', '.join(map(str, one.row.shape))})" for one in (found[0], item)]
            hint = "give both as many axes behind time, x[:, None] adds one"
            recorder.fail(f"rasters of {shapes[0]} and {shapes[1]} meet: time meets another axis", hint=hint)
    rows: list[Any] = []
    for item in items:
        if isinstance(item, Raster):
            rows.append(item.row)
            continue
        surplus = np.ndim(item) - rank
        if surplus > 0:
            shape = np.shape(item)
            if surplus > 2 or any(size != 1 for size in shape[:surplus]):
                hint = f"one value for each of {rank} axes behind time, or an input of its own"
                recorder.fail(f"a raster meets an array of shape {shape}, whose rows would be time steps", hint=hint)
            leading = max(leading, surplus)
            rest = shape[surplus:]
            rows.append(item.reshape(rest) if isinstance(item, Tracer) else np.reshape(item, rest))
        else:
            rows.append(item)
    return leading, rows
