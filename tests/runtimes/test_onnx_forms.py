"""The options of the ONNX target on modules: every form agrees; what files hold, and how they are loaded."""

from __future__ import annotations

import itertools
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
import onnxruntime
import pytest

import graphpool
from graphpool.errors import ModelFileError, ParameterError, TargetError
from graphpool.nn.modules import Linear, Module
from tests.runtimes.models import NETS, Leaky, assert_close, assert_same, make_net, runtime, signal

CHOICES = {"loop": ("Scan", "Loop"), "parameters": ("constants", "inputs"), "states": ("broadcast", "batched")}
FORMS = [dict(zip(CHOICES, chosen, strict=True)) for chosen in itertools.product(*CHOICES.values())]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


def compiled(name: str, **options: Any) -> Any:
    module, shapes = NETS[name]()
    return graphpool.compile(module, "onnx", input_shapes=shapes, **options)


def inputs_of(run: Any, *leading: int) -> dict[str, Any]:
    return {port.name: signal(*leading, *port.type.shape) for port in run.signature.inputs}


# --- all forms agree ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
@pytest.mark.parametrize("name", list(NETS))
def test_every_form_and_its_file_give_the_same(name: str, form: dict[str, str], path: Path) -> None:
    """Exactly: what depends on parameters alone is computed in float64 either way.

    Only a filter is a loop where its gain is an input, and rounded in another order.
    """
    reference, run = runtime(name, "onnx", "float32"), compiled(name, **form)
    has_filter = any(region.affine for region in run.plan.regions)
    same = assert_close if has_filter and form["parameters"] == "inputs" else assert_same
    run.save(path, record=True)
    again = graphpool.load(path)
    if form["parameters"] == "inputs":
        again.set_parameters(run.parameters())
    for x in (inputs_of(run, 2, 5), inputs_of(run, 2, 1)):
        expected = reference(x, record=True)
        for one in (run, again):
            for ours, theirs in zip(one(x, record=True), expected, strict=True):
                same(ours, theirs)
    row = inputs_of(run, 2)
    wanted = reference.step(row)
    for one in (run, again):
        same(one.step(row), wanted)
        same(one.state(), reference.state())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(form.values()))
def test_one_file_takes_any_batch_and_time_without_graphpool(form: dict[str, str], path: Path) -> None:
    run = compiled("net", **form)
    run.save(path)
    session = onnxruntime.InferenceSession(path)
    names = [entry.name for entry in session.get_outputs()]
    values = {f"param.{n}.{k}": v for n, own in run.parameters().items() for k, v in own.items()}
    for batch, steps in ((3, 7), (1, 1), (2, 1)):
        rows = batch if form["states"] == "batched" else 1
        x = signal(batch, steps, 2).astype(np.float32)
        feed: dict[str, Any] = {"input": x}
        for entry in session.get_inputs()[1:]:
            if entry.name.startswith("state."):
                feed[entry.name] = np.zeros((rows, *entry.shape[1:]), np.float32)
            else:
                feed[entry.name] = values[entry.name]
        run.reset_state()
        out, state, _ = run(x)
        results = dict(zip(names, session.run(None, feed), strict=True))
        np.testing.assert_array_equal(results["output"], out)
        np.testing.assert_array_equal(results["next.1_LIF.vmem"].reshape(-1), np.ravel(state["1_LIF"]["vmem"]))


def test_real_parameters_that_are_inputs_agree_up_to_rounding() -> None:
    rng = np.random.default_rng(4)
    net = Leaky(200, tau=rng.uniform(1e-3, 1.0, 200))
    x = rng.normal(size=(1, 20, 200))
    inputs, constants = (graphpool.compile(net, "onnx", parameters=form)(x)[0] for form in CHOICES["parameters"][::-1])
    np.testing.assert_allclose(inputs, constants, rtol=1e-6, atol=1e-7)


# --- parameters that are inputs -----------------------------------------------------------------------------
def test_setting_parameters_that_are_inputs_makes_no_session() -> None:
    x, run, other = signal(6, 2), compiled("leaky", parameters="inputs"), compiled("leaky")
    run(x)
    held, content = run._session("run"), run.model_bytes()
    for one in (run, other):
        one.set_parameters({"tau": 3e-3, "gain": [2.0, -1.0]})
        one.reset_state()
    first = run(x)[0]
    assert_close(first, other(x)[0])
    assert run._session("run") is held
    assert run.model_bytes() == content, "the file does not depend on the values"
    for one in (run, other):
        one.reset_parameters()
        one.reset_state()
    assert np.any(run(x)[0] != first)
    run.reset_state()
    assert_close(run(x)[0], other(x)[0])


def test_parameters_in_float64_where_they_are_traced_so() -> None:
    model = onnx.load_from_string(compiled("net", parameters="inputs").model_bytes())
    types = {entry.name: entry.type.tensor_type.elem_type for entry in model.graph.input}
    params = [name for name in types if name.startswith("param.")]
    assert "param.0_Linear.weight" in params and "param.1_LIF.tau_mem" in params
    assert {types[name] for name in params} == {onnx.TensorProto.DOUBLE}
    assert types["input"] == onnx.TensorProto.FLOAT
    stored = json.loads({entry.key: entry.value for entry in model.metadata_props}["graphpool.signature"])
    assert [entry["tensor"] for entry in stored["params"]] == params
    constants = onnx.load_from_string(compiled("net").model_bytes())
    stored = json.loads({entry.key: entry.value for entry in constants.metadata_props}["graphpool.signature"])
    assert "params" not in stored


