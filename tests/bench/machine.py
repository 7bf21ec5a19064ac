"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe(packages: tuple[str, ...]) -> str:
    """Processor, system, Python and the versions of packages that are installed."""
    found = [f"{package} {_version(package)}" for package in packages if _version(package)]
    where = f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"
    return f"{where}; Python {platform.python_version()}, {', '.join(found)}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
