"""The file in an environment with onnxruntime and without graphpool, run by the script of docs/onnx.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear

ROOT = Path(__file__).parents[2]

WHAT_IS_IMPORTED = """
import sys, sysconfig, pathlib
import json, numpy, onnxruntime
site = {pathlib.Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
files = [pathlib.Path(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
tops = {str(s / f.relative_to(s).parts[0]) for s in site for f in files if f.is_relative_to(s)}
print(*tops, sep="\\n")
"""


def run_python(python: str | Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    held = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command = [str(python), *arguments]
    return subprocess.run(command, cwd=cwd, env=held, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with links to onnxruntime and to what it imports."""
    place = tmp_path_factory.mktemp("alone")
    done = run_python(sys.executable, "-m", "venv", "--without-pip", "env", cwd=place)
    assert done.returncode == 0, done.stderr
    imported = run_python(sys.executable, "-c", WHAT_IS_IMPORTED, cwd=place)
    assert imported.returncode == 0, imported.stderr
    (site,) = (place / "env").glob("lib/python*/site-packages")
    for package in map(Path, imported.stdout.split()):
        # Wheels keep their shared libraries beside the package.
        for found in (package, package.with_name(f"{package.name}.libs")):
            if found.exists() and found.suffix != ".pth" and "editable" not in found.name:
                (site / found.name).symlink_to(found)
    assert {entry.name for entry in site.iterdir()} >= {"numpy", "onnxruntime"}
    return place / "env" / "bin" / "python"


def script_of_the_page() -> str:
    page = (ROOT / "docs" / "onnx.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", page.partition("## Without graphpool")[2], re.DOTALL)
    return str(script)


SAVE = """
assert "graphpool" not in sys.modules
np.savez("alone.npz", x=x, chunks=np.concatenate(collected, axis=1), **states)
"""


@pytest.mark.slow
def test_the_environment_has_no_graphpool(python: Path, tmp_path: Path) -> None:
    done = run_python(python, "-W", "error", "-c", "import onnxruntime, numpy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run_python(python, "-c", "import graphpool", cwd=tmp_path)
    assert "No module named 'graphpool'" in done.stderr
    assert "No module named 'onnx'" in run_python(python, "-c", "import onnx", cwd=tmp_path).stderr


@pytest.mark.slow
def test_the_script_of_the_page_gives_what_the_runtime_gives(python: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    net: Any = Sequential(Linear((2, 8), weight=rng.normal(size=(2, 8))), LIF(8, has_rec=True))
    net[1].w_rec = rng.normal(size=(8, 8)) / 8
    run = graphpool.compile(net, "onnx")
    run.save(tmp_path / "net.onnx")
    # The page prints the shape of each chunk; here the chunks are kept, too.
    lines = script_of_the_page().splitlines()
    (place,) = (n for n, line in enumerate(lines) if line.strip().startswith("print("))
    lines.insert(place + 1, "    collected.append(results['output'])")
    script = "\n".join(["import sys", "collected = []", *lines, SAVE])
    (tmp_path / "script.py").write_text(script)
    done = run_python(python, "-W", "error", "script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(1, 30, 8)", "(1, 70, 8)"]
    alone = np.load(tmp_path / "alone.npz")
    chunks = list(run.stream([alone["x"][:, :30], alone["x"][:, 30:]]))
    np.testing.assert_array_equal(alone["chunks"], np.concatenate(chunks, axis=1))
    assert alone["chunks"].sum() > 0
    for name, array in run.state()["1_LIF"].items():
        np.testing.assert_array_equal(alone[f"state.1_LIF.{name}"][0], array)
