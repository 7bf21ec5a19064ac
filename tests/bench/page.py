"""Writes what was measured into its section of docs/benchmarks.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
CHART = PAGE.with_name("benchmarks.png")


def write_section(name: str, text: str) -> None:
    """Replace what stands between the marks of a section.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name}: written by the benchmark -->", f"<!-- end of {name} -->"
    replaced, count = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: f"{begin}\n\n{text.strip()}\n\n{end}",
        PAGE.read_text(),
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{PAGE} has {count} sections {name!r}, not one")
    PAGE.write_text(replaced)
