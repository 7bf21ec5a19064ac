"""How NumPy runs an op: by its ufunc into a buffer, as a view, by statements of its own, or else by the row's kernel.

NumPy defines the rows, so whatever stands here gives the same bits as the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from graphpool.compilers.base import Lowerings
from graphpool.compilers.numpy.derived import turned
from graphpool.compilers.numpy.statements import Scope, copy_lines
from graphpool.graph import Graph, Node, Value
from graphpool.ops import Trait, evaluate, pad, row
from graphpool.ops.shaping import as_slices
from graphpool.plan import Rate

Operation = Callable[..., Any]
"""A node with everything bound but its operands."""

Lowering = Callable[[Scope, Value, Node], bool]
"""Adds the statements of a node to a scope; False: the kernel has to run this one."""

lowers: Lowerings[Lowering] = Lowerings("numpy")

VIEWS = {"reshape": True, "squeeze": True, "expand": True, "transpose": False, "broadcast": False, "slice": False}
"""Ops whose kernels show their operand's memory, and whether in the same order."""

NAMED_OUT = frozenset({np.maximum, np.minimum})
"""Ufuncs that take the buffer by keyword only."""


def lower(scope: Scope, value: Value) -> None:
    """Add the statements of a node to a scope."""
    node = scope.graph.nodes[value]
    lowering = lowers.get(node.op)
    if lowering is not None and lowering(scope, value, node):
        return
    if row(node.op).ufunc is not None:
        _ufunc(scope, value, node)
    elif node.op in VIEWS:
        scope.view(value, node.args[0], bind(scope.graph, value, scope.rates), VIEWS[node.op])
    else:
        scope.call(value, node.args, bind(scope.graph, value, scope.rates))


# --- kernels ---------------------------------------------------------------------------------------------------------
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


# --- element by element ----------------------------------------------------------------------------------------------
def _operands(scope: Scope, node: Node, always: bool = False) -> tuple[Value, ...]:
    """The operands with the rank of the result, and what is no stream in its shape."""
    shape = node.type.shape
    return tuple(scope.fitted(scope.padded(arg, len(shape)), shape, always) for arg in node.args)


def _called(scope: Scope, ufunc: np.ufunc) -> Callable[..., str]:
    """Writes the call of a ufunc: operands and the buffer, all by name."""
    name, out = scope.bind(ufunc), "out=" if ufunc in NAMED_OUT else ""
    return lambda *names: f"{name}({', '.join(names[:-1])}, {out}{names[-1]})"


def _ufunc(scope: Scope, value: Value, node: Node) -> None:
    ufunc = row(node.op).ufunc
    assert ufunc is not None
    call = _called(scope, ufunc)
    places = frozenset(range(len(node.args)))
    name = scope.bind(ufunc)
    scope.into(
        value,
        _operands(scope, node),
        lambda out, args, _: [call(*args, out)],
        fresh=lambda args: f"{name}({', '.join(args)})",
        replaces=places,
    )


@lowers("clip")
def _clip(scope: Scope, value: Value, node: Node) -> bool:
    upper, lower_ = _called(scope, np.minimum), _called(scope, np.maximum)
    args = _operands(scope, node)
    scope.into(
        value,
        args,
        lambda out, args, _: [lower_(args[0], args[1], out), upper(out, args[2], out)],
        replaces=frozenset({0, 1}),
    )
    return True


@lowers("cast")
def _cast(scope: Scope, value: Value, node: Node) -> bool:
    scope.into(value, node.args, copy_lines)
    return True


@lowers("where")
def _where(scope: Scope, value: Value, node: Node) -> bool:
    """What the condition replaces, then the rest over it, in the buffer of the former if nothing else needs it."""
    shape = node.type.shape
    if any(scope.is_stream(arg) and scope.type(arg).shape != shape for arg in node.args[:2]):
        return False
    put = scope.bind(np.putmask)
    condition, new = (scope.fitted(arg, shape, always=True) for arg in node.args[:2])
    old = scope.fitted(scope.padded(node.args[2], len(shape)), shape)

    def lines(out: str, args: list[str], _: list[str]) -> list[str]:
        start = [] if args[2] == out else [f"{out}[...] = {args[2]}"]
        return [*start, f"{put}({out}, {args[0]}, {args[1]})"]

    scope.into(value, (condition, new, old), lines, replaces=frozenset({2}))
    return True


