"""The ONNX file: the main graph in its envelope, with the signature in its metadata.

The metadata, all of it text:

``graphpool.format_version``
    the version of this layout, a decimal number.
``graphpool.one_step``
    ``true`` for a model of one time step (signals without a time axis), else ``false``.
``graphpool.signature``
    strict JSON: ``name``; ``dt`` (seconds or null); ``inputs`` and ``outputs``, each a list of
    ``{name, tensor, dtype, shape, kind}`` where ``tensor`` is the name in the file, ``dtype`` NumPy's name
    and ``shape`` that of one sample at one step; ``records``, likewise without ``kind``; ``states``, a list
    of ``{name, input, output, dtype, shape, init}`` where ``init`` is ``{"fill": number}`` or nested lists,
    and NaN and infinities are the strings ``nan``, ``inf`` and ``-inf``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import onnx
from onnx import helper

from graphpool.artifact import FORMAT_VERSION
from graphpool.compilers.onnx.regions import MainGraph, input_name
from graphpool.graph import State, Value
from graphpool.graph.types import Array
from graphpool.plan import Plan

OPSET = 17
"""The floor: nothing here needs more."""

IR_VERSION = 8
"""The one that came with opset 17; onnxruntime-web and older engines refuse newer ones."""

DOC = """Made by graphpool. Signals are (batch, time, *sample); time must be at least 1.
"""

DOC_ONE_STEP = """Made by graphpool: one time step. Signals are (batch, *sample).
"""

DOC_STATES = """States are inputs and outputs: feed next.<path> back as state.<path> to go on.
The first dimension of a state must be 1 (one value for every sample of the batch) or the batch itself;
another one gives wrong results or an error."""


def make_model(plan: Plan, handed: Mapping[Value, Array]) -> onnx.ModelProto:
    """The file of a plan, with the handed values as constants."""
    main = MainGraph(plan, handed)
    main.write()
    graph = helper.make_graph(
        main.emitter.nodes, plan.graph.name, main.inputs, main.outputs, main.emitter.initializers()
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="graphpool",
        producer_version=_version(),
        doc_string=(DOC_ONE_STEP if plan.one_step else DOC) + DOC_STATES,
    )
    helper.set_model_props(model, metadata(plan))
    return model


def _version() -> str:
    try:
        return version("graphpool")
    except PackageNotFoundError:  # run from a checkout
        return ""


def metadata(plan: Plan) -> dict[str, str]:
    """What the file says about itself."""
    return {
        "graphpool.format_version": str(FORMAT_VERSION),
        "graphpool.one_step": "true" if plan.one_step else "false",
        "graphpool.signature": json.dumps(_signature(plan), allow_nan=False),
    }


def _signature(plan: Plan) -> dict[str, Any]:
    graph = plan.graph

    def tensor(name: str, tensor: str, value: Value) -> dict[str, Any]:
        type_ = graph.type(value)
        return {"name": name, "tensor": tensor, "dtype": type_.dtype.name, "shape": list(type_.shape)}

    return {
        "name": graph.name,
        "dt": graph.dt,
        "inputs": [
            tensor(port.name, input_name(plan, place), port.value) | {"kind": port.kind}
            for place, port in enumerate(graph.inputs)
        ],
        "outputs": [tensor(out.name, out.name, out.value) | {"kind": out.kind} for out in graph.outputs],
        "records": [tensor(rec.name, f"record.{rec.name}", rec.value) for rec in graph.records],
        "states": [_state(state) for state in graph.states],
    }


def _state(state: State) -> dict[str, Any]:
    array = state.init.array
    return {
        "name": state.name,
        "input": f"state.{state.name}",
        "output": f"next.{state.name}",
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "init": _initial(array),
    }


def _initial(array: Array) -> Any:
    """One number where all elements have the same bits (so 0.0 is not -0.0), else all of them."""
    if array.size == 0:
        return {"fill": 0}
    first = array.reshape(-1)[:1]
    if array.tobytes() == first.tobytes() * array.size:
        return {"fill": _plain(first[0].item())}
    return _nested(array.tolist())


def _nested(items: Any) -> Any:
    return [_nested(item) for item in items] if isinstance(items, list) else _plain(items)


def _plain(number: Any) -> Any:
    return str(number) if isinstance(number, float) and not np.isfinite(number) else number
