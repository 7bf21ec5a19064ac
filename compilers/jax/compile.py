"""Plan to JAX.

Inside, time is the first axis: a stream is an array ``(T, B, *sample)``, in a scan ``(B, *sample)``. Map
regions run once over all of it; a scan region is one ``lax.scan`` that carries its states and nothing else.

Two faces share :func:`_evaluate_plan`: :class:`JaxProgram` runs NumPy arrays in the dtypes of the graph, and
:func:`pure` is a function of JAX arrays for jit, gradients and maps of the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from graphpool.compilers.base import Target, check_lowerable
from graphpool.compilers.jax import functions, lowerings
from graphpool.compilers.jax.lowerings import lowers
from graphpool.graph import CONST, Graph, Value
from graphpool.graph.types import Array
from graphpool.ops import OPS, evaluate
from graphpool.plan import Plan, Rate, Region

FAMILIES = (lowerings, functions)
"""The modules that fill the registry."""

Environment = dict[Value, Any]
"""The arrays of values that are known at a point of a trace."""

Streams = tuple[list[jax.Array], list[jax.Array], list[jax.Array]]
"""Outputs, next states and records, with batch as the first axis."""

_barrier: Callable[[Environment], Environment] = lax.optimization_barrier

PureFunction = Callable[..., Streams]
"""``apply(params, state, x, once=None)``: see :func:`pure`."""


def build(plan: Plan) -> JaxProgram:
    """The JAX program of a plan.

    Raises:
        LoweringError: lists every node that JAX cannot run.
    """
    check_lowerable(plan.graph, "jax", OPS.__contains__)
    return JaxProgram(plan)


def pure(plan: Plan) -> PureFunction:
    """A plan as a pure function, to be compiled, differentiated, mapped and sharded by JAX.

    Args:
        plan: its graph is in 32 bit throughout, parameters included, so that the function needs no x64.

    Returns:
        ``apply(params, state, x, once=None) -> (outputs, states, records)``. Parameters and states are given
        by dotted path, states as one sample or ``(B, *shape)``; x is one array ``(B, T, *sample)`` a port, or
        ``(B, *sample)`` if the plan is for one step. Three lists come back in the order of the graph: outputs
        and records with the axes of x, the next states ``(B, *shape)``. What depends on parameters alone is
        computed inside, where gradients need it, but for the values that ``once`` gives. It pickles.

    Raises:
        LoweringError: lists every node that JAX cannot run.
    """
    check_lowerable(plan.graph, "jax", OPS.__contains__)
    return partial(_apply, plan)


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
        self._jitted = jax.jit(partial(_evaluate_plan, plan))
        self._ready: tuple[Mapping[Value, Array], Environment] | None = None

    def __call__(
        self, handed: Mapping[Value, Array], states: Sequence[Array], inputs: Sequence[Array]
    ) -> tuple[list[Array], list[Array], list[Array]]:
        # Called outside of it, the function would be traced again in 32 bit.
        with jax.enable_x64(True):
            outputs, following, records = self._jitted(self._on_device(handed), list(states), list(inputs))
        return _as_numpy(outputs), _as_numpy(following), _as_numpy(records)

    @property
    def pure(self) -> PureFunction:
        """The same plan as a pure function, if its graph is in 32 bit throughout: see :func:`pure`."""
        return pure(self.plan)

    def __reduce__(self) -> tuple[type[JaxProgram], tuple[Plan]]:
        return JaxProgram, (self.plan,)

    def _on_device(self, handed: Mapping[Value, Array]) -> Environment:
        """The values computed once, as JAX arrays: moving them takes longer than a small step."""
        ready = self._ready
        if ready is None or ready[0] is not handed:
            ready = (handed, {value: jnp.array(handed[value]) for value in self.plan.handed})
            self._ready = ready
        return ready[1]


def _as_numpy(arrays: Sequence[jax.Array]) -> list[Array]:
    """Copies: what JAX lends is read-only, and may be the caller's own input."""
    return [np.array(array) for array in arrays]


# --- the pure face --------------------------------------------------------------------------------
def _apply(
    plan: Plan,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    x: Sequence[Any],
    once: Mapping[Value, Any] | None = None,
) -> Streams:
    graph = plan.graph
    inputs = [_typed(graph, port.value, array) for port, array in zip(graph.inputs, x, strict=True)]
    batch = inputs[0].shape[:1]
    states = [
        jnp.broadcast_to(_typed(graph, entry.current, state[entry.name]), batch + entry.init.array.shape)
        for entry in graph.states
    ]
    return _evaluate_plan(plan, _compute_once(plan, params, once or {}), states, inputs)


def _compute_once(plan: Plan, params: Mapping[str, Any], once: Mapping[Value, Any]) -> Environment:
    """What :func:`graphpool.plan.compute_once` computes, in JAX; given values take precedence."""
    graph = plan.graph
    with _settings():
        env = _constants(graph)
        env |= {param.value: _typed(graph, param.value, params[param.name]) for param in graph.params}
        env |= {value: _typed(graph, value, array) for value, array in once.items()}
        _run_nodes(graph, [value for value in plan.once if value not in once], env)
    return {value: env[value] for value in plan.handed}


