"""Running a plan on NumPy arrays, with few compilations.

XLA compiles a program for one batch and one number of steps. At each batch the first number of steps is compiled as it
is. Any other is put together of runs of that number, where it is long enough, and of runs of a second program, whose
input says where it ends: behind that, states stand still. So inputs of whatever lengths compile at most twice a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphpool.compilers.jax.arrange import arranged
from graphpool.compilers.jax.evaluate import evaluate_plan
from graphpool.compilers.jax.pure import PureFunction, pure
from graphpool.graph import Graph, Value
from graphpool.graph.types import Array
from graphpool.passes.freeze import Freeze
from graphpool.plan import Plan, make_plan

TILE = 2**27
"""Bytes of inputs, outputs and values between regions in one run of a program; longer inputs go piece by piece."""

SHORTEST, LONGEST = 16, 1024
"""Steps of a program whose input says where it ends."""

LONG = 128
"""From so many steps on, a run of the first program is worth a call."""

LENT = 2**16
"""Bytes from which on memory of JAX's is handed over and not copied."""

Arrays = list[Array]


class JaxProgram:
    """Runs a plan.

    Called with the values computed once per parameter set, the states ``(B, *shape)`` in the order of the
    graph, and the inputs ``(B, T, *sample)`` (``(B, *sample)`` if the plan is for one step). Returns outputs,
    states and records likewise, as arrays that belong to the caller.

    The values computed once stay on the device until another mapping comes: change them by a new mapping,
    never in place.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._executables: dict[tuple[Any, ...], Any] = {}
        self._steps: dict[int, int] = {}
        self._padded_steps: dict[int, int] = {}
        self._ready: tuple[Mapping[Value, Array], list[jax.Array]] | None = None

    def __call__(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[Arrays, Arrays, Arrays]:
        batch, steps = inputs[0].shape[0], 1
        if not self.plan.one_step:
            steps = inputs[0].shape[1]
            if batch not in self._steps:
                self._steps[batch] = self._first_tile(batch, steps)
            if steps != self._steps[batch]:
                pieces = self._cut(batch, steps)
                return self._in_pieces(handed, states, inputs, pieces, np.full(batch, steps))
        made = self._run(handed, states, inputs, is_padded=False)
        return self._parted(_owned(made, (*states, *inputs)), len(states))

    def ragged(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array], lengths: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        """As a call, for samples with their own numbers of steps ``(B,)``.

        Outputs and records behind a sample's end are 0, its states are those after its last step; a plan that emits
        the last step emits each sample's own.
        """
        batch, steps = inputs[0].shape[:2]
        pieces = self._cut_padded(batch, 0, steps)
        outputs, following, records = self._in_pieces(handed, states, inputs, pieces, lengths)
        behind = np.arange(steps) >= lengths[:, None]
        for array in records if self.plan.emit == "last" else (*outputs, *records):
            array[behind] = 0
        return outputs, following, records

    @property
    def compiled(self) -> int:
        """How many programs have been compiled so far."""
        return len(self._executables)

    @property
    def pure(self) -> PureFunction:
        """The same plan as a pure function, if its graph is in 32 bit throughout."""
        return pure(self.plan)

    def __reduce__(self) -> tuple[type[JaxProgram], tuple[Plan]]:
        return JaxProgram, (self.plan,)

    # --- how a run is cut ------------------------------------------------------------------------------------------
    def _first_tile(self, batch: int, steps: int) -> int:
        """The first number of steps at a batch, or an even part of it that fits."""
        most = max(1, TILE // (batch * _bytes_a_step(self.plan)))
        return ceil(steps / ceil(steps / most))

    def _cut(self, batch: int, steps: int) -> Iterator[Piece]:
        """The pieces of a run that is not as long as the first one."""
        tile = self._steps[batch]
        rest = steps % tile if tile >= LONG else steps
        if rest and tile < self._padded_steps.setdefault(batch, _power_of_two(rest)):
            rest = steps  # pieces of the padded program are longer
        else:
            rest = steps % tile
            yield from (Piece(start, start + tile, is_padded=False) for start in range(0, steps - rest, tile))
        yield from self._cut_padded(batch, steps - rest, steps)

    def _cut_padded(self, batch: int, start: int, stop: int) -> Iterator[Piece]:
        if start < stop:
            size = self._padded_steps.setdefault(batch, _power_of_two(stop - start))
            yield from (Piece(at, min(at + size, stop), is_padded=True) for at in range(start, stop, size))

    # --- running pieces --------------------------------------------------------------------------------------------
    def _in_pieces(
        self,
        handed: Mapping[Value, Array],
        states: Sequence[Array],
        inputs: Sequence[Array],
        pieces: Iterator[Piece],
        ends: Array,
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Run piece after piece; ``ends`` says how many steps each sample has."""
        (batch, steps), graph = inputs[0].shape[:2], self.plan.graph
        last = self.plan.emit == "last"
        outputs = [_zeros(graph, entry.value, (batch,) if last else (batch, steps)) for entry in graph.outputs]
        records = [_zeros(graph, entry.value, (batch, steps)) for entry in graph.records]
        for piece in pieces:
            part = [x[:, piece.start : piece.stop] for x in inputs]
            if piece.is_padded:
                made, states, seen = self._run_padded(handed, states, part, outputs, ends - piece.start)
            else:
                made, states, seen = self._parted(self._run(handed, states, part, is_padded=False), len(states))
            for whole, one in zip(outputs, made, strict=True):
                if last:
                    whole[...] = one
                else:
                    piece.put(whole, one)
            for whole, one in zip(records, seen, strict=True):
                piece.put(whole, one)
        return outputs, [np.array(state) for state in states], records

    def _run_padded(
        self, handed: Mapping[Value, Array], states: Sequence[Array], part: Arrays, outputs: Arrays, ends: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        batch, steps = part[0].shape[:2]
        size, count = self._padded_steps[batch], len(states)
        room = size - steps
        inputs = [np.pad(x, [(0, 0), (0, room), *[(0, 0)] * (x.ndim - 2)]) if room else x for x in part]
        active = np.arange(size) < ends[:, None]
        if self.plan.emit == "each":
            return self._parted(self._run(handed, states, [*inputs, active], is_padded=True), count)
        # The outputs are further states.
        made = self._run(handed, [*states, *outputs], [*inputs, active], is_padded=True)
        end = count + len(outputs)
        return made[count:end], made[:count], made[end:]

    def _run(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array], is_padded: bool
    ) -> Arrays:
        """Run a program: outputs, states and records in one list. They are JAX's: only read them."""
        arrays = (*self._on_device(handed), *states, *inputs)
        key = (*inputs[0].shape[:2], is_padded)
        # Outside of it, JAX would take 64 bit for 32.
        with jax.enable_x64(True):
            if key not in self._executables:
                self._executables[key] = self._compile(arrays, is_padded)
            return [np.asarray(array) for array in self._executables[key](*arrays)]

    def _parted(self, arrays: Arrays, count: int) -> tuple[Arrays, Arrays, Arrays]:
        """Outputs, states and records."""
        first = len(self.plan.graph.outputs)
        return arrays[:first], arrays[first : first + count], arrays[first + count :]

    def _compile(self, arrays: Sequence[Any], is_padded: bool) -> Any:
        """A program for arrays of these shapes. Called so, it takes less time than through ``jax.jit``."""
        plan = self._padded_plan if is_padded else self.plan
        handed, count = plan.handed, len(plan.graph.states)

        def function(*arrays: jax.Array) -> list[jax.Array]:
            env = dict(zip(handed, arrays, strict=False))
            rest = arrays[len(handed) :]
            outputs, following, records = evaluate_plan(plan, env, rest[:count], rest[count:])
            return [*outputs, *following, *records]

        return jax.jit(function).lower(*arrays).compile()

    @cached_property
    def _padded_plan(self) -> Plan:
        """The plan whose last input says at which steps a sample goes on."""
        graph = Freeze(keep_outputs=self.plan.emit == "last").run(self.plan.graph).graph
        plan = make_plan(graph, self.plan.hoist)
        return arranged(plan) if plan.hoist == "auto" else plan

    def _on_device(self, handed: Mapping[Value, Array]) -> list[jax.Array]:
        """The values computed once, as JAX arrays: moving them takes longer than a small step."""
        ready = self._ready
        if ready is None or ready[0] is not handed:
            with jax.enable_x64(True):
                ready = (handed, [jnp.array(handed[value]) for value in self.plan.handed])
            self._ready = ready
        return ready[1]


