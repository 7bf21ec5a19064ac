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

from graphpool.compilers.onnx import bits, elementwise, indexing, lowerings, noise, shaping
from graphpool.compilers.onnx.emitter import Call, Emitter, Tensor, lowers
from graphpool.compilers.onnx.options import FileOptions
from graphpool.graph import CONST, SAMPLE, Graph, State, TensorType, Value
from graphpool.graph.types import BOOL, FLOAT32, INT64, Array
from graphpool.ops import Trait, row
from graphpool.plan import Plan, Region

FAMILIES = (lowerings, elementwise, bits, shaping, indexing, noise)
"""The modules that fill the registry."""

BATCH, TIME = "batch", "time"
"""The symbols of the leading axes. Each state has one of its own: its first axis may be 1 for any batch."""

CLOCK = TensorType(FLOAT32, ())
"""What a Scan reads at each step that reads nothing else; it has no batch axis."""

COUNTER, CONDITION = TensorType(INT64, ()), TensorType(BOOL, ())
"""What the body of a Loop takes: the number of the step, and whether to go on."""

READ_READY = frozenset({"matmul", "take"})
"""Ops that, beside the elementwise ones, are lowered for operands that are ready. For others these are repeated over
the leading axes."""

Known = dict[Value, Tensor]
"""The tensor of each value that has been written."""

Infos = list[onnx.ValueInfoProto]


def has_lowering(op: str) -> bool:
    """Whether there are ONNX nodes for an op."""
    return lowers.get(op) is not None


def input_name(graph: Graph, place: int) -> str:
    """``input``, or ``input.<port>`` where there are several; ``sample`` for the number of the sample."""
    port = graph.inputs[place]
    if port.kind == SAMPLE:
        return SAMPLE
    return "input" if sum(other.kind != SAMPLE for other in graph.inputs) == 1 else f"input.{port.name}"


def param_name(name: str) -> str:
    """What a parameter is called in the file, as a constant and as an input."""
    return f"param.{name}"


