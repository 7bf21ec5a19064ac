"""Types of values: a dtype and a shape, for one time step of one sample.

Batch and time are not in the type; compilers add them as leading axes. Beside the type, each value has a *rate*,
inferred by :mod:`graphpool.graph.rates`: ``const`` (known when compiling), ``param`` (known once per parameter set)
or ``stream`` (new at each step).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]
Array = npt.NDArray[Any]
DType = np.dtype[Any]

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
INT32, INT64 = np.dtype(np.int32), np.dtype(np.int64)
BOOL = np.dtype(np.bool_)

SHORT_NAMES: dict[DType, str] = {FLOAT32: "f32", FLOAT64: "f64", INT32: "i32", INT64: "i64", BOOL: "bool"}
"""The dtypes that every target runs, and how the text form writes them."""


DTYPES: dict[str, DType] = {name: np.dtype(name) for name in (np.dtype(code).name for code in "?bhilqBHILQefdgFDG")}
DTYPES |= {name: dtype for dtype, name in SHORT_NAMES.items()}
"""By name, long and short: what a value of a graph may be. Few of them run on a target."""


def dtype_name(dtype: DType) -> str:
    """``f32`` for float32, and NumPy's own name for a dtype that no target runs."""
    return SHORT_NAMES.get(dtype) or dtype.name


def is_known(dtype: DType) -> bool:
    """Whether a value of a graph may have the dtype: a number or a bool, in the byte order of the machine."""
    return DTYPES.get(dtype_name(dtype)) == dtype


@dataclass(frozen=True)
class TensorType:
    """The dtype and the shape of a value, per time step and per sample."""

    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int:
        """The number of axes of one sample."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements of one sample."""
        return math.prod(self.shape)

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape with another dtype."""
        return TensorType(dtype, self.shape)

    def __str__(self) -> str:
        dims = f"[{','.join(map(str, self.shape))}]" if self.shape else ""
        return dtype_name(self.dtype) + dims


def type_of(array: Array) -> TensorType:
    """The type of a plain array, read as one sample of one step."""
    return TensorType(array.dtype, tuple(array.shape))


def is_uniform(array: Array) -> bool:
    """Whether all elements of an array that lies row by row, of up to eight bytes each, have the same bits."""
    if not array.size or array.dtype.hasobject or array.dtype.itemsize not in (1, 2, 4, 8):
        return False
    words = array.reshape(-1).view(f"u{array.dtype.itemsize}")
    return bool(words[0] == words[-1] and (words == words[0]).all())


class Literal:
    """A constant array that can be hashed and compared to the bit (so 0.0 differs from -0.0, and NaN equals itself).

    It is a copy, in the byte order of the machine.
    """

    __slots__ = ("_key", "array")

    def __init__(self, array: Array) -> None:
        self.array = np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True)
        self.array.setflags(write=False)
        content = self.array.reshape(-1)[:1] if is_uniform(self.array) else self.array
        self._key = (self.array.dtype.str, self.array.shape, content.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Literal({self.array!r})"

    def __reduce__(self) -> tuple[type[Literal], tuple[Array]]:
        return Literal, (self.array,)


def _exact(item: Any) -> Any:
    """A key that tells apart what Python calls equal: 1, 1.0 and True, and the two zeros."""
    if isinstance(item, tuple):
        return tuple(map(_exact, item))
    return type(item), item.hex() if isinstance(item, float) else item


def _plain(item: Any) -> Any:
    """NumPy's scalars as Python's, dtypes in the byte order of the machine: what the text form can say."""
    if isinstance(item, tuple):
        return tuple(map(_plain, item))
    if isinstance(item, np.dtype):
        return DTYPES.get(item.name, item)  # one of several that NumPy calls the same
    return item.item() if isinstance(item, np.generic) else item


class Attributes(Mapping[str, Any]):
    """The attributes of a node: an immutable mapping with hashable values, in the order of their names.

    Values are numbers, bools, text, None, dtypes, and tuples of them; scalars of NumPy become Python's. Equality
    compares types and bits, as it does for a :class:`Literal`.
    """

    __slots__ = ("_items", "_key")

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        plain = {name: _plain(item) for name, item in (items or {}).items()}
        self._items = tuple(sorted(plain.items(), key=lambda item: item[0]))
        self._key = tuple((name, _exact(value)) for name, value in self._items)
        hash(self._key)

    def __getitem__(self, key: str) -> Any:
        for name, value in self._items:
            if name == key:
                return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Attributes) and self._key == other._key

    def __repr__(self) -> str:
        return f"Attributes({dict(self._items)!r})"

    def __reduce__(self) -> tuple[type[Attributes], tuple[dict[str, Any]]]:
        return Attributes, (dict(self._items),)
