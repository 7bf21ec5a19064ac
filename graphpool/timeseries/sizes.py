"""How large an array may be: a larger one is a wrong time step, or a wrong duration."""

from __future__ import annotations

from graphpool.errors import TimeSeriesError, format_error

LARGEST = 2**31
"""Entries of an array, rows times channels: as doubles 16 GiB, minutes of hundreds of electrodes."""


def check_steps(count: float, columns: int, dt: float, where: str) -> None:
    """Raise where an array of one row a time step is too large to be meant, before there is memory for it.

    Args:
        count: of the steps; may be infinite.
        columns: of the array; without any it is as large as with one.
        dt: the time step in seconds.
        where: the series, for the message.

    Raises:
        TimeSeriesError: it has more than ``LARGEST`` entries.
    """
    if not _is_meant(count, columns):
        raise _too_large(count, columns, f"{count * dt:.9g} s in steps of dt={dt} s", where)


def check_repetitions(rows: float, columns: int, span: tuple[float, float], period: float, where: str) -> None:
    """Raise where the repetitions of a series within a span of time are too many, as :func:`check_steps`.

    Raises:
        TimeSeriesError: they have more than ``LARGEST`` entries.
    """
    if not _is_meant(rows, columns):
        why = f"from t={span[0]} s to {span[1]} s with a period of {period} s"
        raise _too_large(rows, columns, why, where)


def _is_meant(rows: float, columns: int) -> bool:
    return rows * max(columns, 1) <= LARGEST


def _too_large(rows: float, columns: int, why: str, where: str) -> TimeSeriesError:
    what = f"{rows:.9g} rows of {columns} channels are too large: {why}"
    return TimeSeriesError(format_error(what, where=where, hint="dt and all times are in seconds"))
