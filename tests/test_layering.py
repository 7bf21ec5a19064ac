"""Who may import whom.

Reads the imports of every file that ships and holds them against the tables below. An import counts
wherever it stands: at module level ("load"), in a function ("call"), under `if TYPE_CHECKING:` ("typing").
"""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = ("graphpool", "compilers", "runtimes")
LONGEST = 400  # lines a file

# A group is a file or a folder of graphpool/, or one of the folders compilers/ and runtimes/; `public` is
# graphpool/__init__.py. Files of one group may import each other.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "nested": set(),
    "parameters": {"errors"},
    "archive": {"errors"},
    "graph": {"errors", "nested", "archive"},
    "ops": {"errors", "graph"},
    "reading": {"errors", "graph", "ops"},
    "functional": {"errors", "graph", "ops", "parameters"},
    "timeseries": {"errors", "archive"},
    "trace": {"errors", "nested", "graph", "ops", "parameters", "functional"},
    "passes": {"errors", "graph", "ops", "parameters"},
    "plan": {"errors", "graph", "ops", "parameters"},
    "artifact": {"errors", "graph", "plan"},
    "fingerprint": {"parameters", "trace"},
    "nn": {"errors", "nested", "graph", "ops", "parameters", "functional", "timeseries"},
    "nir": {"errors", "nested", "graph", "ops", "parameters", "functional", "timeseries", "nn"},
}
MAY_IMPORT["runtimes"] = set(MAY_IMPORT) - {"nir", "nn", "passes", "trace", "fingerprint"}
MAY_IMPORT["compilers"] = set(MAY_IMPORT) - {"nir", "nn", "runtimes", "fingerprint"}
MAY_IMPORT["compile"] = set(MAY_IMPORT) - {"nir"}
MAY_IMPORT["public"] = set(MAY_IMPORT) - {"compilers", "runtimes"}

# Imported inside functions only: the targets are loaded when a network is compiled for one of them.
LAZY = {("compile", "compilers"), ("compile", "runtimes")}

# Two exceptions, inside functions only: calling a module compiles it; `run.timed()` makes a timed module.
EXCEPTIONS = {("graphpool/nn/modules/module.py", "compile"), ("runtimes/base.py", "nn")}

# An engine is imported only by the compiler and the runtime of its name, and never by the core.
ENGINES = {"jax": "jax", "jaxlib": "jax", "onnx": "onnx", "onnxruntime": "onnx"}

# Slow to load: the core imports them where it uses them.
HEAVY = {"scipy", "networkx", "matplotlib", "pandas", "xarray", "nir", "h5py"}


@dataclass(frozen=True)
class Import:
    """One import: the file (relative to the repository), the line, the dotted module and when it happens."""

    file: str
    line: int
    module: str
    when: Literal["load", "call", "typing"]


def read_imports(source: str, file: str) -> list[Import]:
    found: list[Import] = []

    def visit(node: ast.AST, when: Literal["load", "call", "typing"]) -> None:
        match node:
            case ast.Import(names=names):
                found.extend(Import(file, node.lineno, alias.name, when) for alias in names)
            case ast.ImportFrom(level=level, module=module, names=names):
                name = "." * level + (module or "")
                # `from graphpool import errors` imports graphpool.errors
                modules = [f"{name}.{alias.name}" for alias in names] if name == "graphpool" else [name]
                found.extend(Import(file, node.lineno, each, when) for each in modules)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found.append(Import(file, node.lineno, name, when))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                inside: Literal["load", "call", "typing"] = "typing" if when == "typing" else "call"
                for child in ast.iter_child_nodes(node):
                    visit(child, inside)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for child in node.body:
                    visit(child, "typing")
                for child in node.orelse:
                    visit(child, when)
            case _:
                for child in ast.iter_child_nodes(node):
                    visit(child, when)

    visit(ast.parse(source, file), "load")
    return found


