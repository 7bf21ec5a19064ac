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


class OtherProcesses:
    """How much of the machine others take, from when this is made until it is printed (Linux)."""

    def __init__(self) -> None:
        self.start = self._read()

    def __str__(self) -> str:
        total, busy, own = (now - then for now, then in zip(self._read(), self.start, strict=True))
        if not total:
            return "What other processes took is not known"
        return f"Other processes took {max(0.0, busy - own) / total:.0%} of the cores meanwhile"

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """Seconds of all cores: all of them, those that were busy, and those of this process and its children."""
        path = Path("/proc/stat")
        if not path.exists():
            return 0.0, 0.0, 0.0
        ticks = [int(item) / os.sysconf("SC_CLK_TCK") for item in path.read_text().split("\n", 1)[0].split()[1:9]]
        return sum(ticks), sum(ticks) - ticks[3] - ticks[4], sum(os.times()[:4])
