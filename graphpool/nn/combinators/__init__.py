"""Modules made of modules."""

from graphpool.nn.combinators.sequential import Sequential

__all__ = ["Sequential"]
