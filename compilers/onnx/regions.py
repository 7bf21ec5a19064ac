"""The main graph of a model: inputs, the regions of the plan one after the other, and what leaves.

Inside, a stream is time-major: ``(time, batch, *sample)``, or ``(batch, *sample)`` in a one-step model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
from onnx import helper

from graphpool.compilers.onnx.emitter import Emitter, Tensor
from graphpool.compilers.onnx.filters import BlockFilter, block_length, is_running_sum, write_running_sum
from graphpool.compilers.onnx.loops import BATCH, CLOCK, TIME, LoopWriter, tensor_info
from graphpool.compilers.onnx.nodes import Known, NodeWriter
from graphpool.compilers.onnx.options import FileOptions
from graphpool.graph import CONST, SAMPLE, Graph, State, Value
from graphpool.graph.types import INT64, Array
from graphpool.plan import Plan, Region


def input_name(graph: Graph, place: int) -> str:
    """``input``, or ``input.<port>`` where there are several; ``sample`` for the number of the sample."""
    port = graph.inputs[place]
    if port.kind == SAMPLE:
        return SAMPLE
    return "input" if sum(other.kind != SAMPLE for other in graph.inputs) == 1 else f"input.{port.name}"


def param_name(name: str) -> str:
    """What a parameter is called in the file, as a constant and as an input."""
    return f"param.{name}"


class MainGraph:
    """Writes the whole graph of a model.

    Args:
        plan: what it computes.
        handed: the values of ``plan.handed``, which become constants; not read where parameters are inputs.
        options: how it is written.
    """

    def __init__(self, plan: Plan, handed: Mapping[Value, Array], options: FileOptions) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.options = options
        self.labels = unique_labels(plan.graph)
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        first = input_name(plan.graph, 0)
        self._batch = cache(lambda: self.rows.emit("Shape", first, start=0, end=1, name="dims.batch"))
        lead = cache(lambda: self.rows.emit("Shape", f"{first}:steps", start=0, end=2, name="dims.lead"))
        self.rows = Emitter("", self._batch, 1)
        self.steps = self.rows if plan.one_step else self.rows.with_leading(lead, 2)
        self.writer = NodeWriter(plan.graph, self.labels)
        self._length = cache(lambda: self.rows.emit("Shape", f"{first}:steps", start=0, end=1, name="dims.time"))
        trips = cache(lambda: self.rows.emit("Squeeze", self._length(), self.rows.ints([0]), name="dims.steps"))
        self.loops = LoopWriter(self.writer, self.steps, self.rows, options, self._clock, trips)
        self.known: Known = {}
        self.last: Known = {}
        self._constants()
        self._inputs()
        self._states = [self._state(place, state) for place, state in enumerate(self.graph.states)]
        if options.parameters == "inputs":
            self._parameters()
        else:
            self._ready_made(handed)
        self._next: dict[int, Tensor] = {}

    def write(self) -> None:
        """Write the regions and the outputs."""
        if self.plan.one_step:
            self.known |= {state.current: self._states[i] for i, state in enumerate(self.graph.states)}
        for number, region in enumerate(self.plan.regions):
            self.steps.at = self.rows.at = f"{region.kind}{number}"
            if region.kind == "map":
                self.writer.write(self.steps, region.nodes, self.known)
            elif region.kind == "last":
                self._at_the_end(region)
            elif region.kind == "hold":
                self._hold(region)
            elif region.kind == "shift":
                self._shift(region)
            elif region.kind != "affine" or not self._filter(number, region):
                self._repeat(number, region)
        self._leave()

    # --- what comes in -----------------------------------------------------------------------------
    def _constants(self) -> None:
        for value, node in enumerate(self.graph.nodes):
            if node.op == CONST:
                self.known[value] = self.rows.constant(node.attrs["place"].array)

    def _ready_made(self, handed: Mapping[Value, Array]) -> None:
        """What depends on parameters alone, as constants."""
        names = {param.value: param_name(param.name) for param in self.graph.params}
        for value, array in sorted(handed.items()):
            name = names.get(value, f"once.{self.labels[value]}")
            self.known[value] = self.rows.named(name, np.asarray(array))

    def _parameters(self) -> None:
        """The parameters as inputs, and what depends on them alone, in the dtypes of the trace.

        That part has no leading axes: for its emitter it is made of streams that have none.
        """
        graph, once = self.graph, self.rows.without_leading()
        known: Known = {value: self.known[value] for value, node in enumerate(graph.nodes) if node.op == CONST}
        for param in graph.params:
            known[param.value] = Tensor(param_name(param.name), graph.type(param.value))
            self.inputs.append(tensor_info(param_name(param.name), graph.type(param.value)))
        self.writer.write(once, self.plan.once, known)
        self.known |= {value: replace(once.unpack(known[value]), ready=True) for value in self.plan.handed}

    def _inputs(self) -> None:
        for place, port in enumerate(self.graph.inputs):
            name, type_ = input_name(self.graph, place), self.graph.type(port.value)
            if port.kind == SAMPLE:
                self.inputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.INT64, [1]))
                self.known[port.value] = Tensor(self._sample_numbers(name), type_)
                continue
            if self.plan.one_step:
                self.inputs.append(tensor_info(name, type_, BATCH))
                self.known[port.value] = Tensor(name, type_)
                continue
            self.inputs.append(tensor_info(name, type_, BATCH, TIME))
            steps = self.steps.emit("Transpose", name, perm=_swapped(type_.rank), name=f"{name}:steps")
            self.known[port.value] = Tensor(steps, type_)

    def _sample_numbers(self, first: str) -> str:
        """The number of each sample at each step, from that of the first."""
        e = self.steps
        size = e.emit("Squeeze", self._batch(), e.ints([0]))
        numbers = e.emit("Range", e.scalar(0, INT64), size, e.scalar(1, INT64))
        return e.emit("Expand", e.emit("Add", numbers, first), e.lead, name=f"{first}:numbers")

    def _state(self, place: int, state: State) -> Tensor:
        """The initial value, expanded to the batch: its first axis may have length 1, unless the batch is asked for."""
        tensor = Tensor(f"state.{state.name}", self.graph.type(state.current), packed=self.options.private)
        if self.options.private or self.options.states == "batched":
            self.inputs.append(tensor_info(tensor.name, tensor.stored, BATCH))
            return tensor
        self.inputs.append(tensor_info(tensor.name, tensor.type, f"{BATCH}_of_state_{place}"))
        shape = self.rows.full_shape((1,) * tensor.type.rank)
        return replace(tensor, name=self.rows.emit("Expand", tensor, shape, name=f"{tensor.name}:batch"))

    # --- regions -----------------------------------------------------------------------------------
    def _repeat(self, number: int, region: Region) -> None:
        """A loop over axis 0."""
        repeated = self.loops.write(number, region, self.known, self._present(region))
        self._next |= repeated.states
        self.last |= repeated.finals
        self.known |= repeated.outputs

    def _filter(self, number: int, region: Region) -> bool:
        """An affine region without a loop over steps, where that is faster; whether it has been written."""
        assert region.affine is not None
        (place,), affine = region.states, region.affine
        state, start = self.graph.states[place], self._states[place]
        gain = None if affine.gain is None else self.known[affine.gain]
        drive = None if affine.drive is None else self.known[affine.drive]
        length = block_length(start.type, gain, drive)
        if drive is None:
            return False
        if length and gain is not None and gain.array is not None:
            emitters, loop = (self.steps, self.rows), self.options.loop
            blocks = BlockFilter(*emitters, self._length, start.type, gain.array, length, loop)
            made = blocks.write(start, drive, f"filter{number}")
        elif is_running_sum(start.type, gain, drive):
            made = write_running_sum(self.steps, self.rows, start, drive)
        else:
            return False
        self.known[state.next] = Tensor(made, start.type)
        self._next[place] = self._last(state.next)
        others = {*region.outputs, *region.finals} - {state.next}
        if others:
            self.known[state.current] = self._late(self.known[state.next], start)
            self.writer.write(self.steps, sorted(others - {state.current}), self.known)
        return True

    def _late(self, following: Tensor, start: Tensor, *, last_only: bool = False) -> Tensor:
        """The state at each step, from its value after each; or with the last step as it should be, and few others."""
        e, first = self.steps, self.rows.unpack(start)
        # All steps but the last; or the one before the last, if there is one.
        earlier = e.emit("Slice", e.lift(following), e.ints([-2 if last_only else 0]), e.ints([-1]), e.ints([0]))
        late = e.emit("Concat", e.emit("Unsqueeze", first, e.ints([0])), earlier, axis=0)
        return Tensor(late, start.type)

    def _present(self, region: Region) -> Known:
        return {place: self._states[place] for place in region.states}

    def _at_the_end(self, region: Region) -> None:
        """What runs once, on the last step of what it reads."""
        known = {value: self.known[value] for value in region.invariants}
        known |= {value: self._last(value) for value in region.inputs}
        self.writer.write(self.rows, region.nodes, known)
        self.last |= {value: known[value] for value in region.finals}

    def _last(self, value: Value) -> Tensor:
        """A value at the last step."""
        if value not in self.last:
            tensor = self.known[value]
            if tensor.stream and not self.plan.one_step:
                tensor = self._final(tensor)
            self.last[value] = tensor
        return self.last[value]

    def _final(self, stream: Tensor) -> Tensor:
        end = self.steps.constant(np.array(-1, np.int64))
        return replace(stream, name=self.steps.emit("Gather", stream, end, axis=0))

    def _hold(self, region: Region) -> None:
        """The state's first value, at every step."""
        e, (place,) = self.steps, region.states
        current = self.graph.states[place].current
        self._next[place] = self.last[current] = self._states[place]
        if region.outputs:
            first = self.rows.unpack(self._states[place])
            row = e.emit("Unsqueeze", first, e.ints([0]))
            self.known[current] = replace(first, name=e.emit("Expand", row, e.full_shape(first.type.shape)))

    def _shift(self, region: Region) -> None:
        """The state's first value, then each next value one step late."""
        (place,) = region.states
        state = self.graph.states[place]
        self._next[place] = self._last(state.next)
        if not region.outputs and not region.finals:
            return
        late = self._late(self.known[state.next], self._states[place], last_only=not region.outputs)
        if region.outputs:
            self.known[state.current] = late
        else:
            self.last[state.current] = self._final(late)

    def _clock(self) -> Tensor:
        """A Scan takes its length from an input: one number a step, for regions that read no stream."""
        return Tensor(self.steps.emit("ConstantOfShape", self._length()), CLOCK)

    # --- what leaves -------------------------------------------------------------------------------
    def _leave(self) -> None:
        graph, one_step = self.graph, self.plan.one_step
        self.rows.at = self.steps.at = "out"
        outputs = [(output.name, output.value) for output in graph.outputs]
        records = [(f"record.{record.name}", record.value) for record in graph.records]
        for name, value in outputs:
            if one_step or self.plan.emit == "last":
                self._leave_row(name, self.rows.lift(self._last(value)))
            else:
                self._leave_stream(name, value)
        for name, value in records:
            if one_step:
                self._leave_row(name, self.rows.lift(self._last(value)))
            else:
                self._leave_stream(name, value)
        for place, state in enumerate(graph.states):
            last = self._last(state.next) if one_step else self._next[place]
            last = last if last.stream else self.rows.lift(last)
            last = self.rows.pack(last) if self.options.private else self.rows.unpack(last)
            self._leave_row(f"next.{state.name}", last)

    def _leave_stream(self, name: str, value: Value) -> None:
        stream = self.steps.lift(self.known[value])
        self.steps.emit("Transpose", stream, perm=_swapped(stream.rank), name=name)
        self.outputs.append(tensor_info(name, stream.type, BATCH, TIME))

    def _leave_row(self, name: str, row: Tensor) -> None:
        """What has a batch axis only; the runtime goes by the order of the outputs, so it needs no other name."""
        taken = {entry.name for entry in (*self.inputs, *self.outputs)}
        if self.options.private and row.name not in taken:
            name = row.name
        else:
            self.rows.emit("Identity", row, name=name)
        self.outputs.append(tensor_info(name, row.stored, BATCH))


def unique_labels(graph: Graph) -> list[str]:
    """The labels of the text form; where a state is called ``3`` like a value, with the value's index."""
    counts = Counter(graph.labels)
    return [label if counts[label] == 1 else f"{label}:{value}" for value, label in enumerate(graph.labels)]


def _swapped(rank: int) -> list[int]:
    """The permutation that swaps batch and time."""
    return [1, 0, *range(2, 2 + rank)]
