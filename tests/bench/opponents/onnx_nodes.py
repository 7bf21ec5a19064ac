"""The little that the hand-built ONNX models share: naming nodes, and a session for a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import GraphProto, TensorProto, checker, helper, numpy_helper

from tests.bench.networks import Floats
from tests.bench.opponents.numpy_loop import Result

OPSET, IR_VERSION = 17, 8


class Nodes:
    """A graph under construction; a body sees the names of the graph around it."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """A node; returns the name of its output, or a list of several."""
        names = [f"{self.prefix}{op}{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any) -> str:
        """A constant in its dtype."""
        name = f"{self.prefix}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def graph(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> GraphProto:
        """All of it; ``inputs`` and ``outputs`` come from :func:`tensor`."""
        return helper.make_graph(self.nodes, self.prefix or "main", inputs, outputs, self.constants)


def tensor(name: str, shape: Sequence[Any] | None = None, kind: int = TensorProto.FLOAT) -> Any:
    """An input or an output, float32 unless said."""
    return helper.make_tensor_value_info(name, kind, shape)


def scan(nodes: Nodes, body: GraphProto, carried: Sequence[str], scanned: str) -> list[str]:
    """A scan over the first axis of one input; returns the last states and all rows of one output."""
    names: list[str] = nodes.add("Scan", *carried, scanned, outputs=len(carried) + 1, body=body, num_scan_inputs=1)
    return names


def session(graph: GraphProto, threads: int = 0) -> Any:
    """A session on the CPU; 0 threads leaves their number to onnxruntime."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def bound(graph: GraphProto, x: Floats, states: Sequence[Any]) -> Callable[[], Result]:
    """A run of a model, which takes input and states and returns output and states."""
    running = session(graph)
    names = [entry.name for entry in running.get_inputs()]
    given = dict(zip(names, (x, *states), strict=True))

    def run() -> Result:
        output, *following = running.run(None, given)
        return output, following

    return run
