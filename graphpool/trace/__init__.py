"""From a module's ``step`` to a graph, through NumPy's protocols."""

from graphpool.trace.functions import FUNCTIONS, METHODS
from graphpool.trace.reductions import REDUCTIONS
from graphpool.trace.step import step_ports, trace, walk
from graphpool.trace.tracer import Tracer

__all__ = ["FUNCTIONS", "METHODS", "REDUCTIONS", "Tracer", "step_ports", "trace", "walk"]
