"""Single steps of an ONNX model whose states stay where the engine reads and writes them.

A step reads the states from one set of buffers and writes the next ones to another; then the two change places. So no
state is copied, no buffer is made, and a step that fails has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from graphpool.artifact import Signature
from graphpool.graph.types import Array, Shape

Arrays = list[Array]


class Resident(Protocol):
    """Where a state lives that a target keeps to itself between steps."""

    def fetch(self) -> dict[str, Array]:
        """Copies of all states by dotted path, as a runtime keeps them: of one sample without an axis of the batch."""
        ...


@dataclass(frozen=True)
class StepModel:
    """A model that a session runs for one step, and how the model shapes what goes in and out.

    Attributes:
        session: of onnxruntime. It may lack inputs that nothing reads.
        signals: the names of its inputs that change with each step.
        outputs: the names of those of its outputs that are wanted.
        states: the names of each state as an input and as an output.
        fixed: what else it takes, by name.
        has_time: its signals and its outputs have a time axis, of length 1; the second may be without.
        packed: its states have no axes of length 1 but that of the batch.
    """

    session: Any
    signals: Sequence[str]
    outputs: Sequence[str]
    states: Sequence[tuple[str, str]]
    fixed: Mapping[str, Array]
    has_time: tuple[bool, bool] = (False, False)
    packed: bool = False


class ResidentSteps:
    """The steps of one batch.

    Args:
        model: what runs.
        signature: its face.
        batch: the number of samples.
    """

    def __init__(self, model: StepModel, signature: Signature, batch: int) -> None:
        self.batch = batch
        self.sample = 0
        self._signature = signature
        self._run = model.session.run_with_iobinding
        self._fixed = dict(model.fixed)

        def buffers(entries: Sequence[Any], has_time: bool = False, packed: bool = False) -> Arrays:
            shapes = [_shape(batch, entry.type.shape, has_time, packed) for entry in entries]
            return [np.zeros(shape, entry.type.dtype) for shape, entry in zip(shapes, entries, strict=True)]

        signals = buffers(signature.inputs, model.has_time[0])
        numbers = [np.zeros(1, np.int64)] if signature.takes_sample else []
        outputs = buffers(signature.outputs, model.has_time[1])
        states = [buffers(signature.states, packed=model.packed) for _ in range(2)]
        taken = {entry.name for entry in model.session.get_inputs()}
        before, after = [name for name, _ in model.states], [name for _, name in model.states]
        self._bindings = []
        for present, following in (states, states[::-1]):
            binding = model.session.io_binding()
            given = dict(zip([*model.signals, *before], [*signals, *numbers, *present], strict=True))
            for name, array in (given | self._fixed).items():
                if name in taken:
                    binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            for name, array in zip([*model.outputs, *after], [*outputs, *following], strict=True):
                binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            self._bindings.append(binding)
        self._turn = 0
        self._signals = [*_views(batch, signature.inputs, signals), *numbers]
        self._outputs = _views(batch, signature.outputs, outputs)
        self._states = [_views(batch, signature.states, arrays) for arrays in states]
        self._signal, self._output = self._signals[0], self._outputs[0]
        self._dtype, self._shapes = self._signal.dtype, [self._signal.shape]
        if batch == 1:
            self._shapes.append(self._signal.shape[1:])
        self._is_plain = len(signature.inputs) == 1 and [port.name for port in signature.outputs] == ["output"]

    def load(self, states: Sequence[Array]) -> None:
        """Go on from other states, ``(B, *shape)``."""
        for buffer, array in zip(self._states[self._turn], states, strict=True):
            buffer[...] = array

    def fetch(self) -> dict[str, Array]:
        """Copies of the states by dotted path; of one sample without the axis of the batch."""
        arrays = self._states[self._turn]
        return {
            entry.name: np.array(array[0] if self.batch == 1 else array)
            for entry, array in zip(self._signature.states, arrays, strict=True)
        }

    def fits(self, x: Any) -> bool:
        """Whether an input can go in as it is, and one array comes out."""
        return self._is_plain and type(x) is np.ndarray and x.dtype == self._dtype and x.shape in self._shapes

    def step(self, x: Array) -> Array:
        """One step with an input that fits; the output has a batch axis if the input has one."""
        self._signal[...] = x
        self._run(self._bindings[self._turn])
        self._turn ^= 1
        output = self._output if x.ndim == self._signal.ndim else self._output[0]
        return output.copy()

    def advance(self, inputs: Sequence[Array]) -> Arrays:
        """One step with all inputs ``(B, *sample)``, and the numbers of the samples where the model has noise."""
        if self._signature.takes_sample:
            inputs = [*inputs[:-1], inputs[-1].reshape(-1)[:1]]
            self.sample = int(inputs[-1][0])
        for buffer, array in zip(self._signals, inputs, strict=True):
            buffer[...] = array
        self._run(self._bindings[self._turn])
        self._turn ^= 1
        return [output.copy() for output in self._outputs]


def _shape(batch: int, shape: Shape, has_time: bool, packed: bool) -> Shape:
    sample = tuple(size for size in shape if size != 1) if packed else shape
    return (batch, *((1,) if has_time else ()), *sample)


def _views(batch: int, entries: Sequence[Any], arrays: Arrays) -> Arrays:
    """The buffers as ``(B, *shape)``."""
    return [array.reshape(batch, *entry.type.shape) for entry, array in zip(entries, arrays, strict=True)]
