"""Writes the tables of ``docs/nir.md`` from the options and presets of ``graphpool.nir``.

Run it with ``make docs``; a test fails while the page differs from what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphpool.nir import OPTIONS, PRESETS

PAGE = Path(__file__).parent / "nir.md"
BEGIN, END = "<!-- The tables from here on are generated: make docs -->\n", "<!-- until here -->\n"


def presets() -> Iterator[str]:
    """A row a preset."""
    yield f"| preset | {' | '.join(OPTIONS)} |"
    yield f"|---|{'---|' * len(OPTIONS)}"
    for name, semantics in PRESETS.items():
        yield f"| `{name}` | {' | '.join(str(value) for value in semantics.as_dict().values())} |"


def options() -> Iterator[str]:
    """A row a value of an option."""
    yield "| option | value | meaning |"
    yield "|---|---|---|"
    for name, values in OPTIONS.items():
        for value, meaning in values.items():
            yield f"| `{name}` | `{value!r}` | {meaning} |".replace("'", '"')


def page() -> str:
    """The page with the tables as they are now."""
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    return "\n".join([f"{before}{BEGIN}", *presets(), "", *options(), f"\n{END}"]) + after


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")
