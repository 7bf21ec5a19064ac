"""The modules: one file each."""

from graphpool.nn.modules.lif import LIF, LIFJax
from graphpool.nn.modules.linear import Linear, LinearJax
from graphpool.nn.modules.module import Module
from graphpool.nn.modules.rate import Rate, RateJax
from graphpool.nn.modules.timed_module import TimedModule, TimedModuleWrapper

__all__ = ["LIF", "LIFJax", "Linear", "LinearJax", "Module", "Rate", "RateJax", "TimedModule", "TimedModuleWrapper"]
