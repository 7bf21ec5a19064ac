"""Channels of events, as they are given and as they are asked for, and whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graphpool.errors import ChannelError, SeriesTypeError, TimeSeriesError, format_error
from graphpool.timeseries.clock import Floats, Integers

WHOLE = "channels are whole numbers from 0 on"


def read_count(number: Any, what: str, where: str) -> int:
    """A whole number, 0 or more.

    Raises:
        TimeSeriesError: it is something else; ``what`` is how the message calls it.
    """
    if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, np.integer)) or number < 0:
        raise TimeSeriesError(format_error(f"{what}={number!r}", where=where, hint="a whole number, 0 or more"))
    return int(number)


def read_channels(channels: Any, times: Floats, where: str) -> Integers:
    """The channel of each event, as a new vector.

    Args:
        channels: one for each time, or one for all; None is 0.
        times: of the events in seconds.
        where: the series, for messages.

    Raises:
        TimeSeriesError: they are no whole numbers from 0 on, or not one for each time.
    """
    array = _as_numbers(0 if channels is None else channels, where)
    if array.ndim and array.size != times.size:
        what = f"{array.size} channels for {times.size} times"
        raise TimeSeriesError(format_error(what, where=where, hint="give one channel for each time, or one for all"))
    spread = np.broadcast_to(array.reshape(-1), times.shape)
    wrong = ~_are_whole(spread)
    if wrong.any():
        index = int(np.argmax(wrong))
        what = f"event {index} at t={times[index]} s is on channel {spread[index]}"
        raise TimeSeriesError(format_error(what, where=where, hint=WHOLE))
    return np.array(spread, dtype=np.int64)


def check_channels(channels: Integers, times: Floats, number: int, where: str) -> None:
    """Raise where an event is on a channel that is not there.

    Raises:
        TimeSeriesError: a channel is ``number`` or larger.
    """
    beyond = channels >= number
    if beyond.any():
        index = int(np.argmax(beyond))
        what = f"event {index} at t={times[index]} s is on channel {channels[index]}, num_channels is {number}"
        hint = f"num_channels={int(channels.max()) + 1} or more holds all events"
        raise TimeSeriesError(format_error(what, where=where, hint=hint))


def select_channels(channels: Any, count: int, where: str) -> slice | Integers:
    """The columns that a selection of channels means, in the order in which it names them.

    Args:
        channels: None for all; a number or several, of which negative ones count from the end; a slice; or a mask, one
            bool a channel.
        count: how many channels there are.
        where: the series, for messages.

    Returns:
        A slice for None and for a slice, else numbers from 0 to ``count - 1``.

    Raises:
        ChannelError: a channel that the series does not have, or a mask of another length.
        SeriesTypeError: it is none of these.
    """
    if channels is None or isinstance(channels, slice):
        return slice(None) if channels is None else _read_slice(channels, count, where)
    array = _as_array(channels, where)
    if array.dtype == np.bool_ and array.ndim:
        if array.size != count:
            what = f"a mask of {array.size} channels, num_channels is {count}"
            raise ChannelError(format_error(what, where=where, hint="one bool a channel"))
        return np.flatnonzero(array)
    if array.dtype.kind not in "iu":
        hint = "a whole number, several of them, a slice or a mask"
        raise SeriesTypeError(format_error(f"channels={channels!r}", where=where, hint=hint))
    picked = array.reshape(-1)
    known = (picked >= -count) & (picked < count)
    if not known.all():
        what = f"no channel {picked[np.argmin(known)]}, num_channels is {count}"
        hint = f"channels 0 to {count - 1}" if count else "the series has no channels"
        raise ChannelError(format_error(what, where=where, hint=hint))
    numbers = picked.astype(np.int64)
    return np.where(numbers < 0, numbers + count, numbers)


def _read_slice(channels: slice, count: int, where: str) -> slice:
    try:
        channels.indices(count)
    except (TypeError, ValueError) as error:  # a step of 0 is a ValueError
        raise SeriesTypeError(format_error(f"channels={channels!r}: {error}", where=where)) from error
    return channels


def list_channels(channels: Any, count: int, where: str) -> Integers:
    """The same as :func:`select_channels`, as numbers always.

    Raises:
        ChannelError, SeriesTypeError: as there.
    """
    selected = select_channels(channels, count, where)
    return np.arange(*selected.indices(count), dtype=np.int64) if isinstance(selected, slice) else selected


def read_map(channel_map: Any, number: int, where: str) -> Integers:
    """The new channel of each of ``number`` channels.

    Raises:
        TimeSeriesError: they are no whole numbers from 0 on, or not one for each channel.
    """
    array = _as_numbers(channel_map, where)
    if array.shape != (number,):
        what = f"a channel map of shape {array.shape} for {number} channels"
        raise TimeSeriesError(format_error(what, where=where, hint="give the new channel of each channel, in order"))
    wrong = ~_are_whole(array)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise TimeSeriesError(format_error(f"channel {index} becomes {array[index]}", where=where, hint=WHOLE))
    return array.astype(np.int64)


def _as_array(channels: Any, where: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(channels)
    except ValueError as error:
        raise SeriesTypeError(format_error(f"the channels are no array: {error}", where=where)) from error
    # An empty list has the dtype float64.
    return array if array.size or array.dtype == np.bool_ else array.astype(np.int64)


def _as_numbers(channels: Any, where: str) -> npt.NDArray[Any]:
    array = _as_array(channels, where)
    if not array.size:
        return array.astype(np.int64)
    if array.dtype.kind not in "iuf":
        what = f"channels of type {type(channels).__name__} and dtype {array.dtype}"
        raise SeriesTypeError(format_error(what, where=where, hint=WHOLE))
    return array


def _are_whole(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    whole: npt.NDArray[np.bool_] = (array >= 0) & (array == np.floor(array))
    return whole & (array < 2.0**63) if array.dtype.kind in "uf" else whole