def tensor_info(name: str, type_: TensorType, *leading: str) -> onnx.ValueInfoProto:
    """What a graph declares of an input or an output."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(type_.dtype), [*leading, *type_.shape])


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
        self._batch = cache(lambda: self.emitter.emit("Shape", first, start=0, end=1, name="dims.batch"))
        self._lead = cache(lambda: self.emitter.emit("Shape", f"{first}:steps", start=0, end=2, name="dims.lead"))
        if plan.one_step:
            self.emitter = Emitter("", self._batch, 1)
        else:
            self.emitter = Emitter("", self._lead, 2)
        self._trips = cache(lambda: self._number_of_steps(first))
        self.known: Known = {}
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
            self.emitter.at = f"{region.kind}{number}"
            if region.kind == "map":
                self._compute(self.emitter, region, self.known)
            elif region.kind == "hold":
                self._hold(region)
            elif region.kind == "shift":
                self._shift(region)
            else:
                self._repeat(number, region)
        self._leave()

    # --- what comes in -----------------------------------------------------------------------------
    def _constants(self) -> None:
        for value, node in enumerate(self.graph.nodes):
            if node.op == CONST:
                self.known[value] = self.emitter.constant(node.attrs["place"].array)

    def _ready_made(self, handed: Mapping[Value, Array]) -> None:
        """What depends on parameters alone, as constants."""
        names = {param.value: param_name(param.name) for param in self.graph.params}
        for value, array in sorted(handed.items()):
            name = names.get(value, f"once.{self.labels[value]}")
            self.known[value] = self.emitter.named(name, np.asarray(array))

    def _parameters(self) -> None:
        """The parameters as inputs, and what depends on them alone, in the dtypes of the trace.

        That part has no leading axes: for its emitter it is made of streams that have none.
        """
        graph, once = self.graph, self.emitter.without_leading()
        known: Known = {value: self.known[value] for value, node in enumerate(graph.nodes) if node.op == CONST}
        for param in graph.params:
            known[param.value] = Tensor(param_name(param.name), graph.type(param.value))
            self.inputs.append(tensor_info(param_name(param.name), graph.type(param.value)))
        for value in self.plan.once:
            self._lower(once, value, known)
        self.known |= {value: replace(known[value], ready=True) for value in self.plan.handed}

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
            steps = self.emitter.emit("Transpose", name, perm=_swapped(type_.rank), name=f"{name}:steps")
            self.known[port.value] = Tensor(steps, type_)

    def _sample_numbers(self, first: str) -> str:
        """The number of each sample at each step, from that of the first."""
        e = self.emitter
        size = e.emit("Squeeze", self._batch(), e.ints([0]))
        numbers = e.emit("Range", e.scalar(0, INT64), size, e.scalar(1, INT64))
        return e.emit("Expand", e.emit("Add", numbers, first), e.lead, name=f"{first}:numbers")

    def _state(self, place: int, state: State) -> Tensor:
        """The initial value, expanded to the batch: its first axis may have length 1, unless the batch is asked for."""
        name, type_ = f"state.{state.name}", self.graph.type(state.current)
        if self.options.states == "batched":
            self.inputs.append(tensor_info(name, type_, BATCH))
            return Tensor(name, type_)
        self.inputs.append(tensor_info(name, type_, f"{BATCH}_of_state_{place}"))
        shape = self.emitter.full_shape((1,) * type_.rank, self._batch())
        return Tensor(self.emitter.emit("Expand", name, shape, name=f"{name}:batch"), type_)

    # --- regions -----------------------------------------------------------------------------------
    def _compute(self, emitter: Emitter, region: Region, known: Known) -> None:
        for value in region.nodes:
            self._lower(emitter, value, known)

    def _lower(self, emitter: Emitter, value: Value, known: Known) -> None:
        """Write the nodes of one value."""
        node = self.graph.nodes[value]
        emitter.at = f"v{self.labels[value]}"
        args = tuple(known[arg] for arg in node.args)
        if Trait.ELEMENTWISE in row(node.op).traits:
            args = emitter.align(args)
        elif node.op not in READ_READY:
            args = tuple(emitter.lift(arg) if arg.ready else arg for arg in args)
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

    def _repeat(self, number: int, region: Region) -> None:
        """A loop over axis 0. It carries states only; all else is captured from the main graph."""
        graph, label = self.graph, f"{self.options.loop.lower()}{number}"
        carried = [graph.states[place] for place in region.states]
        body = Emitter(f"{label}.", self._batch, 1, outer=self.emitter)
        known = {value: self.known[value] for value in region.invariants}
        known |= {s.current: Tensor(f"{label}.carry.{s.name}", graph.type(s.current)) for s in carried}
        states = [tensor_info(known[state.current].name, graph.type(state.current), BATCH) for state in carried]
        outs = [
            *((f"next.{state.name}", state.next) for state in carried),
            *((f"steps.{self.labels[value]}", value) for value in region.outputs),
        ]
        results = [Tensor(f"{label}.{name}", graph.type(value)) for name, value in outs]
        write = self._scan if self.options.loop == "Scan" else self._loop
        write(region, body, known, states, [value for _, value in outs], results)
        self._next |= dict(zip(region.states, results[: len(carried)], strict=True))
        self.known |= dict(zip(region.outputs, results[len(carried) :], strict=True))

    def _scan(
        self, region: Region, body: Emitter, known: Known, states: Infos, leaving: list[Value], results: list[Tensor]
    ) -> None:
        """A Scan, which hands the slices of the streams to its body."""
        inputs = list(states)
        for value in region.inputs:
            known[value] = Tensor(f"{body.prefix}in.{self.labels[value]}", self.graph.type(value))
            inputs.append(tensor_info(known[value].name, known[value].type, BATCH))
        streams = [self.known[value] for value in region.inputs]
        if not streams:
            streams.append(self._clock())
            inputs.append(tensor_info(f"{body.prefix}in", CLOCK))
        self._compute(body, region, known)
        outputs = self._results(body, known, leaving)
        self.emitter.emit_many(
            "Scan",
            [*(self._states[place] for place in region.states), *streams],
            [result.name for result in results],
            body=helper.make_graph(body.nodes, body.prefix[:-1], inputs, outputs, body.initializers()),
            num_scan_inputs=len(streams),
        )

    def _loop(
        self, region: Region, body: Emitter, known: Known, states: Infos, leaving: list[Value], results: list[Tensor]
    ) -> None:
        """A Loop, whose body captures the streams and takes the slices of its step."""
        step, going = f"{body.prefix}step", f"{body.prefix}going"
        for value in region.inputs:
            name = f"{body.prefix}in.{self.labels[value]}"
            slice_ = body.emit("Gather", self.known[value], step, axis=0, name=name)
            known[value] = Tensor(slice_, self.graph.type(value))
        self._compute(body, region, known)
        outputs = self._results(body, known, leaving)
        onwards = tensor_info(body.emit("Identity", going), CONDITION)
        inputs = [tensor_info(step, COUNTER), tensor_info(going, CONDITION), *states]
        self.emitter.emit_many(
            "Loop",
            [self._trips(), self.emitter.scalar(True, BOOL), *(self._states[place] for place in region.states)],
            [result.name for result in results],
            body=helper.make_graph(body.nodes, body.prefix[:-1], inputs, [onwards, *outputs], body.initializers()),
        )

    def _results(self, body: Emitter, known: Known, leaving: list[Value]) -> Infos:
        """What leaves a step, each through an Identity of its own: tract needs it."""
        body.at = "out"
        return [
            tensor_info(body.emit("Identity", body.lift(known[value])), self.graph.type(value), BATCH)
            for value in leaving
        ]

    def _clock(self) -> Tensor:
        """A Scan takes its length from an input: one number a step, for regions that read no stream."""
        steps = self.emitter.emit("Shape", f"{input_name(self.graph, 0)}:steps", start=0, end=1)
        return Tensor(self.emitter.emit("ConstantOfShape", steps), CLOCK)

    def _number_of_steps(self, first: str) -> str:
        """What a Loop takes its length from."""
        steps = self.emitter.emit("Shape", f"{first}:steps", start=0, end=1)
        return self.emitter.emit("Squeeze", steps, self.emitter.ints([0]), name="dims.steps")

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


def unique_labels(graph: Graph) -> list[str]:
    """The labels of the text form; where a state is called ``3`` like a value, with the value's index."""
    counts = Counter(graph.labels)
    return [label if counts[label] == 1 else f"{label}:{value}" for value, label in enumerate(graph.labels)]


def _swapped(rank: int) -> list[int]:
    """The permutation that swaps batch and time."""
    return [1, 0, *range(2, 2 + rank)]
