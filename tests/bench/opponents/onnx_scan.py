"""Hand-built ONNX: `Scan` over time-major arrays, with as few nodes in its body as the equations allow.

A node in a body costs some 0.2 us a step, so a body carries what saves nodes: a recurrent layer its current rather than
its spikes, a rate neuron what is left of it. What is missing is computed once, outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from tests.bench.networks import Floats, RateLayer, SpikingLayer
from tests.bench.opponents.numpy_loop import Result, spiking_states
from tests.bench.opponents.onnx_nodes import Nodes, bound, scan, tensor

SWAP = {"perm": (1, 0, 2)}
STATES = ("isyn", "spikes", "vmem")
VARIANTS = {"time-major, hoisted": True, "time-major, in the loop": False}


def lif(body: Nodes, layer: SpikingLayer, current: str, isyn: str, vmem: str) -> tuple[str, str, str]:
    """A step of LIF neurons, without recurrence: the new currents, spikes and membranes."""
    decay, threshold = body.constant(layer.decay), body.constant(np.float32(layer.threshold))
    isyn = body.add("Mul", body.add("Add", isyn, current), decay)
    drive = body.add("Add", isyn, body.constant(layer.bias))
    charged = body.add("Add", body.add("Mul", vmem, decay), drive)
    spikes = body.add("Cast", body.add("GreaterOrEqual", charged, threshold), to=TensorProto.FLOAT)
    return isyn, spikes, body.add("Sub", charged, body.add("Mul", spikes, threshold))


def spiking(layers: list[SpikingLayer], x: Floats, *, hoisted: bool) -> Callable[[], Result]:
    """All steps of a spiking network: ``(B, T, N)`` in and out."""
    nodes = Nodes()
    inputs = [[f"{name}{k}" for name in STATES] for k in range(len(layers))]
    signal = nodes.add("Transpose", "x", **SWAP)
    signal, outputs = (_hoisted if hoisted else _in_loop)(nodes, layers, inputs, signal)
    declared = [
        ("x", layers[0]),
        *((name, layer) for layer, names in zip(layers, inputs, strict=True) for name in names),
    ]
    first = tensor("x", ("batch", "time", x.shape[-1]))
    taken = [first, *(tensor(name, ("batch", layer.size)) for name, layer in declared[1:])]
    given = [tensor(nodes.add("Transpose", signal, **SWAP), ("batch", "time", layers[-1].size))]
    given += [tensor(n, ("batch", layer.size)) for layer, names in zip(layers, outputs, strict=True) for n in names]
    states = [state for states in spiking_states(layers, len(x)) for state in states]
    return bound(nodes.graph(taken, given), x, states)


def _hoisted(nodes: Nodes, layers: list[SpikingLayer], inputs: Any, signal: str) -> tuple[str, Any]:
    """A product for all steps and a scan, layer after layer."""
    outputs = []
    for k, (layer, (isyn, spikes, vmem)) in enumerate(zip(layers, inputs, strict=True)):
        if layer.weight is not None:
            signal = nodes.add("MatMul", signal, nodes.constant(layer.weight))
        body = Nodes(f"layer{k}_")
        current, carried = "current", [isyn, vmem]
        if layer.w_rec is not None:
            w_rec = nodes.constant(layer.w_rec)
            carried.append(nodes.add("MatMul", spikes, w_rec))
            current = body.add("Add", current, "recurrent")
        following = lif(body, layer, current, "isyn", "vmem")
        leaving = [following[0], following[2]]
        if layer.w_rec is not None:
            leaving.append(body.add("MatMul", following[1], w_rec))
        entering = ["isyn", "vmem", "recurrent"][: len(carried)]
        graph = body.graph([tensor(n) for n in (*entering, "current")], [tensor(n) for n in (*leaving, following[1])])
        *last, signal = scan(nodes, graph, carried, signal)
        outputs.append((last[0], _last_row(nodes, signal), last[1]))
    return signal, outputs


def _in_loop(nodes: Nodes, layers: list[SpikingLayer], inputs: Any, signal: str) -> tuple[str, Any]:
    """One scan over steps of all layers, none of them recurrent. All but the last carry their spikes."""
    body = Nodes("step_")
    value, entering, leaving = "row", [], []
    for layer, names in zip(layers, inputs, strict=True):
        if layer.weight is not None:
            value = body.add("MatMul", value, nodes.constant(layer.weight))
        inner = [f"in_{name}" for name in names]
        following = lif(body, layer, value, inner[0], inner[2])
        value = following[1]
        entering.append(inner)
        leaving.append(following)
    kept = [(k, j) for k in range(len(layers)) for j in range(3) if (k, j) != (len(layers) - 1, 1)]
    graph = body.graph(
        [tensor(n) for n in (*(entering[k][j] for k, j in kept), "row")],
        [tensor(n) for n in (*(leaving[k][j] for k, j in kept), value)],
    )
    *last, signal = scan(nodes, graph, [inputs[k][j] for k, j in kept], signal)
    found = dict(zip(kept, last, strict=True))
    found[len(layers) - 1, 1] = _last_row(nodes, signal)
    return signal, [[found[k, j] for j in range(3)] for k in range(len(layers))]


def _last_row(nodes: Nodes, rows: str) -> str:
    name: str = nodes.add("Gather", rows, nodes.constant(np.int64(-1)), axis=0)
    return name


def rate(layer: RateLayer, x: Floats) -> Callable[[], Result]:
    """All steps of a rate network: ``(B, T, 1)`` in, ``(B, T, N)`` out.

    For z = x - threshold the equation is z' = (1 - alpha) z + alpha (i + y w_rec + bias - threshold), and y the
    positive part of z. The body carries (1 - alpha) z, and y where there is recurrence.
    """
    size, alpha = layer.bias.size, np.float64(layer.alpha)
    nodes, body = Nodes(), Nodes("step_")
    threshold, kept = nodes.constant(layer.threshold), nodes.constant(np.float32(1 - alpha))
    weighed = nodes.add("MatMul", nodes.add("Transpose", "x", **SWAP), nodes.constant(np.float32(alpha * layer.weight)))
    drive = nodes.add("Add", weighed, nodes.constant(np.float32(alpha * (layer.bias - layer.threshold))))
    start = nodes.add("Sub", "state", threshold)
    carried, entering = [nodes.add("Mul", start, kept)], ["left"]
    if layer.w_rec is None:
        z = body.add("Add", "left", "drive")
        leaving = [body.add("Mul", z, kept)]
    else:
        carried.append(nodes.add("Relu", start))
        entering.append("active")
        w_rec = nodes.constant(np.float32(alpha * layer.w_rec))
        z = body.add("Add", "left", body.add("Gemm", "active", w_rec, "drive"))
        leaving = [body.add("Mul", z, kept), body.add("Relu", z)]
    shape = (None, size)
    graph = body.graph([tensor(n, shape) for n in (*entering, "drive")], [tensor(n, shape) for n in (*leaving, z)])
    rows = scan(nodes, graph, carried, drive)[-1]
    output = nodes.add("Transpose", nodes.add("Relu", rows), **SWAP)
    following = nodes.add("Add", _last_row(nodes, rows), threshold)
    taken = [tensor("x", ("batch", "time", x.shape[-1])), tensor("state", ("batch", size))]
    given = [tensor(output, ("batch", "time", size)), tensor(following, ("batch", size))]
    return bound(nodes.graph(taken, given), x, [np.zeros((len(x), size), np.float32)])


def adaptive(constants: dict[str, Any], x: Floats) -> Callable[[], Result]:
    """All steps of the demo's neuron: ``(B, T, 1)`` in, bools out. The wait goes below 0, and is limited at the end."""
    size, nodes, body = x.shape[-1], Nodes(), Nodes("step_")
    known = {name: nodes.constant(value) for name, value in constants.items()}
    zero, none, one = nodes.constant(np.float32(0)), nodes.constant(np.int64(0)), nodes.constant(np.int64(1))
    rest = nodes.constant(np.float32(1) - constants["decay_v"])
    stimulus = nodes.add("Mul", nodes.add("Transpose", "x", **SWAP), known["gain"])

    pull = body.add("Mul", body.add("Sub", "stimulus", "a"), rest)
    v = body.add("Add", body.add("Mul", "v", known["decay_v"]), pull)
    v = body.add("Where", body.add("Greater", "wait", none), zero, v)
    spikes = body.add("GreaterOrEqual", v, known["threshold"])
    v = body.add("Where", spikes, zero, v)
    jump = body.add("Mul", body.add("Cast", spikes, to=TensorProto.FLOAT), known["jump"])
    a = body.add("Add", body.add("Mul", "a", known["decay_a"]), jump)
    wait = body.add("Where", spikes, known["refractory"], body.add("Sub", "wait", one))
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64)
    inner = [tensor(n, (None, size), kind) for n, kind in zip(("a", "v", "wait"), kinds, strict=True)]
    outer = [tensor(n, (None, size), kind) for n, kind in zip((a, v, wait), kinds, strict=True)]
    graph = body.graph(
        [*inner, tensor("stimulus", (None, size))], [*outer, tensor(spikes, (None, size), TensorProto.BOOL)]
    )
    *last, rows = scan(nodes, graph, ["a0", "v0", "wait0"], stimulus)
    last[2] = nodes.add("Max", last[2], none)
    output = tensor(nodes.add("Transpose", rows, **SWAP), ("batch", "time", size), TensorProto.BOOL)
    taken = [tensor(n, ("batch", size), kind) for n, kind in zip(("a0", "v0", "wait0"), kinds, strict=True)]
    given = [tensor(n, ("batch", size), kind) for n, kind in zip(last, kinds, strict=True)]
    start = np.zeros((len(x), size), np.float32)
    whole = nodes.graph([tensor("x", ("batch", "time", size)), *taken], [output, *given])
    return bound(whole, x, [start, start, start.astype(np.int64)])
