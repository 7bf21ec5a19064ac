"""Writes ``docs/ops.md``, the reference of the language, from the op table and the tracer's tables.

Run it with ``make docs``; a test fails while the page differs from what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graphpool.graph.types import SHORT_NAMES
from graphpool.ops import FAMILIES, OPS, Trait
from graphpool.trace.functions import FUNCTIONS, METHODS
from graphpool.trace.ufuncs import BITWISE, CLIP, COMPOSED, LOGICAL, ROWS

PAGE = Path(__file__).parent / "ops.md"

INTRODUCTION = """# What a step may use

This page is generated from the op table (`make docs`).

A `step` is plain NumPy: operators, the functions and methods below, basic slices, boolean masks, in-place lines. What
is not here is a `TraceError` that names the function and your line. Every op runs on every target, in {dtypes}.
"""


def functions() -> list[str]:
    """The NumPy functions that trace, by their NumPy names."""
    ufuncs = {ufunc.__name__ for table in (ROWS, COMPOSED, LOGICAL, BITWISE) for ufunc in table if ufunc is not CLIP}
    return sorted(ufuncs | {function.__name__ for function in FUNCTIONS})


def rows() -> Iterator[str]:
    """One line of the table an op, by family."""
    for family in FAMILIES:
        title = (family.__doc__ or "").strip().splitlines()[0].rstrip(".")
        yield f"\n### {title}\n"
        yield "| op | meaning | NumPy | tolerance | where an engine differs |\n|---|---|---|---|---|"
        for op in OPS.values():
            if op.kernel.__module__ != family.__name__ and getattr(op.type, "__module__", "") != family.__name__:
                continue
            ufunc = f"`np.{op.ufunc.__name__}`" if op.ufunc else ""
            tolerance = f"{op.tolerance:g} ulp" if op.tolerance else "exact"
            jumps = " Jumps." if Trait.DISCRETE in op.traits else ""
            yield f"| `{op.name}` | {op.doc}.{jumps} | {ufunc} | {tolerance} | {op.differs} |"


def page() -> str:
    """The whole page."""
    dtypes = ", ".join(np.dtype(dtype).name for dtype in SHORT_NAMES)
    parts = [
        INTRODUCTION.format(dtypes=dtypes),
        "## NumPy functions\n\n" + ", ".join(f"`{name}`" for name in functions()),
        "\n## Array methods and attributes\n\n" + ", ".join(f"`{name}`" for name in sorted(METHODS)),
        "\n## graphpool.functional\n\n`spike`",
        "\n## The op table\n\nTolerances are the largest difference between targets in units of the last place. "
        "An op that jumps can turn such a difference into a whole unit.",
        *rows(),
        "\n## What an engine does to numbers\n\n"
        "* JAX on a CPU turns denormal numbers to zero, and may fuse a product and a sum into one rounding.\n"
        "* The sum inside a matrix product, `sum` and `mean` run in an order of the engine's own.\n"
        "* So real-valued results agree to the last places, and a spike can fall a step earlier or later; where every "
        "product and sum is exact, all targets agree to the bit.",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")
