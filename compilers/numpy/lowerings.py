"""Where NumPy runs an op otherwise than by the row's kernel: nowhere so far, since NumPy defines the rows.

A row with a ufunc is called as that ufunc, without the detour through its kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from graphpool.graph import Graph, Value
from graphpool.ops import Trait, evaluate, pad, row
from graphpool.plan import Rate

Operation = Callable[..., Any]
"""A node with everything bound but its operands."""


def bind(graph: Graph, value: Value, rates: tuple[Rate, ...]) -> Operation:
    """The function of one node: arrays in the order of its operands, to its result.

    Operands of stream rate carry leading axes, the others none; which of them need axes of length 1 behind the leading
    ones is known here, so that the loop does not ask again at every step.
    """
    node = graph.nodes[value]
    ranks = tuple(graph.type(arg).rank for arg in node.args)
    entry = row(node.op)
    if Trait.ELEMENTWISE not in entry.traits:
        return partial(_evaluate, node.op, ranks, node.attrs)
    kernel: Operation = entry.ufunc or partial(entry.kernel, np, **node.attrs)
    rank = max(ranks)
    padded = tuple(rates[arg] is Rate.STREAM and own < rank for arg, own in zip(node.args, ranks, strict=True))
    if not any(padded):
        return kernel
    return partial(_aligned, kernel, ranks, rank)


def _aligned(kernel: Operation, ranks: tuple[int, ...], rank: int, *args: Any) -> Any:
    return kernel(*[pad(arg, own, rank) for arg, own in zip(args, ranks, strict=True)])


def _evaluate(op: str, ranks: tuple[int, ...], attrs: Any, *args: Any) -> Any:
    return evaluate(op, np, args, ranks, attrs)
