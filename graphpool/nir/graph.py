"""A NIR graph as plain data: what reading makes, and what repairs and importing go through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Edge = tuple[str, str]

NEURON_FIELDS: dict[str, tuple[str, ...]] = {
    "I": ("r",),
    "LI": ("tau", "r", "v_leak"),
    "IF": ("r", "v_threshold"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
}
"""What the file of a neuron has to hold, by its type."""

CONV_FIELDS = ("weight", "stride", "padding", "dilation", "groups")

FIELDS: dict[str, tuple[str, ...]] = NEURON_FIELDS | {
    "Input": (),
    "Output": (),
    "Affine": ("weight", "bias"),
    "Linear": ("weight",),
    "Scale": ("scale",),
    "Conv1d": CONV_FIELDS,
    "Conv2d": CONV_FIELDS,
    "SumPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Flatten": ("start_dim", "end_dim"),
    "Delay": ("delay",),
    "Threshold": ("threshold",),
}
"""What the file of a node has to hold, by its type: the primitives of NIR 1.0.8."""

OPTIONAL = ("shape", "v_reset", "w_in", "bias")
"""What it may hold beside that, where it means something."""

SPIKING = frozenset({"IF", "LIF", "CubaLIF"})
STATEFUL = frozenset(NEURON_FIELDS)

GRAPH = "NIRGraph"

MOST_EDGES = 100_000
"""Of a file, and of what edges through inner graphs stand for."""


@dataclass
class NirNode:
    """One node.

    Attributes:
        type: one of :data:`FIELDS`; what the file says, until it is checked.
        fields: arrays, text or None by name.
        metadata: numbers and text by name.
    """

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class NirGraph:
    """Nodes and edges; nodes may be graphs."""

    nodes: dict[str, NirNode | NirGraph]
    edges: list[Edge]
    metadata: dict[str, Any] = field(default_factory=dict)
