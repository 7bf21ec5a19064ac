"""Plan to NumPy program.

Inside, time is the first axis: a stream is an array ``(T, B, *sample)``, in a scan ``(B, *sample)``. Each region is a
function that :mod:`graphpool.compilers.numpy.generate` writes. Time runs in tiles, so that memory stays bounded and
what a region hands to the next one is still in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphpool.compilers.base import Target, check_lowerable
from graphpool.compilers.numpy.filters import run_filter
from graphpool.compilers.numpy.frames import Given, Workspace, constants, tile_length
from graphpool.compilers.numpy.generate import RegionCode, generate
from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.ops import OPS
from graphpool.plan import Plan, Region

Codes = list[RegionCode]

NOTHING = Region("map", (), (), (), (), ())
"""What runs in one step of a graph that only passes values on."""


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
    likewise; it writes to none of its arguments, and all that it returns belongs to the caller.

    Several threads may call one program: each call takes arrays of its own to work in.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._codes: dict[frozenset[Value], Codes] = {}
        self._idle: list[Workspace] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_codes": {}, "_idle": []}

    def __call__(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[list[Array], list[Array], list[Array]]:
        batch = inputs[0].shape[0]
        steps = 1 if self.plan.one_step else inputs[0].shape[1]
        workspace = self._workspace(handed, batch, steps)
        with np.errstate(all="ignore"):
            run = self._step if self.plan.one_step else self._evolve
            result = run(workspace, states, inputs)
        if not self._idle:
            self._idle.append(workspace)
        return result

    def _workspace(self, handed: Mapping[Value, Array], batch: int, steps: int) -> Workspace:
        try:
            found = self._idle.pop()
        except IndexError:
            found = None
        if found is not None:
            length = 1 if self.plan.one_step else tile_length(self.plan, found.codes, batch, steps)
            if found.fits(handed, batch, length):
                return found
        codes = self._generated(handed)
        length = 1 if self.plan.one_step else tile_length(self.plan, codes, batch, steps)
        return Workspace(self.plan, codes, handed, batch, length)

    def _generated(self, handed: Mapping[Value, Array]) -> Codes:
        """The code of all regions, which depends on whether the thresholds of spikes are positive."""
        positive = self._positive_thresholds(handed)
        if positive not in self._codes:
            regions = self.plan.regions or (NOTHING,) * self.plan.one_step
            self._codes[positive] = [generate(self.plan, region, positive) for region in regions]
        return self._codes[positive]

    def _positive_thresholds(self, handed: Mapping[Value, Array]) -> frozenset[Value]:
        known = {**constants(self.plan.graph), **handed}
        thresholds = {node.args[1] for node in self.plan.graph.nodes if node.op == "spike"} & set(known)
        return frozenset(one for one in thresholds if np.all(np.isfinite(known[one]) & (known[one] > 0)))

    # --- a whole evolution -------------------------------------------------------------------------------------------
    def _evolve(
        self, workspace: Workspace, states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[list[Array], list[Array], list[Array]]:
        graph = self.plan.graph
        batch, steps = inputs[0].shape[:2]
        leaving = [*(output.value for output in graph.outputs), *(record.value for record in graph.records)]
        emitted = len(graph.outputs) if self.plan.emit == "last" else 0
        types = [graph.type(value) for value in leaving[emitted:]]
        whole = [np.empty((batch, steps, *type_.shape), type_.dtype) for type_ in types]
        present = list(states)
        workspace.finals.clear()
        self._hold(workspace, present)
        tile = tile_length(self.plan, workspace.codes, batch, steps)
        for start in range(0, steps, tile):
            length = min(tile, steps - start)
            for port, array in zip(graph.inputs, inputs, strict=True):
                workspace.arrays[port.value][:length] = np.swapaxes(array[:, start : start + length], 0, 1)
            self._run_regions(workspace, present, length, is_end=start + length == steps)
            for array, value in zip(whole, leaving[emitted:], strict=True):
                array[:, start : start + length] = np.swapaxes(workspace.lifted(value, length), 0, 1)
        last = [np.array(workspace.last(value, length), order="C") for value in leaving[:emitted]]
        following = [
            state if after is not state else state.copy() for state, after in zip(present, states, strict=True)
        ]
        outputs = [*last, *whole]
        return outputs[: len(graph.outputs)], following, outputs[len(graph.outputs) :]

    def _hold(self, workspace: Workspace, present: list[Array]) -> None:
        """States that no step assigns, over a whole tile."""
        for region in self.plan.regions:
            if region.kind == "hold":
                current = self.plan.graph.states[region.states[0]].current
                if region.outputs:
                    workspace.arrays[current][...] = present[region.states[0]]
                workspace.finals |= dict.fromkeys(region.finals, present[region.states[0]])

    def _run_regions(self, workspace: Workspace, present: list[Array], length: int, is_end: bool) -> None:
        """All regions, over one tile; those from ``last`` on only at the end of time."""
        for region, code, given in zip(self.plan.regions, workspace.codes, workspace.frame(length), strict=True):
            if region.kind == "last":
                if not is_end:
                    return
                made = code.function(given.fixed, [workspace.last(value, length) for value in region.inputs])
                workspace.finals |= zip(region.finals, made, strict=True)
            else:
                self._run_region(region, code, given, workspace, present, length)

    def _run_region(
        self,
        region: Region,
        code: RegionCode,
        given: Given,
        workspace: Workspace,
        present: list[Array],
        length: int,
    ) -> None:
        if region.kind == "map":
            finals = [array[length - 1].copy() for array in code.function(given.fixed)]
            workspace.finals |= zip(region.finals, finals, strict=True)
        elif region.kind == "shift":
            self._shift(region, workspace, present, length)
        elif region.kind == "affine" and run_filter(self.plan, region, workspace, present, length):
            return
        elif region.kind in ("scan", "affine"):
            following, finals = code.function(given.fixed, given.steps(), [present[place] for place in code.carried])
            for place, state in zip(code.carried, following, strict=True):
                present[place] = np.array(state, order="C")
            workspace.finals |= zip(region.finals, map(np.copy, finals), strict=True)

    def _shift(self, region: Region, workspace: Workspace, present: list[Array], length: int) -> None:
        (place,) = region.states
        state = self.plan.graph.states[place]
        before = present[place]
        present[place] = np.array(workspace.last(state.next, length), order="C")
        if region.outputs:
            following, late = workspace.lifted(state.next, length), workspace.arrays[state.current]
            late[0] = before
            late[1:length] = following[: length - 1]
        if region.finals:
            late_one = workspace.lifted(state.next, length)[length - 2] if length > 1 else before
            workspace.finals[state.current] = late_one

    # --- one step ----------------------------------------------------------------------------------------------------
    def _step(
        self, workspace: Workspace, states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[list[Array], list[Array], list[Array]]:
        (given,) = workspace.frame(1)
        made = workspace.codes[0].function(given.fixed, (*inputs, *states))
        graph = self.plan.graph
        first, second = len(graph.outputs), len(graph.outputs) + len(graph.states)
        return list(made[:first]), list(made[first:second]), list(made[second:])


TARGET = Target(name="numpy", build=build, runtime="graphpool.runtimes.numpy:NumpyRuntime", affine=True)
