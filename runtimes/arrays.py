"""Reading what a user hands to a runtime: arrays for its ports. Checks first, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphpool.artifact import PortSignature, Signature
from graphpool.errors import InputError, format_error
from graphpool.graph.types import Array
from graphpool.graph.values import NUMERIC_KINDS


@dataclass(frozen=True)
class Batch:
    """The inputs of one run.

    Attributes:
        arrays: one array a port, ``(B, T, *sample)`` or, for one step, ``(B, *sample)``.
        size: B.
        steps: T; 1 for one step.
        is_batched: the caller gave a batch axis.
    """

    arrays: list[Array]
    size: int
    steps: int
    is_batched: bool


def read_ports(ports: Sequence[PortSignature], x: Any, *, time: bool, check_finite: bool) -> Batch:
    """The arrays for all ports of a model.

    Raises:
        InputError: names the port, what it wants and what it got.
    """
    given = by_port(ports, x)
    read = [_read_port(port, given[port.name], time=time, check_finite=check_finite) for port in ports]
    arrays = [array for array, _ in read]
    check_leading(ports, arrays, 1 + time)
    return Batch(arrays, arrays[0].shape[0], arrays[0].shape[1] if time else 1, any(had for _, had in read))


def is_number_of_sample(item: Any) -> bool:
    """Whether something is a whole number that 32 bit hold."""
    return isinstance(item, (int, np.integer)) and not isinstance(item, bool) and bool(0 <= item < 2**31)


def number_samples(signature: Signature, sample: int, leading: tuple[int, ...]) -> list[Array]:
    """The number of each sample of a batch, at every step, as one more input of a model that asks for it.

    Raises:
        InputError: no number of a sample.
    """
    if not is_number_of_sample(sample):
        raise InputError(format_error(f"sample={sample!r}", hint="the number of the first sample, 0 or more"))
    if not signature.takes_sample:
        return []
    numbers = np.arange(sample, sample + leading[0], dtype=np.int64).reshape(-1, *(1,) * (len(leading) - 1))
    return [np.broadcast_to(numbers, leading)]


def empty_arrays(entries: Sequence[PortSignature], batch: int) -> list[Array]:
    """What comes out of no steps at all."""
    return [np.empty((batch, 0, *entry.type.shape), entry.type.dtype) for entry in entries]


def check_emits(signature: Signature, steps: int) -> None:
    """Check that there is a step to emit.

    Raises:
        InputError: there is none, and the model emits the last one.
    """
    if steps == 0 and signature.emit == "last":
        hint = "a model that emits the last step takes at least one"
        raise InputError(format_error("an input without a time step", where=signature.name, hint=hint))


def check_leading(ports: Sequence[PortSignature], arrays: Sequence[Any], outer: int) -> None:
    """Check that all inputs have the same batch and time.

    Raises:
        InputError: they do not.
    """
    if len(arrays) == 1:
        return
    shapes = {port.name: array.shape[:outer] for port, array in zip(ports, arrays, strict=True)}
    if len(set(shapes.values())) > 1:
        raise InputError(f"the inputs differ in batch or time: {shapes}")


def by_port(ports: Sequence[PortSignature], x: Any) -> Mapping[str, Any]:
    """What is given for each port by its name; one port needs no dict.

    Raises:
        InputError: a port is missing, or there is none of a name.
    """
    names = [port.name for port in ports]
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise InputError(format_error(f"inputs {sorted(map(str, x))}", hint=f"the ports are {', '.join(names)}"))
        return x
    if len(ports) != 1:
        raise InputError(format_error(f"one array for {len(ports)} ports", hint=f"give a dict with {', '.join(names)}"))
    return {names[0]: x}


def _read_port(port: PortSignature, item: Any, *, time: bool, check_finite: bool) -> tuple[Array, bool]:
    array = _numeric(port, item)
    rank, outer = port.type.rank, 2 if time else 1
    if array.ndim not in (rank + outer, rank + outer - 1) or array.shape[array.ndim - rank :] != port.type.shape:
        wanted = wants(port, time=time)
        raise InputError(format_error(f"input {port.name!r} wants {wanted}, got an array of shape {array.shape}"))
    is_batched = array.ndim == rank + outer
    array = array if is_batched else array[None]
    if array.shape[0] == 0:
        wanted = wants(port, time=time)
        raise InputError(f"input {port.name!r} holds no samples: shape {array.shape}, wanted {wanted}")
    if array.dtype != port.type.dtype:
        with np.errstate(over="ignore"):
            array = array.astype(port.type.dtype)
    if check_finite and not np.all(np.isfinite(array)):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        axes = "(sample, step, ...)" if time else "(sample, ...)"
        raise InputError(f"input {port.name!r} holds {array[place]} at {place} {axes}")
    return array, is_batched


def wants(port: PortSignature, *, time: bool) -> str:
    """The shapes that a port takes, for messages."""
    sample = "".join(f", {n}" for n in port.type.shape)
    if time:
        return f"(B, T{sample}) or (T{sample})" if sample else "(B, T) or (T,)"
    return f"(B{sample}) or {port.type.shape}" if sample else "(B,) or ()"


def _numeric(port: PortSignature, item: Any) -> Array:
    try:
        array = np.asarray(item)
    except ValueError as error:
        raise InputError(f"input {port.name!r} is no array: {error}") from error
    if array.dtype == port.type.dtype:
        return array
    if array.dtype.kind not in NUMERIC_KINDS or not np.can_cast(array.dtype, port.type.dtype, "same_kind"):
        taken = {"f": "real numbers, integers and bools", "b": "bools"}.get(port.type.dtype.kind, "integers and bools")
        raise InputError(
            format_error(
                f"input {port.name!r} has dtype {array.dtype}",
                hint=f"it takes {taken}, and runs in {port.type.dtype}",
            )
        )
    return array
