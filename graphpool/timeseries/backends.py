"""Which library draws time series: matplotlib, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from graphpool.errors import TimeSeriesError, format_error, missing_extra

MATPLOTLIB = "matplotlib"
NAMES = (MATPLOTLIB, "mpl", "mp", "pyplot", "plt")

_chosen: str | None = None
"""By everybody's choice; None for what is installed."""


def read_backend(backend: Any, where: str = "") -> str | None:
    """The full name of a plotting backend; None for None.

    Raises:
        TimeSeriesError: there is none of that name.
        MissingExtraError: it is not installed.
    """
    if backend is None:
        return None
    if not isinstance(backend, str) or backend not in NAMES:
        hint = f"one of {', '.join(NAMES)}, or None; graphpool draws with matplotlib only"
        raise TimeSeriesError(format_error(f"plotting_backend={backend!r}", where=where, hint=hint))
    if not _is_installed():
        raise missing_extra("plot", MATPLOTLIB)
    return MATPLOTLIB


def set_global_ts_plotting_backend(backend: str | None, verbose: bool = True) -> None:
    """Choose the library that draws the series that have no choice of their own.

    Args:
        backend: ``"matplotlib"``, or one of its short names ``mpl``, ``mp``, ``pyplot`` and ``plt``; None for what is
            installed.
        verbose: print what was chosen.

    Raises:
        TimeSeriesError: there is no such backend.
        MissingExtraError: it is not installed.
    """
    global _chosen
    _chosen = read_backend(backend)
    if verbose:
        print(f"time series: plots with {get_global_ts_plotting_backend()}")


def get_global_ts_plotting_backend() -> str | None:
    """The library that draws series: ``"matplotlib"``, or None where it is not installed."""
    return _chosen or (MATPLOTLIB if _is_installed() else None)


def _is_installed() -> bool:
    try:
        return find_spec(MATPLOTLIB) is not None
    except ValueError:  # what stands in the place of a missing module has no specification
        return False
