"""Files that are zips of arrays: written whole or not at all, read with suspicion.

``numpy.load`` allocates what a header declares before it reads. Here no more is allocated, and no more is unpacked,
than the file can hold.
"""

from __future__ import annotations

import errno
import io
import math
import os
import secrets
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from graphpool.errors import GraphpoolError, format_error

Array = npt.NDArray[Any]

Content = TypeVar("Content")

LARGEST_FILE = 4 * 2**30
"""In bytes: what a compressed file may unpack to. One that is larger itself may hold as much as its size."""

LARGEST_HEADER = 16 * 2**10
LARGEST_SIDE = 2**40
"""Of an array that has no elements, so that a product of sides stays a machine's integer."""

CHUNK = 2**20
DEFLATE = 1032
"""The largest factor by which deflate makes anything shorter."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others are never written by NumPy, and zipfile unpacks them without a limit."""

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    RuntimeError,  # encrypted; NotImplementedError is one, too
)


Fits = Callable[[tuple[int, ...], np.dtype[Any]], bool]
"""Whether an array of that shape and dtype is the one that is wanted."""


# --- writing ----------------------------------------------------------------------------------------------------------
def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all: into a temporary one beside it, which then takes its name.

    Args:
        path: where to; a file that is there is replaced.
        write: writes the content.

    Raises:
        OSError: the file cannot be written.
    """
    # As open() does: a link stays, and what it points to is written.
    target = Path(os.path.realpath(path))
    # Not from tempfile, whose files are closed to the group and to others.
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):  # where the folder is none, there is nothing to remove
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise


def write_archive(path: str | Path, entries: Mapping[str, bytes | Array]) -> None:
    """Write a zip, whole or not at all; equal entries give equal files.

    Args:
        path: where to; a file that is there is replaced.
        entries: the content of each by its key; an array becomes a ``.npy`` file.

    Raises:
        OSError: the file cannot be written.
    """

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for key, content in entries.items():
                is_array = isinstance(content, np.ndarray)
                info = zipfile.ZipInfo(f"{key}.npy" if is_array else key)  # it bears a date of its own, always the same
                info.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(info, "w", force_zip64=True) as entry:
                    if isinstance(content, bytes):
                        entry.write(content)
                    else:
                        npy.write_array(entry, content, allow_pickle=False)

    write_whole(path, write)


# --- reading ----------------------------------------------------------------------------------------------------------
class Archive:
    """The entries of a zip of ``.npy`` files.

    Args:
        file: the opened file.
        where: its path, for messages.
        keys: the arrays that may be read; all others are ignored. None for all.
        error: the class of what is raised.
        suffix: that of such files.

    Raises:
        GraphpoolError: of class ``error``: the file is no zip, is damaged, or its entries are more than it can hold.
        OSError: the file cannot be read.
    """

    def __init__(
        self,
        file: BinaryIO,
        where: str,
        keys: Collection[str] | None,
        error: type[GraphpoolError],
        suffix: str = ".npz",
    ) -> None:
        self.where = where
        self._error = error
        self._suffix = suffix
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            # zipfile would read a device to its end, which it may not have.
            raise self.error("this is no regular file")
        self._size = status.st_size
        try:
            self._zip = zipfile.ZipFile(file)
        except (*DAMAGE, OSError) as error:
            raise self._damage(error) from error
        self._names = [info.filename.removesuffix(".npy") for info in self._zip.infolist()]
        entries = list(zip(self._names, self._zip.infolist(), strict=True))
        known = [info for name, info in entries if keys is None or name in keys]
        self._entries = {name: info for name, info in entries if keys is None or name in keys}
        if len(self._entries) != len(known):
            raise self.error("it holds an array twice")
        total = sum(info.file_size for info in known)
        if total > max(LARGEST_FILE, self._size):
            raise self.error(f"it unpacks to {total} bytes, from {self._size}", hint=f"at most {LARGEST_FILE} are read")

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def keys(self) -> set[str]:
        """All entries that may be read."""
        return set(self._entries)

    def endings(self, prefix: str) -> set[str]:
        """What follows a prefix in the names of entries."""
        return {name.removeprefix(prefix) for name in self._names if name.startswith(prefix)}

    def error(self, what: str, hint: str = "") -> GraphpoolError:
        """The error that names this file."""
        return self._error(format_error(what, where=self.where, hint=hint))

    def _damage(self, error: Exception) -> Exception:
        # A damaged zip makes zipfile seek to nowhere; any other failure of the disk is none of the file.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            return error
        return self.error(f"this is no {self._suffix} file, or it is damaged: {error}")

    # --- one entry ----------------------------------------------------------------------------------------------------
    def read(self, key: str, kinds: str, *ndims: int, fits: Fits | None = None) -> Array:
        """One array.

        Args:
            key: one of the archive's keys.
            kinds: the kinds of dtype that it may have, see :attr:`numpy.dtype.kind`.
            ndims: how many dimensions it may have.
            fits: whether it may have a shape and a dtype.

        Raises:
            GraphpoolError: of the archive's class: it is not there, is damaged, or is another array.
            OSError: the file cannot be read.
        """

        def content(stream: Any, info: zipfile.ZipInfo) -> Array:
            start, shape, fortran, dtype = self._declared(key, stream, info, kinds, ndims, fits)
            content = _read_rest(stream, start, math.prod(shape) * dtype.itemsize)
            return content.view(dtype).reshape(shape, order="F" if fortran else "C")

        return self._opened(key, content)

    def check(self, key: str, kinds: str, *ndims: int, fits: Fits | None = None) -> None:
        """Raise what :meth:`read` would of what an array declares, without its content."""
        self._opened(key, lambda stream, info: self._declared(key, stream, info, kinds, ndims, fits))

    def _declared(
        self, key: str, stream: Any, info: zipfile.ZipInfo, kinds: str, ndims: tuple[int, ...], fits: Fits | None
    ) -> tuple[bytes, tuple[int, ...], bool, np.dtype[Any]]:
        """The start of the content, the shape, whether it lies column by column, and the dtype."""
        start = stream.read(min(info.file_size, LARGEST_HEADER))
        shape, fortran, dtype, offset = self._read_header(key, start)
        self._check_header(key, shape, dtype, kinds, ndims)
        if fits is not None and not fits(shape, dtype):
            raise self.error(f"{key!r} is an array of {dtype} and shape {shape}", hint="its graph says otherwise")
        declared, held = math.prod(shape) * dtype.itemsize, info.file_size - offset
        if declared != held:
            raise self.error(f"{key!r} declares {declared} bytes, shape {shape} of {dtype}, and has {held}")
        return start[offset:], shape, fortran, dtype

    def read_bytes(self, key: str, largest: int) -> bytes:
        """The content of an entry that is no array.

        Raises:
            GraphpoolError: of the archive's class: it is not there, is damaged, or has more than ``largest`` bytes.
            OSError: the file cannot be read.
        """

        def content(stream: Any, info: zipfile.ZipInfo) -> bytes:
            if info.file_size > largest:
                raise self.error(f"{key!r} has {info.file_size} bytes; at most {largest} are read")
            return _read_rest(stream, b"", info.file_size).tobytes()

        return self._opened(key, content)

    def _opened(self, key: str, content: Callable[[Any, zipfile.ZipInfo], Content]) -> Content:
        if key not in self._entries:
            raise self.error(f"it has no {key!r}")
        info = self._entries[key]
        self._check_entry(key, info)
        try:
            with self._zip.open(info) as stream:
                return content(stream, info)
        except GraphpoolError:
            raise
        except (*DAMAGE, OSError) as error:
            raise self._damage(error) from error

    def _check_entry(self, key: str, info: zipfile.ZipInfo) -> None:
        if info.flag_bits & 1:
            raise self.error(f"{key!r} is encrypted")
        if info.compress_type not in METHODS:
            raise self.error(f"{key!r} is compressed by method {info.compress_type}", hint="stored or deflated")
        longest = info.compress_size * (1 if info.compress_type == zipfile.ZIP_STORED else DEFLATE)
        if info.compress_size > self._size or info.file_size > longest:
            what = f"{key!r} declares {info.file_size} bytes, from {info.compress_size} of a file of {self._size}"
            raise self.error(what)

    def _read_header(self, key: str, start: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
        stream = io.BytesIO(start)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        try:
            with warnings.catch_warnings():
                # NumPy warns about headers of Python 2, and repairs them.
                warnings.simplefilter("error")
                shape, fortran, dtype = readers[npy.read_magic(stream)](stream)
        except Exception as error:
            # A header is a literal of Python: which errors its parser finds in garbage, nobody says.
            raise self.error(f"{key!r} is no .npy array: {type(error).__name__}: {error}") from error
        return shape, fortran, dtype, stream.tell()

    def _check_header(
        self, key: str, shape: tuple[int, ...], dtype: np.dtype[Any], kinds: str, ndims: tuple[int, ...]
    ) -> None:
        if dtype.kind not in kinds or dtype.itemsize == 0:
            hint = "nothing is unpickled" if dtype.hasobject else ""
            raise self.error(f"{key!r} is an array of {dtype}", hint=hint)
        if len(shape) not in ndims or not all(0 <= side <= LARGEST_SIDE for side in shape):
            raise self.error(f"{key!r} has shape {shape}", hint=f"of {' or '.join(map(str, ndims))} dimensions")


def _read_rest(stream: Any, start: bytes, size: int) -> npt.NDArray[np.uint8]:
    content = np.empty(size, dtype=np.uint8)
    view = content.data
    view[: len(start)] = start
    position = len(start)
    while position < size:
        read = stream.readinto(view[position : position + CHUNK])
        if not read:
            raise EOFError(f"{size - position} bytes are missing")
        position += read
    return content
