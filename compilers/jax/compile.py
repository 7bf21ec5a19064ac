"""Plan to JAX.

Two faces share one evaluation of a plan: :class:`JaxProgram` runs NumPy arrays in the dtypes of the graph, and
:func:`pure` is a function of JAX arrays for jit, gradients and maps of the user's own.
"""

from __future__ import annotations

from graphpool.compilers.base import Target, check_lowerable
from graphpool.compilers.jax import functions, lowerings
from graphpool.compilers.jax.arrange import arranged
from graphpool.compilers.jax.cost import RULE
from graphpool.compilers.jax.program import JaxProgram
from graphpool.compilers.jax.pure import pure
from graphpool.ops import OPS
from graphpool.plan import Plan

__all__ = ["FAMILIES", "TARGET", "JaxProgram", "build", "pure"]

FAMILIES = (lowerings, functions)
"""The modules that fill the registry."""


def build(plan: Plan) -> JaxProgram:
    """The JAX program of a plan.

    Raises:
        LoweringError: lists every node that JAX cannot run.
    """
    check_lowerable(plan.graph, "jax", OPS.__contains__)
    return JaxProgram(plan)


TARGET = Target(
    name="jax", build=build, runtime="graphpool.runtimes.jax:JaxRuntime", pure=True, arrange=arranged, rule=RULE
)
