"""The op table: one row an op, and the one place where rows are looked up and run.

A row holds meaning: type rule, kernel over an array namespace, traits, samples for the tests, tolerance, doc. What
differs per target is a lowering in that target's ``lowerings.py``.

**Kernels act on trailing axes and ignore leading ones**, so batch and time are just leading axes. Values of another
rate may have none of them; :func:`evaluate` aligns ranks, in one place for NumPy, JAX and constant folding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np

from graphpool.errors import GraphError
from graphpool.graph.types import Array, Attributes, TensorType

TypeRule = Callable[[tuple[TensorType, ...], Attributes], TensorType]
"""Types of the operands and attributes -> type of the result; raises TypeRuleError."""

Kernel = Callable[..., Any]
"""``kernel(xp, *operands, **attrs)`` with ``xp`` an array namespace; rows with the trait RANKED also get ``ranks``."""


class Trait(Enum):
    """What passes, the planner and the tests may assume of an op."""

    ELEMENTWISE = auto()
    """Broadcasts its operands like a ufunc."""
    RANKED = auto()
    """The kernel needs the sample rank of each operand."""
    COMMUTATIVE = auto()
    """The two operands may be swapped without a change in any bit."""
    DISCRETE = auto()
    """Jumps: a rounding error in an operand may change the result by a whole unit."""


@dataclass(frozen=True)
class Sample:
    """Operands and attributes that a row is tested with."""

    args: tuple[Array, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Op:
    """One row.

    Attributes:
        name: how the text form writes it.
        type: the type rule.
        kernel: the meaning; NumPy's is the definition.
        traits: see :class:`Trait`.
        ufunc: the NumPy ufunc that traces to this row, if one does.
        samples: makes the operands that the op matrix uses.
        tolerance: allowed difference between targets, in units of the last place of the result (0: to the bit).
        differs: what an engine treats otherwise than NumPy; such values are not among the samples.
        doc: one sentence for the reference page.
    """

    name: str
    type: TypeRule
    kernel: Kernel
    traits: frozenset[Trait]
    samples: Callable[[], Iterable[Sample]]
    doc: str
    ufunc: np.ufunc | None = None
    tolerance: float = 0.0
    differs: str = ""


OPS: dict[str, Op] = {}
"""All rows by name."""


def op(
    name: str,
    *,
    type: TypeRule,
    kernel: Kernel,
    samples: Callable[[], Iterable[Sample]],
    doc: str,
    traits: Iterable[Trait] = (),
    ufunc: np.ufunc | None = None,
    tolerance: float = 0.0,
    differs: str = "",
) -> Op:
    """Add a row to the table."""
    if name in OPS:
        raise GraphError(f"the op table has a row {name!r} already")
    OPS[name] = Op(name, type, kernel, frozenset(traits), samples, doc, ufunc, tolerance, differs)
    return OPS[name]


def row(name: str) -> Op:
    """The row of that name.

    Raises:
        GraphError: there is none.
    """
    try:
        return OPS[name]
    except KeyError:
        raise GraphError(f"no op {name!r} in the table; there are {', '.join(sorted(OPS))}") from None


def infer_type(name: str, types: tuple[TensorType, ...], attrs: Attributes) -> TensorType:
    """The type of an op's result.

    Raises:
        TypeRuleError: the operands do not fit.
    """
    return row(name).type(types, attrs)


def evaluate(
    name: str,
    xp: Any,
    args: Sequence[Any],
    ranks: Sequence[int],
    attrs: Mapping[str, Any],
    kernel: Kernel | None = None,
) -> Any:
    """Run one op on arrays that may carry leading axes beyond their sample rank.

    Args:
        name: the row.
        xp: ``numpy`` or ``jax.numpy``.
        args: the operands; those of stream rate carry the same leading axes, the others none.
        ranks: the sample rank of each operand.
        attrs: the node's attributes.
        kernel: a target's own kernel in place of the row's.
    """
    entry = row(name)
    run = kernel or entry.kernel
    if Trait.ELEMENTWISE in entry.traits:
        return run(xp, *align(args, ranks), **attrs)
    if Trait.RANKED in entry.traits:
        return run(xp, *args, ranks=tuple(ranks), **attrs)
    return run(xp, *args, **attrs)


def align(args: Sequence[Any], ranks: Sequence[int], rank: int | None = None) -> list[Any]:
    """Give every operand with leading axes the same sample rank, by axes of length 1 behind the leading ones.

    NumPy aligns shapes at the right, so a scalar stream ``(T, B)`` would meet a vector parameter ``(n,)`` with its
    batch axis; it becomes ``(T, B, 1)`` here.
    """
    target = max(ranks) if rank is None else rank
    return [pad(arg, own, target) for arg, own in zip(args, ranks, strict=True)]


def pad(arg: Any, own: int, target: int) -> Any:
    """One operand of :func:`align`: axes of length 1 between its leading and its sample axes."""
    leading = arg.ndim - own
    if leading == 0 or own >= target:
        return arg
    shape = arg.shape
    return arg.reshape(shape[:leading] + (1,) * (target - own) + shape[leading:])
