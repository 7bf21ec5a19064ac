"""Algebra that is exact to the bit, for NaN, infinities and signed zeros too.

So ``x - 0`` becomes ``x``, but ``x + 0`` stays: it turns -0.0 into 0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graphpool.graph import Graph, Node, TensorType, Value
from graphpool.ops.shaping import as_slices
from graphpool.passes.base import Pass, PassResult
from graphpool.passes.rewrite import Rewrite

Simplification = Callable[[Rewrite, Node, tuple[Value, ...]], Value | None]
RULES: dict[str, list[Simplification]] = {}


@dataclass(frozen=True)
class Simplify(Pass):
    """Replace nodes by simpler ones of the same value."""

    name: ClassVar[str] = "simplify"

    def run(self, graph: Graph) -> PassResult:
        return self.result(graph, Rewrite(graph).run(_simplify))


def _simplify(rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
    """Apply rules until none fits; each goes on with fewer nodes above it, so this ends."""
    present: Value | None = None
    while True:
        replaced = next(
            (new for rule in RULES.get(node.op, ()) if (new := rule(rewrite, node, args)) is not None), None
        )
        if replaced is None:
            return present
        present, node = replaced, rewrite.node(replaced)
        args = node.args


def _rule(*ops: str) -> Callable[[Simplification], Simplification]:
    def register(rule: Simplification) -> Simplification:
        for op in ops:
            RULES.setdefault(op, []).append(rule)
        return rule

    return register


def _is_filled(rewrite: Rewrite, value: Value, number: float) -> bool:
    """A constant that holds one number throughout, signed zeros told apart."""
    array = rewrite.literal(value)
    if array is None or not array.size:
        return False
    return bool(np.all(array == number) and np.all(np.signbit(array) == np.signbit(number)))


def _if_same_type(rewrite: Rewrite, node: Node, value: Value) -> Value | None:
    return value if rewrite.node(value).type == node.type else None


# --- neutral elements ------------------------------------------------------------------------------------------------
@_rule("mul")
def _times_one(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    for value, other in (args, args[::-1]):
        if _is_filled(rewrite, other, 1):
            return _if_same_type(rewrite, node, value)
    return None


@_rule("div", "pow")
def _by_one(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    return _if_same_type(rewrite, node, args[0]) if _is_filled(rewrite, args[1], 1) else None


@_rule("sub")
def _minus_zero(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    return _if_same_type(rewrite, node, args[0]) if _is_filled(rewrite, args[1], 0.0) else None


@_rule("add")
def _plus_minus_zero(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    zero = 0 if node.type.dtype.kind == "i" else -0.0
    for value, other in (args, args[::-1]):
        if _is_filled(rewrite, other, zero):
            return _if_same_type(rewrite, node, value)
    return None


@_rule("neg", "not")
def _twice(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    inner = rewrite.node(args[0])
    return inner.args[0] if inner.op == node.op else None


@_rule("and", "or", "maximum", "minimum")
def _with_itself(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    return args[0] if args[0] == args[1] else None


@_rule("and", "or")
def _with_neutral_flag(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    neutral = node.op == "and"
    for value, other in (args, args[::-1]):
        array = rewrite.literal(other)
        if array is not None and array.size and np.all(array == neutral):
            return _if_same_type(rewrite, node, value)
    return None


@_rule("where")
def _known_choice(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    condition, chosen, other = args
    if chosen == other:
        return _if_same_type(rewrite, node, chosen)
    array = rewrite.literal(condition)
    if array is None or not array.size or not (np.all(array) or not np.any(array)):
        return None
    return _if_same_type(rewrite, node, chosen if np.all(array) else other)


# --- casts -----------------------------------------------------------------------------------------------------------
@_rule("cast")
def _same_dtype(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    return _if_same_type(rewrite, node, args[0])


@_rule("cast")
def _through_a_wider_dtype(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    inner = rewrite.node(args[0])
    if inner.op != "cast":
        return None
    source = rewrite.node(inner.args[0]).type.dtype
    lossless = np.can_cast(source, inner.type.dtype, "safe")
    # A float that passes through a wider float, or an integer through a wider integer, arrives unchanged.
    if not lossless or source.kind != inner.type.dtype.kind:
        return None
    return rewrite.add("cast", [inner.args[0]], node.attrs)


# --- shapes ----------------------------------------------------------------------------------------------------------
@_rule("reshape", "broadcast")
def _same_shape(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    return _if_same_type(rewrite, node, args[0])


@_rule("reshape")
def _reshape_of_reshape(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    inner = rewrite.node(args[0])
    return rewrite.add("reshape", inner.args, node.attrs) if inner.op in ("reshape", "expand", "squeeze") else None


@_rule("sum")
def _sum_of_one(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    """One element plus the zero that a sum starts from: -0.0 becomes 0.0."""
    type_ = rewrite.node(args[0]).type
    if any(type_.shape[axis] != 1 for axis in node.attrs["axes"]):
        return None
    reshaped = rewrite.add("reshape", args, {"shape": node.type.shape})
    zero = rewrite.constant(np.zeros((), node.type.dtype))
    return rewrite.add("add", [reshaped, zero]) if node.type.dtype.kind == "f" else reshaped


@_rule("transpose")
def _transposes(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    axes = node.attrs["axes"]
    if axes == tuple(range(-len(axes), 0)):
        return args[0]
    inner = rewrite.node(args[0])
    if inner.op != "transpose":
        return None
    return rewrite.add("transpose", inner.args, {"axes": tuple(inner.attrs["axes"][axis] for axis in axes)})


@_rule("squeeze")
def _squeeze_of_expand(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    inner = rewrite.node(args[0])
    same = inner.op == "expand" and inner.attrs["axes"] == node.attrs["axes"]
    return inner.args[0] if same else None


@_rule("slice")
def _whole_slice(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    whole = tuple((0, size, 1) for size in rewrite.node(args[0]).type.shape)
    return args[0] if node.attrs["index"] == whole else None


@_rule("slice")
def _slice_of_update(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    """What was just written, or what lies beside it."""
    inner = rewrite.node(args[0])
    if inner.op != "update":
        return None
    base, written = inner.args
    if inner.attrs["index"] == node.attrs["index"]:
        return _broadcast(rewrite, written, node.type)
    read, changed = (_touched(inner.type, each.attrs["index"]) for each in (node, inner))
    return rewrite.add("slice", [base], node.attrs) if not np.any(read & changed) else None


@_rule("update")
def _update_of_update(rewrite: Rewrite, node: Node, args: tuple[Value, ...]) -> Value | None:
    """What is overwritten needs no writing, nor what is there already."""
    base, written = args
    changed = _touched(node.type, node.attrs["index"])
    if np.all(changed) and node.attrs["index"] == tuple((0, size, 1) for size in node.type.shape):
        return _broadcast(rewrite, written, node.type)
    inner, source = rewrite.node(base), rewrite.node(written)
    if source.op == "slice" and source.args[0] == base and source.attrs["index"] == node.attrs["index"]:
        return base
    if inner.op == "update" and not np.any(_touched(node.type, inner.attrs["index"]) & ~changed):
        return rewrite.add("update", [inner.args[0], written], node.attrs)
    return None


def _touched(type_: TensorType, index: Any) -> Any:
    flags = np.zeros(type_.shape, dtype=np.bool_)
    flags[as_slices(index)] = True
    return flags


def _broadcast(rewrite: Rewrite, value: Value, type_: TensorType) -> Value:
    if rewrite.node(value).type == type_:
        return value
    return rewrite.add("broadcast", [value], {"shape": type_.shape})
