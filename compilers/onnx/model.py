"""The ONNX file: the main graph in its envelope, with the signature in its metadata.

The metadata, all of it text:

``graphpool.format_version``
    the version of this layout, a decimal number.
``graphpool.one_step``
    ``true`` for a model of one time step (signals without a time axis), else ``false``.
``graphpool.record``
    ``true`` for a model that puts out every recorded value, of which there may be none, else ``false``.
``graphpool.signature``
    strict JSON: ``name``; ``dt`` (seconds or null); ``inputs`` and ``outputs``, each a list of
    ``{name, tensor, dtype, shape, kind}`` where ``tensor`` is the name in the file, ``dtype`` NumPy's name
    and ``shape`` that of one sample at one step; an output of k rows a step, ``(k, N)``, has ``clock``: k;
    ``records``, likewise, with a ``kind`` where they are signals; ``params``, without ``kind``, where
    parameters are inputs of the file, after the states (constants are not listed); ``states``, a list
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
from graphpool.compilers.onnx.opset import in_opset, needed_opset
from graphpool.compilers.onnx.options import FileOptions
from graphpool.compilers.onnx.regions import MainGraph, input_name, param_name
from graphpool.graph import State, Value
from graphpool.graph.types import Array
from graphpool.plan import Plan

IR_VERSION = 8
"""The one that came with opsets 17 and 18; onnxruntime-web and older engines refuse newer ones."""

DOC = """Made by graphpool. Signals are (batch, time, *sample); time must be at least 1.
"""

DOC_ONE_STEP = """Made by graphpool: one time step. Signals are (batch, *sample).
"""

DOC_STATES = {
    "broadcast": """States are inputs and outputs: feed next.<path> back as state.<path> to go on.
The first dimension of a state must be 1 (one value for every sample of the batch) or the batch itself;
another one gives wrong results or an error.""",
    "batched": """States are inputs and outputs: feed next.<path> back as state.<path> to go on.
The first dimension of a state is the batch.""",
}

DOC_PARAMETERS = """
Parameters are inputs: param.<path>."""


def make_model(
    plan: Plan, handed: Mapping[Value, Array], options: FileOptions, *, record: bool = False
) -> onnx.ModelProto:
    """The file of a plan.

    Args:
        plan: what it computes.
        handed: the values of ``plan.handed``; not read where parameters are inputs.
        options: how it is written.
        record: whether the plan is the one that has all records, even if there are none.
    """
    main = MainGraph(plan, handed, options)
    main.write()
    opset = needed_opset(main.rows.nodes)
    graph = helper.make_graph(
        in_opset(main.rows.nodes, opset),
        _text(plan.graph.name) or "graph",
        main.inputs,
        main.outputs,
        main.rows.initializers(),
    )
    doc = (DOC_ONE_STEP if plan.one_step else DOC) + DOC_STATES[options.states]
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=IR_VERSION,
        producer_name="graphpool",
        producer_version=_version(),
        doc_string=doc + (DOC_PARAMETERS if options.parameters == "inputs" else ""),
    )
    helper.set_model_props(model, metadata(plan, options, record=record))
    return model


def _text(name: str) -> str:
    """A name as a file can hold it: half a surrogate pair is no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _version() -> str:
    try:
        return version("graphpool")
    except PackageNotFoundError:  # run from a checkout
        return ""


def metadata(plan: Plan, options: FileOptions, *, record: bool) -> dict[str, str]:
    """What the file says about itself."""
    return {
        "graphpool.format_version": str(FORMAT_VERSION),
        "graphpool.one_step": "true" if plan.one_step else "false",
        "graphpool.record": "true" if record else "false",
        "graphpool.signature": json.dumps(_signature(plan, options), allow_nan=False),
    }


def _signature(plan: Plan, options: FileOptions) -> dict[str, Any]:
    graph = plan.graph

    def tensor(name: str, tensor: str, value: Value) -> dict[str, Any]:
        type_ = graph.type(value)
        return {"name": name, "tensor": tensor, "dtype": type_.dtype.name, "shape": list(type_.shape)}

    params = [tensor(param.name, param_name(param.name), param.value) for param in graph.params]
    return {
        "name": graph.name,
        "dt": graph.dt,
        "emit": plan.emit,
        "inputs": [
            tensor(port.name, input_name(graph, place), port.value) | {"kind": port.kind}
            for place, port in enumerate(graph.inputs)
        ],
        "outputs": [
            tensor(out.name, out.name, out.value)
            | {"kind": out.kind}
            | ({} if out.clock == 1 else {"clock": out.clock})
            for out in graph.outputs
        ],
        "records": [
            tensor(rec.name, f"record.{rec.name}", rec.value) | ({"kind": rec.kind} if rec.kind else {})
            for rec in graph.records
        ],
        "states": [_state(state) for state in graph.states],
    } | ({"params": params} if options.parameters == "inputs" else {})


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
