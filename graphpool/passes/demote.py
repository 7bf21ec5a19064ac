"""Demotion to 32 bit: the one place where float64 becomes float32.

Tracing keeps the dtypes of NumPy, mostly float64. Demotion turns the streams to float32 and leaves constants and
parameters as they are, with one cast where each meets a stream: they are computed once in double precision and rounded.
:func:`demote_everything` turns parameters and integers to 32 bit too, for functions that live without 64 bit.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graphpool.errors import PrecisionWarning
from graphpool.graph import CONST, INPUT, PARAM, Graph, Node, Value
from graphpool.graph.rates import Rate, infer_rates
from graphpool.graph.types import FLOAT32, FLOAT64, INT32, INT64, Array, DType
from graphpool.passes.base import Note, Pass, PassResult
from graphpool.passes.rewrite import Rewrite

EXACT_INTEGERS, LARGEST_COUNT = 2**24, 2**53
"""Up to the first, float32 holds every integer; beyond the second, not even float64 does, so none is meant."""


@dataclass(frozen=True)
class Demote(Pass):
    """Turn float64 streams to float32."""

    name: ClassVar[str] = "demote"

    def run(self, graph: Graph) -> PassResult:
        demotion = _Demotion(graph, everything=False)
        return self.result(graph, demotion.run(_demote), demotion.notes)


def demote_everything(graph: Graph) -> tuple[Graph, dict[Value, Value], tuple[Note, ...]]:
    """The graph in 32 bit throughout, parameters and integers included.

    Returns:
        The graph, where each value of the old one is in it, and notes on what may lose its value.
    """
    demotion = _Demotion(graph, everything=True)
    return demotion.run(_demote), demotion.new, tuple(demotion.notes)


class _Demotion(Rewrite):
    def __init__(self, graph: Graph, everything: bool) -> None:
        super().__init__(graph)
        self.everything = everything
        self.rates = infer_rates(graph)
        self.notes: list[Note] = []
        self._casts: dict[Value, Value] = {}

    def is_demoted(self, value: Value) -> bool:
        return self.everything or self.rates[value] is Rate.STREAM

    def dtype(self, dtype: DType) -> DType:
        """The 32-bit dtype for a 64-bit one."""
        if dtype == FLOAT64:
            return FLOAT32
        return INT32 if self.everything and dtype == INT64 else dtype

    def leaf(self, value: Value, node: Node) -> Value:
        target = self.dtype(node.type.dtype)
        if target == node.type.dtype or not self.is_demoted(value):
            return super().leaf(value, node)
        label = self.graph.labels[value]
        if target == INT32:
            self.notes.append(Note("demote", f"%{label}", "int64 becomes int32: values wrap beyond 2**31"))
        type_ = node.type.with_dtype(target)
        place = node.attrs["place"]
        if node.op == INPUT:
            port = self.graph.inputs[place]
            return self.builder.input(port.name, type_, port.kind, port.clock)
        if node.op == PARAM:
            return self.builder.param(self.graph.params[place].name, type_)
        if node.op == CONST:
            return self.builder.constant(self.rounded(value, place.array, target), self.graph.origins[value])
        state = self.graph.states[place]
        return self.builder.state(state.name, self.rounded(value, state.init.array, target), state.clock)

    def root(self, value: Value) -> Value:
        return self.meet_stream(value)

    def meet_stream(self, value: Value) -> Value:
        """The new value of an operand of a stream: constants and parameters are rounded here, once each."""
        new = self.new[value]
        type_ = self.node(new).type
        target = self.dtype(type_.dtype)
        if target == type_.dtype:
            return new
        if new not in self._casts:
            array = self.literal(new)
            if array is not None:
                self.rounded(value, array, target)
            self._casts[new] = self.builder.add("cast", [new], {"dtype": target}, self.graph.origins[value])
        return self._casts[new]

    def rounded(self, value: Value, array: Array, target: DType) -> Array:
        """The array in 32 bit, with a warning where it does not survive that."""
        with np.errstate(all="ignore"):
            small = array.astype(target)
        problem = _lost(array, small)
        if problem:
            origins = self.graph.origins[value]
            where = f" ({origins[0]})" if origins else ""
            text = f"{problem} in {target.name}{where}"
            self.notes.append(Note("demote", f"%{self.graph.labels[value]}", text))
            if not self.everything:
                warnings.warn(PrecisionWarning(f"{text}; compile with dtype='float64' to keep it"), stacklevel=2)
        return small


def _lost(array: Array, small: Array) -> str:
    if array.dtype.kind == "i":
        wrapped = np.ravel(array)[np.ravel(small != array)]
        return f"the constant {wrapped[0]} wraps" if wrapped.size else ""
    finite = np.isfinite(array)
    size = abs(array)
    large_integer = finite & (size > EXACT_INTEGERS) & (size <= LARGEST_COUNT) & (array == np.floor(array))
    cases: tuple[tuple[str, Any], ...] = (
        ("overflows", finite & ~np.isfinite(small)),
        ("becomes zero", (array != 0) & (small == 0)),
        ("is no longer the same integer", large_integer & (small != array)),
    )
    for what, hit in cases:
        if np.any(hit):
            return f"the constant {np.ravel(array)[np.ravel(hit)][0]} {what}"
    return ""


def _demote(rewrite: Rewrite, value: Value, node: Node, args: tuple[Value, ...]) -> Value | None:
    assert isinstance(rewrite, _Demotion)
    if not rewrite.is_demoted(value):
        return None
    operands = [rewrite.meet_stream(arg) for arg in node.args]
    if node.op != "cast":
        made = {"dtype": rewrite.dtype(node.attrs["dtype"])} if "dtype" in node.attrs else {}
        return rewrite.add(node.op, operands, {**node.attrs, **made})
    target = rewrite.dtype(node.attrs["dtype"])
    source = rewrite.node(operands[0]).type.dtype
    if source.kind == "i" and target == FLOAT32:
        text = "an integer becomes float32: exact up to 2**24"
        rewrite.notes.append(Note("demote", f"%{rewrite.graph.labels[value]}", text))
    return operands[0] if source == target else rewrite.add("cast", operands, {"dtype": target})
