"""What a module's graph depends on, as one comparable value.

Parameters and states count by shape and dtype, everything else by value: simulation parameters and plain attributes, of
the module and of its class, are read while tracing. Functions and what else cannot be compared by value count by
identity. What a step reads from elsewhere, such as a global variable, is not seen.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from graphpool.parameters import Parameter, State
from graphpool.trace import walk


class _Identity:
    """Compares by identity, and tells a new object with the id of a lost one from it.

    Weak where it can be: an attribute may refer to its own module, which a strong reference would keep alive.
    """

    def __init__(self, item: Any) -> None:
        self._id = id(item)
        try:
            self._item: Callable[[], Any] = weakref.ref(item)
        except TypeError:
            self._item = lambda: item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and (item := self._item()) is not None and other._item() is item

    def __hash__(self) -> int:
        return self._id


def fingerprint(module: Any) -> Any:
    """A value that differs whenever attributes of the module, or of its children, give another graph."""
    tree = list(walk(module))
    paths = {id(child): path for path, child in tree}
    parts = []
    for path, child in tree:
        registered: list[Any] = []
        for name in child._registered_names(None):
            attribute = child._registered(name)
            if isinstance(attribute, (Parameter, State)):
                array = np.asarray(attribute.initial)
                start = array.tobytes() if isinstance(attribute, State) else b""
                registered.append((name, type(attribute), array.dtype.str, array.shape, start))
            else:
                registered.append((name, type(attribute), _freeze(attribute.value)))
        plain = tuple((name, _freeze(item)) for name, item in _plain_attributes(child))
        children = tuple((name, paths[id(one)]) for name, one in child.modules().items())
        parts.append((path, type(child), child.name, tuple(registered), plain, children))
    return tuple(parts)


def _plain_attributes(module: Any) -> Iterator[tuple[str, Any]]:
    """What is neither registered nor a child: the module's own attributes, and what its class defines."""
    yield from module._plain_attributes().items()
    for owner in type(module).__mro__:
        if owner is not object and not owner.__module__.startswith("graphpool."):
            for name, item in vars(owner).items():
                if not name.startswith("__"):
                    yield f"{owner.__qualname__}.{name}", item


def _freeze(item: Any, nesting: int = 16, objects: int = 2) -> Any:
    """A value that differs when the item does: containers by content, other objects by identity and attributes.

    Args:
        item: anything.
        nesting: how many containers deep to look; behind them, identity counts.
        objects: how many objects deep to look.
    """
    if item is None or isinstance(item, (bool, int, float, complex, str, bytes, np.generic)):
        return type(item), repr(item)
    if nesting == 0:
        return _Identity(item)
    if isinstance(item, np.ndarray):
        content = item.tobytes() if item.dtype != object else _freeze(item.ravel().tolist(), nesting - 1, objects)
        return "array", item.dtype.str, item.shape, content
    if isinstance(item, (list, tuple, deque)):
        return type(item), tuple(_freeze(entry, nesting - 1, objects) for entry in item)
    if isinstance(item, (set, frozenset)):
        return type(item), frozenset(_freeze(entry, nesting - 1, objects) for entry in item)
    if isinstance(item, Mapping):
        return type(item), tuple(
            (_freeze(key, nesting - 1, objects), _freeze(entry, nesting - 1, objects)) for key, entry in item.items()
        )
    if isinstance(item, SimpleNamespace):  # knows no weak references, but has nothing beside its attributes
        return type(item), _freeze(vars(item), nesting - 1, objects)
    opaque = isinstance(item, (type, ModuleType)) or hasattr(item, "_registered_names")
    if objects == 0 or opaque or not hasattr(item, "__dict__"):
        return _Identity(item)
    return _Identity(item), _freeze(vars(item), nesting - 1, objects - 1)
