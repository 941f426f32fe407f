"""The files of a zip, read in place: each row is a range of bytes and how it is packed."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.base import FileSource, ImageError
from dcgan_pipeline.imaging.sources.places import place_at
from dcgan_pipeline.imaging.sources.zip_directory import Directory, read_directory

_LOCAL = struct.Struct("<4s2B4HL2L2H")  # a file's own header (APPNOTE 4.3.7)
_LOCAL_MARK = b"PK\3\4"
_ENCRYPTED, _PATCH = 0x1, 0x20
_NAME_AND_EXTRA = 512  # bytes that a name and the fields behind it nearly always fit in: one request instead of two
_STEP = 4096  # bytes; bzip2 and LZMA unpack all of what they are given at once


class ZipSource(FileSource):
    """The files of a zip; nothing is unpacked to disk, and a name is never a path to write to."""

    def __init__(self, location: str, limits: Limits, storage: Mapping[str, Any] | None = None) -> None:
        self._place = place_at(location, storage)
        try:
            with self._place.open() as file:
                directory = read_directory(file)
        except Exception as error:  # broken directories make errors of many kinds
            raise InputError(
                f"a zip must be whole, and the directory of {location} cannot be read ({error}); "
                "make the archive again, or give the folder"
            ) from None
        super().__init__(location, limits, directory.names)
        self._directory = directory
        self._overlaps = _overlaps(directory)

    def read(self, row: int) -> bytes:
        """Return the file's bytes, unpacked; a header that lies about the size does not get more than the limit."""
        entry = self._directory
        packed, size = entry.packed[row], entry.sizes[row]
        self._check_size(size)
        if entry.flags[row] & _ENCRYPTED:
            raise ImageError("unreadable: encrypted")
        if self._overlaps[row]:
            raise ImageError("unreadable: overlaps another file of the zip, as in a decompression bomb")
        if packed > size + size // 50 + 4096:  # no packing adds more to what it cannot shrink
            raise ImageError(f"unreadable: {packed} bytes in the zip for a file of {size}")
        data = self._packed(entry.offsets[row], packed)
        try:
            data = _unpack(data, self._info(row), self.limits.max_bytes + 1)
        except NotImplementedError as error:  # a compression that Python does not know
            raise ImageError(f"unreadable: {error}") from None
        except Exception as error:  # zipfile, zlib, bz2 and lzma each have their own errors
            raise ImageError(f"unreadable: {type(error).__name__}: {error}") from None
        self._check_size(len(data))
        return data

    def fingerprint(self) -> str:
        """Digest of names and the archive's own checksums."""
        return self._digest(np.frombuffer(self._directory.sums, dtype=np.uint32))

    def _packed(self, offset: int, packed: int) -> bytes:
        """Read a file as it is packed; its own header says how far behind it that begins."""
        if not 0 <= offset < self._directory.end:
            raise ImageError("unreadable: lies outside the zip")
        data = self._place.read(offset, _LOCAL.size + _NAME_AND_EXTRA + packed)
        if len(data) < _LOCAL.size or not data.startswith(_LOCAL_MARK):
            raise ImageError("unreadable: its header is not where the zip's directory says")
        *_, name, extra = _LOCAL.unpack_from(data)
        start = _LOCAL.size + name + extra
        if name + extra > _NAME_AND_EXTRA:
            data, start = self._place.read(offset + start, packed), 0
        return data[start : start + packed]

    def _info(self, row: int) -> zipfile.ZipInfo:
        entry = self._directory
        if entry.flags[row] & _PATCH:
            raise NotImplementedError("patched data are not supported")
        info = zipfile.ZipInfo("image")
        info.compress_type, info.CRC = entry.methods[row], entry.sums[row]
        info.compress_size, info.file_size = entry.packed[row], entry.sizes[row]
        return info


def _unpack(data: bytes, info: zipfile.ZipInfo, at_most: int) -> bytes:
    """Unpack a file up to so many bytes, and check its sum."""
    bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    step = at_most if bounded else _STEP
    unpacked = bytearray()
    with zipfile.ZipExtFile(io.BytesIO(data), "r", info) as file:
        while len(unpacked) < at_most and (part := file.read(step)):
            unpacked += part
    return bytes(unpacked)


def _overlaps(directory: Directory) -> NDArray[np.bool_]:
    """Rows whose bytes reach into the next file's, or into the directory: many files made of the same few bytes."""
    offsets = np.frombuffer(directory.offsets, dtype=np.int64)
    ends = offsets + _LOCAL.size + np.frombuffer(directory.packed, dtype=np.int64)
    order = np.argsort(offsets, kind="stable")
    following = np.append(offsets[order][1:], directory.end)
    overlaps = np.empty(len(offsets), dtype=bool)
    overlaps[order] = ends[order] > following
    return overlaps
