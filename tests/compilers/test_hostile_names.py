"""Names that break generated code, paths and formats: of attributes, records, modules and inputs, on every target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import graphpool
from graphpool import Parameter, State
from graphpool.errors import ModuleError, TraceError
from graphpool.graph import GraphBuilder, TensorType
from graphpool.nn.modules import Module
from graphpool.ops import infer_type
from tests.runtimes.models import TARGETS, assert_same, flat, signal

FORMS: dict[str, tuple[str, dict[str, str]]] = {target: (target, {}) for target in TARGETS} | {
    "onnx inputs in a Loop": ("onnx", {"loop": "Loop", "parameters": "inputs", "states": "batched"}),
}

NAMES = {
    "unicode": ["größe", "переменная", "変数", "ñ", "Ω"],
    "alike": ["fi", "ﬁ", "ª", "a", "K", "\u212a"],  # the second of each pair is the first to Python's own identifiers
    "keywords": ["lambda", "None", "import", "def", "__import__", "__file__", "print"],
    "numbers": ["0", "1", "2", "3", "4", "5", "6", "7", "007", "١"],
    "ours": ["input", "output", "sample", "const", "x", "np", "jnp", "env", "dims", "lead", "handed", "states"],
    "of the file": ["param", "next", "carry", "scan0", "scan1", "loop0", "once", "batch", "time", "in", "steps"],
    "colliding when dots go": ["a", "a_b", "a_b_c", "b", "b_c", "a__b", "_", "__", "___"],
    "long": ["n" * 5000, "n" * 5001, "n" * 4999 + "m"],
    "cases": ["Gain", "gain", "GAIN", "gAIN"],
}
"""What an attribute may be called: any run of letters, digits and underscores."""


class Child(Module):
    """A parameter, a state and a record under given names; the state is read by another module's loop."""

    def __init__(self, names: list[str], record: str) -> None:
        super().__init__(shape=2)
        self.held = names
        self.recorded = record
        for number, name in enumerate(names):
            if number % 2:
                setattr(self, name, Parameter(np.array([0.5, 0.25]) * number))
            else:
                setattr(self, name, State(np.full(2, number / 4)))

    def step(self, x: Any) -> Any:
        for number, name in enumerate(self.held):
            if number % 2:
                x = x + getattr(self, name) * 2.0
            elif number % 4:
                late = getattr(self, name)
                setattr(self, name, x)
                x = x + late
            else:
                setattr(self, name, getattr(self, name) * 0.5 + x)
                x = getattr(self, name)
        self.record(self.recorded, x)
        return x


