"""Running a plan on NumPy arrays, with few compilations.

XLA compiles a program for one batch and one number of steps. At each batch the first number of steps is compiled as it
is. Any other is put together of runs of that number, where it is long enough, and of runs of a second program, whose
input says where it ends: behind that, states stand still. So inputs of whatever lengths compile at most twice a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphpool.compilers.jax.evaluate import Environment, evaluate_plan
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
        self._whole = jax.jit(partial(evaluate_plan, plan, False))
        self._steps: dict[int, int] = {}
        self._padded_steps: dict[int, int] = {}
        self._ready: tuple[Mapping[Value, Array], Environment] | None = None

    def __call__(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[Arrays, Arrays, Arrays]:
        ready = self._on_device(handed)
        batch, steps = inputs[0].shape[:2]
        if not self.plan.one_step:
            if batch not in self._steps:
                self._steps[batch] = self._first_tile(batch, steps)
            if steps != self._steps[batch]:
                return self._in_pieces(ready, states, inputs, self._cut(batch, steps), np.full(batch, steps))
        taken = {array.__array_interface__["data"][0] for array in (*states, *inputs)}
        outputs, following, records = _run(self._whole, ready, states, inputs)
        return _owned(outputs, taken), _owned(following, taken), _owned(records, taken)

    def ragged(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array], lengths: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        """As a call, for samples with their own numbers of steps ``(B,)``.

        Outputs and records behind a sample's end are 0, its states are those after its last step; a plan that emits
        the last step emits each sample's own.
        """
        batch, steps = inputs[0].shape[:2]
        pieces = self._cut_padded(batch, 0, steps)
        outputs, following, records = self._in_pieces(self._on_device(handed), states, inputs, pieces, lengths)
        behind = np.arange(steps) >= lengths[:, None]
        for array in records if self.plan.emit == "last" else (*outputs, *records):
            array[behind] = 0
        return outputs, following, records

    @property
    def compiled(self) -> int:
        """How many programs have been compiled so far."""
        padded = self.__dict__.get("_padded")
        return sum(program._cache_size() for program in (self._whole, padded) if program is not None)

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
        if rest == 0 or tile >= self._padded_steps.setdefault(batch, _power_of_two(rest)):
            rest = steps % tile
            yield from (Piece(start, start + tile, is_padded=False) for start in range(0, steps - rest, tile))
        yield from self._cut_padded(batch, steps - rest, steps)

    def _cut_padded(self, batch: int, start: int, stop: int) -> Iterator[Piece]:
        if start < stop:
            size = self._padded_steps.setdefault(batch, _power_of_two(stop - start))
            yield from (Piece(at, min(at + size, stop), is_padded=True) for at in range(start, stop, size))

    # --- running pieces --------------------------------------------------------------------------------------------
    def _in_pieces(
        self, ready: Environment, states: Sequence[Array], inputs: Sequence[Array], pieces: Iterator[Piece], ends: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Run piece after piece; ``ends`` says how many steps each sample has."""
        (batch, steps), graph = inputs[0].shape[:2], self.plan.graph
        last = self.plan.emit == "last"
        outputs = [_zeros(graph, entry.value, (batch,) if last else (batch, steps)) for entry in graph.outputs]
        records = [_zeros(graph, entry.value, (batch, steps)) for entry in graph.records]
        for piece in pieces:
            part = [x[:, piece.start : piece.stop] for x in inputs]
            if piece.is_padded:
                made, states, seen = self._run_padded(ready, states, part, outputs, ends - piece.start)
            else:
                made, states, seen = _run(self._whole, ready, states, part)
            for whole, one in zip(outputs, made, strict=True):
                if last:
                    whole[...] = one
                else:
                    piece.put(whole, one)
            for whole, one in zip(records, seen, strict=True):
                piece.put(whole, one)
        return outputs, [np.array(state) for state in states], records

    def _run_padded(
        self, ready: Environment, states: Sequence[Array], part: Arrays, outputs: Arrays, ends: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        batch, steps = part[0].shape[:2]
        size, last = self._padded_steps[batch], self.plan.emit == "last"
        room = size - steps
        inputs = [np.pad(x, [(0, 0), (0, room), *[(0, 0)] * (x.ndim - 2)]) if room else x for x in part]
        active = np.arange(size) < ends[:, None]
        # A plan that emits the last step has the outputs as further states.
        given = [*states, *outputs] if last else states
        made, following, seen = _run(self._padded, ready, given, [*inputs, active])
        return (following[len(states) :] if last else made), following[: len(states)], seen

    @cached_property
    def _padded(self) -> Any:
        """The program whose last input says at which steps a sample goes on."""
        graph = Freeze(keep_outputs=self.plan.emit == "last").run(self.plan.graph).graph
        return jax.jit(partial(evaluate_plan, make_plan(graph, self.plan.hoist), False))

    def _on_device(self, handed: Mapping[Value, Array]) -> Environment:
        """The values computed once, as JAX arrays: moving them takes longer than a small step."""
        ready = self._ready
        if ready is None or ready[0] is not handed:
            with jax.enable_x64(True):
                ready = (handed, {value: jnp.array(handed[value]) for value in self.plan.handed})
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
    leaving = [entry.value for entry in (*graph.inputs, *graph.outputs, *graph.records)]
    stored = [*leaving, *leaving, *(value for region in plan.regions for value in region.outputs)]
    types = [graph.type(value) for value in stored]
    return max(1, sum(prod(type_.shape) * type_.dtype.itemsize for type_ in types))


def _zeros(graph: Graph, value: Value, leading: tuple[int, ...]) -> Array:
    type_ = graph.type(value)
    return np.zeros(leading + type_.shape, type_.dtype)


# --- between NumPy and JAX ----------------------------------------------------------------------------------------
def _run(
    program: Any, ready: Environment, states: Sequence[Array], inputs: Sequence[Array]
) -> tuple[Arrays, Arrays, Arrays]:
    """Run a jitted program; the arrays are JAX's: only read them."""
    # Called outside of it, the function would be traced again in 32 bit.
    with jax.enable_x64(True):
        outputs, following, records = program(ready, list(states), list(inputs))
    return [np.asarray(a) for a in outputs], [np.asarray(a) for a in following], [np.asarray(a) for a in records]


def _owned(arrays: Arrays, taken: set[int]) -> Arrays:
    """The arrays as the caller's own.

    What JAX lends is read-only. Small arrays are copied. A large one is handed over as it is, since nobody else has its
    memory; unless it is in use already: an input that comes out as it went in, or a value that comes out twice.
    """
    owned = []
    for array in arrays:
        address = array.__array_interface__["data"][0]
        is_free = array.nbytes >= LENT and array.flags.c_contiguous and address not in taken
        owned.append(np.asarray(_Lender(array)) if is_free else np.array(array))
        taken.add(address)
    return owned


class _Lender:
    """Lets NumPy write to an array of which it is the only owner."""

    def __init__(self, array: Array) -> None:
        self._array = array
        interface = array.__array_interface__
        self.__array_interface__ = interface | {"data": (interface["data"][0], False)}
