"""Plan to NumPy program.

Inside, time is the first axis: a stream is an array ``(T, B, *sample)``, in a scan ``(B, *sample)``. Map regions run
once over all of it; only scans loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphpool.compilers.base import Target, check_lowerable
from graphpool.compilers.numpy.lowerings import Operation, bind
from graphpool.graph import CONST, Value
from graphpool.graph.types import Array
from graphpool.ops import OPS
from graphpool.plan import Plan, Rate, Region

Environment = dict[Value, Any]
Instruction = tuple[Value, Operation, tuple[Value, ...]]


def build(plan: Plan) -> NumpyProgram:
    """The NumPy program of a plan.

    Raises:
        LoweringError: lists every node that NumPy cannot run.
    """
    check_lowerable(plan.graph, "numpy", OPS.__contains__)
    return NumpyProgram(plan)


class NumpyProgram:
    """Runs a plan.

    Called with the values computed once per parameter set, the states ``(B, *shape)`` in the order of the graph, and
    the inputs ``(B, T, *sample)`` (``(B, *sample)`` if the plan is for one step). Returns outputs, states and records
    likewise.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        graph = plan.graph
        self._instructions: list[list[Instruction]] = [
            [(value, bind(graph, value, plan.rates), graph.nodes[value].args) for value in region.nodes]
            for region in plan.regions
        ]
        self._constants: Environment = {
            value: node.attrs["place"].array for value, node in enumerate(graph.nodes) if node.op == CONST
        }

    def __call__(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[list[Array], list[Array], list[Array]]:
        graph, plan = self.plan.graph, self.plan
        env: Environment = {**self._constants, **handed}
        batch = inputs[0].shape[0]
        leading: tuple[int, ...] = (batch,) if plan.one_step else (inputs[0].shape[1], batch)
        for port, array in zip(graph.inputs, inputs, strict=True):
            env[port.value] = array if plan.one_step else np.swapaxes(array, 0, 1)
        present = dict(zip((state.current for state in graph.states), states, strict=True))
        with np.errstate(all="ignore"):
            if plan.one_step:
                env |= present
            for region, instructions in zip(plan.regions, self._instructions, strict=True):
                self._run_region(region, instructions, env, present, leading)
        if plan.one_step:
            following = [self._lifted(env, state.next, leading) for state in graph.states]
        else:
            following = [present[state.current] for state in graph.states]
        outputs = [self._leaving(env, output.value, leading) for output in graph.outputs]
        records = [self._leaving(env, record.value, leading) for record in graph.records]
        return outputs, [np.array(state) for state in following], records

    def _run_region(
        self,
        region: Region,
        instructions: list[Instruction],
        env: Environment,
        present: Environment,
        leading: tuple[int, ...],
    ) -> None:
        if region.kind == "scan":
            self._scan(region, instructions, env, present, leading)
        elif region.kind == "hold":
            state = self.plan.graph.states[region.states[0]]
            env[state.current] = np.broadcast_to(present[state.current], leading + present[state.current].shape[1:])
        elif region.kind == "shift":
            self._shift(region, env, present, leading)
        else:
            for value, operation, args in instructions:
                env[value] = operation(*[env[arg] for arg in args])

    def _shift(self, region: Region, env: Environment, present: Environment, leading: tuple[int, ...]) -> None:
        state = self.plan.graph.states[region.states[0]]
        following = self._lifted(env, state.next, leading)
        if region.outputs:
            env[state.current] = np.concatenate([present[state.current][None], following[:-1]])
        present[state.current] = following[-1]

    def _scan(
        self,
        region: Region,
        instructions: list[Instruction],
        env: Environment,
        present: Environment,
        leading: tuple[int, ...],
    ) -> None:
        graph = self.plan.graph
        carried = [graph.states[place] for place in region.states]
        local: Environment = {value: env[value] for value in region.invariants}
        local |= {state.current: present[state.current] for state in carried}
        streams = [(value, env[value]) for value in region.inputs]
        stored = [
            (value, np.empty(leading + graph.type(value).shape, graph.type(value).dtype)) for value in region.outputs
        ]
        for now in range(leading[0]):
            for value, stream in streams:
                local[value] = stream[now]
            for value, operation, args in instructions:
                local[value] = operation(*[local[arg] for arg in args])
            for value, rows in stored:
                rows[now] = local[value]
            following = [self._lifted(local, state.next, leading[1:]) for state in carried]
            for state, value in zip(carried, following, strict=True):
                local[state.current] = value
        present |= {state.current: local[state.current] for state in carried}
        env.update(stored)

    def _lifted(self, env: Environment, value: Value, leading: tuple[int, ...]) -> Any:
        """A value with the leading axes of a stream."""
        if self.plan.rates[value] is Rate.STREAM:
            return env[value]
        return np.broadcast_to(env[value], leading + self.plan.graph.type(value).shape)

    def _leaving(self, env: Environment, value: Value, leading: tuple[int, ...]) -> Array:
        """A value on its way out: an array of its own, with batch as the first axis."""
        lifted = self._lifted(env, value, leading)
        return np.array(lifted if self.plan.one_step else np.swapaxes(lifted, 0, 1), order="C")


TARGET = Target(name="numpy", build=build, runtime="graphpool.runtimes.numpy:NumpyRuntime")
