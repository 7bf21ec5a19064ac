"""The regions that run step by step: a Scan or a Loop over axis 0, with as few nodes in its body as possible.

The body carries states only; all that does not change is captured from the main graph. States and streams whose samples
have axes of length 1 go in without them where every reader can do without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graphpool.compilers.onnx.emitter import Emitter, Tensor
from graphpool.compilers.onnx.nodes import Known, NodeWriter
from graphpool.compilers.onnx.options import FileOptions
from graphpool.graph import TensorType, Value
from graphpool.graph.types import BOOL, FLOAT32, INT64
from graphpool.plan import Region

BATCH, TIME = "batch", "time"
"""The symbols of the leading axes. Each state has one of its own: its first axis may be 1 for any batch."""

CLOCK = TensorType(FLOAT32, ())
"""What a Scan reads at each step that reads nothing else; it has no batch axis."""

COUNTER, CONDITION = TensorType(INT64, ()), TensorType(BOOL, ())
"""What the body of a Loop takes: the number of the step, and whether to go on."""

Infos = list[onnx.ValueInfoProto]


def tensor_info(name: str, type_: TensorType, *leading: str) -> onnx.ValueInfoProto:
    """What a graph declares of an input or an output."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(type_.dtype), [*leading, *type_.shape])


@dataclass(frozen=True)
class Repeated:
    """What comes out of a loop.

    Attributes:
        states: the tensors of the carried states after the last step, by position.
        finals: the tensors of the region's finals, after the last step.
        outputs: the tensors of the region's outputs, for every step.
    """

    states: dict[int, Tensor]
    finals: Known
    outputs: Known


Results = dict[str, Tensor]
"""The tensors of a body that leave it, by the names that they get outside."""


