"""Writes ``docs/ops.md``, the reference of the language, from the op table and the tracer's tables.

Run it with ``make docs``; a test fails while the page differs from what this makes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import graphpool.functional
from graphpool.compilers.onnx.nodes import has_lowering
from graphpool.graph.types import SHORT_NAMES
from graphpool.ops import FAMILIES, OPS, Trait
from graphpool.trace.functions import FUNCTIONS, METHODS
from graphpool.trace.hints import HINTS
from graphpool.trace.loops import CLIP, COMPOSED, LOGICAL, PAIRS, ROWS, SPECIAL

PAGE = Path(__file__).parent / "ops.md"

INTRODUCTION = """# What a step may use

This page is generated from the op table (`make docs`).

A `step` is plain NumPy: operators, the functions and methods below, slices, indices, boolean masks, in-place lines.
What is not here is a `TraceError` that names the function and your line. Every op runs on every target, in {dtypes}.

An index may be traced, as in `self.buffer[self.position] = x` and `self.table[i]`. NumPy raises where one is out of
range; a compiled program cannot, so there it goes to the nearest end of its axis, alike on every target. A table that
a traced index reads is a `Parameter`. `np.median` takes up to three elements, `np.einsum` runs as matrix products.

Every ufunc of two operands has its `outer`; `np.add`, `np.multiply`, `np.maximum`, `np.minimum`, `np.logical_and` and
`np.logical_or` have `reduce`, the first two `accumulate`. A traced array is no `np.ndarray`, and a traced scalar no
`np.generic`: code that asks with `isinstance` or `np.isscalar` gets another answer than in plain NumPy.
"""


def functions() -> list[str]:
    """The NumPy functions that trace, by their NumPy names."""
    ufuncs = {ufunc.__name__ for table in (ROWS, COMPOSED, LOGICAL, PAIRS) for ufunc in table if ufunc is not CLIP}
    return sorted(ufuncs | {function.__name__ for function in FUNCTIONS})


def functional() -> Iterator[str]:
    """One line a function of ``graphpool.functional``."""
    module = graphpool.functional
    yield "\n## graphpool.functional\n\nThey run on plain arrays, too.\n\n| function | meaning |\n|---|---|"
    for name, item in sorted(vars(module).items()):
        if getattr(item, "__module__", "") == module.__name__ and not name.startswith("_"):
            doc = " ".join((inspect.getdoc(item) or "").split("\n\n")[0].split())
            yield f"| `{name}({', '.join(inspect.signature(item).parameters)})` | {doc.replace('|', '&#124;')} |"


def targets_of(op: str) -> str:
    """The targets that have a lowering."""
    found = {"numpy": True, "jax": True, "onnx": has_lowering(op)}  # NumPy and JAX run the kernels of all rows
    return ", ".join(target for target, there in found.items() if there)


def ways_round() -> Iterator[str]:
    """One line a way round, with the functions that it stands in for."""
    yield "\n## What does not trace, and the way round\n\n| function or method | in its place |\n|---|---|"
    ways: dict[str, list[str]] = {}
    for name, hint in HINTS.items():
        ways.setdefault(hint, []).append(name)
    for hint, names in ways.items():
        yield f"| {', '.join(f'`{name}`' for name in names)} | {hint.replace('|', '&#124;')} |"


def rows() -> Iterator[str]:
    """One line of the table an op, by family."""
    for family in FAMILIES:
        title = (family.__doc__ or "").strip().splitlines()[0].rstrip(".")
        yield f"\n### {title}\n"
        yield "| op | meaning | NumPy | targets | tolerance | where an engine differs |\n|---|---|---|---|---|---|"
        for op in OPS.values():
            if op.kernel.__module__ != family.__name__ and getattr(op.type, "__module__", "") != family.__name__:
                continue
            ufunc = f"`np.{op.ufunc.__name__}`" if op.ufunc else ""
            tolerance = f"{op.tolerance:g} ulp" if op.tolerance else "exact"
            jumps = " Jumps." if Trait.DISCRETE in op.traits else ""
            yield f"| `{op.name}` | {op.doc}.{jumps} | {ufunc} | {targets_of(op.name)} | {tolerance} | {op.differs} |"


def page() -> str:
    """The whole page."""
    dtypes = ", ".join(np.dtype(dtype).name for dtype in SHORT_NAMES)
    parts = [
        INTRODUCTION.format(dtypes=dtypes),
        "## NumPy functions\n\n" + ", ".join(f"`{name}`" for name in functions()),
        "\n## Functions of scipy.special\n\n" + ", ".join(f"`{name}`" for name in sorted(SPECIAL)),
        "\n## Array methods and attributes\n\n" + ", ".join(f"`{name}`" for name in sorted(METHODS)),
        *functional(),
        *ways_round(),
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
