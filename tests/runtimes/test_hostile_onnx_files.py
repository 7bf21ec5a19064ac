"""ONNX files that ``load`` refuses: damaged, hostile, or of another maker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import graphpool
from graphpool.errors import ModelFileError
from tests.runtimes.models import make_net, runtime
from tests.runtimes.test_onnx_file import saved


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def refused(path: Path, message: str) -> None:
    with pytest.raises(ModelFileError, match=f"(?s){message}"):
        graphpool.load(path)


def with_metadata(path: Path, **changes: str | None) -> None:
    model = onnx.load(path)
    held = {entry.key: entry.value for entry in model.metadata_props}
    held |= {f"graphpool.{key}": value for key, value in changes.items()}
    helper.set_model_props(model, {key: value for key, value in held.items() if value is not None})
    onnx.save(model, path)


def with_signature(path: Path, change: Callable[[Any], Any]) -> None:
    held = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    stored = json.loads(held["graphpool.signature"])
    with_metadata(path, signature=json.dumps(change(stored) or stored))


def test_a_file_that_is_missing_or_no_model_is_refused(path: Path) -> None:
    refused(path, "cannot read .*net.onnx.*No such file")
    refused(path.parent, "cannot read .*directory")
    path.write_bytes(b"")
    refused(path, "no ONNX model")
    path.write_bytes(b"this is no model")
    refused(path, "no ONNX model")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    saved("net", path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "net.onnx")


def test_every_truncation_is_refused(path: Path) -> None:
    saved("net", path)
    content = path.read_bytes()
    for length in range(0, len(content), 131):
        path.write_bytes(content[:length])
        refused(path, "net.onnx")


def test_a_device_and_a_file_that_no_model_can_be_are_refused(path: Path) -> None:
    path.symlink_to("/dev/zero")
    refused(path, "net.onnx' is no regular file")
    path.unlink()
    with open(path, "wb") as file:
        file.truncate(2**40)  # takes no space
    refused(path, f"has {2**40} bytes; an ONNX model has at most {2**31 - 1}")


@pytest.mark.parametrize("dims", [[10**12, 3], [2**40, 2**40], [-2, 3], [2**62]])
def test_a_huge_declared_tensor_is_refused(path: Path, dims: list[int]) -> None:
    saved("net", path)
    model = onnx.load(path)
    tensor = next(entry for entry in model.graph.initializer if entry.name.startswith(("once", "param")))
    del tensor.dims[:]
    tensor.dims.extend(dims)
    path.write_bytes(model.SerializeToString())
    refused(path, "no ONNX model that onnxruntime can run")


def test_a_model_of_another_maker_is_refused(path: Path) -> None:
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [info], [])
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"]))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    refused(path, "not one that graphpool has written.*onnxruntime itself")


def test_another_format_version_is_refused(path: Path) -> None:
    saved("net", path)
    with_metadata(path, format_version="999")
    refused(path, "format version 999; this graphpool reads 1")
    with_metadata(path, format_version=None)
    refused(path, "format version None")


def test_a_model_of_one_step_is_refused(path: Path) -> None:
    path.write_bytes(runtime("net", "onnx", "float32").model_bytes("step"))
    refused(path, "one time step")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"text"', "null", "{}", "[" * 100_000, '{"dt": "x"}'])
def test_metadata_that_are_no_signature_are_refused(path: Path, text: str) -> None:
    saved("net", path)
    with_metadata(path, signature=text)
    refused(path, "metadata that graphpool cannot read" if text else "not one that|metadata")


def test_no_metadata_at_all_is_refused(path: Path) -> None:
    saved("net", path)
    with_metadata(path, signature=None)
    refused(path, "not one that graphpool has written")


def without_states(stored: Any) -> None:
    stored["states"] = []


def a_port_more(stored: Any) -> None:
    stored["inputs"] *= 2


def another_dtype(stored: Any) -> None:
    stored["inputs"][0]["dtype"] = "float64"


def unknown_dtype(stored: Any) -> None:
    stored["inputs"][0]["dtype"] = "float128"


def another_shape(stored: Any) -> None:
    stored["states"][0] |= {"shape": [4], "init": {"fill": 0.0}}


def another_rank(stored: Any) -> None:
    stored["outputs"][0]["shape"] = []


def negative_shape(stored: Any) -> None:
    stored["states"][0]["shape"] = [-3]


def enormous_shape(stored: Any) -> None:
    stored["states"][0]["shape"] = [10**15]


def many_large_states(stored: Any) -> None:
    stored["states"] = [{**stored["states"][0], "shape": [2**27], "name": f"v{number}"} for number in range(50)]


def swapped_states(stored: Any) -> None:
    stored["states"].reverse()


def another_name(stored: Any) -> None:
    stored["states"][0]["output"] = "next.elsewhere"


def wrong_start(stored: Any) -> None:
    stored["states"][0]["init"] = [1.0, 2.0]


def text_start(stored: Any) -> None:
    stored["states"][0]["init"] = {"fill": "much"}


def ports_are_text(stored: Any) -> None:
    stored["inputs"] = "x"


@pytest.mark.parametrize(
    "change",
    [
        without_states, a_port_more, another_dtype, unknown_dtype, another_shape, another_rank,
        negative_shape, enormous_shape, swapped_states, another_name, wrong_start, text_start, ports_are_text,
    ],
)  # fmt: skip
def test_a_signature_of_another_model_is_refused(path: Path, change: Callable[[Any], None]) -> None:
    saved("net", path)
    with_signature(path, change)
    refused(path, "metadata that graphpool cannot read")


def test_states_that_are_huge_together_are_refused(path: Path) -> None:
    saved("net", path)
    with_signature(path, many_large_states)
    refused(path, f"all states have {50 * 2**27} elements; at most {2**28} are read")


def test_a_file_that_names_other_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    graphpool.compile(make_net(), "onnx").save("net.onnx")
    model = onnx.load("net.onnx")
    tensor = next(entry for entry in model.graph.initializer if entry.name.startswith(("once", "param")))
    values = onnx.numpy_helper.to_array(tensor)
    Path("secret.bin").write_bytes(values.tobytes())
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    Path("net.onnx").write_bytes(model.SerializeToString())
    assert onnxruntime.InferenceSession("net.onnx"), "the file is a good one beside its tensors"
    for location in ("secret.bin", "../secret.bin", str(tmp_path / "secret.bin"), "/etc/hostname", "/dev/zero"):
        tensor.external_data[0].value = location
        Path("net.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ModelFileError, match="no ONNX model that onnxruntime can run"):
            graphpool.load("net.onnx")
