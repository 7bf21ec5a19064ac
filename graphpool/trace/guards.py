"""What a trace keeps a step from: random generators, writing into plain arrays, and leaving traced values behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphpool.errors import TraceError, format_error
from graphpool.trace.masks import MaskedTracer
from graphpool.trace.rasters import Raster
from graphpool.trace.recorder import Recorder
from graphpool.trace.series import Series
from graphpool.trace.tracer import Tracer

GENERATORS = (np.random.Generator, np.random.RandomState)


class Guards:
    """Prepares the modules of a tree for one trace, and restores them.

    Args:
        tree: the modules with their dotted paths.
        recorder: of the trace.
    """

    def __init__(self, tree: list[tuple[str, Any]], recorder: Recorder) -> None:
        self._tree = tree
        self._recorder = recorder
        self._hidden: dict[tuple[int, str], Any] = {}
        self._locked: list[np.ndarray[Any, Any]] = []

    def begin(self) -> None:
        """Hide random generators. Lock plain arrays: they are constants, a step would change them at each trace."""
        for _, module in self._tree:
            for name, item in list(vars(module).items()):
                if isinstance(item, GENERATORS):
                    self._hidden[id(module), name] = vars(module).pop(name)
                elif isinstance(item, np.ndarray) and item.flags.writeable:
                    item.flags.writeable = False
                    self._locked.append(item)

    def end(self) -> None:
        """Undo :meth:`begin`."""
        modules = {id(module): module for _, module in self._tree}
        for (key, name), item in self._hidden.items():
            vars(modules[key])[name] = item
        for array in sorted(self._locked, key=lambda array: array.base is not None):  # owners before their views
            array.flags.writeable = True

    def hides(self, module: Any, name: str) -> bool:
        """Whether an attribute is a random generator that is hidden now."""
        return (id(module), name) in self._hidden

    def refuse_leaks(self, shown: Callable[[str], str]) -> None:
        """Check that no module holds a traced value.

        Raises:
            TraceError: one does; ``shown`` gives a path as messages show it.
        """
        for path, module in self._tree:
            for name, item in vars(module).items():
                if self._holds_tracer(item):
                    raise TraceError(
                        format_error(
                            f"a traced value is left in self.{name} after the step",
                            where=shown(path),
                            hint="show values with self.record(name, value), keep them in a State",
                        )
                    )

    def _holds_tracer(self, item: Any, depth: int = 4) -> bool:
        """Whether something holds a tracer of this trace, also inside of containers."""
        if isinstance(item, (Tracer, MaskedTracer, Raster, Series)):
            return item.recorder is self._recorder
        if depth == 0:
            return False
        if isinstance(item, Mapping):
            return any(self._holds_tracer(entry, depth - 1) for entry in item.values())
        if isinstance(item, (list, tuple, set, frozenset)):
            return any(self._holds_tracer(entry, depth - 1) for entry in item)
        is_objects = isinstance(item, np.ndarray) and item.dtype == object
        return is_objects and self._holds_tracer(item.ravel().tolist(), depth - 1)
