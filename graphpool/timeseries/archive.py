"""The arrays of an ``.npz`` file that anybody may have written.

``numpy.load`` allocates what a header declares before it reads. Here no more is allocated, and no more is unpacked,
than the file can hold.
"""

from __future__ import annotations

import errno
import io
import math
import os
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Collection
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from graphpool.errors import TimeSeriesError, format_error

Array = npt.NDArray[Any]

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


class Archive:
    """The entries of an ``.npz`` file.

    Args:
        file: the opened file.
        where: its path, for messages.
        keys: the arrays that may be read; all others are ignored.

    Raises:
        TimeSeriesError: the file is no zip, is damaged, or its entries are more than it can hold.
        OSError: the file cannot be read.
    """

    def __init__(self, file: BinaryIO, where: str, keys: Collection[str]) -> None:
        self.where = where
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
        known = [info for info in self._zip.infolist() if info.filename.removesuffix(".npy") in keys]
        self._entries = {info.filename.removesuffix(".npy"): info for info in known}
        if len(self._entries) != len(known):
            raise self.error("it holds an array twice")
        total = sum(info.file_size for info in known)
        if total > max(LARGEST_FILE, self._size):
            raise self.error(f"it unpacks to {total} bytes, from {self._size}", hint=f"at most {LARGEST_FILE} are read")

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def endings(self, prefix: str) -> set[str]:
        """What follows a prefix in the names of entries."""
        return {name.removeprefix(prefix) for name in self._names if name.startswith(prefix)}

    def error(self, what: str, hint: str = "") -> TimeSeriesError:
        """The error that names this file."""
        return TimeSeriesError(format_error(what, where=self.where, hint=hint))

    def _damage(self, error: Exception) -> Exception:
        # A damaged zip makes zipfile seek to nowhere; any other failure of the disk is none of the file.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            return error
        return self.error(f"this is no .npz file, or it is damaged: {error}")

    # --- one array ----------------------------------------------------------------------------------------------------
    def read(self, key: str, kinds: str, *ndims: int) -> Array:
        """One array.

        Args:
            key: one of the archive's keys.
            kinds: the kinds of dtype that it may have, see :attr:`numpy.dtype.kind`.
            ndims: how many dimensions it may have.

        Raises:
            TimeSeriesError: it is not there, is damaged, or is another array.
            OSError: the file cannot be read.
        """
        if key not in self._entries:
            raise self.error(f"it has no {key!r}")
        info = self._entries[key]
        self._check_entry(key, info)
        try:
            with self._zip.open(info) as stream:
                start = stream.read(min(info.file_size, LARGEST_HEADER))
                shape, fortran, dtype, offset = self._read_header(key, start)
                self._check_header(key, shape, dtype, kinds, ndims)
                declared, held = math.prod(shape) * dtype.itemsize, info.file_size - offset
                if declared != held:
                    raise self.error(f"{key!r} declares {declared} bytes, shape {shape} of {dtype}, and has {held}")
                content = _read_rest(stream, start[offset:], declared)
        except TimeSeriesError:
            raise
        except (*DAMAGE, OSError) as error:
            raise self._damage(error) from error
        return content.view(dtype).reshape(shape, order="F" if fortran else "C")

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