class Tree(Module):
    """The same names for children, and for what they hold."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(shape=2)
        self.paths = names
        for one in names:
            setattr(self, one, Child([other for other in names if other != one][:4], one))

    def step(self, x: Any) -> Any:
        for one in self.paths:
            x = getattr(self, one).step(x) * 0.5
        return x


def check_against_numpy(make: Any, target: str, options: dict[str, str], folder: Path) -> None:
    x = signal(2, 4, 2)
    run = graphpool.compile(make(), target, dtype="float64", **options)
    plain = graphpool.compile(make(), dtype="float64")
    out, state, record = run(x, record=True)
    loops = [make(), make()]
    rows = np.array([[one.step(row) for row in sample] for one, sample in zip(loops, x, strict=True)])
    assert_same(out, rows)
    for name, array in flat(state).items():
        np.testing.assert_array_equal(array, [flat(one.state())[name] for one in loops], err_msg=name[:40])
    assert_same(record, plain(x, record=True)[2])
    run.reset_state()
    assert_same(np.stack([run.step(x[:, t]) for t in range(4)], axis=1), rows)
    if target == "onnx":
        model = onnx.load_from_string(run.model_bytes("record"))
        onnx.checker.check_model(model, full_check=True)
        assert {f"state.{name}" for name in flat(run.state())} <= {entry.name for entry in model.graph.input}
        run.save(folder / "net.onnx", record=True)
        again = graphpool.load(folder / "net.onnx")
        if options:
            again.set_parameters(run.parameters())
        assert_same(again(x, record=True)[2], record)


# --- attributes, children, records --------------------------------------------------------------------------
@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("kind", list(NAMES))
def test_whatever_an_attribute_may_be_called_means_the_same_everywhere(kind: str, form: str, tmp_path: Path) -> None:
    target, options = FORMS[form]
    names = NAMES[kind]
    check_against_numpy(lambda: Child(names, "recorded"), target, options, tmp_path)
    few = names[:5]
    check_against_numpy(lambda: Tree(few), target, options, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "__class__",
        "__dict__",
        "step",
        "a.b",
        "a/b",
        "a:b",
        "a b",
        "",
        "a\n",
        "a-b",
        "e\u0301",
        "\ud800",
        "a\0",
        "%1",
        "../a",
    ],
)
@pytest.mark.parametrize(
    "attribute", [lambda: Parameter([1.0, 2.0]), lambda: State(np.zeros(2)), lambda: Child([], "r")]
)
def test_what_would_break_paths_and_objects_is_refused(name: str, attribute: Any) -> None:
    class Plain(Module):
        def __init__(self) -> None:
            super().__init__(shape=2)

        def step(self, x: Any) -> Any:
            return x

    module = Plain()
    with pytest.raises(ModuleError, match="use letters, digits and underscores|use another name"):
        setattr(module, name, attribute())
    assert type(module) is Plain and not module.parameters() and not module.state() and not module.modules()


@pytest.mark.parametrize("name", ["a.b", "", "a b", "%1", "a\n}", "../r", "a:b", 3, None])
@pytest.mark.parametrize("target", TARGETS)
def test_a_record_of_such_a_name_is_refused(name: Any, target: str) -> None:
    with pytest.raises(TraceError, match="cannot name a record"):
        graphpool.compile(Child([], name), target)


# --- names of modules ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize(
    "name",
    ["größe", "../../etc/passwd", "a\n}\n", '"; import os; "', "__import__('os')", "%s{0}", "n" * 5000, " ", ""],
)
def test_a_class_of_any_name_runs(name: str, form: str, tmp_path: Path) -> None:
    target, options = FORMS[form]
    check_against_numpy(lambda: type(name, (Tree,), {})(["a", "a_b"]), target, options, tmp_path)


@pytest.mark.parametrize("name", ["", "\ud800", "\0", "a\n}"])
def test_a_graph_of_any_name_is_a_valid_file(name: str) -> None:
    b = GraphBuilder(name, None, infer_type)
    b.output("output", b.add("neg", [b.input("x", TensorType(np.dtype(np.float32), (2,)))]))
    run = graphpool.compile(b.build(), "onnx")
    onnx.checker.check_model(onnx.load_from_string(run.model_bytes()), full_check=True)
    np.testing.assert_array_equal(run(np.ones((1, 2)))[0], -np.ones((1, 1, 2)))


# --- names of inputs ----------------------------------------------------------------------------------------
class Ports(Module):
    """Arguments that are called like what the compilers call things."""

    def __init__(self) -> None:
        super().__init__()
        self.input = State(np.zeros(2))
        self.größe = Parameter([2.0, 4.0])

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("input", "output", "größe", "__class__", "state"), (2,))

    def step(self, input: Any, output: Any, größe: Any, __class__: Any, state: Any) -> Any:
        self.input = self.input * 0.5 + input * self.größe
        return self.input - output, größe * __class__ + state


@pytest.mark.parametrize("form", list(FORMS))
def test_inputs_of_any_name(form: str, tmp_path: Path) -> None:
    target, options = FORMS[form]
    x = {name: signal(2, 5, 2, seed=n) for n, name in enumerate(Ports().input_shapes)}
    run = graphpool.compile(Ports(), target, dtype="float64", **options)
    out, state, _ = run(x)
    loops = [Ports(), Ports()]
    rows = [
        [one.step(*(array[sample, t] for array in x.values())) for t in range(5)] for sample, one in enumerate(loops)
    ]
    for number in range(2):
        assert_same(out[f"output.{number}"], np.array([[row[number] for row in sample] for sample in rows]))
    np.testing.assert_array_equal(state["input"], [one.input for one in loops])
    if target == "onnx":
        run.save(tmp_path / "net.onnx")
        again = graphpool.load(tmp_path / "net.onnx")
        if options:
            again.set_parameters(run.parameters())
        assert_same(again(x)[0], out)
