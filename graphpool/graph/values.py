"""Values of parameters and states that somebody gives: by name, of the shape and dtype that a graph declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphpool.errors import GraphpoolError, format_error
from graphpool.graph.types import Array, TensorType
from graphpool.nested import flatten

NUMERIC_KINDS = "biuf"


def read_nested(nested: Any, what: str, error: type[GraphpoolError]) -> dict[str, Any]:
    """A nested dict of states or parameters by dotted path.

    Raises:
        GraphpoolError: of class ``error``: it is no dict.
    """
    if not isinstance(nested, Mapping):
        raise error(f"{what}s come as a nested dict by name, got {type(nested).__name__}")
    return dict(flatten(nested))


def read_values(
    flat: Mapping[str, Any],
    types: Mapping[str, TensorType],
    what: str,
    error: type[GraphpoolError],
    *,
    batched: bool,
) -> dict[str, Array]:
    """States or parameters by dotted path, as arrays of their types.

    Args:
        flat: the values given.
        types: the types of all that there are.
        what: ``state`` or ``parameter``, for messages.
        error: what to raise.
        batched: whether a leading batch axis is allowed; one of length 1 is dropped.

    Raises:
        GraphpoolError: of class ``error``: an unknown name, a wrong shape or dtype.
    """
    unknown = [name for name in flat if name not in types]
    if unknown:
        raise error(
            format_error(f"no {what} {', '.join(map(repr, unknown))}", hint=f"there are {', '.join(types) or 'none'}")
        )
    return {name: _read_value(name, item, types[name], what, error, batched) for name, item in flat.items()}


def _read_value(
    name: str, item: Any, type_: TensorType, what: str, error: type[GraphpoolError], batched: bool
) -> Array:
    try:
        array = np.asarray(item)
    except ValueError as cause:
        raise error(f"{what} {name!r} is no array: {cause}") from cause
    if array.dtype.kind not in NUMERIC_KINDS or not np.can_cast(array.dtype, type_.dtype, "same_kind"):
        raise error(f"{what} {name!r} has dtype {type_.dtype}, got {array.dtype}")
    is_batched = batched and array.ndim == type_.rank + 1 and array.shape[0] > 0
    if array.shape != type_.shape and not (is_batched and array.shape[1:] == type_.shape):
        also = f" or (B{''.join(f', {n}' for n in type_.shape)})" if batched else ""
        raise error(f"{what} {name!r} has shape {type_.shape}{also}, got {array.shape}")
    with np.errstate(over="ignore"):
        return np.array(array[0] if is_batched and array.shape[0] == 1 else array, dtype=type_.dtype)
