"""The nodes of NIR that are no neurons, as modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphpool.nn.modules.linear import Linear
from graphpool.nir.graph import NirNode
from graphpool.nir.repairs import refused
from graphpool.nn.modules.module import Module
from graphpool.parameters import Parameter, Shape

Built = tuple[Module, Shape]
"""A module, and the shape of one sample of what it gives."""


def as_float(array: Any) -> Any:
    """A copy in float64, the dtype of all parameters: compiling makes float32 of them."""
    return np.array(array, dtype=np.float64)


def build_linear(name: str, node: NirNode, shape: Shape) -> Built:
    """An Affine or Linear: weights (out, in) in the file, (in, out) here."""
    weight = as_float(node.fields["weight"])
    while weight.ndim > 2 and weight.shape[0] == 1:
        weight = weight[0]
    if weight.ndim != 2:
        raise refused(name, f"the weight has the shape {weight.shape}", "(outputs, inputs)")
    outputs, inputs = weight.shape
    if not shape or shape[-1] != inputs:
        raise refused(name, f"it takes {inputs} inputs, and gets a sample of the shape {shape}", "is a Flatten missing?")
    bias = node.fields.get("bias")
    if bias is not None:
        bias = as_float(bias).reshape(-1)
        if bias.size not in (1, outputs):
            raise refused(name, f"the bias has the shape {np.shape(node.fields['bias'])}", f"({outputs},)")
        bias = np.broadcast_to(bias, (outputs,))
    return Linear((inputs, outputs), weight=weight.T, bias=bias), (*shape[:-1], outputs)
