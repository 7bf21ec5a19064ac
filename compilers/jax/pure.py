"""A plan as a pure function of JAX arrays, for jit, gradients and maps of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from graphpool.compilers.base import check_lowerable
from graphpool.compilers.jax.evaluate import Environment, Streams, constants, evaluate_plan, run_nodes, settings
from graphpool.graph import Graph, Value
from graphpool.ops import OPS
from graphpool.plan import Plan

PureFunction = Callable[..., Streams]
"""``apply(params, state, x, once=None)``: see :func:`pure`."""


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
    return evaluate_plan(plan, _compute_once(plan, params, once or {}), states, inputs)


def _compute_once(plan: Plan, params: Mapping[str, Any], once: Mapping[Value, Any]) -> Environment:
    """What :func:`graphpool.plan.compute_once` computes, in JAX; given values take precedence."""
    graph = plan.graph
    with settings():
        env = constants(graph)
        env |= {param.value: _typed(graph, param.value, params[param.name]) for param in graph.params}
        env |= {value: _typed(graph, value, array) for value, array in once.items()}
        run_nodes(graph, [value for value in plan.once if value not in once], env)
    return {value: env[value] for value in plan.handed}


def _typed(graph: Graph, value: Value, array: Any) -> jax.Array:
    return jnp.asarray(array, dtype=graph.type(value).dtype)
