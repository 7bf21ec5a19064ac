"""What runs outside of the time loop on JAX under ``hoist="auto"``.

Measured on two cores of an x86-64 CPU, with 200 steps of ``Linear((K, 256))`` and ``LIF(256)`` in float32: the time
with the product outside over that with it in the loop, the median of 15 rounds. The middle half of the rounds spans a
fifth of the figure.

===== ==== ==== ==== ====
K     B=1  B=16 B=32 B=64
===== ==== ==== ==== ====
1     1.21 2.32 2.10 4.59
2     0.83 1.05 0.99 1.29
16    0.90 0.86 1.02 1.10
64    0.75 0.90 0.78 0.84
256   0.54 0.69 0.65 0.68
===== ==== ==== ==== ====

So a product outside wins where it is large, and is a tie where it is small and the batch, which nobody knows yet when
the loop is arranged, is not. With one input there is no product: XLA multiplies, and fuses that with the loop.
Gradients through it are a tie (K=64: 0.92, 0.96 and 0.98 at B=1, 8 and 32). Nothing has been measured on a GPU.
"""

from __future__ import annotations

from graphpool.graph import Graph, Value

FEWEST_INPUTS = 2
"""The length of the sums of the smallest product that is worth a pass over memory of its own."""

RULE = "on JAX all that stands between products of two or more inputs runs in one loop"
"""What ``explain`` says of it."""


def is_outside(graph: Graph, value: Value) -> bool:
    """Whether a node that lies on no cycle is run for all steps at once: a product of at least two inputs."""
    node = graph.nodes[value]
    return node.op == "conv" or node.op == "matmul" and graph.type(node.args[0]).shape[-1] >= FEWEST_INPUTS
