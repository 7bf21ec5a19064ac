"""How much memory a network may ask for: a line of a file can declare any size, so all is counted before it is made."""

from __future__ import annotations

import math

from graphpool.nir.repairs import refused
from graphpool.parameters import Shape

MOST_ELEMENTS = 2**28
"""Of the samples, states and parameters of all nodes together; and of what one convolution lays out for a sample."""


class Memory:
    """Counts the elements of the nodes that were made."""

    def __init__(self) -> None:
        self.elements = 0

    def take(self, name: str, shape: Shape, copies: int = 1) -> None:
        """Count arrays of one shape.

        Args:
            name: of the node.
            shape: of one sample.
            copies: how many arrays of that shape it holds.

        Raises:
            NirError: it is too much; names the node.
        """
        self.elements += math.prod(shape) * copies
        if self.elements > MOST_ELEMENTS:
            held = f"{copies} arrays" if copies > 1 else "samples"
            what = f"with {held} of the shape {shape}, the nodes up to here have {self.elements} elements"
            raise refused(name, what, f"at most {MOST_ELEMENTS} elements are made")


def check_windows(name: str, shape: Shape, kernel: Shape, padding: tuple[tuple[int, int], ...], given: Shape) -> None:
    """Refuse a convolution whose padded sample, or all windows over it together, are too large.

    Args:
        name: of the node.
        shape: of one sample, ``(channels, *sizes)``.
        kernel: the sizes of a window.
        padding: before and behind, for each of the sizes.
        given: the shape of the output.

    Raises:
        NirError: names the node.
    """
    padded = tuple(size + before + behind for size, (before, behind) in zip(shape[1:], padding, strict=True))
    for what, sizes in (("a padded sample", padded), ("the windows of a sample", (*kernel, *given[1:]))):
        laid_out = (shape[0], *sizes)
        if math.prod(laid_out) > MOST_ELEMENTS:
            raise refused(name, f"{what} would have the shape {laid_out}", f"at most {MOST_ELEMENTS} elements are made")