def group_of_file(file: str) -> str:
    folder, name, *_ = file.split("/")
    if folder != "graphpool":
        return folder
    return "public" if name == "__init__.py" else name.removesuffix(".py")


def group_of_module(module: str) -> str | None:
    """The group that a module belongs to; None for modules that are not ours."""
    top, *rest = module.split(".")
    if top != "graphpool":
        return None
    return rest[0] if rest and rest[0] in MAY_IMPORT else "public"


def complaint(item: Import) -> str | None:
    """What is wrong with an import, or None."""
    here, there, top = group_of_file(item.file), group_of_module(item.module), item.module.split(".")[0]
    if here not in MAY_IMPORT:
        return f"{here} is in no group: say in MAY_IMPORT what it may import"
    if item.module.startswith("."):
        return "relative import"
    if top in ("compilers", "runtimes"):
        return f"{top} is imported as graphpool.{top}"
    if top in ENGINES:
        folder, name, *_ = item.file.split("/")
        if folder == "graphpool" or name.removesuffix(".py") != ENGINES[top]:
            return f"{top} belongs to compilers/{ENGINES[top]} and runtimes/{ENGINES[top]}.py"
    if top in HEAVY and item.file.startswith("graphpool/") and item.when == "load":
        return f"{top} is slow to load: import it in the function that uses it"
    if there is None or there == here:
        return None
    if (item.file, there) in EXCEPTIONS:
        return f"{here} imports {there} inside functions only" if item.when == "load" else None
    if there not in MAY_IMPORT[here]:
        return f"{here} may not import {there}"
    if (here, there) in LAZY and item.when == "load":
        return f"{here} imports {there} inside functions only"
    return None


def shipped_files(root: Path) -> Iterator[Path]:
    for folder in SHIPPED:
        yield from sorted((root / folder).rglob("*.py"))


def imports_below(root: Path) -> list[Import]:
    return [
        item
        for path in shipped_files(root)
        for item in read_imports(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())
    ]


def complaints(imports: Iterable[Import]) -> list[str]:
    return [f"{item.file}:{item.line}: {said}" for item in imports if (said := complaint(item))]


def cycle(imports: Iterable[Import]) -> list[str]:
    """The groups of an import cycle, the exceptions left out; empty where there is none."""
    needs: dict[str, set[str]] = {}
    for item in imports:
        here, there = group_of_file(item.file), group_of_module(item.module)
        if there is not None and there != here and (item.file, there) not in EXCEPTIONS:
            needs.setdefault(here, set()).add(there)
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_imports_follow_the_layers() -> None:
    imports = imports_below(ROOT)
    assert imports, "found nothing to read"
    said = complaints(imports)
    assert not said, "\n".join(said)


def test_every_shipped_file_is_in_a_group() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in shipped_files(ROOT)]
    strays = [file for file in files if group_of_file(file) not in MAY_IMPORT]
    assert not strays, f"say in MAY_IMPORT what they may import: {strays}"


def test_groups_import_each_other_without_cycles() -> None:
    found = cycle(imports_below(ROOT))
    assert not found, " <- ".join(found)
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()  # nor does the table allow one


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in shipped_files(ROOT)}
    long = [f"{path.relative_to(ROOT)}: {n} lines" for path, n in lengths.items() if n > LONGEST]
    assert not long, "\n".join(long)


def test_importing_graphpool_loads_nothing_slow(tmp_path: Path) -> None:
    names = sorted(HEAVY | set(ENGINES))
    code = f"import sys, graphpool; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


