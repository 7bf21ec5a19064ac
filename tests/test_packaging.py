"""What the wheel and the source distribution hold, and that what they hold can be imported."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SHIPPED = {"graphpool": "graphpool", "compilers": "graphpool.compilers", "runtimes": "graphpool.runtimes"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def shipped_files() -> list[Path]:
    """All Python files that must ship, relative to the repository."""
    return [path.relative_to(ROOT) for folder in SHIPPED for path in sorted((ROOT / folder).rglob("*.py"))]


def place_in_wheel(file: Path) -> str:
    folder, *rest = file.parts
    return str(PurePosixPath(*SHIPPED[folder].split("."), *rest))


def test_every_folder_with_python_files_is_a_package() -> None:
    """A folder without __init__.py would work in the repository and be missing from the wheel."""
    bare = {str(file.parent) for file in shipped_files() if not (ROOT / file.parent / "__init__.py").exists()}
    assert not bare, f"no __init__.py in {sorted(bare)}"


def test_pyproject_lists_exactly_the_packages_that_exist() -> None:
    listed: list[str] = PYPROJECT["tool"]["setuptools"]["packages"]
    folders = {place_in_wheel(file.parent).replace("/", ".") for file in shipped_files()}
    missing, extra = sorted(folders - set(listed)), sorted(set(listed) - folders)
    assert not missing, f"add to `packages` in pyproject.toml: {missing}"
    assert not extra, f"in `packages` of pyproject.toml, and not in the tree: {extra}"
    assert len(listed) == len(set(listed))


def test_package_dir_names_the_shipped_folders() -> None:
    assert PYPROJECT["tool"]["setuptools"]["package-dir"] == {v: k for k, v in SHIPPED.items()}


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONWARNINGS")}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, built from a copy of the tree so that nothing stale gets in, and the sdist."""
    place = tmp_path_factory.mktemp("packaging")
    tree = place / "tree"
    tree.mkdir()
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in SHIPPED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=unwanted)
    for file in ("pyproject.toml", "LICENSE", *filter(None, [PYPROJECT["project"].get("readme")])):
        shutil.copy(ROOT / file, tree)
    out = place / "dist"
    run("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, tree, cwd=place)
    run("-m", "build", "--sdist", "--no-isolation", "--outdir", out, tree, cwd=place)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("graphpool-*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def dist_info(wheel: Path, name: str) -> str:
    folder = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"{folder}/{name}").decode()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    return Parser().parsestr(dist_info(wheel, "METADATA"))


@pytest.mark.slow
def test_wheel_installs_graphpool_and_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    version = PYPROJECT["project"]["version"]
    assert tops == {"graphpool", f"graphpool-{version}.dist-info"}


@pytest.mark.slow
def test_wheel_holds_every_file_and_the_type_marker(names: set[str]) -> None:
    assert {name for name in names if name.startswith("graphpool/")} == {
        "graphpool/py.typed",
        *map(place_in_wheel, shipped_files()),
    }


@pytest.mark.slow
def test_wheel_carries_its_licence(wheel: Path, metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert dist_info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.slow
def test_hard_dependencies(metadata: Message) -> None:
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    hard = {each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})}
    assert hard == {"numpy", "networkx", "scipy"}
    assert [str(each) for each in requirements if not (each.specifier or each.extras)] == [], "without a range"


@pytest.mark.slow
def test_entry_points_name_files_of_the_wheel(wheel: Path, names: set[str]) -> None:
    parser = ConfigParser()
    parser.read_string(dist_info(wheel, "entry_points.txt"))
    targets = dict(parser["graphpool.targets"])
    assert set(targets) == {"numpy", "jax", "onnx"}
    for target, place in targets.items():
        module, _, name = place.partition(":")
        assert (module, name) == (f"graphpool.compilers.{target}.compile", "TARGET")
        assert module.replace(".", "/") + ".py" in names


@pytest.mark.slow
def test_wheel_is_imported_from_where_it_was_installed(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel, cwd=tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import graphpool, graphpool.compilers, graphpool.runtimes\n"
        "print(*(m.__file__ for m in (graphpool, graphpool.compilers, graphpool.runtimes)), sep='\\n')\n"
    )
    files = run("-c", code, cwd=tmp_path).splitlines()
    package = site / "graphpool"
    assert files == [str(p / "__init__.py") for p in (package, package / "compilers", package / "runtimes")]


@pytest.mark.slow
def test_sdist_builds_the_same_wheel(dist: Path, wheel: Path, names: set[str], tmp_path: Path) -> None:
    (sdist,) = dist.glob("graphpool-*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in archive.getnames()}
    expected = {
        *map(PurePosixPath, shipped_files()),
        PurePosixPath("LICENSE"),
        PurePosixPath("graphpool/py.typed"),
    }
    assert expected <= files
    run("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, sdist, cwd=tmp_path)
    with zipfile.ZipFile(tmp_path / wheel.name) as archive:
        assert set(archive.namelist()) == names
