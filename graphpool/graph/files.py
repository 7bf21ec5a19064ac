"""Graphs in ``.gpz`` files, with the values of their parameters and states: written whole, read with suspicion.

A file is a zip: ``model.json`` says the version and how it was compiled, ``graph.txt`` is the text form, and arrays lie
in ``.npy`` entries without pickles: ``constants/<hash>``, ``parameters/<number>`` and ``state/<number>``, in the order
of the text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphpool.archive import Archive, Fits, write_archive
from graphpool.errors import GraphError, ModelFileError, ParameterError, StateError, TargetError, format_error
from graphpool.graph.builder import Infer
from graphpool.graph.graph import Graph
from graphpool.graph.parse import parse
from graphpool.graph.scanner import LARGEST_TEXT
from graphpool.graph.types import Array, DType, TensorType
from graphpool.graph.values import read_nested, read_values

SUFFIX = ".gpz"
FORMAT, VERSION = "graphpool model", 1
HEADER, TEXT, CONSTANTS, PARAMETERS, STATE = "model.json", "graph.txt", "constants", "parameters", "state"
LARGEST_HEADER = 2**24
"""In bytes."""

MOST_AXES = 64
NUMBERS = "biufc"
WORDS = ("dtype", "hoist", "emit")


@dataclass(frozen=True)
class Model:
    """What a file holds.

    Attributes:
        graph: as traced, without sources.
        parameters: all of them, by dotted path.
        state: all states by dotted path, some perhaps with a leading batch axis.
        settings: the ``dtype``, the ``hoist`` and the ``emit`` that it was compiled with, where it was.
        families: of parameters and states by dotted path.
    """

    graph: Graph
    parameters: dict[str, Array]
    state: dict[str, Array]
    settings: dict[str, str] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)


# --- writing ----------------------------------------------------------------------------------------------------------
def write_model(
    path: Any,
    graph: Graph,
    parameters: Mapping[str, Any],
    state: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a graph to a file; see :meth:`graphpool.graph.Graph.save`."""
    if Path(path).suffix != SUFFIX:
        raise TargetError(f"cannot write {str(path)!r}: the name of a model file ends in {SUFFIX}")
    types = {param.name: graph.type(param.value) for param in graph.params}
    flat = read_nested(parameters, "parameter", ParameterError)
    given = read_values(flat, types, "parameter", ParameterError, batched=False)
    missing = [name for name in types if name not in given]
    if missing:
        what = f"no value for parameter {', '.join(map(repr, missing))}"
        raise ParameterError(format_error(what, where=graph.name, hint="save(path, parameters={...}) takes them all"))
    held = {one.name: graph.type(one.current) for one in graph.states}
    states = read_values(read_nested(state, "state", StateError), held, "state", StateError, batched=True)
    _check_batches({name: array.shape[: array.ndim - held[name].rank] for name, array in states.items()}, graph)
    entries: dict[str, bytes | Array] = {
        HEADER: json.dumps({"format": FORMAT, "version": VERSION, **(settings or {})}, indent=1).encode(),
        TEXT: str(graph).encode(),
    }
    entries |= {f"{CONSTANTS}/{name}": array for name, array in graph.constants().items()}
    entries |= {f"{PARAMETERS}/{place}": given[name] for place, name in enumerate(types)}
    entries |= {f"{STATE}/{place}": states.get(one.name, one.init.array) for place, one in enumerate(graph.states)}
    write_archive(path, entries)


def _check_batches(leading: Mapping[str, tuple[int, ...]], graph: Graph) -> None:
    sizes = {name: axes[0] for name, axes in leading.items() if axes}
    if len(set(sizes.values())) > 1:
        raise StateError(format_error(f"states of different batches: {sizes}", where=graph.name))


