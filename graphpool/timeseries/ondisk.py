"""A dict whose series lie in files."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from graphpool.timeseries.base import TimeSeries
from graphpool.timeseries.files import load, save


class TSDictOnDisk(MutableMapping[Any, Any]):
    """A dict that writes time series into temporary files, and reads them when they are asked for.

    Other values stay in memory. Iteration gives their keys first. A series that was taken out is a copy: assign it
    again to keep what was changed. The files are removed with the dict.

    Args:
        data: its first content, a mapping or pairs.

    Raises:
        SeriesTypeError: a series is neither continuous nor one of events.
        OSError: a file cannot be written.
    """

    def __init__(self, data: Any = ()) -> None:
        self._in_memory: dict[Any, Any] = {}
        self._on_disk: dict[Any, Path] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="graphpool-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._written = 0
        self.update(data)

    def insert(self, data: Mapping[Any, Any]) -> None:
        """Take over values as they are; series, too, stay in memory."""
        for key, value in dict(data).items():
            self._forget(key)
            self._in_memory[key] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(value, TimeSeries):
            self._forget(key)
            self._in_memory[key] = value
            return
        path = self._folder / f"{self._written}.npz"
        save(path, value)
        self._forget(key)
        self._written += 1
        self._on_disk[key] = path

    def __getitem__(self, key: Any) -> Any:
        return self._in_memory[key] if key in self._in_memory else load(self._on_disk[key])

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        self._forget(key)

    def _forget(self, key: Any) -> None:
        self._in_memory.pop(key, None)
        path = self._on_disk.pop(key, None)
        if path is not None:
            path.unlink()

    def __contains__(self, key: object) -> bool:
        return key in self._in_memory or key in self._on_disk

    def __iter__(self) -> Iterator[Any]:
        yield from self._in_memory
        yield from self._on_disk

    def __len__(self) -> int:
        return len(self._in_memory) + len(self._on_disk)

    def __reduce__(self) -> Any:
        return _restored, (self._in_memory, {key: self[key] for key in self._on_disk})

    def __repr__(self) -> str:
        return f"TSDictOnDisk with {len(self._in_memory)} values in memory and {len(self._on_disk)} series on disk"


def _restored(in_memory: dict[Any, Any], on_disk: dict[Any, Any]) -> TSDictOnDisk:
    made = TSDictOnDisk(on_disk)
    made.insert(in_memory)
    return made