@lowers("spike")
def _spike(scope: Scope, value: Value, node: Node) -> bool:
    """Without division for one spike at most; several need a positive, finite threshold here.

    For a membrane below the threshold, v / h is below 1 in rounded arithmetic too, so its floor is 0 or negative; fmax
    also turns NaN into 0.
    """
    largest, strict = node.attrs["max_spikes"], node.attrs.get("strict", False)
    args = _operands(scope, node)
    if largest == 1:
        reached = _called(scope, np.greater if strict else np.greater_equal)
        scope.into(
            value,
            args,
            lambda out, args, scratch: [reached(*args, scratch[0]), f"{out}[...] = {scratch[0]}"],
            replaces=frozenset({0, 1}),
            scratch=(node.type.with_dtype(np.dtype(np.bool_)),),
        )
        return True
    if strict or not largest > 0 or node.args[1] not in scope.positive:
        return False
    divided, floored, least = (_called(scope, ufunc) for ufunc in (np.true_divide, np.floor, np.fmax))
    positive, most = _called(scope, np.absolute), _called(scope, np.minimum)
    args = (*args, scope.constant(0.0, node.type), scope.constant(largest, node.type))

    def lines(out: str, args: list[str], _: list[str]) -> list[str]:
        whole = [divided(*args[:2], out), floored(out, out), least(out, args[2], out), positive(out, out)]
        return [*whole, most(out, args[3], out)] if np.isfinite(largest) else whole

    scope.into(value, args, lines, replaces=frozenset({0, 1}))
    return True


# --- products and sums -----------------------------------------------------------------------------------------------
@lowers("matmul")
def _matmul(scope: Scope, value: Value, node: Node) -> bool:
    """A stream against a weight: one product of two matrices, with all leading axes folded into one."""
    left, right = (scope.type(arg) for arg in node.args)
    streams = [scope.is_stream(arg) for arg in node.args]
    rows, weight = node.args
    if right.rank == 2 and not streams[1]:
        pass
    elif left.rank == 2 and not streams[0] and right.rank == 1:
        rows, weight = node.args[1], scope.derive(("turned", node.args[0]), node.args[0], turned)
    else:
        return False
    if scope.outer == 1 and scope.type(rows).rank == 1:
        scope.into(value, (rows, weight), lambda out, args, _: [f"{args[0]}.dot({args[1]}, {out})"])
        return True
    shapes = scope.shape(scope.type(rows).shape, folded=True), scope.shape(node.type.shape, folded=True)
    scope.into(
        value,
        (rows, weight, *shapes),
        lambda out, args, _: [f"{args[0]}.reshape({args[2]}).dot({args[1]}, {out}.reshape({args[3]}))"],
    )
    return True


@lowers("sum")
def _sum(scope: Scope, value: Value, node: Node) -> bool:
    """A sum of one element is that element plus 0, which turns -0.0 into 0.0."""
    source = scope.type(node.args[0])
    if any(source.shape[axis] != 1 for axis in node.attrs["axes"]):
        return False
    add, zero = _called(scope, np.add), scope.constant(0, node.type)
    source_ = node.args[0] if node.attrs["keepdims"] else scope.squeezed(node.args[0], node.attrs["axes"])
    scope.into(value, (source_, zero), lambda out, args, _: [add(*args, out)], replaces=frozenset({0}))
    return True


# --- parts -----------------------------------------------------------------------------------------------------------
@lowers("update")
def _update(scope: Scope, value: Value, node: Node) -> bool:
    index = node.attrs["index"]
    key = scope.bind((Ellipsis, *as_slices(index)))
    part = scope.padded(node.args[1], sum(not isinstance(item, int) for item in index))

    def lines(out: str, args: list[str], _: list[str]) -> list[str]:
        start = [] if args[0] == out else [f"{out}[...] = {args[0]}"]
        return [*start, f"{out}[{key}] = {args[1]}"]

    scope.into(value, (node.args[0], part), lines, replaces=frozenset({0}))
    return True


@lowers("concatenate")
def _concatenate(scope: Scope, value: Value, node: Node) -> bool:
    axis, ends = node.attrs["axis"], [0]
    for arg in node.args:
        ends.append(ends[-1] + scope.type(arg).shape[axis])
    behind = (slice(None),) * (-axis - 1)
    keys = [scope.bind((Ellipsis, slice(*pair), *behind)) for pair in zip(ends, ends[1:], strict=False)]
    scope.into(value, node.args, partial(_fill_lines, keys))
    return True


@lowers("stack")
def _stack(scope: Scope, value: Value, node: Node) -> bool:
    behind = (slice(None),) * (-node.attrs["axis"] - 1)
    keys = [scope.bind((Ellipsis, place, *behind)) for place in range(len(node.args))]
    scope.into(value, node.args, partial(_fill_lines, keys))
    return True


def _fill_lines(keys: list[str], out: str, args: list[str], scratch: list[str]) -> list[str]:
    return [f"{out}[{key}] = {arg}" for key, arg in zip(keys, args, strict=True)]
