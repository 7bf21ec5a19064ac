"""The intermediate representation: types, nodes, graphs, their builder and their text."""

from graphpool.graph.builder import GraphBuilder, verify
from graphpool.graph.graph import (
    CONST,
    INPUT,
    LEAF_OPS,
    PARAM,
    SAMPLE,
    STATE,
    Graph,
    Node,
    Origin,
    Output,
    Param,
    Port,
    Record,
    State,
    Value,
)
from graphpool.graph.rates import Rate, infer_rates
from graphpool.graph.types import Attributes, Literal, TensorType, type_of

__all__ = [
    "CONST",
    "INPUT",
    "LEAF_OPS",
    "PARAM",
    "SAMPLE",
    "STATE",
    "Attributes",
    "Graph",
    "GraphBuilder",
    "Literal",
    "Node",
    "Origin",
    "Output",
    "Param",
    "Port",
    "Rate",
    "Record",
    "State",
    "TensorType",
    "Value",
    "infer_rates",
    "type_of",
    "verify",
]
