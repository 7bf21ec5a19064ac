"""The main graph of a model: inputs, the regions of the plan one after the other, and what leaves.

Inside, a stream is time-major: ``(time, batch, *sample)``, or ``(batch, *sample)`` in a one-step model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import onnx
from onnx import helper

from graphpool.compilers.onnx import lowerings, shaping
from graphpool.compilers.onnx.emitter import Call, Emitter, Tensor, lowers
from graphpool.graph import CONST, State, TensorType, Value
from graphpool.graph.types import FLOAT32, Array
from graphpool.ops import Trait, row
from graphpool.plan import Plan, Region

FAMILIES = (lowerings, shaping)
"""The modules that fill the registry."""

BATCH, TIME = "batch", "time"
"""The symbols of the leading axes. Each state has one of its own: its first axis may be 1 for any batch."""

CLOCK = TensorType(FLOAT32, ())
"""What a Scan reads at each step that reads nothing else; it has no batch axis."""

Known = dict[Value, Tensor]
"""The tensor of each value that is ready."""


def has_lowering(op: str) -> bool:
    """Whether there are ONNX nodes for an op."""
    return lowers.get(op) is not None


def input_name(plan: Plan, place: int) -> str:
    """``input``, or ``input.<port>`` where there are several."""
    ports = plan.graph.inputs
    return "input" if len(ports) == 1 else f"input.{ports[place].name}"


def tensor_info(name: str, type_: TensorType, *leading: str) -> onnx.ValueInfoProto:
    """What a graph declares of an input or an output."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(type_.dtype), [*leading, *type_.shape])


