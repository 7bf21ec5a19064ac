"""The pages: their code runs, their commands exist, and what is generated is what would be generated now."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphpool
from graphpool.nir.graph import NirGraph
from graphpool.nn.combinators import Sequential
from graphpool.nn.modules import LIF, Linear
from tests.nir.files import affine, chain, neuron, write

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a language, each with its first line's number."""
    text = page.read_text()
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


def write_model() -> None:
    """What the page about the file reads."""
    graphpool.compile(Sequential(Linear((2, 8)), LIF(8)), "onnx").save("net.onnx")


def write_nir() -> None:
    """What the page about NIR reads."""
    graph = chain(affine(4, 3), neuron("LIF", 4), shape=(3,))
    nodes = {"lif" if name == "n1" else name: item for name, item in graph.nodes.items()}
    for name in ("tau", "r"):
        nodes["lif"].fields[name] = np.full(4, {"tau": 4e-4, "r": 4.0}[name])
    write(Path("net.nir"), NirGraph(nodes, [("input", "n0"), ("n0", "lif"), ("lif", "output")]))


BEFORE = {"onnx.md": write_model, "nir.md": write_nir}


WITH_CODE = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    with contextlib.chdir(tmp_path):
        BEFORE.get(page.name, lambda: None)()
        for line, code in blocks(page, "python"):
            # A file of its own, padded so that a failure shows the page's line; the tracer shows lines, too.
            script = tmp_path / f"{page.stem}_{line}.py"
            script.write_text("\n" * (line - 1) + code)
            exec(compile(script.read_text(), script, "exec"), namespace)


def test_every_page_with_code_is_seen() -> None:
    fences = {page.name for page in PAGES if "```py" in page.read_text()}
    assert fences == {page.name for page in WITH_CODE} >= {"README.md", "onnx.md"}


def test_what_the_readme_prints_is_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.chdir(tmp_path):
        namespace: dict[str, Any] = {}
        for number, (_, code) in enumerate(blocks(ROOT / "README.md", "python")):
            script = tmp_path / f"block{number}.py"
            script.write_text(code)
            exec(compile(code, script, "exec"), namespace)
    printed = capsys.readouterr().out
    assert printed.startswith("(1, 100, 8)\n(1, 30, 8)\n(1, 70, 8)\n")
    assert "decay = np.exp(-self.dt / self.tau)" in printed, "the graph shows the user's lines"
    names = {entry.name for entry in namespace["again"]._session("run").get_inputs()}
    assert names >= {"state.1_LIF.vmem"}, "the names that the page states"


def test_the_op_page_is_what_the_generator_makes() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (ROOT / "docs" / "ops.md").read_text() == generate.page(), "run `make docs`"


def test_the_tables_of_the_page_about_nir_are_what_the_generator_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    generate = importlib.import_module("generate_nir")
    assert (ROOT / "docs" / "nir.md").read_text() == generate.page(), "run `make docs`"


@pytest.mark.slow
def test_the_page_of_errors_is_what_its_code_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    generate = importlib.import_module("generate_errors")
    assert (ROOT / "docs" / "errors.md").read_text() == generate.page(), "run `make docs`"


def test_the_page_of_errors_has_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    cases = importlib.import_module("error_cases").CASES
    bases = (graphpool.errors.GraphpoolError, graphpool.errors.GraphpoolWarning)
    found = [item for item in vars(graphpool.errors).values() if isinstance(item, type) and issubclass(item, bases)]
    assert set(cases) == {item.__name__ for item in found if item not in bases}


def test_the_commands_of_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [page.read_text() for page in PAGES]
    named = {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}
    assert named >= {"demo", "test"}
    assert named <= targets
    for _, code in blocks(ROOT / "README.md", "sh"):
        for script in re.findall(r"\S+\.py\b", code):
            assert (ROOT / script).is_file(), script


def test_the_extras_of_the_pages_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in PAGES:
        for listed in re.findall(r"(?:graphpool|\.)\[([a-z,]+)\]\"", page.read_text()):
            assert set(listed.split(",")) <= set(extras), page.name


def test_the_links_of_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"
