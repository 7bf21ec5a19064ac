"""Modules made of modules."""

from graphpool.nn.combinators.network import Network
from graphpool.nn.combinators.sequential import Sequential

__all__ = ["Network", "Sequential"]
