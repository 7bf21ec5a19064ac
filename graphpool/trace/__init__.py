"""From a module's ``step`` to a graph, through NumPy's protocols."""

from graphpool.trace import einsum, joining, making, methods, moving, pointwise, products, selection, shapes, statistics
from graphpool.trace.functions import FUNCTIONS, METHODS
from graphpool.trace.ports import step_ports, walk
from graphpool.trace.reductions import REDUCTIONS
from graphpool.trace.step import trace
from graphpool.trace.tracer import Tracer

FAMILIES = (making, selection, pointwise, shapes, joining, moving, products, einsum, statistics, methods)
"""The modules that fill the tables."""

__all__ = ["FAMILIES", "FUNCTIONS", "METHODS", "REDUCTIONS", "Tracer", "step_ports", "trace", "walk"]
