"""Nested dictionaries and dotted paths: ``{"fc1": {"weight": w}}`` and ``{"fc1.weight": w}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted paths to nested dictionaries, in the same order."""
    nested: dict[str, Any] = {}
    for path, item in flat.items():
        *parents, name = path.split(".")
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
        level[name] = item
    return nested


def flatten(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested dictionaries to dotted paths; empty dictionaries vanish."""
    for name, item in nested.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(item, Mapping):
            yield from flatten(item, path)
        else:
            yield path, item


def join_path(path: str, name: str) -> str:
    """``fc1`` and ``weight`` give ``fc1.weight``; the root's path is empty."""
    return f"{path}.{name}" if path else name