@dataclass(frozen=True)
class Piece:
    """Some steps of a run, and the program that runs them."""

    start: int
    stop: int
    is_padded: bool

    def put(self, whole: Array, part: Array) -> None:
        """Copy the piece to its place."""
        whole[:, self.start : self.stop] = part[:, : self.stop - self.start]


def _power_of_two(steps: int) -> int:
    """The steps of a padded program that runs so many at a time."""
    return 1 << (min(max(steps, SHORTEST), LONGEST) - 1).bit_length()


def _bytes_a_step(plan: Plan) -> int:
    """What one step of one sample takes: inputs, values between regions, records; twice where batch and time swap."""
    graph = plan.graph
    leaving = [port.value for port in graph.inputs]
    leaving += [output.value for output in graph.outputs] + [record.value for record in graph.records]
    stored = [*leaving, *leaving, *(value for region in plan.regions for value in region.outputs)]
    types = [graph.type(value) for value in stored]
    return max(1, sum(prod(type_.shape) * type_.dtype.itemsize for type_ in types))


def _zeros(graph: Graph, value: Value, leading: tuple[int, ...]) -> Array:
    type_ = graph.type(value)
    return np.zeros(leading + type_.shape, type_.dtype)


# --- between NumPy and JAX ----------------------------------------------------------------------------------------
def _owned(arrays: Arrays, given: Sequence[Array]) -> Arrays:
    """The arrays as the caller's own.

    What JAX lends is read-only. Small arrays are copied. A large one is handed over as it is, since nobody else has its
    memory; unless it is in use already: an input that comes out as it went in, or a value that comes out twice.
    """
    if all(array.nbytes < LENT for array in arrays):
        return [array.copy() for array in arrays]
    owned, taken = [], {_address(array) for array in given}
    for array in arrays:
        is_free = array.nbytes >= LENT and array.flags.c_contiguous and _address(array) not in taken
        taken.add(_address(array))
        owned.append(np.asarray(_Lender(array)) if is_free else array.copy())
    return owned


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


class _Lender:
    """Lets NumPy write to an array of which it is the only owner."""

    def __init__(self, array: Array) -> None:
        self._array = array
        interface = array.__array_interface__
        self.__array_interface__ = interface | {"data": (interface["data"][0], False)}
