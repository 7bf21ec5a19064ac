"""What is wanted of each workload on each target, as the largest ratio of graphpool's time to the opponent's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A bound of a ratio of times, and how it is put: "2.5 times as fast" is a ratio of 0.4."""

    ratio: float
    text: str


def at_most(ratio: float) -> Bound:
    """At most so many times the opponent's time."""
    return Bound(ratio, f"<= {ratio:g}")


def faster(times: float) -> Bound:
    """At least so many times as fast."""
    return Bound(1 / times, f"<= {1 / times:.2g} ({times:g} times as fast)")


HOIST = at_most(1.15)
"""Of hoist="auto" to the better of always and never."""

SPIKING = [
    f"{name} B={batch}" for name, batches in (("W1", (1, 16)), ("W2", (1, 32)), ("W3", (1, 32))) for batch in batches
]
FORWARD = ["W4 forward T=1000", "W4 forward T=100000"]
RECURRENT = ["W4 recurrent T=1000", "W4 recurrent T=100000"]

BOUNDS: dict[tuple[str, str], Bound] = {
    ("numpy", "W1 B=1"): faster(2.5),
    ("numpy", "W1 B=16"): faster(1.5),
    ("numpy", "W2 B=1"): faster(2),
    ("numpy", "W2 B=32"): faster(1.2),
    **{("numpy", name): faster(20) for name in FORWARD},
    **{("numpy", name): faster(1.8) for name in RECURRENT},
    **{("jax", name): at_most(1.1) for name in SPIKING},
    **{("jax", name): at_most(1.2) for name in FORWARD + RECURRENT},
    **{("onnx", name): at_most(1.15) for name in SPIKING},
    **{("onnx", name): faster(5) for name in FORWARD},
    ("onnx", "W5"): at_most(1.3),
}
"""By target and workload. On NumPy the opponent is the op-by-op loop, elsewhere the best hand-written variant."""
