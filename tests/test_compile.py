"""The front door: options, targets, bare graphs, packages that are missing, and what a target cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool import Parameter, State
from graphpool.compilers.base import Target
from graphpool.errors import (
    LoweringError,
    MissingExtraError,
    ModuleError,
    ParameterError,
    StateError,
    TargetError,
)
from graphpool.nn.modules import LIF, Linear, Module
from graphpool.plan import Plan
from graphpool.runtimes.numpy import NumpyRuntime
from tests.runtimes.models import TARGETS, Leaky, assert_same, make_net, signal


# --- options ------------------------------------------------------------------------------------------------
def test_an_unknown_target_lists_those_that_there_are() -> None:
    with pytest.raises(TargetError, match=r"(?s)no target 'torch'.*there are jax, numpy, onnx"):
        graphpool.compile(LIF(2), "torch")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float16"}, "dtype='float16'.*'float32', 'float64'"),
        ({"dtype": np.int32}, "dtype=.*'float32', 'float64'"),
        ({"dtype": None}, "dtype=None.*'float32', 'float64'"),
        ({"dtype": "double precision"}, "dtype='double precision'"),
        ({"hoist": "sometimes"}, "hoist='sometimes'.*'always', 'never'"),
        ({"hoist": None}, "hoist=None"),
    ],
)
def test_an_unknown_option_lists_what_there_is(options: Any, message: str) -> None:
    with pytest.raises(TargetError, match=f"(?s){message}"):
        graphpool.compile(LIF(2), **options)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype(np.float64)])
def test_a_dtype_may_be_numpys(dtype: Any) -> None:
    assert graphpool.compile(LIF(2), dtype=dtype)(signal(3, 2))[0].dtype == np.float64


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (LIF, r"(?s)the class LIF .*make one: LIF\(\.\.\.\)"),
        (dict, "the class dict is neither a module nor a graph"),
        (3, "3 is neither a module nor a graph"),
        (None, "None is neither"),
        (np.zeros(2), "neither a module nor a graph"),
    ],
)
def test_what_is_no_module_is_refused(net: Any, message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        graphpool.compile(net)


def test_the_common_mistakes_in_values_are_refused() -> None:
    for parameters in ({"tau": [1.0, 2.0, 3.0]}, {"gain": [[1.0], [2.0, 3.0]]}, {"weight": 1.0}, [1.0]):
        with pytest.raises(ParameterError):
            graphpool.compile(Leaky(2), parameters=parameters)  # type: ignore[arg-type]
    for state in ({"v": [1.0]}, {"w": 1.0}, [1.0]):
        with pytest.raises(StateError):
            graphpool.compile(Leaky(2), state=state)  # type: ignore[arg-type]


def test_observers_see_every_pass() -> None:
    seen: list[Any] = []
    graphpool.compile(make_net(), observers=[lambda *args: seen.append(args)])
    assert {type(args[0]).__name__ for args in seen} >= {"Demote", "Fold", "DeadCode"}


# --- bare graphs --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", TARGETS)
def test_a_bare_graph_with_parameters_is_the_module(target: str) -> None:
    net, x = make_net(), signal(2, 6, 2)
    held = {"1_LIF": {"vmem": np.full(3, 0.25)}}
    run = graphpool.compile(graphpool.trace(net), target, parameters=net.parameters(), state=held)
    expected = graphpool.compile(net, target, state=held)
    assert_same(run.parameters(), expected.parameters())
    for ours, theirs in zip(run(x, record=True), expected(x, record=True), strict=True):
        assert_same(ours, theirs)


def test_a_bare_graph_takes_parameters_that_are_cast() -> None:
    graph = graphpool.trace(Linear((2, 3), weight=np.ones((2, 3))))
    run = graphpool.compile(graph, parameters={"weight": np.ones((2, 3), np.float32).tolist()})
    assert run.parameters()["weight"].dtype == np.float64


@pytest.mark.parametrize("parameters", [None, {}, {"1_LIF": {}}])
def test_a_bare_graph_without_parameters_says_which_it_wants(parameters: Any) -> None:
    with pytest.raises(ParameterError, match=r"(?s)'0_Linear.weight', '1_LIF.w_rec'.*parameters=\{\.\.\.\}"):
        graphpool.compile(graphpool.trace(make_net()), parameters=parameters)


def test_a_bare_graph_refuses_parameters_that_do_not_fit() -> None:
    graph = graphpool.trace(Linear((2, 3)))
    w = np.zeros((2, 3))
    for parameters in ({"weight": w[0]}, {"weight": w, "bias": 1.0}, {"weight": [[1], [2, 3]]}):
        with pytest.raises(ParameterError):
            graphpool.compile(graph, parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight": np.zeros(3)}, r"'weight' has shape \(2, 3\), got \(3,\)"),
        ({"weight": np.zeros((1, 2, 3))}, r"'weight' has shape \(2, 3\), got \(1, 2, 3\)"),
        ({"weight": np.zeros((2, 3)) * 1j}, "'weight' has dtype float64, got complex128"),
        ({"weight": [["a"] * 3] * 2}, "'weight' has dtype float64"),
        ({"weight": np.zeros((2, 3)), "bias": 1.0}, "no parameter 'bias'"),
        ({"wieght": np.zeros((2, 3))}, "no value for parameter 'weight'"),
        ({"weight": {"deeper": 1.0}}, "no value for parameter 'weight'"),
    ],
)
def test_a_bare_graph_says_what_does_not_fit(parameters: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        graphpool.compile(graphpool.trace(Linear((2, 3))), parameters=parameters)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"1_LIF": {"vmem": np.zeros(4)}}, r"'1_LIF.vmem' has shape \(3,\) or \(B, 3\), got \(4,\)"),
        ({"1_LIF": {"wmem": np.zeros(3)}}, "no state '1_LIF.wmem'"),
        ({"1_LIF": {"vmem": np.zeros((2, 3)), "spikes": np.zeros((4, 3))}}, "states of different batches"),
        ({"1_LIF": {"vmem": ["a", "b", "c"]}}, "'1_LIF.vmem' has dtype float32"),
        (7, "come as a nested dict by name, got int"),
    ],
)
def test_a_bare_graph_refuses_states_that_do_not_fit(state: Any, message: str) -> None:
    net = make_net()
    with pytest.raises(StateError, match=message):
        graphpool.compile(graphpool.trace(net), parameters=net.parameters(), state=state)


def test_a_bare_graph_starts_at_its_initial_states_and_resets_to_them() -> None:
    net, x = make_net(), signal(2, 6, 2)
    held = {"1_LIF": {"vmem": np.full((2, 3), 0.25)}}
    graph, parameters = graphpool.trace(net), net.parameters()
    run = graphpool.compile(graph, parameters=parameters, state=held)
    np.testing.assert_array_equal(run.state()["1_LIF"]["vmem"], held["1_LIF"]["vmem"])
    run.reset_state()
    assert_same(run(x)[0], graphpool.compile(graph, parameters=parameters)(x)[0])
    held["1_LIF"]["vmem"][:] = 9
    parameters["0_Linear"]["weight"][:] = 9
    assert not np.any(run.parameters()["0_Linear"]["weight"] == 9), "values are copied"


@pytest.mark.parametrize("target", TARGETS)
def test_a_graph_from_its_text_compiles_as_the_graph_itself(target: str) -> None:
    net, x = make_net(), signal(2, 6, 2)
    graph = graphpool.trace(net)
    again = graphpool.parse_graph(str(graph), graph.constants())
    ours, theirs = (graphpool.compile(one, target, parameters=net.parameters())(x)[0] for one in (again, graph))
    assert_same(ours, theirs)


# --- what a target cannot run -------------------------------------------------------------------------------
class TwoBadLines(Module):
    def __init__(self) -> None:
        super().__init__(shape=2)
        self.w = Parameter(np.ones(2))
        self.v = State(np.zeros(2))

    def step(self, x: Any) -> Any:
        half = (x * self.w).astype(np.float16)
        whole = np.abs(x).astype(np.uint8)
        self.v = half.astype(np.float64) + whole.astype(np.float64)
        return self.v


@pytest.mark.parametrize("target", TARGETS)
def test_all_nodes_that_a_target_cannot_run_are_listed_with_their_lines(target: str) -> None:
    with pytest.raises(LoweringError) as caught:
        graphpool.compile(TwoBadLines(), target)
    text = str(caught.value)
    assert f"target {target!r} cannot run 2 of" in text
    for line in ("half = (x * self.w).astype(np.float16)", "whole = np.abs(x).astype(np.uint8)"):
        assert line in text
    assert "dtype float16" in text and "dtype uint8" in text
    assert "test_compile.py:" in text and "f32, f64, i32, i64, bool" in text.replace("'", "")


# --- targets of other packages ------------------------------------------------------------------------------
class LoudRuntime(NumpyRuntime):
    """The runtime of a target that another package brings."""


def build_loudly(plan: Plan) -> Any:
    from graphpool.compilers.numpy.compile import build

    return build(plan)


LOUD = Target("loud", build_loudly, f"{__name__}:LoudRuntime")


def fail_to_load() -> Any:
    raise ModuleNotFoundError("No module named 'louder'", name="louder.engine")


@pytest.fixture
def other_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    found = importlib.metadata.entry_points(group="graphpool.targets")
    loud = SimpleNamespace(name="loud", load=lambda: LOUD)
    louder = SimpleNamespace(name="louder", load=fail_to_load)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [*found, loud, louder])


@pytest.mark.usefixtures("other_targets")
def test_a_target_of_another_package_comes_through_the_same_door() -> None:
    x, net = signal(2, 5, 2), make_net()
    run = graphpool.compile(net, "loud")
    assert type(run).__name__ == "LoudRuntime"
    assert run.artifact.target == "loud"
    assert_same(run(x)[0], graphpool.compile(net)(x)[0])
    with pytest.raises(TargetError, match="there are jax, loud, louder, numpy, onnx"):
        graphpool.compile(net, "torch")


@pytest.mark.usefixtures("other_targets")
def test_a_target_of_another_package_that_lacks_one_names_no_extra_of_ours() -> None:
    with pytest.raises(MissingExtraError, match="target 'louder' needs the package 'louder'") as caught:
        graphpool.compile(make_net(), "louder")
    assert "graphpool[" not in str(caught.value)


# --- packages that are missing ------------------------------------------------------------------------------
WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())

import numpy as np
import graphpool
from graphpool.errors import MissingExtraError
from graphpool.nn.modules import LIF

def attempt(what, action):
    try:
        action()
    except MissingExtraError as error:
        assert isinstance(error, ImportError)
        print(what, "|", str(error).replace("\\n", " "))
    else:
        print(what, "| works")

for target in ("numpy", "jax", "onnx"):
    attempt(target, lambda: graphpool.compile(LIF(2), target)(np.ones((3, 2))))
attempt("again", lambda: graphpool.compile(LIF(2), "onnx"))
attempt("load", lambda: graphpool.load({path!r}))
attempt("call", lambda: LIF(2)(np.ones((3, 2))))
"""


