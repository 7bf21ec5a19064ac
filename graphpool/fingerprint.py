"""What a module's graph depends on, as one comparable value.

Parameters and states count by shape and dtype, everything else by value: simulation parameters and plain attributes are
read while tracing. Objects that cannot be compared by value count by identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphpool.parameters import Parameter, State
from graphpool.trace import walk


class _Identity:
    """Compares by identity, and keeps the object alive so that its identity stays its own."""

    def __init__(self, item: Any) -> None:
        self._item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other._item is self._item

    def __hash__(self) -> int:
        return id(self._item)


def fingerprint(module: Any) -> Any:
    """A value that differs whenever the module would trace to another graph."""
    parts = []
    for path, child in walk(module):
        registered: list[Any] = []
        for name in child._registered_names(None):
            attribute = child._registered(name)
            if isinstance(attribute, (Parameter, State)):
                array = np.asarray(attribute.initial)
                start = array.tobytes() if isinstance(attribute, State) else b""
                registered.append((name, type(attribute), array.dtype.str, array.shape, start))
            else:
                registered.append((name, type(attribute), _freeze(attribute.value)))
        plain = tuple((name, _freeze(item)) for name, item in child._plain_attributes().items())
        parts.append((path, type(child), child.name, tuple(registered), plain))
    return tuple(parts)


def _freeze(item: Any) -> Any:
    if item is None or isinstance(item, (bool, int, float, complex, str, bytes, np.generic)):
        return type(item), repr(item)
    if isinstance(item, np.ndarray) and item.dtype != object:
        return "array", item.dtype.str, item.shape, item.tobytes()
    if isinstance(item, (list, tuple)):
        return type(item), tuple(_freeze(entry) for entry in item)
    if isinstance(item, Mapping):
        return type(item), tuple((_freeze(key), _freeze(entry)) for key, entry in item.items())
    return _Identity(item)
