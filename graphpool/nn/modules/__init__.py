"""The modules: one file each."""

from graphpool.nn.modules.lif import LIF
from graphpool.nn.modules.linear import Linear
from graphpool.nn.modules.module import Module
from graphpool.nn.modules.rate import Rate

__all__ = ["LIF", "Linear", "Module", "Rate"]