# --- reading ----------------------------------------------------------------------------------------------------------
def read_model(path: Any, infer: Infer) -> Model:
    """Read a file that :func:`write_model` wrote, or anybody.

    Nothing of it is executed or unpickled, and arrays are read only where they are those that its graph declares.

    Args:
        path: the file.
        infer: the type rules of the op table.

    Raises:
        ModelFileError: it cannot be read, is damaged, of another version, or does not hold what its graph declares.
    """
    where = os.fspath(path)
    try:
        with open(path, "rb") as file:
            return _read(Archive(file, str(where), None, ModelFileError, SUFFIX), infer)
    except OSError as error:
        raise ModelFileError(f"cannot read {str(where)!r}: {error.strerror or error}") from error


def _read(archive: Archive, infer: Infer) -> Model:
    settings, families = _read_header(archive)
    constants: set[str] = set()
    batches: set[int] = set()

    def held(place: int, type_: TensorType) -> None:
        archive.check(f"{STATE}/{place}", NUMBERS, *range(MOST_AXES + 1), fits=_fits(type_, batches))

    def find(name: str, type_: TensorType) -> Array:
        constants.add(f"{CONSTANTS}/{name}")
        return _read_array(archive, f"{CONSTANTS}/{name}", type_)

    try:
        graph = parse(archive.read_bytes(TEXT, LARGEST_TEXT).decode(), infer, find, held)
    except UnicodeDecodeError as error:
        raise archive.error(f"{TEXT!r} is no UTF-8: {error}") from error
    except GraphError as error:
        raise archive.error(f"{TEXT!r}: {error}") from error
    parameters = {f"{PARAMETERS}/{place}": param for place, param in enumerate(graph.params)}
    states = {f"{STATE}/{place}": state for place, state in enumerate(graph.states)}
    extra = sorted(archive.keys - constants - {HEADER, TEXT, *parameters, *states})
    if extra:
        raise archive.error(f"it holds {', '.join(map(repr, extra[:4]))}, which its graph lacks")
    return Model(
        graph,
        {one.name: _read_array(archive, key, graph.type(one.value)) for key, one in parameters.items()},
        {one.name: _read_array(archive, key, graph.type(one.current), batches) for key, one in states.items()},
        settings,
        families,
    )


def _read_header(archive: Archive) -> tuple[dict[str, str], dict[str, str]]:
    """How the model was compiled, and the families."""
    content = archive.read_bytes(HEADER, LARGEST_HEADER)
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise archive.error(f"{HEADER!r} is no JSON: {type(error).__name__}: {str(error)[:200]}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise archive.error(f"{HEADER!r} does not say that it is a {FORMAT}")
    if header.get("version") != VERSION or isinstance(header["version"], bool):
        raise archive.error(f"it has format version {str(header.get('version'))[:60]}; this graphpool reads {VERSION}")
    settings = {name: header[name] for name in WORDS if name in header}
    families = header.get("families", {})
    unknown = sorted(set(header) - {"format", "version", "families", *WORDS})
    words = [*settings.values(), *(families.values() if isinstance(families, dict) else [None])]
    if unknown or not all(isinstance(word, str) for word in words):
        raise archive.error(f"{HEADER!r} says what this graphpool does not know", hint=f"{', '.join(WORDS)}, families")
    return settings, families


def _read_array(archive: Archive, key: str, type_: TensorType, batches: set[int] | None = None) -> Array:
    return archive.read(key, NUMBERS, *range(MOST_AXES + 1), fits=_fits(type_, batches))


def _fits(type_: TensorType, batches: set[int] | None = None) -> Fits:
    """Those of a type; where ``batches`` says which sizes there were, one with a batch axis, too."""

    def fits(shape: tuple[int, ...], dtype: DType) -> bool:
        if batches is not None and len(shape) == type_.rank + 1 and shape[0] > 1:
            batches.add(shape[0])
            return (dtype, shape[1:]) == (type_.dtype, type_.shape) and len(batches) == 1
        return (dtype, shape) == (type_.dtype, type_.shape)

    return fits