class LoopWriter:
    """Writes the loops of one main graph.

    Args:
        writer: writes the nodes of bodies.
        steps: the emitter of the main graph, for streams.
        rows: the emitter of the main graph, for what has a batch axis only.
        options: how the file is written.
        clock: gives a tensor with one number a step.
        trips: gives the name of the number of steps.
    """

    def __init__(
        self,
        writer: NodeWriter,
        steps: Emitter,
        rows: Emitter,
        options: FileOptions,
        clock: Callable[[], Tensor],
        trips: Callable[[], str],
    ) -> None:
        self.writer = writer
        self.graph = writer.graph
        self.steps, self.rows = steps, rows
        self.options = options
        self._clock, self._trips = clock, trips
        self._is_scan = options.loop == "Scan"

    def write(self, number: int, region: Region, known: Known, present: Mapping[int, Tensor]) -> Repeated:
        """Write the loop of a region.

        Args:
            number: that of the region, for names.
            region: what runs in it.
            known: the tensors of all that it reads.
            present: the states before the first step by position.
        """
        label = f"{self.options.loop.lower()}{number}"
        body = Emitter(f"{label}.", lambda: self.rows.lead, 1, outer=self.steps)
        inside: Known = {value: known[value] for value in region.invariants}
        starts, infos = [], []
        for place in region.states:
            state = self.graph.states[place]
            start = self._prepared(self.rows, present[place], state.current, region)
            carry = replace(start, name=f"{label}.carry.{state.name}")
            starts.append(start)
            infos.append(tensor_info(carry.name, carry.stored, BATCH))
            inside[state.current] = carry
        streams = {value: self._prepared(self.steps, known[value], value, region) for value in region.inputs}
        head = self._sliced(body, inside, streams) if self._is_scan else self._gathered(body, inside, streams)
        self.writer.write(body, region.nodes, inside)
        results = self._results(body, region, inside, starts)
        for value in region.finals:
            # It takes its value at each step, and nothing reads it: what is left is that of the last.
            starts.append(self._nothing(inside[value]))
            name = f"{label}.before.{self.writer.labels[value]}"
            infos.append(tensor_info(name, inside[value].stored, BATCH))
        outputs = self._outputs(body, results)
        if self._is_scan:
            self._emit_scan(body, [*infos, *head], outputs, starts, list(streams.values()), list(results))
        else:
            self._emit_loop(body, [*head, *infos], outputs, starts, list(results))
        left = iter([replace(tensor, name=name) for name, tensor in results.items()])

        def take(keys: Sequence[int]) -> dict[int, Tensor]:
            return dict(zip(keys, islice(left, len(keys)), strict=True))

        return Repeated(take(region.states), take(region.finals), take(region.outputs))

    def _prepared(self, e: Emitter, tensor: Tensor, value: Value, region: Region) -> Tensor:
        """A state or a stream in the shape that suits the body."""
        return e.pack(tensor) if self.writer.packs(value, region.nodes) else e.unpack(tensor)

    def _results(self, body: Emitter, region: Region, inside: Known, starts: Sequence[Tensor]) -> Results:
        """The tensors of the body that leave it, by the names that they get outside."""
        label, labels = body.prefix[:-1], self.writer.labels
        body.at = "out"
        found: Results = {}
        for place, start in zip(region.states, starts, strict=True):
            state = self.graph.states[place]
            following = body.lift(inside[state.next]) if not inside[state.next].stream else inside[state.next]
            following = body.pack(following) if start.packed else body.unpack(following)
            found[f"{label}.next.{state.name}"] = following
        found |= {f"{label}.final.{labels[value]}": inside[value] for value in region.finals}
        return found | {f"{label}.steps.{labels[value]}": inside[value] for value in region.outputs}

    def _nothing(self, like: Tensor) -> Tensor:
        """What a carried value is before the first step, where nothing reads it."""
        zero = numpy_helper.from_array(np.zeros(1, like.type.dtype))
        shape = self.rows.full_shape(like.stored.shape)
        return replace(like, name=self.rows.emit("ConstantOfShape", shape, value=zero))

    # --- Scan ------------------------------------------------------------------------------------------------------
    def _sliced(self, body: Emitter, inside: Known, streams: Known) -> Infos:
        """A Scan hands the slices of the streams to its body."""
        infos = []
        for value, stream in streams.items():
            inside[value] = replace(stream, name=f"{body.prefix}in.{self.writer.labels[value]}")
            infos.append(tensor_info(inside[value].name, stream.stored, BATCH))
        return infos or [tensor_info(f"{body.prefix}in", CLOCK)]

    def _emit_scan(
        self, body: Emitter, inputs: Infos, outputs: Infos, starts: list[Tensor], streams: list[Tensor], left: list[str]
    ) -> None:
        streams = streams or [self._clock()]
        graph = helper.make_graph(body.nodes, body.prefix[:-1], inputs, outputs, body.initializers())
        self.steps.emit_many("Scan", [*starts, *streams], left, body=graph, num_scan_inputs=len(streams))

    # --- Loop ------------------------------------------------------------------------------------------------------
    def _gathered(self, body: Emitter, inside: Known, streams: Known) -> Infos:
        """The body of a Loop captures the streams and takes the slices of its step."""
        step = f"{body.prefix}step"
        for value, stream in streams.items():
            name = f"{body.prefix}in.{self.writer.labels[value]}"
            inside[value] = replace(stream, name=body.emit("Gather", stream, step, axis=0, name=name))
        return [tensor_info(step, COUNTER), tensor_info(f"{body.prefix}going", CONDITION)]

    def _emit_loop(self, body: Emitter, inputs: Infos, outputs: Infos, starts: list[Tensor], left: list[str]) -> None:
        onwards = tensor_info(body.emit("Identity", f"{body.prefix}going"), CONDITION)
        graph = helper.make_graph(body.nodes, body.prefix[:-1], inputs, [onwards, *outputs], body.initializers())
        self.steps.emit_many("Loop", [self._trips(), self.steps.scalar(True, BOOL), *starts], left, body=graph)

    # --- what leaves a step ----------------------------------------------------------------------------------------
    def _outputs(self, body: Emitter, results: Results) -> Infos:
        """What leaves a step: in a file each through an Identity of its own, since tract needs it."""
        body.at = "out"
        made = {name for node in body.nodes for name in node.output} if self.options.private else set()
        infos = []
        for tensor in results.values():
            name = tensor.name
            if name in made:
                made.remove(name)
            else:
                name = body.emit("Identity", tensor)
            infos.append(tensor_info(name, tensor.stored, BATCH))
        return infos
