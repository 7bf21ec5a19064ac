"""Runs JAX programs, and offers the model as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.nested import flatten, nest
from graphpool.plan import Plan, compute_once
from graphpool.runtimes.base import Runtime


class JaxRuntime(Runtime):
    """A compiled model that JAX runs.

    Beside the common face it offers :attr:`apply` and :attr:`apply_step`, pure functions in 32 bit that can be
    jit-compiled, differentiated, mapped and sharded. They compute what depends on parameters alone in float32, inside,
    where gradients need it; the runtime itself computes it in float64 and rounds. So a spike may differ between the
    two, unless the rounded values are handed over: ``apply(params, state, x, once=run.once())``.
    """

    def apply(
        self, params: Mapping[str, Any], state: Mapping[str, Any], x: Any, *, once: Mapping[Value, Any] | None = None
    ) -> tuple[Any, Any, Any]:
        """A whole evolution as a pure function.

        Args:
            params: nested parameters, as :meth:`parameters` gives them, of any dtype.
            state: nested states: sample shapes, or ``(B, *shape)``.
            x: ``(B, T, *sample)`` or ``(T, *sample)``; a dict by port name where there are several inputs.
            once: values to use in place of computing them from ``params``; see :meth:`once`.

        Returns:
            The output ``(B, T, *sample)``, the new state ``(B, *shape)`` and the record, nested.
        """
        return self._apply("pure", params, state, x, once)

    def apply_step(
        self, params: Mapping[str, Any], state: Mapping[str, Any], x: Any, *, once: Mapping[Value, Any] | None = None
    ) -> tuple[Any, Any]:
        """One time step as a pure function, for a scan of your own: ``(params, state, x) -> (y, state)``.

        Args:
            params: nested parameters, as :meth:`parameters` gives them, of any dtype.
            state: nested states: sample shapes, or ``(B, *shape)``.
            x: ``(*sample)`` or ``(B, *sample)``; the output and new state have a batch axis if x has one.
            once: as for :meth:`apply`.
        """
        output, following, _ = self._apply("pure_step", params, state, x, once)
        return output, following

    def once(self) -> dict[Value, Array]:
        """What depends on parameters alone, from the present parameters in float64, rounded: for ``apply``."""
        return self._handed_to("run")