def _typed(graph: Graph, value: Value, array: Any) -> jax.Array:
    return jnp.asarray(array, dtype=graph.type(value).dtype)


# --- evaluation -----------------------------------------------------------------------------------
@contextmanager
def _settings() -> Iterator[None]:
    """What a trace relies on, whatever the user's configuration says; GPUs shorten products by default."""
    with (
        jax.default_matmul_precision("highest"),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


def _evaluate_plan(plan: Plan, handed: Mapping[Value, Any], states: Sequence[Any], inputs: Sequence[Any]) -> Streams:
    """The plan over arrays with batch as the first axis; a trace turns it into one XLA program."""
    graph = plan.graph
    time_major = list(inputs) if plan.one_step else [jnp.swapaxes(array, 0, 1) for array in inputs]
    leading = time_major[0].shape[: 1 if plan.one_step else 2]
    present = {entry.current: state for entry, state in zip(graph.states, states, strict=True)}
    with _settings():
        env = {**_constants(graph), **handed}
        env |= {port.value: array for port, array in zip(graph.inputs, time_major, strict=True)}
        if plan.one_step:
            env |= present
        for region in plan.regions:
            _run_region(plan, region, env, present, leading)
        if plan.one_step:
            present = {entry.current: _lifted(plan, env, entry.next, leading) for entry in graph.states}
        roots = [entry.value for entry in graph.outputs] + [entry.value for entry in graph.records]
        leaving = [_lifted(plan, env, value, leading) for value in roots]
    if not plan.one_step:
        leaving = [jnp.swapaxes(array, 0, 1) for array in leaving]
    count = len(graph.outputs)
    return leaving[:count], [present[entry.current] for entry in graph.states], leaving[count:]


def _constants(graph: Graph) -> Environment:
    """The constants, behind a barrier.

    With constants in sight, XLA's algebra reorders rounding: ``(x + 0.3) + 5.1`` becomes ``x + 5.4``.
    """
    places = [(value, node.attrs["place"]) for value, node in enumerate(graph.nodes) if node.op == CONST]
    return _barrier({value: jnp.asarray(place.array) for value, place in places})


def _run_region(plan: Plan, region: Region, env: Environment, present: Environment, leading: tuple[int, ...]) -> None:
    """Add what the region makes to ``env``, and put its states after the last step into ``present``."""
    if region.kind == "scan":
        _scan(plan, region, env, present, leading)
    elif region.kind == "hold":
        current = plan.graph.states[region.states[0]].current
        env[current] = jnp.broadcast_to(present[current], leading + present[current].shape[1:])
    elif region.kind == "shift":
        _shift(plan, region, env, present, leading)
    else:
        _run_nodes(plan.graph, region.nodes, env)


def _run_nodes(graph: Graph, nodes: Sequence[Value], env: Environment) -> None:
    for value in nodes:
        node = graph.nodes[value]
        args, ranks = [env[arg] for arg in node.args], [graph.type(arg).rank for arg in node.args]
        env[value] = evaluate(node.op, jnp, args, ranks, node.attrs, lowers.get(node.op))


def _shift(plan: Plan, region: Region, env: Environment, present: Environment, leading: tuple[int, ...]) -> None:
    state = plan.graph.states[region.states[0]]
    following = _lifted(plan, env, state.next, leading)
    if region.outputs:
        env[state.current] = jnp.concatenate([present[state.current][None], following[:-1]])
    present[state.current] = following[-1]


def _scan(plan: Plan, region: Region, env: Environment, present: Environment, leading: tuple[int, ...]) -> None:
    carried = [plan.graph.states[place] for place in region.states]
    invariants = {value: env[value] for value in region.invariants}

    def body(states: list[Any], rows: list[Any]) -> tuple[list[Any], list[Any]]:
        local = invariants | dict(zip((state.current for state in carried), states, strict=True))
        local |= dict(zip(region.inputs, rows, strict=True))
        _run_nodes(plan.graph, region.nodes, local)
        following = [_lifted(plan, local, state.next, leading[1:]) for state in carried]
        return following, [local[value] for value in region.outputs]

    first = [present[state.current] for state in carried]
    # On a CPU, unrolling is 2 to 5 times slower.
    last, stored = lax.scan(body, first, [env[value] for value in region.inputs], length=leading[0], unroll=1)
    present |= dict(zip((state.current for state in carried), last, strict=True))
    env |= dict(zip(region.outputs, stored, strict=True))


def _lifted(plan: Plan, env: Environment, value: Value, leading: tuple[int, ...]) -> Any:
    """A value with the leading axes of a stream."""
    if plan.rates[value] is Rate.STREAM:
        return env[value]
    return jnp.broadcast_to(env[value], leading + plan.graph.type(value).shape)


TARGET = Target(name="jax", build=build, runtime="graphpool.runtimes.jax:JaxRuntime", pure=True)
