"""Where in the user's files a node comes from."""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from graphpool.graph import Origin

PACKAGE = Path(__file__).resolve().parent.parent
NUMPY = Path(np.__file__).resolve().parent
LIBRARIES = (NUMPY, NUMPY.parent / "scipy")
"""What a step calls: the line that is shown is the call."""

STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"]).resolve()
STEPS = (PACKAGE / "nn" / "modules", PACKAGE / "nn" / "combinators", PACKAGE / "nir")
"""Folders of the package that hold steps: their lines are shown like a user's own."""

MACHINERY = frozenset(
    {"module.py", "registry.py", "timed_module.py", "series_ports.py", "timekeeper.py", "runtime_module.py"}
)
"""Files in those folders that run steps rather than hold them."""


@cache
def _is_model_code(filename: str) -> bool:
    path = Path(filename)
    if path.parent in STEPS:
        return path.name not in MACHINERY
    if any(path.is_relative_to(folder) for folder in (PACKAGE, *LIBRARIES)) or filename.startswith("<frozen"):
        return False
    return not path.is_relative_to(STANDARD_LIBRARY) or "site-packages" in path.parts


@cache
def _shown_path(filename: str, folder: str) -> str:
    path = Path(filename)
    if path.is_relative_to(PACKAGE):
        return path.relative_to(PACKAGE.parent).as_posix()
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return path.name


def origin_of_frame(frame: FrameType, module: str, line: int | None = None) -> Origin:
    """The origin that a frame stands for."""
    return _origin(module, frame.f_code.co_filename, line or frame.f_lineno, frame.f_globals)


def _origin(module: str, filename: str, line: int, namespace: dict[str, Any]) -> Origin:
    text = linecache.getline(filename, line, namespace).strip()
    return Origin(module, _shown_path(filename, os.getcwd()), line, text)


def defining_origin(function: Any, module: str) -> Origin:
    """The line of a function's ``def``, below its decorators."""
    plain = inspect.unwrap(function)
    filename, first, namespace = plain.__code__.co_filename, plain.__code__.co_firstlineno, plain.__globals__
    while linecache.getline(filename, first, namespace).lstrip().startswith(("@", "#")):
        first += 1
    return _origin(module, filename, first, namespace)


def calling_origin(module: str) -> Origin | None:
    """The innermost line of a model on the present call stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _is_model_code(frame.f_code.co_filename):
            return origin_of_frame(frame, module)
        frame = frame.f_back
    return None


def raising_origin(traceback: TracebackType | None, module: str) -> Origin | None:
    """The innermost line of a model in a traceback."""
    found = None
    while traceback is not None:
        if _is_model_code(traceback.tb_frame.f_code.co_filename):
            found = origin_of_frame(traceback.tb_frame, module, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found
