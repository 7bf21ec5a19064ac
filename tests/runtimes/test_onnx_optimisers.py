"""What others do with the file: another engine, optimisers, and the converter to newer opsets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

import graphpool
from graphpool.nn.modules import LIF
from tests.runtimes.models import NETS as PLAIN
from tests.runtimes.models import assert_same, signal

NETS: dict[str, Any] = {**PLAIN, "noisy": lambda: (LIF(3, noise_std=0.25), None)}
"""Noise needs a later opset than the others, and the number of the sample."""

FORMS: dict[str, dict[str, str]] = {
    "Scan": {},
    "Loop": {"loop": "Loop"},
    "inputs": {"parameters": "inputs"},
    "batched": {"states": "batched"},
}
LEVELS = {
    "disabled": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def model_of(name: str, form: str, **options: Any) -> tuple[onnx.ModelProto, Any]:
    """The model with all records, and its runtime."""
    module, shapes = NETS[name]()
    run = graphpool.compile(module, "onnx", input_shapes=shapes, **FORMS[form], **options)
    return onnx.load_from_string(run.model_bytes("record")), run


def feed_of(run: Any, batch: int, steps: int) -> dict[str, Any]:
    """Inputs by the names of the file, at the initial state."""
    ports = run.signature.inputs
    names = ["input"] if len(ports) == 1 else [f"input.{port.name}" for port in ports]
    feed = {
        name: signal(batch, steps, *port.type.shape).astype(port.type.dtype)
        for name, port in zip(names, ports, strict=True)
    }
    for state in run.signature.states:
        feed[f"state.{state.name}"] = np.repeat(state.init.array[None], batch, axis=0)
    if run.signature.takes_sample:
        feed["sample"] = np.array([7])
    if run.artifact.options["parameters"] == "inputs":
        feed |= {f"param.{name}": array for name, array in run._parameters.items()}
    return feed


def run_model(model: onnx.ModelProto, feed: dict[str, Any]) -> dict[str, Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_outputs()]
    assert {entry.name for entry in session.get_inputs()} == set(feed), "no input comes or goes"
    return dict(zip(names, session.run(names, feed), strict=True))


def check_alike(run: Any, model: onnx.ModelProto, other: onnx.ModelProto, dropped: Collection[str] = ()) -> None:
    """Another model gives the same, to the bit, for other batches and lengths than it may have been made for."""
    for batch, steps in ((1, 1), (2, 5), (3, 4)):
        feed = feed_of(run, batch, steps)
        ours = run_model(model, feed)
        theirs = run_model(other, {name: array for name, array in feed.items() if name not in dropped})
        assert list(ours) == list(theirs)
        for name, array in ours.items():
            assert (theirs[name].dtype, theirs[name].shape) == (array.dtype, array.shape), name
            np.testing.assert_array_equal(theirs[name], array, err_msg=name)


every_form = pytest.mark.parametrize("form", list(FORMS))
every_net = pytest.mark.parametrize("name", list(NETS))


# --- another engine -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", [form for form in FORMS if form != "Loop"])
@every_net
def test_the_reference_implementation_of_onnx_agrees(name: str, form: str) -> None:
    model, run = model_of(name, form)
    evaluator = ReferenceEvaluator(model)
    for batch, steps in ((1, 1), (2, 5)):
        feed = feed_of(run, batch, steps)
        ours = run_model(model, feed)
        theirs = dict(zip(evaluator.output_names, evaluator.run(None, feed), strict=True))
        assert list(ours) == list(theirs)
        for key, array in ours.items():
            assert (theirs[key].dtype, theirs[key].shape) == (array.dtype, array.shape), key
            np.testing.assert_allclose(theirs[key], array, rtol=1e-6, atol=1e-7, err_msg=key)


def test_the_reference_implementation_of_onnx_cannot_run_the_loop_form() -> None:
    """What a Loop puts out at each step has to be stacked: the type rule of ONNX says so, and onnxruntime does it.

    The reference implementation joins it along the first axis that there is: an axis is missing then.
    """
    model, run = model_of("leaky", "Loop", hoist="never")  # else it is a filter, whose loop goes over blocks
    feed = feed_of(run, 2, 5)
    assert run_model(model, feed)["output"].shape == (2, 5, 2)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    (name,) = (node.output[-1] for node in model.graph.node if node.op_type == "Loop")
    (stacked,) = (entry for entry in inferred.graph.value_info if entry.name == name)
    assert len(stacked.type.tensor_type.shape.dim) == 3
    with pytest.raises(RuntimeError, match=r"Inconsistent permutation \[1, 0, 2\] with shape \(10, 2\)"):
        ReferenceEvaluator(model).run(None, feed)


# --- optimisers ---------------------------------------------------------------------------------------------
def by_onnxruntime(model: onnx.ModelProto, level: str, folder: Path) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the result of level "all" is for this machine
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx")


@pytest.mark.parametrize("level", list(LEVELS))
@every_form
@every_net
def test_onnxruntime_optimises_offline(name: str, form: str, level: str, tmp_path: Path) -> None:
    model, run = model_of(name, form)
    check_alike(run, model, by_onnxruntime(model, level, tmp_path))


UNREAD: dict[str, set[str]] = {name: set() for name in NETS} | {"noisy": {"state.spikes"}}
"""Inputs that nothing reads: spikes without recurrence are a state that is only written. onnxslim drops such inputs."""


def by_onnxslim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    slim: onnx.ModelProto = onnxslim.slim(model)
    return slim


def by_onnxsim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxsim

    simple, agrees = onnxsim.simplify(model)
    assert agrees
    return simple


@pytest.mark.parametrize("optimise", [by_onnxslim, by_onnxsim])
@every_form
@every_net
def test_optimisers_leave_the_file_working(
    name: str, form: str, optimise: Callable[[onnx.ModelProto], onnx.ModelProto]
) -> None:
    model, run = model_of(name, form)
    dropped = UNREAD[name] if optimise is by_onnxslim else ()
    check_alike(run, model, optimise(onnx.load_from_string(model.SerializeToString())), dropped)


@pytest.mark.parametrize("form", ["Scan", "inputs"])
@pytest.mark.parametrize("name", ["net", "noisy"])
@pytest.mark.parametrize("optimise", [by_onnxslim, by_onnxsim])
def test_an_optimised_file_is_still_loaded(
    optimise: Callable[[onnx.ModelProto], onnx.ModelProto], name: str, form: str, tmp_path: Path
) -> None:
    """Also where an input is gone: the runtime keeps the state, and does not hand it over."""
    model, run = model_of(name, form)
    onnx.save(optimise(model), tmp_path / "net.onnx")
    again = graphpool.load(tmp_path / "net.onnx")
    if form == "inputs":
        again.set_parameters(run.parameters())
    (port,) = run.signature.inputs
    x = signal(2, 6, *port.type.shape)
    for part in (x[:, :2], x[:, 2:]):
        for ours, theirs in zip(again(part, record=True), run(part, record=True), strict=True):
            assert_same(ours, theirs)


# --- newer opsets -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("opset", range(18, 27))
@every_form
@every_net
def test_the_version_converter_leaves_the_file_working(name: str, form: str, opset: int) -> None:
    model, run = model_of(name, form)
    converted = onnx.version_converter.convert_version(model, opset)
    assert [entry.version for entry in converted.opset_import] == [opset]
    check_alike(run, model, converted)