# The checks themselves are checked: each of these lines must be refused, or accepted, where it stands.
REFUSED = [
    ("graphpool/errors.py", "import graphpool.graph", "errors may not import graph"),
    ("graphpool/errors.py", "from graphpool import graph", "errors may not import graph"),
    ("graphpool/graph/text.py", "from graphpool.ops.table import row", "graph may not import ops"),
    ("graphpool/parameters.py", "from graphpool import graph", "parameters may not import graph"),
    ("graphpool/plan/plan.py", "from graphpool.passes import fold", "plan may not import passes"),
    ("graphpool/nn/modules/lif.py", "def f():\n    import graphpool.compile", "nn may not import compile"),
    ("graphpool/nn/modules/module.py", "import graphpool.compile", "compile inside functions only"),
    ("graphpool/compile.py", "import graphpool.runtimes.jax", "runtimes inside functions only"),
    ("graphpool/compile.py", "try:\n    import jax\nexcept ImportError: ...", "jax belongs to"),
    ("graphpool/compile.py", "def f():\n    import jax.numpy as jnp", "jax belongs to"),
    ("graphpool/compile.py", "def f():\n    return importlib.import_module('jax')", "jax belongs to"),
    ("graphpool/ops/table.py", "if TYPE_CHECKING:\n    import onnx", "onnx belongs to"),
    ("graphpool/plan/plan.py", "import networkx as nx", "networkx is slow to load"),
    ("graphpool/timeseries/plot.py", "class C:\n    from scipy import signal", "scipy is slow to load"),
    ("graphpool/__init__.py", "def f():\n    import graphpool.compilers", "public may not import compilers"),
    ("graphpool/extra.py", "import os", "extra is in no group"),
    ("graphpool/plan/plan.py", "from . import regions", "relative import"),
    ("graphpool/plan/plan.py", "from graphpool import Module", "plan may not import public"),
    ("compilers/jax/compile.py", "import graphpool.runtimes.base", "compilers may not import runtimes"),
    ("compilers/jax/compile.py", "import compilers.base", "compilers is imported as graphpool.compilers"),
    ("compilers/numpy/compile.py", "import jax", "jax belongs to"),
    ("compilers/base.py", "import onnx", "onnx belongs to"),
    ("runtimes/jax.py", "import graphpool.compilers.jax", "runtimes may not import compilers"),
    ("runtimes/numpy.py", "import graphpool.trace", "runtimes may not import trace"),
]
ACCEPTED = [
    ("graphpool/graph/view.py", "def f():\n    import networkx"),
    ("graphpool/graph/view.py", "if typing.TYPE_CHECKING:\n    import networkx"),
    ("graphpool/nn/modules/module.py", "class C:\n    def f(self):\n        from graphpool.compile import g"),
    ("graphpool/compile.py", "def f():\n    import graphpool.compilers.jax, graphpool.runtimes.jax"),
    ("graphpool/__init__.py", "from graphpool import nn\nfrom graphpool.compile import compile"),
    ("compilers/onnx/lowerings.py", "import onnx\nfrom graphpool.compilers.base import lowering"),
    ("runtimes/onnx.py", "import onnxruntime\nfrom graphpool.artifact import Artifact"),
]


@pytest.mark.parametrize(("file", "source", "expected"), REFUSED)
def test_a_bad_import_is_refused(file: str, source: str, expected: str) -> None:
    (said,) = complaints(read_imports(source, file))
    assert expected in said


@pytest.mark.parametrize(("file", "source"), ACCEPTED)
def test_a_good_import_is_accepted(file: str, source: str) -> None:
    assert read_imports(source, file)
    assert complaints(read_imports(source, file)) == []


def test_a_bad_file_in_a_tree_is_found(tmp_path: Path) -> None:
    (tmp_path / "graphpool" / "ops").mkdir(parents=True)
    (tmp_path / "graphpool" / "errors.py").write_text("import graphpool.ops.table\n")
    (tmp_path / "graphpool" / "ops" / "table.py").write_text("import os\n\nimport graphpool.errors\n")
    imports = imports_below(tmp_path)
    assert complaints(imports) == ["graphpool/errors.py:1: errors may not import ops"]
    assert set(cycle(imports)) == {"errors", "ops"}
