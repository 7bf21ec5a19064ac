"""The arrays that a program works in: buffers for a tile of time, made once and used for every tile and every call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from graphpool.compilers.numpy.generate import RegionCode
from graphpool.graph import CONST, Graph, Value
from graphpool.graph.types import Array, Shape, TensorType
from graphpool.plan import Plan

TILE_BYTES = 1 << 23
"""What the stored values of a tile may take, roughly."""

LONGEST_TILE = 256

FRAMES = 4
"""How many lengths of a tile are kept ready."""

LONGEST_WITHOUT_LOOP = 1 << 14
"""The longest tile where no region walks along rows."""


class Given:
    """What the function of a region takes: what stays where it is, and lists of rows.

    Attributes:
        fixed: the arrays.
    """

    def __init__(self, fixed: tuple[Any, ...], over_time: list[Array], steps: int) -> None:
        self.fixed, self._over_time, self._steps = fixed, over_time, steps

    @cached_property
    def _rows(self) -> list[list[Array]]:
        return [list(array) for array in self._over_time]

    def steps(self) -> Iterable[Any]:
        """What a scan takes at each step: a row, or a tuple of rows."""
        if len(self._rows) > 1:
            return zip(*self._rows, strict=True)
        return self._rows[0] if self._rows else range(self._steps)


class Workspace:
    """The arrays for one batch and one set of parameters, for tiles up to a length.

    It belongs to one call at a time.
    """

    def __init__(
        self, plan: Plan, codes: Sequence[RegionCode], handed: Mapping[Value, Array], batch: int, steps: int
    ) -> None:
        self.plan, self.codes, self.batch, self.capacity = plan, codes, batch, steps
        self._handed = tuple(handed.values())
        self._identities = [*map(id, self._handed)]
        self._fixed: dict[Value, Array] = {**constants(plan.graph), **handed}
        self._slots: dict[tuple[Shape, TensorType, int], Array] = {}
        self._frames: dict[int, list[Given]] = {}
        self._aliases = {value: alias for code in codes for value, alias in code.aliases.items()}
        self.arrays: dict[Value, Array] = {}
        self.finals: dict[Value, Array] = {}
        if not plan.one_step:
            for value, type_ in stored_types(plan, codes).items():
                self.arrays[value] = np.empty((steps, batch, *type_.shape), type_.dtype)

    def fits(self, handed: Mapping[Value, Array], batch: int, steps: int) -> bool:
        """Whether a call can use it."""
        same = batch == self.batch and steps <= self.capacity
        return same and [*map(id, handed.values())] == self._identities

    def frame(self, steps: int) -> list[Given]:
        """What the functions of all regions take for a tile of so many steps."""
        if steps not in self._frames:
            if len(self._frames) >= FRAMES:
                self._frames.clear()
            self._frames[steps] = [self._given(code, steps) for code in self.codes]
        return self._frames[steps]

    def value(self, value: Value, steps: int) -> Array:
        """A value of the graph: ``(steps, B, *sample)`` if every step is kept, ``sample`` if it is no stream."""
        if value in self._aliases:
            source, make = self._aliases[value]
            made: Array = make(self.value(source, steps), (steps, self.batch))
            return made
        return self.arrays[value][:steps] if value in self.arrays else self._fixed[value]

    def last(self, value: Value, steps: int) -> Array:
        """A value of the graph at the last step of a tile, ``(B, *sample)``."""
        return self.finals[value] if value in self.finals else self.lifted(value, steps)[steps - 1]

    def lifted(self, value: Value, steps: int) -> Array:
        """A value of the graph with the leading axes of a stream."""
        array = self.value(value, steps)
        if value in self.arrays or value in self._aliases:
            return array
        return np.broadcast_to(array, (steps, self.batch, *array.shape))

    def _given(self, code: RegionCode, steps: int) -> Given:
        leading = (steps, self.batch) if code.is_map else (self.batch,)
        made: dict[str, Any] = {}

        def find(name: str | None) -> Any:
            if name is None:
                return None
            if name not in made:
                if name in code.derived:
                    source, make = code.derived[name]
                    made[name] = make(find(source), leading)
                elif name in code.slots:
                    made[name] = self._slot(leading, code.slots[name], int(name[1:]))
                else:
                    made[name] = self.value(int(name[1:]), steps)
            return made[name]

        return Given(tuple(map(find, code.fixed)), [*map(find, code.rows)], steps)

    def _slot(self, leading: Shape, type_: TensorType, number: int) -> Array:
        """A buffer; those of one number are shared by the regions, which run one after the other."""
        over_time = len(leading) == 2
        key = (self.capacity, self.batch) if over_time else leading, type_, number
        if key not in self._slots:
            self._slots[key] = np.empty(key[0] + type_.shape, type_.dtype)
        return self._slots[key][: leading[0]] if over_time else self._slots[key]


def constants(graph: Graph) -> dict[Value, Array]:
    """The constants of a graph."""
    return {value: node.attrs["place"].array for value, node in enumerate(graph.nodes) if node.op == CONST}


def stored_types(plan: Plan, codes: Sequence[RegionCode]) -> dict[Value, TensorType]:
    """The values of which a tile keeps every step."""
    graph = plan.graph
    types = {port.value: graph.type(port.value) for port in graph.inputs}
    for code in codes:
        types |= code.stored
    return types


def tile_length(plan: Plan, codes: Sequence[RegionCode], batch: int, steps: int) -> int:
    """How many steps run at once: tiles of about equal length that stay in the cache."""
    types = [*stored_types(plan, codes).values()]
    types += [type_ for code in codes if code.is_map for type_ in code.slots.values()]
    row = batch * sum(type_.size * type_.dtype.itemsize for type_ in types)
    loops = any(region.kind == "scan" for region in plan.regions)
    longest = max(1, min(LONGEST_TILE if loops else LONGEST_WITHOUT_LOOP, TILE_BYTES // max(row, 1)))
    return -(-steps // -(-steps // longest))
