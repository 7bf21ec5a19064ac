"""The page of timed modules, cell by cell: it runs, and prints what it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import Linear, Rate

SCRIPT = Path(__file__).parents[1] / "examples" / "seed_page.py"

# Arrays are written as their number of elements, with the value that all elements have where they are equal.
RATE = "{{ 'tau': array<{0} times 0.02>, 'bias': array<{0} times 0.0>, 'threshold': array<{0} times 0.0> }}"
NEURONS = f"'neurons1': {{ '_module': {RATE.format(5)} }}, 'neurons2': {{ '_module': {RATE.format(7)} }}"
WRAPPED = "TimedModuleWrapper with shape (4, 4) { RateJax '_module' with shape (4,) } with RateJax '_module' as module"
NOISE = "Input: periodic TSContinuous object `White noise` from t=0.0 to 1000.0. Samples: 1000. Channels: 3"
PRINTED = {
    "1": "TimedModuleWrapper with shape (1, 5) { Sequential '_module' with shape (1, 5) { Linear '0_Linear' with shape"
    " (1, 5) Rate '1_Rate' with shape (5,) } } with Sequential '_module' as module",
    "2": "",
    "3": "non-periodic TSContinuous object `Output samples` from t=0.0 to 1.0. Samples: 1000. Channels: 5",
    "4": f"Parameters: {{ '_module': {{ '0_Linear': {{'weight': array<5>}}, '1_Rate': {RATE.format(5)} }} }}"
    " State: { '_module': { '0_Linear': {}, '1_Rate': {'x': array<5>} } }"
    " Simulation parameters: { 'dt': 0.001, '_module': { 'dt': 0.001, '0_Linear': {}, '1_Rate': {'dt': 0.001,"
    " 'noise_std': 0.0, 'act_fn': <function H_ReLU at 0x>} } } Time: 1.0",
    "5": "",
    "6": "ffwd_tmod_net with shape (3, 5, 7, 1) { TimedModuleWrapper 'neurons1' with shape (5, 5) { Rate '_module' with"
    " shape (5,) } TimedModuleWrapper 'neurons2' with shape (7, 7) { Rate '_module' with shape (7,) } }",
    "7": f"{{ 'w_0': array<15 times 0.0>, 'w_1': array<35 times 0.0>, 'w_2': array<7 times 0.0>, {NEURONS} }}",
    "8": f"Weights: {{ 'w_0': array<15>, 'w_1': array<35>, 'w_2': array<7>, {NEURONS} }}",
    "9": f"{NOISE} Output: non-periodic TSContinuous object `Output samples 'neurons2'` from t=0.0 to 1000.0. Samples:"
    " 1000. Channels: 1",
    "10": "",
    "11": "ffwd_tmod_net2 with shape (3, 5, 7, 1) { RateJax 'neurons0' with shape (5,) RateJax 'neurons1' with shape"
    " (7,) }",
    "12": f"{NOISE} Output: non-periodic TSContinuous object `Output samples` from t=0.0 to 1000.0. Samples: 1000."
    " Channels: 7",
    "13": WRAPPED,
    "14": WRAPPED,
}


def cells() -> dict[str, tuple[int, str]]:
    """The code of each cell by its number, with the line it starts at."""
    parts = re.split(r"^# %% \[(\d+)\].*$", SCRIPT.read_text(), flags=re.MULTILINE)
    found, line = {}, parts[0].count("\n")
    for number, code in zip(parts[1::2], parts[2::2], strict=True):
        found[number] = (line, code.split("# %% The pictures")[0])
        line += code.count("\n")
    return found


def counted(array: re.Match[str]) -> str:
    values = [float(number) for number in re.findall(r"[-+.e0-9]+", array[1])]
    same = f" times {values[0]}" if set(values) == {values[0]} else ""
    return f"array<{len(values)}{same}>"


def normal(text: str) -> str:
    """Spaces and brackets alike, arrays by their number of elements and the value they share, addresses left out."""
    text = re.sub(r"array\((.*?)\)", counted, text, flags=re.DOTALL)
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    text = re.sub(r",?\s+\}", " }", re.sub(r"\{\s+", "{ ", " ".join(text.split())))
    return re.sub(r"\{ *(.*?)", r"{\1", text).replace(" }", "}").replace(",}", "}")


@pytest.fixture(scope="module")
def page() -> Any:
    """The namespace after all cells, and what each printed."""
    import matplotlib

    matplotlib.use("Agg")
    import contextlib
    import io

    import matplotlib.pyplot as plt

    plt.close("all")  # another test's pictures do not count
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = {}
    with warnings.catch_warnings():
        for number, (line, code) in cells().items():
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile("\n" * line + code, SCRIPT, "exec"), namespace)
            printed[number] = output.getvalue()
    figures = plt.get_fignums()
    plt.close("all")
    return namespace, printed, figures


@pytest.mark.parametrize("number", list(PRINTED))
def test_a_cell_prints_what_the_page_prints(page: Any, number: str) -> None:
    assert normal(page[1][number]) == normal(PRINTED[number])


def test_all_cells_are_there(page: Any) -> None:
    assert list(page[1]) == [str(number) for number in range(1, 15)] == list(PRINTED)
    assert len(page[2]) == 6, "the pictures"


@pytest.mark.parametrize("target", ["numpy", "jax", "onnx"])
def test_the_first_network_on_every_runtime(page: Any, target: str) -> None:
    ts_sin = page[0]["ts_sin"]
    net = Sequential(Linear((1, 5), weight=np.linspace(-1, 1, 5)), Rate(5))
    run = graphpool.compile(net, target, dtype="float64").timed(dt=1e-3)
    expected, _, _ = net.timed(dt=1e-3)(ts_sin, duration=3.0)
    periods = [run(ts_sin)[0] for _ in range(3)]
    assert [period.t_start for period in periods] == [0.0, 1.0, 2.0]
    assert run.t == 3.0
    found = np.concatenate([period.samples for period in periods])
    np.testing.assert_allclose(found, expected.samples, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("target", ["numpy", "jax", "onnx"])
def test_the_page_s_networks_with_children_on_every_runtime(page: Any, target: str) -> None:
    namespace, ts_input = page[0], page[0]["ts_input"]
    weights = {name: np.random.default_rng(0).normal(size=shape) for name, shape in (("w_0", (3, 5)), ("w_1", (5, 7)))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = namespace["ffwd_tmod_net"]((3, 5, 7, 1), dt=1)
        other = namespace["ffwd_tmod_net"]((3, 5, 7, 1), dt=1)
        for name, size in (("neurons1", 5), ("neurons2", 7)):
            setattr(other, name, graphpool.compile(Rate(size, dt=1), target, dtype="float64").timed())
    for each in (net, other):
        each.set_attributes({**weights, "w_2": np.ones((7, 1))})
    expected, _, _ = net(ts_input)
    found, _, _ = other(ts_input, num_timesteps=600)
    rest, _, _ = other(ts_input, num_timesteps=400)
    np.testing.assert_allclose(np.concatenate([found.samples, rest.samples]), expected.samples, rtol=1e-9, atol=1e-9)
    assert other.t == other.neurons1.t == other.neurons2.t == 1000.0


def test_the_script_runs_from_the_shell(tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, SCRIPT, tmp_path / "pictures"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert normal(PRINTED["14"]) in normal(done.stdout)
    assert sorted(entry.name for entry in (tmp_path / "pictures").iterdir()) == [f"figure{n}.png" for n in range(1, 7)]


@pytest.mark.parametrize("name", ["ffwd_tmod_net", "ffwd_tmod_net2"])
def test_the_page_s_networks_as_files_that_onnxruntime_runs(page: Any, name: str, tmp_path: Path) -> None:
    import onnxruntime

    namespace, ts_input = page[0], page[0]["ts_input"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = namespace[name]((3, 5, 7, 1), dt=1)
    rng = np.random.default_rng(0)
    net.set_attributes({key: rng.normal(size=w.shape) for key, w in net.parameters("weights").items() if np.ndim(w)})
    run = graphpool.compile(net, "onnx")
    run.save(tmp_path / "net.onnx")
    expected, _, _ = net(ts_input)
    found, _, _ = run.timed()(ts_input)
    assert (found.t_start, found.t_stop) == (expected.t_start, expected.t_stop) == (0.0, 1000.0)
    np.testing.assert_allclose(found.samples, expected.samples, rtol=1e-3, atol=1e-3)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    states = {one.name: np.zeros((1, *one.shape[1:]), np.float32) for one in session.get_inputs()[1:]}
    assert len(states) == 2 and all(name.startswith("state.neurons") for name in states)
    (alone,) = session.run(["output"], {"input": ts_input.samples[None].astype(np.float32), **states})
    np.testing.assert_array_equal(alone[0], found.samples)
