"""What runs outside of the time loop on JAX under ``hoist="auto"``.

Measured on two cores of an x86-64 CPU, with 200 steps of ``Linear((K, 256))`` and ``LIF(256)`` in float32: the time
with the product outside over that with it in the loop. The machine was busy; what differs by less than 0.4 is noise.

===== ==== ==== ==== ====
K     B=1  B=16 B=32 B=64
===== ==== ==== ==== ====
2     0.66 0.93 0.99 0.88
16    1.27 0.96 1.01 1.32
64    0.66 0.94 1.47 1.00
256   0.50 1.02 0.51 1.05
===== ==== ==== ==== ====

So one product for all steps wins where a batch is small, and does not clearly lose where it is large. Gradients through
it are a tie (K=64: 0.92, 0.96 and 0.98 at B=1, 8 and 32). With one input there is no product: XLA multiplies, and fuses
that with the loop. There 100,000 steps of ``Linear((1, 5))`` and ``Rate(5)`` take 1.5 times as long with it outside.
Nothing has been measured on a GPU.
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
    return node.op == "matmul" and graph.type(node.args[0]).shape[-1] >= FEWEST_INPUTS
