"""What an ONNX model says of itself, and what its bytes depend on."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from graphpool.compilers.onnx.compile import build
from graphpool.graph import TensorType
from graphpool.graph.types import Array
from graphpool.plan import compute_once, make_plan
from tests.compilers.onnx_models import (
    F32,
    KINDS,
    WEIGHTS,
    Session,
    assert_same,
    model_of,
    new_builder,
    numbers,
    recurrent_net,
    step_loop,
    zeros,
)


def _dims(info: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]


def test_the_boundary() -> None:
    whole, step = model_of(recurrent_net(), "always", WEIGHTS), model_of(recurrent_net(), "step", WEIGHTS)
    assert {info.name: _dims(info) for info in whole.graph.input} == {
        "input": ["batch", "time", 2],
        "state.lif.v": ["batch_of_state_0", 4],
        "state.lif.spikes": ["batch_of_state_1", 4],
    }
    assert {info.name: _dims(info) for info in whole.graph.output} == {
        "output": ["batch", "time", 3],
        "record.lif.v": ["batch", "time", 4],
        "record.lif.spikes": ["batch", "time", 4],
        "next.lif.v": ["batch", 4],
        "next.lif.spikes": ["batch", 4],
    }
    assert _dims(step.graph.input[0]) == ["batch", 2]
    assert _dims(step.graph.output[0]) == ["batch", 3]
    for model in (whole, step):
        assert model.ir_version == 8
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert "must be 1" in model.doc_string
    assert "time must be at least 1" in whole.doc_string


def _properties(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _strict(text: str) -> Any:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_metadata_describe_the_signature() -> None:
    properties = _properties(model_of(recurrent_net(), "always", WEIGHTS))
    assert properties["graphpool.format_version"] == "1"
    assert properties["graphpool.one_step"] == "false"
    assert _properties(model_of(recurrent_net(), "step", WEIGHTS))["graphpool.one_step"] == "true"
    signature = _strict(properties["graphpool.signature"])
    assert signature["name"] == "net" and signature["dt"] == 0.001
    assert signature["inputs"] == [{"name": "x", "tensor": "input", "dtype": "float32", "shape": [2], "kind": "event"}]
    assert [entry["tensor"] for entry in signature["outputs"]] == ["output"]
    assert [entry["tensor"] for entry in signature["records"]] == ["record.lif.v", "record.lif.spikes"]
    assert signature["states"][0] == {
        "name": "lif.v",
        "input": "state.lif.v",
        "output": "next.lif.v",
        "dtype": "float32",
        "shape": [4],
        "init": {"fill": 0.0},
    }


@pytest.mark.parametrize(
    ("init", "written"),
    [
        (np.full((2, 2), np.nan), {"fill": "nan"}),
        (np.array([np.inf, -np.inf, 0.1]), ["inf", "-inf", 0.1]),
        (np.array([0.0, -0.0]), [0.0, -0.0]),
        (np.array(True), {"fill": True}),
        (np.zeros((0, 3)), {"fill": 0}),
        (np.array([2**60, 1]), [2**60, 1]),
    ],
)
def test_initial_states_in_the_metadata(init: Array, written: Any) -> None:
    b = new_builder()
    b.output("output", b.input("x", TensorType(F32, ())))
    state = b.state("s", init)
    b.set_next(state, state)
    text = _properties(model_of(b.build()))["graphpool.signature"]
    assert repr(_strict(text)["states"][0]["init"]) == repr(written)


def test_equal_graphs_give_equal_bytes() -> None:
    def file() -> bytes:
        plan = make_plan(recurrent_net())
        return build(plan).file(compute_once(plan, WEIGHTS))

    assert file() == file()


@pytest.mark.parametrize("seed", ["0", "1"])
def test_programs_pickle_and_the_hash_seed_changes_nothing(seed: str, tmp_path: Path) -> None:
    plan = make_plan(recurrent_net())
    program, handed = build(plan), compute_once(plan, WEIGHTS)
    (tmp_path / "program").write_bytes(pickle.dumps((program, handed)))
    code = (
        "import hashlib, pickle; program, handed = pickle.load(open('program', 'rb'));"
        "print(hashlib.sha256(program.file(handed)).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(program.file(handed)).hexdigest()
    assert deepcopy(program).file(handed) == program.file(handed)


def test_onnxruntime_loads_it_silently(capfd: pytest.CaptureFixture[str]) -> None:
    for kind in KINDS:
        Session(model_of(recurrent_net(), kind, WEIGHTS))
    assert capfd.readouterr() == ("", "")


def test_another_engine_agrees() -> None:
    """onnx's own reference implementation, which follows the specification and nothing else."""
    from onnx.reference import ReferenceEvaluator

    graph = recurrent_net()
    feed = {"input": 2 * numbers(2, 6, 2)} | zeros(graph)
    model = model_of(graph, "always", WEIGHTS)
    got = ReferenceEvaluator(model).run(None, feed)
    assert_same(
        dict(zip([info.name for info in model.graph.output], got, strict=True)),
        step_loop(graph, feed, WEIGHTS),
    )