def test_a_loaded_file_without_values_says_so_until_it_has_them(path: Path) -> None:
    run, x = compiled("leaky", parameters="inputs"), signal(5, 2)
    run.save(path)
    again = graphpool.load(path)
    assert again.parameters() == {}
    assert [str(entry.type) for entry in again.signature.params] == ["f64[2]", "f64"]
    before = again.state()
    for act in (lambda: again(x), lambda: again.step(x[0])):
        with pytest.raises(ParameterError, match=r"(?s)no value for parameter 'gain', 'tau'.*set_parameters"):
            act()
    again.set_parameters({"gain": [1.0, 2.0]})
    with pytest.raises(ParameterError, match="no value for parameter 'tau'"):
        again(x)
    assert_same(again.state(), before)
    for wrong in ({"tau": [1.0, 2.0, 3.0]}, {"gian": 1.0}, {"tau": "long"}):
        with pytest.raises(ParameterError):
            again.set_parameters(wrong)
    again.set_parameters(run.parameters())
    assert_same(again(x)[0], run(x)[0])
    for other in (again.copy(), deepcopy(again), pickle.loads(pickle.dumps(again))):
        assert_same(other.parameters(), run.parameters())
        assert_same(other(x)[0], again.copy()(x)[0])
    again.reset_parameters()
    assert again.parameters() == {}, "the file holds none"


def test_a_bare_graph_needs_no_values_until_it_runs() -> None:
    net, x = make_net(), signal(6, 2)
    run = graphpool.compile(graphpool.trace(net), "onnx", parameters="inputs")
    with pytest.raises(ParameterError, match="no value for parameter '0_Linear.weight'"):
        run(x)
    run.set_parameters(net.parameters())
    assert_same(run(x)[0], graphpool.compile(net, "onnx")(x)[0])


def test_a_net_without_parameters_takes_none(path: Path) -> None:
    run = compiled("picture", parameters="inputs")
    run.save(path)
    again = graphpool.load(path)
    again.set_parameters({})
    x = signal(3, 2, 3)
    assert_same(again(x)[0], run(x)[0])


def test_a_signature_with_other_parameters_is_refused(path: Path) -> None:
    for change in (
        lambda stored: stored["params"].pop(),
        lambda stored: stored["params"].reverse(),
        lambda stored: stored["params"][0].update(dtype="float32"),
        lambda stored: stored["params"][0].update(shape=[10**15]),
        lambda stored: stored.pop("params"),
        lambda stored: stored.update(params=7),
    ):
        compiled("leaky", parameters="inputs").save(path)
        model = onnx.load(path)
        (entry,) = (one for one in model.metadata_props if one.key == "graphpool.signature")
        stored = json.loads(entry.value)
        change(stored)
        entry.value = json.dumps(stored)
        onnx.save(model, path)
        with pytest.raises(ModelFileError, match="metadata that graphpool cannot read"):
            graphpool.load(path)


# --- the file says whether it has records --------------------------------------------------------------------
class Twice(Module):
    """Neither states nor records."""

    def __init__(self) -> None:
        super().__init__(shape=2)

    def step(self, x: Any) -> Any:
        return 2 * x


@pytest.mark.parametrize("module", [Twice, lambda: Linear((2, 3))])
def test_a_file_without_states_and_records_tells_that_it_was_saved_with_record(module: Any, path: Path) -> None:
    run, x = graphpool.compile(module(), "onnx"), signal(4, 2)
    run.save(path, record=True)
    again = graphpool.load(path)
    out, state, record = again(x, record=True)
    assert (state, record) == ({}, {})
    assert_same(out, run(x)[0])
    run.save(path)
    with pytest.raises(TargetError, match="no recorded values"):
        graphpool.load(path)(x, record=True)


# --- what is refused ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("onnx", {"loops": "Loop"}, r"no option 'loops'.*loop='Scan'\|'Loop', parameters='constants'\|'inputs', st"),
        ("onnx", {"loop": "scan"}, r"loop='scan' for target 'onnx'.*one of 'Scan', 'Loop'"),
        ("onnx", {"loop": None}, r"loop=None for target 'onnx'"),
        ("onnx", {"parameters": "input"}, r"parameters='input' for target 'onnx'.*one of 'constants', 'inputs'"),
        ("onnx", {"states": ["batched"]}, r"states=\['batched'\] for target 'onnx'"),
        ("numpy", {"loop": "Loop"}, r"target 'numpy' has no option 'loop'.*its options are: none"),
        ("jax", {"parameters": "inputs"}, r"target 'jax' has no option 'parameters'"),
    ],
)
def test_an_option_that_a_target_lacks_is_refused(target: str, options: Any, message: str) -> None:
    with pytest.raises(TargetError, match=f"(?s){message}"):
        graphpool.compile(make_net(), target, **options)


# --- the same bytes -----------------------------------------------------------------------------------------
SCRIPT = """
import graphpool
from tests.runtimes.models import make_net

for number, form in enumerate({forms!r}):
    for record in (False, True):
        run = graphpool.compile(make_net(), "onnx", probes="*.output", **form)
        run.save(f"{{number}}-{{record}}.onnx", record=record)
"""


def test_every_form_gives_the_same_bytes_in_any_process_and_folder(tmp_path: Path) -> None:
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / f"folder{seed}"
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", SCRIPT.format(forms=FORMS)]
        subprocess.run(command, cwd=folder, env=environment, check=True, timeout=120)
        contents.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert len(contents[0]) == 16 and len(set(contents[0].values())) == 16
    assert contents[0] == contents[1]
