"""Affine states without a loop over steps.

A state that becomes ``gain * state + drive`` is a filter of its drive. Time is cut into blocks; within all blocks at
once the filter is one product with a triangular matrix of the powers of the gain, and only the state at the end of each
block goes through a loop. Where the gain is 1, it is a running sum.

A product adds up all steps of a block, with a factor of 0 for those that come later. So that no NaN or infinity of a
later step gets into an earlier one, these are taken out before the product, and their running sum is added behind it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import helper

from graphpool.compilers.onnx.emitter import Emitter, Tensor
from graphpool.compilers.onnx.loops import BATCH, CONDITION, COUNTER, tensor_info
from graphpool.graph import TensorType
from graphpool.graph.types import BOOL, INT64, Array
from graphpool.ops.affine import CHANNELS

LENGTHS = (64, 32, 16, 8)
"""The numbers of steps in a block, the best first."""

MOST_POWERS = 2**16
"""How many powers of gains a file may hold for one state, in elements."""


def is_running_sum(state: TensorType, gain: Tensor | None, drive: Tensor | None) -> bool:
    """Whether a state is the sum of all drives."""
    return gain is None and drive is not None and state.size <= CHANNELS


def block_length(state: TensorType, gain: Tensor | None, drive: Tensor | None) -> int:
    """How many steps a block may have; 0 where the state is better left to a loop.

    A gain must be positive, and no power of it may be infinite, or zero where it is not: that would turn infinite
    states to NaN.
    """
    if gain is None or gain.array is None or drive is None or state.size > CHANNELS or not state.size:
        return 0
    gains = np.unique(gain.array.astype(np.float64))
    info = np.finfo(state.dtype)
    for length in LENGTHS:
        if (gain.array.size if len(gains) > 1 else 1) * length**2 > MOST_POWERS:
            continue
        with np.errstate(all="ignore"):
            extremes = gains[[0, -1]] ** length
        if np.all(gains > 0) and info.tiny <= extremes[0] and extremes[1] <= info.max:
            return length
    return 0


def write_running_sum(e: Emitter, rows: Emitter, start: Tensor, drive: Tensor) -> str:
    """The state after each step, added up in the order of the steps."""
    first = e.emit("Unsqueeze", rows.unpack(start), e.ints([0]))
    both = e.emit("Concat", first, _spread(e, drive, start.type), axis=0)
    sums = e.emit("CumSum", both, e.scalar(0, INT64))
    return e.emit("Slice", sums, e.ints([1]), e.ints([np.iinfo(np.int64).max]), e.ints([0]))


def _spread(e: Emitter, drive: Tensor, state: TensorType) -> str:
    """A drive of the shape of the state, at every step."""
    stream = e.lift(drive)
    if stream.type.shape == state.shape:
        return stream.name
    return e.emit("Expand", e.pad(stream, state.rank), e.ints([1] * e.leading + list(state.shape)))


class BlockFilter:
    """Writes one filter by blocks.

    Args:
        e: the emitter of the main graph, for streams.
        rows: the same, for what has a batch axis only.
        steps: gives the name of the number of steps, in a vector.
        state: the type of the state.
        gain: one number, or one for each element of the state.
        length: that of a block.
        loop: the op that repeats: ``"Scan"`` or ``"Loop"``.
    """

    def __init__(
        self,
        e: Emitter,
        rows: Emitter,
        steps: Callable[[], str],
        state: TensorType,
        gain: Array,
        length: int,
        loop: str,
    ) -> None:
        self.e, self.rows = e, rows
        self.steps = steps
        self.state, self.length, self.loop = state, length, loop
        gains = gain.astype(np.float64)
        # One gain for all needs one matrix.
        self.gains = gains.reshape(-1)[:1].reshape(()) if np.all(gains == gains.flat[0]) else gains

    def write(self, start: Tensor, drive: Tensor, label: str) -> str:
        """The state after each step."""
        e, rank = self.e, self.state.rank
        last = 1 + rank
        turned = e.emit("Transpose", _spread(e, drive, self.state), perm=[*range(1, 2 + rank), 0])
        missing = e.emit("Mod", e.emit("Neg", self.steps()), e.ints([self.length]), fmod=0)
        padded = e.emit("Pad", turned, e.emit("Concat", e.ints([0] * (2 * last + 1)), missing, axis=0))
        blocks = e.emit("Reshape", padded, e.ints([0] * last + [-1, self.length]))
        within = self._within(blocks)
        ends = e.emit("Gather", within, e.constant(np.array(-1, np.int64)), axis=last + 1)
        before = self._carried(self.rows.unpack(start), e.emit("Transpose", ends, perm=[last, *range(last)]), label)
        turned_before = e.emit("Transpose", before, perm=[*range(1, 1 + last), 0])
        column = e.emit("Unsqueeze", turned_before, e.ints([-1]))
        faded = e.emit("Mul", column, self._constant(self._powers(np.arange(1, self.length + 1))[..., None, :]))
        whole = e.emit("Reshape", e.emit("Add", within, faded), e.ints([0] * last + [-1]))
        cut = e.emit("Slice", whole, e.ints([0]), self.steps(), e.ints([last]))
        return e.emit("Transpose", cut, perm=[last, *range(last)])

    def _within(self, blocks: str) -> str:
        """The filter in each block, from a state of zero."""
        e, zero = self.e, self.e.scalar(0, self.state.dtype)
        finite = e.emit("Equal", e.emit("Sub", blocks, blocks), zero)
        tame = e.where(finite, blocks, zero, self.state.dtype)
        distance = np.arange(self.length) - np.arange(self.length)[:, None]
        powers = np.where(distance >= 0, self._powers(np.maximum(distance, 0)), 0)
        product = e.emit("MatMul", tame, self._constant(powers))
        wild = e.emit("CumSum", e.emit("Sub", blocks, tame), e.scalar(self.state.rank + 2, INT64))
        return e.emit("Add", product, wild)

    def _carried(self, start: Tensor, ends: str, label: str) -> str:
        """The state before each block, from what each adds to it."""
        e, body = self.e, Emitter(f"{label}.", lambda: self.rows.lead, 1, outer=self.e)
        carry, end, step, going = (f"{label}.{name}" for name in ("carry", "end", "step", "going"))
        names = [f"{label}.after", f"{label}.before"]
        state = tensor_info(carry, self.state, BATCH)
        if self.loop == "Loop":
            body.emit("Gather", ends, step, axis=0, name=end)
        gain = self._constant(self._powers(np.array(self.length)))
        following = body.emit("Add", body.emit("Mul", carry, gain), end)
        results = [body.emit("Identity", following), body.emit("Identity", carry)]
        outputs = [tensor_info(name, self.state, BATCH) for name in results]
        if self.loop == "Loop":
            inputs = [tensor_info(step, COUNTER), tensor_info(going, CONDITION), state]
            outputs = [tensor_info(body.emit("Identity", going), CONDITION), *outputs]
            graph = helper.make_graph(body.nodes, label, inputs, outputs, body.initializers())
            blocks = e.emit("Squeeze", e.emit("Shape", ends, start=0, end=1), e.ints([0]))
            return e.emit_many("Loop", [blocks, e.scalar(True, BOOL), start], names, body=graph)[1]
        inputs = [state, tensor_info(end, self.state, BATCH)]
        graph = helper.make_graph(body.nodes, label, inputs, outputs, body.initializers())
        return e.emit_many("Scan", [start, ends], names, body=graph, num_scan_inputs=1)[1]

    def _powers(self, exponents: Array) -> Array:
        """Powers of the gains, in double precision; the axes of the exponents stand last."""
        with np.errstate(under="ignore"):
            return np.power(self.gains.reshape((*self.gains.shape, *[1] * exponents.ndim)), exponents)

    def _constant(self, powers: Array) -> Tensor:
        return self.e.constant(powers.astype(self.state.dtype))
