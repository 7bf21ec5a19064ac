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


def read_asked(channels: Any, number: int, where: str) -> Integers:
    """The channels that a method is asked for, one or several, in any order.

    Raises:
        ChannelError: one is not below ``number``, or is negative.
        SeriesTypeError: one is no whole number.
    """
    array = _as_numbers(channels, where).reshape(-1)
    whole = array == np.floor(array)
    if not whole.all():
        raise SeriesTypeError(format_error(f"channel {array[np.argmin(whole)]}", where=where, hint=WHOLE))
    known = (array >= 0) & (array < number)
    if not known.all():
        what = f"no channel {array[np.argmin(known)]}, num_channels is {number}"
        hint = f"channels 0 to {number - 1}" if number else "the series has no channels"
        raise ChannelError(format_error(what, where=where, hint=hint))
    return array.astype(np.int64)


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


def _as_numbers(channels: Any, where: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(channels)
    except ValueError as error:
        raise SeriesTypeError(format_error(f"the channels are no array: {error}", where=where)) from error
    if not array.size:
        return array.astype(np.int64)
    if array.dtype.kind not in "iuf":
        what = f"channels of type {type(channels).__name__} and dtype {array.dtype}"
        raise SeriesTypeError(format_error(what, where=where, hint=WHOLE))
    return array


def _are_whole(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    whole: npt.NDArray[np.bool_] = (array >= 0) & (array == np.floor(array))
    return whole & (array < 2.0**63) if array.dtype.kind in "uf" else whole
