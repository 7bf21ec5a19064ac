"""From an HDF5 file, which nobody trusts, or a ``nir.NIRGraph`` to plain data.

Nothing outside of the file is followed, nothing is unpickled, and what a file declares is counted before it is read:
objects, depth, bytes. What it holds beside the fields that NIR defines is not read at all.
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from graphpool.errors import NirError, format_error, missing_extra
from graphpool.nir.graph import FIELDS, GRAPH, MOST_EDGES, OPTIONAL, Edge, NirGraph, NirNode

LARGEST_FILE = 4 * 2**30
"""Bytes that a file may declare, where it is not larger itself."""

MOST_NODES = 10_000
DEEPEST = 32
LONGEST_NAME = 1000
LONGEST_TEXT = 2**20  # bytes of one string
MOST_TEXT = 2**27  # bytes that are read at a time
MOST_METADATA = 100

FLOAT = 8  # bytes that a number takes once it is a parameter, however few it takes in the file

FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
"""Deflate, shuffle, checksum, szip, nbit, scaleoffset and lzf: what h5py brings. Others load a plug-in."""

KEPT = frozenset({name for fields in FIELDS.values() for name in fields} | set(OPTIONAL))


def read_nir(source: Any) -> NirGraph:
    """The graph of a file, or of a ``nir.NIRGraph``.

    Raises:
        NirError: it is neither, is damaged, or declares more than is read.
        MissingExtraError: h5py is not installed.
        OSError: the file cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source))
    if isinstance(source, NirGraph):
        return source
    if not all(hasattr(source, name) for name in ("nodes", "edges")):
        what = f"got a {type(source).__name__}"
        raise NirError(format_error(what, where="from_nir", hint="give the path of a file, or a nir.NIRGraph"))
    try:
        return _from_object(source, "", 0)
    except NirError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise _refused("from_nir", f"this {type(source).__name__} is no nir.NIRGraph: {error}") from error


def _refused(where: str, what: str, hint: str = "") -> NirError:
    return NirError(format_error(what, where=where, hint=hint))


# --- from an object ---------------------------------------------------------------------------------------------------
def _from_object(graph: Any, path: str, depth: int) -> NirGraph:
    where = "nir.NIRGraph"
    _check_depth(depth, where, path)
    nodes: dict[str, NirNode | NirGraph] = {}
    for name, node in graph.nodes.items():
        inner = f"{path}.{name}" if path else str(name)
        kind = type(node).__name__
        if kind == GRAPH:
            nodes[str(name)] = _from_object(node, inner, depth + 1)
            continue
        held = {key: value for key, value in vars(node).items() if key in KEPT}
        if kind in ("Input", "Output"):
            held["shape"] = (node.input_type if kind == "Input" else node.output_type).get(kind.lower())
        fields = {key: _plain(value, f"{where}: node {inner!r}", key) for key, value in held.items()}
        nodes[str(name)] = NirNode(kind, fields, dict(getattr(node, "metadata", None) or {}))
    edges = [(str(source), str(target)) for source, target in graph.edges]
    return NirGraph(nodes, edges, dict(getattr(graph, "metadata", None) or {}))