class MainGraph:
    """Writes the whole graph of a model. The handed values are constants of it."""

    def __init__(self, plan: Plan, handed: Mapping[Value, Array]) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        first = input_name(plan, 0)
        self._batch = cache(lambda: self.emitter.emit("Shape", first, start=0, end=1, name="dims.batch"))
        self._lead = cache(lambda: self.emitter.emit("Shape", f"{first}:steps", start=0, end=2, name="dims.lead"))
        if plan.one_step:
            self.emitter = Emitter("", self._batch, 1)
        else:
            self.emitter = Emitter("", self._lead, 2)
        self.known: Known = {}
        self._constants(handed)
        self._inputs()
        self._states = [self._state(place, state) for place, state in enumerate(self.graph.states)]
        self._next: dict[int, Tensor] = {}

    def write(self) -> None:
        """Write the regions and the outputs."""
        if self.plan.one_step:
            self.known |= {state.current: self._states[i] for i, state in enumerate(self.graph.states)}
        for number, region in enumerate(self.plan.regions):
            self.emitter.at = f"{region.kind}{number}"
            if region.kind == "map":
                self._compute(self.emitter, region, self.known)
            elif region.kind == "hold":
                self._hold(region)
            elif region.kind == "shift":
                self._shift(region)
            else:
                self._scan(number, region)
        self._leave()

    # --- what comes in -----------------------------------------------------------------------------
    def _constants(self, handed: Mapping[Value, Array]) -> None:
        graph, names = self.graph, {param.value: f"param.{param.name}" for param in self.graph.params}
        for value, array in sorted(handed.items()):
            name = names.get(value, f"once.{graph.labels[value]}")
            self.known[value] = self.emitter.named(name, np.asarray(array))
        for value, node in enumerate(graph.nodes):
            if node.op == CONST:
                self.known[value] = self.emitter.constant(node.attrs["place"].array)

    def _inputs(self) -> None:
        for place, port in enumerate(self.graph.inputs):
            name, type_ = input_name(self.plan, place), self.graph.type(port.value)
            if self.plan.one_step:
                self.inputs.append(tensor_info(name, type_, BATCH))
                self.known[port.value] = Tensor(name, type_)
                continue
            self.inputs.append(tensor_info(name, type_, BATCH, TIME))
            steps = self.emitter.emit("Transpose", name, perm=_swapped(type_.rank), name=f"{name}:steps")
            self.known[port.value] = Tensor(steps, type_)

    def _state(self, place: int, state: State) -> Tensor:
        """The initial value, expanded to the batch; its first axis may have length 1."""
        name, type_ = f"state.{state.name}", self.graph.type(state.current)
        self.inputs.append(tensor_info(name, type_, f"{BATCH}_of_state_{place}"))
        shape = self.emitter.full_shape((1,) * type_.rank, self._batch())
        return Tensor(self.emitter.emit("Expand", name, shape, name=f"{name}:batch"), type_)

    # --- regions -----------------------------------------------------------------------------------
    def _compute(self, emitter: Emitter, region: Region, known: Known) -> None:
        for value in region.nodes:
            node = self.graph.nodes[value]
            emitter.at = f"v{self.graph.labels[value]}"
            args = tuple(known[arg] for arg in node.args)
            if Trait.ELEMENTWISE in row(node.op).traits:
                args = emitter.align(args)
            lowering = lowers.get(node.op)
            assert lowering is not None, node.op  # check_lowerable has seen to it
            known[value] = Tensor(lowering(emitter, Call(args, node.attrs, node.type)), node.type)

    def _hold(self, region: Region) -> None:
        """The state's first value, at every step."""
        e, (place,) = self.emitter, region.states
        self._next[place] = self._states[place]
        if region.outputs:
            first, type_ = e.emit("Unsqueeze", self._states[place], e.ints([0])), self._states[place].type
            self.known[self.graph.states[place].current] = Tensor(
                e.emit("Expand", first, e.full_shape(type_.shape)), type_
            )

    def _shift(self, region: Region) -> None:
        """The state's first value, then each next value one step late."""
        e, (place,) = self.emitter, region.states
        state = self.graph.states[place]
        following = e.lift(self.known[state.next])
        if region.outputs:
            first = e.emit("Unsqueeze", self._states[place], e.ints([0]))
            earlier = e.emit("Slice", following, e.ints([0]), e.ints([-1]), e.ints([0]))
            late = e.emit("Concat", first, earlier, axis=0)
            self.known[state.current] = Tensor(late, following.type)
        last = e.emit("Gather", following, e.constant(np.array(-1, np.int64)), axis=0)
        self._next[place] = Tensor(last, following.type)

    def _scan(self, number: int, region: Region) -> None:
        """A Scan over axis 0. It carries states only; constants are captured from the main graph."""
        graph, label = self.graph, f"scan{number}"
        carried = [graph.states[place] for place in region.states]
        ins = [
            *((f"carry.{state.name}", state.current) for state in carried),
            *((f"in.{graph.labels[value]}", value) for value in region.inputs),
        ]
        outs = [
            *((f"next.{state.name}", state.next) for state in carried),
            *((f"steps.{graph.labels[value]}", value) for value in region.outputs),
        ]
        sources = [self._states[place] for place in region.states]
        sources += [self.known[value] for value in region.inputs] or [self._clock()]
        body = self._body(label, region, ins, outs)
        results = [Tensor(f"{label}.{name}", graph.type(value)) for name, value in outs]
        self.emitter.emit_many(
            "Scan",
            sources,
            [result.name for result in results],
            body=body,
            num_scan_inputs=len(sources) - len(carried),
        )
        self._next |= dict(zip(region.states, results[: len(carried)], strict=True))
        self.known |= dict(zip(region.outputs, results[len(carried) :], strict=True))

    def _body(
        self, label: str, region: Region, ins: list[tuple[str, Value]], outs: list[tuple[str, Value]]
    ) -> onnx.GraphProto:
        """The step that a Scan repeats. Each result leaves through an Identity of its own: tract needs it."""
        body = Emitter(f"{label}.", self._batch, 1, outer=self.emitter)
        known = {value: self.known[value] for value in region.invariants}
        known |= {value: Tensor(body.prefix + name, self.graph.type(value)) for name, value in ins}
        inputs = [tensor_info(body.prefix + name, self.graph.type(value), BATCH) for name, value in ins]
        if not region.inputs:
            inputs.append(tensor_info(f"{body.prefix}in", CLOCK))
        self._compute(body, region, known)
        body.at = "out"
        outputs = [
            tensor_info(body.emit("Identity", body.lift(known[value])), self.graph.type(value), BATCH)
            for _, value in outs
        ]
        return helper.make_graph(body.nodes, label, inputs, outputs, body.initializers())

    def _clock(self) -> Tensor:
        """A Scan takes its length from an input: one number a step, for regions that read no stream."""
        steps = self.emitter.emit("Shape", f"{input_name(self.plan, 0)}:steps", start=0, end=1)
        return Tensor(self.emitter.emit("ConstantOfShape", steps), CLOCK)

    # --- what leaves -------------------------------------------------------------------------------
    def _leave(self) -> None:
        graph, e = self.graph, self.emitter
        e.at = "out"
        for name, value in (
            *((output.name, output.value) for output in graph.outputs),
            *((f"record.{record.name}", record.value) for record in graph.records),
        ):
            stream, type_ = e.lift(self.known[value]), graph.type(value)
            if self.plan.one_step:
                e.emit("Identity", stream, name=name)
                self.outputs.append(tensor_info(name, type_, BATCH))
            else:
                e.emit("Transpose", stream, perm=_swapped(type_.rank), name=name)
                self.outputs.append(tensor_info(name, type_, BATCH, TIME))
        for place, state in enumerate(graph.states):
            name = f"next.{state.name}"
            last = e.lift(self.known[state.next]) if self.plan.one_step else self._next[place]
            e.emit("Identity", last, name=name)
            self.outputs.append(tensor_info(name, graph.type(state.next), BATCH))


def _swapped(rank: int) -> list[int]:
    """The permutation that swaps batch and time."""
    return [1, 0, *range(2, 2 + rank)]
