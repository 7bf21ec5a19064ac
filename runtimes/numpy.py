"""Runs NumPy programs."""

from __future__ import annotations

from graphpool.runtimes.base import Runtime


class NumpyRuntime(Runtime):
    """A compiled model that NumPy runs."""