def _plain(value: Any, where: str, key: str) -> Any:
    """A field as an array, text or None; tensors of frameworks without their gradients."""
    if value is None or isinstance(value, str):
        return value
    try:
        array = np.array(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refused(where, f"{key!r} is no array: {error}") from error
    return None if array.dtype == object and array.ndim == 0 and array.item() is None else array


def _check_depth(depth: int, where: str, path: str) -> None:
    if depth > DEEPEST:
        raise _refused(where, f"graphs lie {depth} deep at {path[:80]!r}", f"at most {DEEPEST} are read")


# --- from a file ------------------------------------------------------------------------------------------------------
def _read_file(path: Path) -> NirGraph:
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("nir", "h5py") from error
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(str(path), "this is no regular file")
    try:
        with h5py.File(path, "r") as file:
            return _FileReader(h5py, str(path), status.st_size).read(file)
    except NirError:
        raise
    except MemoryError as error:
        raise _refused(str(path), f"there is not enough memory: {error}") from error
    except Exception as error:
        # What h5py raises for damage has many classes: OSError, KeyError, RuntimeError, ValueError, TypeError, ...
        raise _refused(str(path), f"this is no NIR file, or it is damaged: {error}") from error


class _FileReader:
    """Reads one file and counts what it declares."""

    def __init__(self, h5py: Any, where: str, size: int) -> None:
        self.h5py = h5py
        self.where = where
        self.size = size
        self.largest = max(LARGEST_FILE, size)
        self.bytes = 0
        self.nodes = 0
        self.edges = 0

    def read(self, file: Any) -> NirGraph:
        root = self._group(file, "node", "")
        if self._type(root, "") != GRAPH:
            raise self.refused("", f"the node is a {self._type(root, '')}", f"a {GRAPH} is read")
        return self._graph(root, "", 0)

    def refused(self, path: str, what: str, hint: str = "") -> NirError:
        return _refused(f"{self.where}: node {path!r}" if path else self.where, what, hint)

    # --- graphs and nodes ---------------------------------------------------------------------------------------------
    def _graph(self, group: Any, path: str, depth: int) -> NirGraph:
        _check_depth(depth, self.where, path)
        held = self._group(group, "nodes", path)
        self.nodes += len(held)
        if self.nodes > MOST_NODES:
            raise self.refused(path, f"the file has {self.nodes} nodes and more", f"at most {MOST_NODES} are read")
        nodes: dict[str, NirNode | NirGraph] = {}
        for name in held:
            if len(name) > LONGEST_NAME:
                raise self.refused(path, f"a name has {len(name)} characters", f"at most {LONGEST_NAME} are read")
            inner = f"{path}.{name}" if path else name
            node = self._group(held, name, inner)
            kind = self._type(node, inner)
            nodes[name] = self._graph(node, inner, depth + 1) if kind == GRAPH else self._node(node, kind, inner)
        return NirGraph(nodes, self._edges(group, path), self._metadata(group, path))

    def _node(self, group: Any, kind: str, path: str) -> NirNode:
        wanted = dict.fromkeys(name for name in (*FIELDS.get(kind, ()), *OPTIONAL) if name in group)
        fields = {name: self._value(self._dataset(group, name, path), name, path) for name in wanted}
        return NirNode(kind, fields, self._metadata(group, path))

    def _type(self, group: Any, path: str) -> str:
        if "type" not in group:
            raise self.refused(path, "it has no type")
        kind = self._value(self._dataset(group, "type", path), "type", path)
        if not isinstance(kind, str):
            raise self.refused(path, "its type is no text")
        return kind

    def _edges(self, group: Any, path: str) -> list[Edge]:
        if "edges" not in group:
            raise self.refused(path, "the graph has no edges")
        data = self._dataset(group, "edges", path)
        if not data.size:
            return []
        if data.ndim != 2 or data.shape[1] != 2 or not self._is_text(data):
            raise self.refused(path, f"edges have the shape {data.shape} of {data.dtype}", "pairs of names, (n, 2)")
        self.edges += data.shape[0]
        if self.edges > MOST_EDGES:
            raise self.refused(path, f"the file has {self.edges} edges and more", f"at most {MOST_EDGES} are read")
        ends = self._texts(data, "edges", path)
        return list(zip(ends[::2], ends[1::2], strict=True))

    def _metadata(self, group: Any, path: str) -> dict[str, Any]:
        """Numbers and short text; anything else there is nobody's business."""
        if "metadata" not in group:
            return {}
        held = self._group(group, "metadata", path)
        if len(held) > MOST_METADATA:
            raise self.refused(path, f"there are {len(held)} metadata", f"at most {MOST_METADATA} are read")
        found = {}
        for name in held:
            if isinstance(held.get(name, getlink=True), self.h5py.HardLink):
                item = held[name]
                if isinstance(item, self.h5py.Dataset) and item.size == 1 and self._is_plain(item):
                    found[name] = self._value(self._dataset(held, name, path), name, path)
        return found

    # --- single objects -----------------------------------------------------------------------------------------------
    def _object(self, group: Any, name: str, path: str) -> Any:
        if name not in group:
            raise self.refused(path, f"there is no {name!r}")
        link = group.get(name, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            what = f"{name!r} is a {type(link).__name__}"
            raise self.refused(path, what, "what lies elsewhere, in this file or another, is not followed")
        return group[name]

    def _group(self, group: Any, name: str, path: str) -> Any:
        found = self._object(group, name, path)
        if not isinstance(found, self.h5py.Group):
            raise self.refused(path, f"{name!r} is no group")
        return found

    def _dataset(self, group: Any, name: str, path: str) -> Any:
        found = self._object(group, name, path)
        if not isinstance(found, self.h5py.Dataset):
            raise self.refused(path, f"{name!r} is no dataset")
        if found.is_virtual or found.external:
            raise self.refused(path, f"the data of {name!r} lie in another file", "data in the file itself are read")
        self._check_filters(found, name, path)
        self.bytes += max(found.size or 0, math.prod(found.chunks or ())) * max(found.dtype.itemsize, FLOAT)
        if self.bytes > self.largest:
            what = f"the file declares {self.bytes} bytes and more, {name!r} has the shape {found.shape}"
            raise self.refused(path, what, f"at most {self.largest} are read")
        return found

    def _check_filters(self, data: Any, name: str, path: str) -> None:
        settings = data.id.get_create_plist()
        used = {settings.get_filter(number)[0] for number in range(settings.get_nfilters())}
        if not used <= FILTERS:
            what = f"{name!r} is compressed by the filters {sorted(used - FILTERS)}"
            raise self.refused(path, what, "deflate, szip and lzf are read")

    def _is_text(self, data: Any) -> bool:
        return data.dtype.kind == "S" or self.h5py.check_string_dtype(data.dtype) is not None

    def _is_plain(self, data: Any) -> bool:
        """Whether it is text, or numbers that NumPy has everywhere."""
        return self._is_text(data) or (data.dtype.kind in "biuf" and data.dtype.itemsize <= 8)

    def _value(self, data: Any, name: str, path: str) -> Any:
        """Text, an array, or None where a dataset is declared empty."""
        if data.shape is None:
            return None
        if self._is_text(data):
            texts = self._texts(data, name, path) if data.size == 1 else []
            if not texts:
                raise self.refused(path, f"{name!r} is text of the shape {data.shape}")
            return texts[0]
        if not self._is_plain(data):
            raise self.refused(path, f"{name!r} is of {data.dtype}", "numbers of up to 64 bits are read")
        return np.asarray(data[()])

    def _texts(self, data: Any, name: str, path: str) -> list[str]:
        """Text, few rows at a time: each string may be as long as the file, whatever is declared."""
        found: list[str] = []
        together = max(1, MOST_TEXT // (max(self.size, 1) * math.prod(data.shape[1:])))
        for start in range(0, len(data) if data.ndim else 1, together):
            rows = data[start : start + together] if data.ndim else data[()]
            for item in np.asarray(rows, dtype=object).ravel():
                raw = item if isinstance(item, bytes) else str(item).encode()
                self.bytes += len(raw)
                if len(raw) > LONGEST_TEXT or self.bytes > self.largest:
                    what = f"{name!r} has text of {len(raw)} bytes"
                    raise self.refused(path, what, f"at most {LONGEST_TEXT} are read")
                try:
                    found.append(raw.decode())
                except UnicodeDecodeError as error:
                    raise self.refused(path, f"{name!r} has text that is no UTF-8: {raw[:80]!r}") from error
        return found
