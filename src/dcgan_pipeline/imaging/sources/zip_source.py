"""The files of a zip, read in place: each row is a range of bytes and how it is packed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.base import FileSource, ImageError
from dcgan_pipeline.imaging.sources.places import place_at
from dcgan_pipeline.imaging.sources.sieve import Sieve
from dcgan_pipeline.imaging.sources.zip_directory import Directory, read_directory
from dcgan_pipeline.imaging.sources.zip_packing import unpack

_LOCAL = struct.Struct("<4s2B4HL2L2H")  # a file's own header (APPNOTE 4.3.7)
_LOCAL_MARK = b"PK\3\4"
_ENCRYPTED, _PATCH = 0x1, 0x20
_NAME_AND_EXTRA = 512  # bytes that a name and the fields behind it nearly always fit in: one request instead of two


class ZipSource(FileSource):
    """The files of a zip; nothing is unpacked to disk, and a name is never a path to write to."""

    def __init__(self, location: str, limits: Limits, storage: Mapping[str, Any] | None = None) -> None:
        self._place = place_at(location, storage)
        sieve = Sieve()
        try:
            with self._place.open() as file:
                directory = read_directory(file, sieve)
        except Exception as error:  # broken directories make errors of many kinds
            raise InputError(
                f"a zip must be whole, and the directory of {location} cannot be read ({error}); "
                "make the archive again, or give the folder"
            ) from None
        super().__init__(location, limits, directory.names, sieve.passed_over)
        self._directory = directory
        self._overlaps = _overlaps(directory)

    def read(self, row: int) -> bytes:
        """Return the file's bytes, unpacked; what it unpacks to is never more than it declares."""
        entry = self._directory
        packed, size = entry.packed[row], entry.sizes[row]
        self._check_size(size)
        if entry.flags[row] & _ENCRYPTED:
            raise ImageError("unreadable: encrypted")
        if entry.flags[row] & _PATCH:
            raise ImageError("unreadable: a patch and not a file")
        if self._overlaps[row]:
            raise ImageError("unreadable: overlaps another file of the zip, as in a decompression bomb")
        if packed > size + size // 50 + 4096:  # no packing adds more to what it cannot shrink
            raise ImageError(f"unreadable: {packed} bytes in the zip for a file of {size}")
        data = self._packed(entry.offsets[row], packed)
        try:
            data = unpack(data, entry.methods[row], size + 1)
        except Exception as error:  # zlib, bz2 and lzma each have their own errors
            raise ImageError(f"unreadable: {error}") from None
        if len(data) != size:
            some = f"more than {size}" if len(data) > size else str(len(data))
            raise ImageError(f"unreadable: {some} bytes where the zip's directory says {size}")
        if zlib.crc32(data) != entry.sums[row]:
            raise ImageError("unreadable: its checksum is not the one in the zip's directory")
        return data

    def fingerprint(self) -> str:
        """Digest of names and the archive's own checksums."""
        return self._digest(np.frombuffer(self._directory.sums, dtype=np.uint32))

    def _packed(self, offset: int, packed: int) -> bytes:
        """Read a file as it is packed; its own header says how far behind it that begins."""
        if not 0 <= offset < self._directory.end:
            raise ImageError("unreadable: lies outside the zip")
        length = min(_LOCAL.size + _NAME_AND_EXTRA + packed, self._directory.end - offset)
        data = self._place.read(offset, length)
        if len(data) < _LOCAL.size or not data.startswith(_LOCAL_MARK):
            raise ImageError("unreadable: its header is not where the zip's directory says")
        *_, name, extra = _LOCAL.unpack_from(data)
        start = _LOCAL.size + name + extra
        if name + extra > _NAME_AND_EXTRA:
            data, start = self._place.read(offset + start, packed), 0
        return data[start : start + packed]


def _overlaps(directory: Directory) -> NDArray[np.bool_]:
    """Rows whose bytes reach into the next file's, or into the directory: many files made of the same few bytes."""
    offsets = np.frombuffer(directory.offsets, dtype=np.int64)
    ends = offsets + _LOCAL.size + np.frombuffer(directory.packed, dtype=np.int64)
    order = np.argsort(offsets, kind="stable")
    following = np.append(offsets[order][1:], directory.end)
    overlaps = np.empty(len(offsets), dtype=bool)
    overlaps[order] = ends[order] > following
    return overlaps
