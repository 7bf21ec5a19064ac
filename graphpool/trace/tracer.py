"""The tracer: what a ``step`` gets in place of arrays.

A tracer is a mutable handle on an immutable value, so two names of one array are one handle and in-place lines mean
what they mean in NumPy. Shapes and dtypes follow NumPy 2. Where NumPy would give a scalar rather than an array of no
axes, the tracer is marked as one: ``s += 1`` then binds the name anew instead of changing the array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from graphpool.graph import Value
from graphpool.graph.types import Array, DType, Shape
from graphpool.trace.hints import hint_for
from graphpool.trace.indexing import parse_index
from graphpool.trace.recorder import Recorder
from graphpool.trace.storage import Cell, IndexView, Storage

PLAIN_ARRAY_HINT = (
    "a plain NumPy array or Python number cannot hold a traced value: join values with np.stack or np.concatenate, "
    "make buffers with np.zeros_like, change dtypes with .astype, hold a table that a traced index reads in a "
    "Parameter, and use np functions rather than math, graphpool.functional rather than scipy's softmax"
)


class Tracer(np.lib.mixins.NDArrayOperatorsMixin):
    """A traced array.

    Attributes:
        recorder: the recorder of its trace.
        storage: where its value lives.
        is_scalar: NumPy would have a scalar here.
    """

    __slots__ = ("is_scalar", "recorder", "storage")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, recorder: Recorder, storage: Storage, is_scalar: bool = False) -> None:
        self.recorder = recorder
        self.storage = storage
        self.is_scalar = is_scalar

    @classmethod
    def of(cls, recorder: Recorder, value: Value, is_scalar: bool | None = None, shadow: Array | None = None) -> Tracer:
        """A fresh array that holds a value; a scalar if it has no axes, unless told otherwise.

        ``shadow`` has the memory layout that NumPy would give it, where that is not row by row.
        """
        scalar = recorder.type(value).shape == () if is_scalar is None else is_scalar
        return cls(recorder, Cell(recorder, value, shadow=shadow), scalar)

    # --- what an array tells of itself -----------------------------------------------------------------------------
    @property
    def value(self) -> Value:
        """The present value in the graph."""
        return self.storage.read()

    @property
    def shape(self) -> Shape:
        """The shape of one sample at one step."""
        return self.recorder.type(self.value).shape

    @property
    def dtype(self) -> DType:
        """The dtype."""
        return self.recorder.type(self.value).dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.recorder.type(self.value).size

    def __len__(self) -> int:
        if not self.shape:
            self.recorder.fail("len() of an array without axes", operands=[self.value])
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            self.recorder.fail("iterating over an array without axes", operands=[self.value])
        return (self[position] for position in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"<traced {self.recorder.type(self.value)}>"

    # --- writing ---------------------------------------------------------------------------------------------------
    def assign(self, value: Value, casting: str = "same_kind") -> None:
        """Write a value into this array in place, cast and broadcast as NumPy does."""
        recorder, target = self.recorder, self.recorder.type(self.value)
        source = recorder.type(value)
        if not np.can_cast(source.dtype, target.dtype, casting):  # type: ignore[arg-type]
            recorder.fail(
                f"cannot write {source} into {target}: not a cast of the same kind",
                operands=[value],
                hint=f"convert it first: x.astype(np.{target.dtype.name})",
            )
        surplus = source.rank - target.rank
        if surplus > 0 and source.shape[:surplus] == (1,) * surplus:
            axes = tuple(axis - source.rank for axis in range(surplus))
            value = recorder.emit("squeeze", [value], {"axes": axes})
        value = recorder.cast(value, target.dtype)
        self.storage.write(recorder.broadcast(value, target.shape))

    # --- indexing --------------------------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> Any:
        from graphpool.trace.advanced import is_advanced, read_advanced
        from graphpool.trace.masks import as_mask, select

        mask = as_mask(self.recorder, key)
        if mask is not None:
            return select(self, mask)
        if is_advanced(key):
            return read_advanced(self, key)
        parsed = parse_index(self.recorder, key, self.shape)
        shadow = self.storage.shadow[key if parsed.is_scalar is False else (*self._whole_key(key), Ellipsis)]
        view = IndexView(self.recorder, self.storage, shadow, parsed.index, parsed.new_axes)
        return Tracer.of(self.recorder, view.read()) if parsed.is_scalar else Tracer(self.recorder, view)

    @staticmethod
    def _whole_key(key: Any) -> tuple[Any, ...]:
        return key if isinstance(key, tuple) else (key,)

    def __setitem__(self, key: Any, item: Any) -> None:
        from graphpool.trace.advanced import is_advanced, write_advanced
        from graphpool.trace.masks import as_mask, write_masked

        mask = as_mask(self.recorder, key)
        if mask is not None:
            write_masked(self, mask, item)
            return
        if is_advanced(key):
            write_advanced(self, key, item)
            return
        parsed = parse_index(self.recorder, key, self.shape)
        view_key = (*self._whole_key(key), Ellipsis) if parsed.is_scalar else key
        view = IndexView(self.recorder, self.storage, self.storage.shadow[view_key], parsed.index, parsed.new_axes)
        target = Tracer(self.recorder, view)
        # Where `v[1:] += x` has written through the view already, Python assigns that view to itself.
        viewed = isinstance(item, Tracer) and isinstance(item.storage, IndexView)
        if viewed and self.recorder.same(item.value, target.value):
            return
        target.assign(operand_value(self.recorder, item, target.dtype), casting="unsafe")

    # --- NumPy's protocols -----------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from graphpool.trace.rasters import rasters_in
        from graphpool.trace.ufuncs import apply_ufunc

        if rasters_in((*inputs, *kwargs.get("out", ()))):
            return NotImplemented

        return apply_ufunc(self.recorder, ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from graphpool.trace.functions import apply_function
        from graphpool.trace.rasters import Raster

        if Raster in types:
            return NotImplemented
        return apply_function(self.recorder, function, args, kwargs)

    def __graphpool_apply__(self, op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        from graphpool.trace.ufuncs import apply_op

        return apply_op(self.recorder, op, args, attrs)

    def __pow__(self, exponent: Any) -> Any:
        from graphpool.trace.ufuncs import power

        return power(self, exponent)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from graphpool.trace.functions import METHODS

        method = METHODS.get(name)
        if method is not None:
            return method(self)
        if hasattr(np.ndarray, name):
            self.recorder.fail(
                f"ndarray.{name} cannot be traced",
                hint=hint_for(name, f"traced arrays have {', '.join(sorted(METHODS))}"),
            )
        raise AttributeError(f"a traced array has no attribute {name!r}")

    def __format__(self, form: str) -> str:
        if form:
            self._refuse("a traced value has no numbers to format yet", "show it with self.record(name, value)")
        return repr(self)

    # --- what would leave the graph --------------------------------------------------------------------------------
    def _refuse(self, what: str, hint: str) -> NoReturn:
        self.recorder.fail(what, operands=[self.value], hint=hint)

    def __bool__(self) -> bool:
        self._refuse(
            "the truth of a traced value is not known while tracing",
            "use np.where(condition, a, b) in place of if, np.maximum and np.minimum in place of max and min, and "
            "& | ~ in place of and, or, not",
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self._refuse("a traced value has no numbers yet", PLAIN_ARRAY_HINT)

    def __float__(self) -> float:
        self._refuse("a traced value is not a Python float yet", PLAIN_ARRAY_HINT)

    def __int__(self) -> int:
        self._refuse(
            "a traced value is not a Python int yet",
            "an index may be traced as it is, an array of integers: i = i.astype(np.int64)",
        )

    def __round__(self, decimals: int | None = None) -> Any:
        self._refuse("a traced value is not rounded by Python", "use np.round(x), and .astype(np.int64) for integers")

    def __complex__(self) -> complex:
        self._refuse("a traced value is not a Python complex yet", PLAIN_ARRAY_HINT)

    def __index__(self) -> int:
        self._refuse(
            "a traced value cannot be an index or a count of plain Python and NumPy",
            "sizes and counts must be known while tracing: select with np.where; a table that a traced index reads is "
            "a Parameter",
        )

    def __contains__(self, item: Any) -> bool:
        self._refuse("`in` needs values that are not known while tracing", "use (x == item).any()")

    def __deepcopy__(self, memo: Any) -> Tracer:
        return Tracer.of(self.recorder, self.value, self.is_scalar, np.empty_like(self.storage.shadow))

    def __copy__(self) -> Tracer:
        return Tracer.of(self.recorder, self.value, self.is_scalar, np.empty_like(self.storage.shadow))


def operand_value(recorder: Recorder, item: Any, weak: DType | None = None) -> Value:
    """An operand as a value of the graph; Python numbers take the dtype ``weak``."""
    if isinstance(item, Tracer):
        if item.recorder is not recorder:
            recorder.fail("a value of another trace is used", hint="keep values that outlive a step in a State")
        return item.value
    is_number = isinstance(item, (int, float)) and not isinstance(item, (bool, np.generic))
    return recorder.constant(item, weak if is_number else None)


def shadow_of(item: Any) -> Array:
    """An array of bools with the memory layout of an operand; its contents mean nothing."""
    if isinstance(item, Tracer):
        return item.storage.shadow
    return np.empty_like(np.asarray(item), dtype=np.bool_)


def elementwise_shadow(*operands: Any) -> Array:
    """The layout that a ufunc gives its result: NumPy's own choice, made on shadows."""
    shadows = [shadow_of(item) for item in operands]
    flags = [*([["readonly"]] * len(shadows)), ["writeonly", "allocate"]]
    given: Any = [*shadows, None]  # the last one is for NumPy to make
    iterate: Any = np.nditer
    result: Array = iterate(given, ["zerosize_ok"], flags, order="K", op_dtypes=[np.bool_] * len(given)).operands[-1]
    return result
