"""A hand-built ONNX model of one step, driven through IoBinding: states go to and fro between two sets of buffers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.networks import Floats, SpikingLayer
from tests.bench.opponents.numpy_loop import spiking_states
from tests.bench.opponents.onnx_nodes import Nodes, session, tensor
from tests.bench.opponents.onnx_scan import STATES, lif


def spiking_stepper(layers: list[SpikingLayer]) -> Callable[[Floats], Floats]:
    """One step after the other, for one sample: ``(N,)`` in and out. No layer is recurrent."""
    nodes = Nodes()
    signal, taken, given = "x", [], []
    for k, layer in enumerate(layers):
        if layer.weight is not None:
            signal = nodes.add("MatMul", signal, nodes.constant(layer.weight))
        names = [f"{name}{k}" for name in STATES]
        following = lif(nodes, layer, signal, names[0], names[2])
        signal = following[1]
        taken += [tensor(name, (1, layer.size)) for name in (names[0], names[2])]
        given += [tensor(name, (1, layer.size)) for name in following]
    first = layers[0].size if layers[0].weight is None else len(layers[0].weight)
    running = session(nodes.graph([tensor("x", (1, first)), *taken], given), threads=1)

    row = np.zeros((1, first), np.float32)
    buffers = [[array for state in spiking_states(layers, 1) for array in state] for _ in range(2)]
    outputs = [entry.name for entry in running.get_outputs()]
    inputs = [f"{name}{k}" for k in range(len(layers)) for name in STATES]
    read = {entry.name for entry in running.get_inputs()}
    bindings = []
    for source, target in (buffers, buffers[::-1]):
        binding = running.io_binding()
        entering = [("x", row), *((n, a) for n, a in zip(inputs, source, strict=True) if n in read)]
        for name, array in entering:
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in zip(outputs, target, strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        bindings.append((binding, target))  # a binding does not keep its buffers alive

    turn = 0

    def run(x: Floats) -> Floats:
        nonlocal turn
        binding, target = bindings[turn]
        turn = 1 - turn
        row[0] = x
        running.run_with_iobinding(binding)
        return target[-2][0].copy()

    return run
