"""The examples run from the shell and leave what they say."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import graphpool

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "grasshopper"


@pytest.fixture(scope="module")
def recording() -> Any:
    spec = importlib.util.spec_from_file_location("grasshopper_recording", FOLDER / "recording.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("picture")


# --- the grasshopper ----------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_demo_runs_from_the_shell_and_leaves_its_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-W", "error", FOLDER / "demo.py", out, "--seconds", "0.5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    left = {entry.name: entry for entry in out.iterdir()}
    assert sorted(left) == [
        "graph.txt",
        "grasshopper.onnx",
        "model1.npz",
        "model2.npz",
        "plan.txt",
        "recording1.png",
        "recording2.png",
        "results.txt",
    ]
    onnx.checker.check_model(left["grasshopper.onnx"], full_check=True)
    assert graphpool.load(left["grasshopper.onnx"])(np.zeros((5, 1)))[0].shape == (1, 5, 1)
    for name in ("recording1.png", "recording2.png"):
        assert left[name].read_bytes().startswith(b"\x89PNG")
    assert left["graph.txt"].read_text().startswith("graph AdaptiveNeuron(")
    assert "scan" in left["plan.txt"].read_text()
    results = left["results.txt"].read_text()
    assert [results.count(f" {target} ") for target in ("numpy", "jax", "onnx", "file")] == [2, 2, 2, 2]
    assert results.count("spike for spike") == 6, "the same from every runtime, and from the file in blocks"
    spikes = graphpool.TSEvent.load(left["model1.npz"])
    assert len(spikes) > 10 and spikes.t_stop == pytest.approx(0.507375)
    assert "Coincidence" in done.stdout and "grasshopper.onnx" in done.stdout


def test_the_recordings_are_there(recording: Any) -> None:
    for number in (1, 2):
        one = recording.load_recording(number)
        assert (one.sound.num_channels, one.spikes.num_channels) == (1, 1)
        assert one.dt == 50e-6
        assert (one.sound.t_start, one.sound.t_stop) == (one.spikes.t_start, one.spikes.t_stop)
        assert one.sound.duration == pytest.approx(10, rel=1e-3)
        assert np.all(np.diff(one.spikes.times) > 0)
        short = recording.load_recording(number, 0.5)
        assert len(short.sound) == 10_000 and short.sound.t_stop == 0.5
        np.testing.assert_array_equal(short.spikes.times, one.spikes.times[one.spikes.times < 0.5])
    with pytest.raises(ValueError, match="recordings 1 and 2, not 3"):
        recording.load_recording(3)


# --- how well spikes agree ----------------------------------------------------------------------------------
def test_spikes_are_matched_one_to_one_within_the_window(recording: Any) -> None:
    match = recording.match_spikes
    assert match([], []) == []
    assert match([1.0], []) == []
    assert match([0.1, 0.2], [0.1, 0.2]) == [(0, 0), (1, 1)]
    assert match([0.100, 0.101], [0.1005]) == [(0, 0)], "a spike is matched once"
    assert match([0.100], [0.102]) == [(0, 0)], "the window includes its edge"
    assert match([0.100], [0.1021]) == []
    assert match([0.1, 0.3], [0.2, 0.3]) == [(1, 1)]
    assert match([0.010, 0.012], [0.0115, 0.0135]) == [(0, 0), (1, 1)], "as many pairs as can be"


def test_identical_trains_coincide_perfectly(recording: Any) -> None:
    times = np.arange(1, 100) * 0.0371
    assert recording.coincidence_factor(times, times, 4.0) == pytest.approx(1)
    assert recording.coincidence_factor(times + 1e-3, times, 4.0) == pytest.approx(1)


def test_trains_without_spikes_do_not_coincide(recording: Any) -> None:
    assert recording.coincidence_factor([], [], 1.0) == 0
    assert recording.coincidence_factor([], [0.5], 1.0) == 0
    assert recording.coincidence_factor([0.5], [], 1.0) == 0


def test_a_case_by_hand(recording: Any) -> None:
    """Two of 3 and 4 spikes match; 3 spikes in a second fill 2 * 0.002 * 3 = 0.012 of it with windows."""
    model, cell = [0.010, 0.030, 0.050], [0.011, 0.029, 0.100, 0.200]
    gamma = recording.coincidence_factor(model, cell, 1.0, window=2e-3)
    assert gamma == pytest.approx((2 - 0.012 * 4) / 3.5 / (1 - 0.012), rel=1e-12)


def test_a_rate_that_fills_every_window_has_no_factor(recording: Any) -> None:
    with pytest.raises(ValueError, match="fill every window"):
        recording.coincidence_factor(np.arange(300) / 300, [0.5], 1.0)


def test_the_rate_of_a_regular_train_is_even_up_to_its_ends(picture: Any) -> None:
    spikes = graphpool.TSEvent(np.arange(5e-3, 1, 10e-3), t_start=0.0, t_stop=1.0)
    rate = picture.firing_rate(spikes, 1.0, "regular")
    assert rate.t_stop == 1.0
    np.testing.assert_allclose(rate.samples, 100, rtol=0.02)


# --- live -------------------------------------------------------------------------------------------------------------
def run_live(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", ROOT / "examples" / "live.py", folder, "--speed", "inf", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_live_module_resamples_blocks_that_miss_its_clock(tmp_path: Path) -> None:
    done = run_live(tmp_path, "--late", "resample", "--seconds", "1.5")
    assert done.returncode == 0, done.stdout + done.stderr
    blocks = [line for line in done.stdout.splitlines() if line.startswith("block")]
    assert sum(" ms late, " in line for line in blocks) == 1
    assert sum("25 ms overlap, " in line for line in blocks) == 1
    assert sum(" on time, " in line for line in blocks) == len(blocks) - 2 > 3
    assert blocks[-1].endswith("t=1.500 s"), "neither the gap nor the overlap moves the clock"
    assert sum(int(line.split(" steps")[0].split()[-1]) for line in blocks) == 1500
    total = sum(int(line.split(" spikes")[0].split()[-1]) for line in blocks)
    assert f"one long run over the same input: {total} spikes, the same" in done.stdout
    assert total > 0
    assert (tmp_path / "resample.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("seed, said", [(3, r"\d ms late: refused.*\n.*no value at t="), (1, "25 ms overlap: refused")])
def test_a_live_module_refuses_blocks_that_miss_its_clock(seed: int, said: str, tmp_path: Path) -> None:
    done = run_live(tmp_path, "--late", "error", "--seconds", "1.5", "--seed", str(seed))
    assert done.returncode == 1
    blocks = [line for line in done.stdout.splitlines() if line.startswith("block")]
    assert all(" on time, " in line for line in blocks)
    stands = blocks[-1].split("t=")[1]
    assert f"refused, clock and state stay at t={stands}" in done.stderr
    assert re.search(said, done.stderr) and "Traceback" not in done.stderr
    assert "spikes, the same" in done.stdout
    assert (tmp_path / "error.png").read_bytes().startswith(b"\x89PNG")


# --- digits -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def read_digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the example left, and what it printed."""
    folder = tmp_path_factory.mktemp("digits")
    command = [sys.executable, "-W", "error", ROOT / "examples" / "digits" / "demo.py", folder / "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out", done.stdout


@pytest.mark.slow
def test_all_runtimes_read_digits_as_snntorch_does(read_digits: tuple[Path, str]) -> None:
    folder, printed = read_digits
    assert {entry.name for entry in folder.iterdir()} == {"digits.onnx", "digits.png", "digits.txt"}
    rows = {
        cells[0]: cells[1:] for cells in re.findall(r"│ (\w+) +│ ([^│]*?) *│ (\d+) +│ ([\d.]+%) +│ ([^│]*)│", printed)
    }
    assert list(rows) == ["snnTorch", "numpy", "jax", "onnx", "file"]
    assert {row[1] for row in rows.values()} == {"333"} and {row[2] for row in rows.values()} == {"92.5%"}
    assert all(row[3].strip() == "360 of 360" for name, row in rows.items() if name != "snnTorch")
    assert printed.count("0 differ") == 3


@pytest.mark.slow
def test_the_file_reads_digits_in_a_bare_onnxruntime(
    read_digits: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx.checker.check_model(read_digits[0] / "digits.onnx", full_check=True)
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "digits"))
    digits = importlib.import_module("digits")
    _, held_out = digits.load()
    session = onnxruntime.InferenceSession(read_digits[0] / "digits.onnx")
    inputs = {entry.name: entry.shape for entry in session.get_inputs()}
    del inputs["input"]
    states = {name: np.zeros((1, *shape[1:]), np.float32) for name, shape in inputs.items()}
    output = session.run(["output"], states | {"input": held_out.spikes})[0]
    theirs = np.loadtxt(ROOT / "examples" / "digits" / "snntorch.csv", dtype=int)
    np.testing.assert_array_equal(digits.decide(output), theirs)


def test_a_bright_pixel_fires_always_and_a_dark_one_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "digits"))
    digits = importlib.import_module("digits")
    images = np.zeros((1, 8, 8))
    images[0, 0, :3] = 1, 0.5, 0.2
    counts = digits.Digits(images, np.zeros(1)).spikes.sum(axis=(0, 1))
    np.testing.assert_array_equal(counts[:1], digits.STEPS)
    assert counts[1] in (12, 13) and counts[2] == 5 and not counts[3:].any()
