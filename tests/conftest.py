"""Options and fixtures of all tests."""

from __future__ import annotations

import importlib
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-goldens", action="store_true", help="rewrite the golden files with what the code gives")


@pytest.fixture
def rewrite_goldens(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite-goldens"))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The modules that were compiled, in order."""
    front = importlib.import_module("graphpool.compile")  # the package's attribute of that name is the function
    seen: list[Any] = []
    compile_ = front.compile

    def counting(net: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(net)
        return compile_(net, *args, **kwargs)

    monkeypatch.setattr(front, "compile", counting)
    return seen
