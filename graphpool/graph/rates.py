"""Rates: how often a value is new.

``const`` values are known when compiling, ``param`` values once per parameter set, ``stream`` values at each step. The
rate of a value is the highest rate among its operands; inputs and states are streams.
"""

from __future__ import annotations

from enum import IntEnum

from graphpool.graph.graph import CONST, PARAM, Graph


class Rate(IntEnum):
    """The three rates, in order."""

    CONST = 0
    PARAM = 1
    STREAM = 2

    def __str__(self) -> str:
        return self.name.lower()


def infer_rates(graph: Graph) -> tuple[Rate, ...]:
    """The rate of each value of the graph."""
    rates: list[Rate] = []
    leaves = {CONST: Rate.CONST, PARAM: Rate.PARAM}
    for node in graph.nodes:
        if node.args:
            rates.append(max(rates[arg] for arg in node.args))
        else:
            rates.append(leaves.get(node.op, Rate.STREAM))
    return tuple(rates)
