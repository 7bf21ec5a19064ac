"""Runs JAX programs, and offers the model as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from graphpool.artifact import ParamSignature, StateSignature
from graphpool.errors import GraphpoolError, InputError, ParameterError, StateError, format_error
from graphpool.graph import Value
from graphpool.graph.types import Array
from graphpool.graph.values import read_nested
from graphpool.nested import nest
from graphpool.plan import Plan
from graphpool.runtimes.arrays import by_port, check_emits, check_leading, number_samples, wants
from graphpool.runtimes.base import Arrays, Mode, Runtime


class JaxRuntime(Runtime):
    """A compiled model that JAX runs.

    Beside the common face it offers :attr:`apply` and :attr:`apply_step`, pure functions in 32 bit that can be
    jit-compiled, differentiated, mapped and sharded. They compute what depends on parameters alone in float32, inside,
    where gradients need it; the runtime itself computes it in float64 and rounds. So a spike may differ between the
    two, unless the rounded values are handed over: ``apply(params, state, x, once=run.once())``.
    """

    def apply(
        self,
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        x: Any,
        *,
        once: Mapping[Value, Any] | None = None,
        sample: int = 0,
    ) -> tuple[Any, Any, Any]:
        """A whole evolution as a pure function.

        Args:
            params: nested parameters, as :meth:`parameters` gives them, of any dtype.
            state: nested states: sample shapes, or ``(B, *shape)``.
            x: ``(B, T, *sample)`` or ``(T, *sample)``; a dict by port name where there are several inputs.
            once: values to use in place of computing them from ``params``; see :meth:`once`.
            sample: the number of the first sample, on which noise depends; it is the same up to rounding.

        Returns:
            The output ``(B, T, *sample)``, the new state ``(B, *shape)`` and the record, nested.

        Raises:
            InputError: x does not fit its port, or has no step to emit.
            ParameterError: a parameter is missing, unknown or has a wrong shape.
            StateError: a state is missing, unknown or has a wrong shape.
        """
        return self._apply("pure", params, state, x, once, sample)

    def apply_step(
        self,
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        x: Any,
        *,
        once: Mapping[Value, Any] | None = None,
        sample: int = 0,
    ) -> tuple[Any, Any]:
        """One time step as a pure function, for a scan of your own: ``(params, state, x) -> (y, state)``.

        Args:
            params: nested parameters, as :meth:`parameters` gives them, of any dtype.
            state: nested states: sample shapes, or ``(B, *shape)``.
            x: ``(*sample)`` or ``(B, *sample)``; the output and new state have a batch axis if x has one.
            once: as for :meth:`apply`.
            sample: as for :meth:`apply`.
        """
        is_batched = self._port_arrays(x, outer=1)[1]
        output, following, _ = self._apply("pure_step", params, state, x, once, sample)
        if is_batched:
            return output, following
        return first_samples(output), first_samples(following)

    def once(self) -> dict[Value, Array]:
        """What depends on parameters alone, from the present parameters in float64, rounded: for ``apply``."""
        plans = self.artifact.plans
        pure = self._pure_plan("pure").graph
        return {
            plans.pure_values[value]: array.astype(pure.type(plans.pure_values[value]).dtype)
            for value, array in self._handed_to("record").items()
        }

    def _execute_ragged(
        self, mode: Mode, inputs: Arrays, states: Arrays, lengths: Array
    ) -> tuple[Arrays, Arrays, Arrays]:
        outputs, following, records = self._program(mode).ragged(self._handed_to(mode), states, inputs, lengths)
        return outputs, following, records

    def _apply(
        self,
        mode: Literal["pure", "pure_step"],
        params: Mapping[str, Any],
        state: Mapping[str, Any],
        x: Any,
        once: Any,
        sample: int,
    ) -> tuple[Any, Any, Any]:
        arrays, _ = self._port_arrays(x, outer=2 if mode == "pure" else 1)
        if mode == "pure":
            check_emits(self.signature, arrays[0].shape[1])
        numbers = number_samples(self.signature, sample, arrays[0].shape[: 2 if mode == "pure" else 1])
        plan = self._pure_plan(mode)
        if mode not in self._programs:
            self._programs[mode] = self.artifact.build(plan)
        flat_params = read_nested(params, "parameter", ParameterError)
        flat_state = read_nested(state, "state", StateError)
        _check_shapes(self.signature.params, flat_params, "parameter", ParameterError)
        _check_shapes(self.signature.states, flat_state, "state", StateError, arrays[0].shape[0])
        outputs, following, records = self._programs[mode].pure(flat_params, flat_state, arrays + numbers, once)
        new_state = {entry.name: array for entry, array in zip(self.signature.states, following, strict=True)}
        recorded = {entry.name: array for entry, array in zip(self.signature.records, records, strict=True)}
        return self._delivered(outputs), nest(new_state), nest(recorded)

    def _pure_plan(self, mode: Literal["pure", "pure_step"]) -> Plan:
        plan: Plan = getattr(self.artifact.plans, mode)
        return plan

    def _port_arrays(self, x: Any, outer: int) -> tuple[list[Any], bool]:
        """The inputs with a batch axis, and whether they had one; they may be values that JAX traces."""
        ports = self.signature.inputs
        given = by_port(ports, x)
        arrays: list[Any] = []
        is_batched = False
        for port in ports:
            array, rank = given[port.name], port.type.rank
            array = array if hasattr(array, "ndim") else np.asarray(array)
            wanted = (rank + outer, rank + outer - 1)
            if array.ndim not in wanted or array.shape[array.ndim - rank :] != port.type.shape:
                raise InputError(
                    f"input {port.name!r} wants {wants(port, time=outer == 2)}, got an array of shape {array.shape}"
                )
            is_batched |= array.ndim == rank + outer
            arrays.append(array if array.ndim == rank + outer else array[None])
        check_leading(ports, arrays, outer)
        return arrays, is_batched


def _check_shapes(
    entries: Sequence[ParamSignature | StateSignature],
    flat: Mapping[str, Any],
    what: str,
    error: type[GraphpoolError],
    batch: int | None = None,
) -> None:
    """Check names and shapes of values that JAX may trace; with ``batch``, those of one and of all samples fit, too."""
    names = [entry.name for entry in entries]
    if set(flat) != set(names):
        missing, unknown = [n for n in names if n not in flat], [n for n in flat if n not in names]
        raise error(
            format_error(
                f"{what}s missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}",
                hint=f"a pure function takes all of them: {', '.join(names) or 'none'}",
            )
        )
    for entry in entries:
        shape, own = np.shape(flat[entry.name]), entry.type.shape
        fits = (own,) if batch is None else (own, (1, *own), (batch, *own))
        if shape not in fits:
            raise error(f"{what} {entry.name!r} has shape {' or '.join(map(str, dict.fromkeys(fits)))}, got {shape}")


def first_samples(tree: Any) -> Any:
    """A tree of batches with the first sample of each."""
    if isinstance(tree, Mapping):
        return {name: first_samples(item) for name, item in tree.items()}
    return tree[0]
