"""Unpack a file of a zip, into no more memory than was asked for.

zipfile bounds what deflate gives, and not what bzip2 and LZMA do: 4 KiB of bzip2 can be gigabytes.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED

_LZMA_HEADER = struct.Struct("<2B H B L")  # version, length of what follows, lc + 9 (lp + 5 pb), dictionary (5.8.8)


def unpack(packed: bytes, method: int, at_most: int) -> bytes:
    """Unpack up to so many bytes.

    Raises
    ------
    NotImplementedError
        Where Python does not know the method.
    zlib.error, OSError, lzma.LZMAError, ValueError
        Where the bytes are not what the method makes.
    """
    if method == ZIP_STORED:
        return packed[:at_most]
    if method == ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, at_most)
    if method == ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(packed, at_most)
    if method == ZIP_LZMA:
        return _unpack_lzma(packed, at_most)
    raise NotImplementedError(f"compression method {method} is not supported")


def _unpack_lzma(packed: bytes, at_most: int) -> bytes:
    if len(packed) < _LZMA_HEADER.size:
        raise ValueError("cut short")
    _, _, length, properties, dictionary = _LZMA_HEADER.unpack_from(packed)
    if length != 5:
        raise ValueError(f"{length} bytes of LZMA properties, and they are 5")
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    # A dictionary larger than the file has no use, and claims as much memory as it says.
    size = min(max(dictionary, 4096), max(at_most, 4096))
    known = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": size}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[known]).decompress(packed[_LZMA_HEADER.size :], at_most)
