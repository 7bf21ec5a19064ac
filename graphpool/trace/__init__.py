"""From a module's ``step`` to a graph, through NumPy's protocols."""

from graphpool.trace.step import step_ports, trace, walk
from graphpool.trace.tracer import Tracer

__all__ = ["Tracer", "step_ports", "trace", "walk"]
