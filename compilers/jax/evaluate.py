"""The plan over JAX arrays; a trace turns it into one XLA program.

Inside, time is the first axis: a stream is an array ``(T, B, *sample)``, in a scan ``(B, *sample)``. Map
regions run once over all of it; a scan region is one ``lax.scan`` that carries its states and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from graphpool.compilers.jax.lowerings import lowers
from graphpool.graph import CONST, Graph, Value
from graphpool.ops import evaluate
from graphpool.plan import Plan, Rate, Region

Environment = dict[Value, Any]
"""The arrays of values that are known at a point of a trace."""

Streams = tuple[list[jax.Array], list[jax.Array], list[jax.Array]]
"""Outputs, next states and records, with batch as the first axis."""

_barrier: Callable[[Environment], Environment] = lax.optimization_barrier


@contextmanager
def settings() -> Iterator[None]:
    """What a trace relies on, whatever the user's configuration says; GPUs shorten products by default."""
    with (
        jax.default_matmul_precision("highest"),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


def evaluate_plan(plan: Plan, handed: Mapping[Value, Any], states: Sequence[Any], inputs: Sequence[Any]) -> Streams:
    """The plan over arrays with batch as the first axis.

    Args:
        plan: what runs.
        handed: the values computed once.
        states: ``(B, *shape)``.
        inputs: ``(B, T, *sample)``, or ``(B, *sample)`` if the plan is for one step.
    """
    leading = inputs[0].shape[: 1 if plan.one_step else 2]
    if plan.one_step:
        return _one_step(plan, leading, handed, states, inputs)
    batch, steps = leading
    run = _Run(plan, (steps, batch))
    with settings():
        run.start(handed, states, [jnp.swapaxes(array, 0, 1) for array in inputs])
        for region in run.plan.regions:
            run.region(region)
        outputs = [run.emitted(entry.value) for entry in plan.graph.outputs]
        records = [jnp.swapaxes(run.lifted(entry.value), 0, 1) for entry in plan.graph.records]
    return outputs, [run.present[entry.current] for entry in plan.graph.states], records


def _one_step(
    plan: Plan, leading: tuple[int, ...], handed: Mapping[Value, Any], states: Sequence[Any], inputs: Sequence[Any]
) -> Streams:
    graph = plan.graph
    run = _Run(plan, leading)
    with settings():
        run.start(handed, states, inputs)
        run.env |= run.present
        for region in plan.regions:
            run_nodes(graph, region.nodes, run.env)
        following = [run.lifted(entry.next) for entry in graph.states]
        outputs = [run.lifted(entry.value) for entry in graph.outputs]
        records = [run.lifted(entry.value) for entry in graph.records]
    return outputs, following, records


def constants(graph: Graph) -> Environment:
    """The constants, behind a barrier.

    With constants in sight, XLA's algebra reorders rounding: ``(x + 0.3) + 5.1`` becomes ``x + 5.4``.
    """
    places = [(value, node.attrs["place"]) for value, node in enumerate(graph.nodes) if node.op == CONST]
    return _barrier({value: jnp.asarray(place.array) for value, place in places})


def run_nodes(graph: Graph, nodes: Sequence[Value], env: Environment) -> None:
    """Add to ``env`` what the nodes make."""
    for value in nodes:
        node = graph.nodes[value]
        args, ranks = [env[arg] for arg in node.args], [graph.type(arg).rank for arg in node.args]
        env[value] = evaluate(node.op, jnp, args, ranks, node.attrs, lowers.get(node.op))


@dataclass
class _Run:
    """One evaluation of a plan.

    Attributes:
        leading: the first axes of a stream.
        env: the arrays of values, of streams with the leading axes.
        finals: values of which only the last step is known, ``(B, *sample)``.
        present: the states ``(B, *shape)``, where the regions so far have left them.
    """

    plan: Plan
    leading: tuple[int, ...]
    env: Environment = field(default_factory=dict)
    finals: Environment = field(default_factory=dict)
    present: Environment = field(default_factory=dict)

    def start(self, handed: Mapping[Value, Any], states: Sequence[Any], inputs: Sequence[Any]) -> None:
        graph = self.plan.graph
        self.env = {**constants(graph), **handed}
        self.env |= {port.value: array for port, array in zip(graph.inputs, inputs, strict=True)}
        self.present = {entry.current: state for entry, state in zip(graph.states, states, strict=True)}

    def region(self, region: Region) -> None:
        """Add what the region makes to the values, and put its states after the last step into ``present``."""
        if region.kind in ("scan", "affine"):
            self._scan(region)
        elif region.kind == "hold":
            current = self.plan.graph.states[region.states[0]].current
            state = self.present[current]
            self.env[current] = jnp.broadcast_to(state, self.leading + state.shape[1:])
        elif region.kind == "shift":
            self._shift(region)
        elif region.kind == "last":
            self.finals |= {value: self.env[value] for value in region.invariants}
            self.finals |= {value: self.last(value) for value in region.inputs}
            run_nodes(self.plan.graph, region.nodes, self.finals)
        else:
            run_nodes(self.plan.graph, region.nodes, self.env)

    def emitted(self, value: Value) -> Any:
        """What leaves as an output, with batch as the first axis."""
        return self.last(value) if self.plan.emit == "last" else jnp.swapaxes(self.lifted(value), 0, 1)

    def lifted(self, value: Value) -> Any:
        """A value with the leading axes of a stream."""
        return self._broadcast(value, self.env[value], self.leading)

    def last(self, value: Value) -> Any:
        """A value at the last step."""
        if value in self.finals:
            return self._broadcast(value, self.finals[value], self.leading[1:])
        if self.plan.rates[value] is Rate.STREAM:
            return self.env[value][-1]
        return self._broadcast(value, self.env[value], self.leading[1:])

    def _broadcast(self, value: Value, array: Any, leading: tuple[int, ...]) -> Any:
        if self.plan.rates[value] is Rate.STREAM:
            return array
        return jnp.broadcast_to(array, leading + self.plan.graph.type(value).shape)

    def _shift(self, region: Region) -> None:
        state = self.plan.graph.states[region.states[0]]
        if region.outputs:
            late = self.lifted(state.next)
            self.env[state.current] = jnp.concatenate([self.present[state.current][None], late[:-1]])
        elif region.finals:
            late = self.lifted(state.next)
            self.finals[state.current] = late[-2] if self.leading[0] > 1 else self.present[state.current]
        self.present[state.current] = self.last(state.next)

    def _scan(self, region: Region) -> None:
        graph = self.plan.graph
        carried = [graph.states[place] for place in region.states]
        invariants = {value: self.env[value] for value in region.invariants}
        # The last of a next value is what the scan carries anyway.
        nexts = {state.next: place for place, state in enumerate(carried)}
        kept = [value for value in region.finals if value not in nexts]

        def body(carry: tuple[list[Any], list[Any]], rows: list[Any]) -> tuple[tuple[list[Any], list[Any]], list[Any]]:
            local = invariants | dict(zip((state.current for state in carried), carry[0], strict=True))
            local |= dict(zip(region.inputs, rows, strict=True))
            run_nodes(graph, region.nodes, local)
            following = [self._broadcast(state.next, local[state.next], self.leading[1:]) for state in carried]
            return (following, [local[value] for value in kept]), [local[value] for value in region.outputs]

        first = [self.present[state.current] for state in carried]
        unknown = [jnp.zeros(self.leading[1:] + graph.type(v).shape, graph.type(v).dtype) for v in kept]
        rows = [self.env[value] for value in region.inputs]
        # On a CPU, unrolling is 2 to 5 times slower.
        carry, stored = lax.scan(body, (first, unknown), rows, length=self.leading[0], unroll=1)
        self.present |= dict(zip((state.current for state in carried), carry[0], strict=True))
        self.env |= dict(zip(region.outputs, stored, strict=True))
        self.finals |= dict(zip(kept, carry[1], strict=True))
        self.finals |= {value: carry[0][nexts[value]] for value in region.finals if value in nexts}