def without(tmp_path: Path, *blocked: str) -> dict[str, str]:
    path = tmp_path / "net.onnx"
    graphpool.compile(LIF(2), "onnx").save(path)
    code = WITHOUT.format(blocked=set(blocked), path=str(path))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" | ", 1) for line in done.stdout.splitlines())


def missing(package: str, extra: str) -> str:
    return (
        f"the package {package!r} is not installed     hint: it comes with the extra {extra!r}: "
        f'pip install "graphpool[{extra}]"'
    )


def test_without_any_engine_numpy_works_and_the_others_name_their_extra(tmp_path: Path) -> None:
    assert without(tmp_path, "jax", "onnx", "onnxruntime") == {
        "numpy": "works",
        "jax": missing("jax", "jax"),
        "onnx": missing("onnx", "onnx"),
        "again": missing("onnx", "onnx"),
        "load": missing("onnxruntime", "onnx"),
        "call": "works",
    }


def test_onnx_without_onnxruntime_names_the_extra_too(tmp_path: Path) -> None:
    assert without(tmp_path, "onnxruntime", "jax") == {
        "numpy": "works",
        "jax": missing("jax", "jax"),
        "onnx": missing("onnxruntime", "onnx"),
        "again": missing("onnxruntime", "onnx"),
        "load": missing("onnxruntime", "onnx"),
        "call": "works",
    }


def test_a_file_is_loaded_without_onnx(tmp_path: Path) -> None:
    results = without(tmp_path, "onnx")
    assert (results["load"], results["onnx"]) == ("works", missing("onnx", "onnx"))
