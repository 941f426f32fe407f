"""The parts that files are made of: the chunks of a PNG, and the boxes of AVIF and JPEG 2000."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

PNG = b"\x89PNG\r\n\x1a\n"
# Without these there is no picture. Of the others a PNG's colours are read by ``colour.declared``.
_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT")
_UPRIGHT = b"eXIf"
_MOST_BOXES = 1000  # at one level: a file of millions of empty ones would take long


class Part(NamedTuple):
    """A chunk or a box."""

    kind: bytes
    begin: int
    """Of its content."""
    end: int


def png_chunks(data: bytes) -> Iterator[Part]:
    """Walk the chunks of a PNG that lie in it whole."""
    at = len(PNG)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        yield Part(data[at + 4 : at + 8], at + 8, end)
        at = end + 4  # a checksum is behind it


def png_without_notes(data: bytes) -> bytes | None:
    """Leave out of a PNG what is about its picture: texts, times, profiles; None where nothing is, or its end lacks.

    Pillow refuses a file with a note that is too long for it or fails its checksum, though the picture is whole.
    """
    chunks = list(png_chunks(data))
    kept = [chunk for chunk in chunks if chunk.kind in _PICTURE or (chunk.kind == _UPRIGHT and _sound(data, chunk))]
    if len(kept) == len(chunks) or kept[-1:] == [] or kept[-1].kind != b"IEND":
        return None
    return PNG + b"".join(data[chunk.begin - 8 : chunk.end + 4] for chunk in kept)


def _sound(data: bytes, chunk: Part) -> bool:
    return zlib.crc32(data[chunk.begin - 4 : chunk.end]) == int.from_bytes(data[chunk.end : chunk.end + 4], "big")


def boxes(data: bytes, begin: int, end: int) -> Iterator[Part]:
    """Walk the boxes between two places of a file (ISO/IEC 14496-12, 4.2), as far as they lie there whole."""
    for _ in range(_MOST_BOXES):
        if begin + 8 > end:
            return
        size, content = int.from_bytes(data[begin : begin + 4], "big"), begin + 8
        if size == 1:
            size, content = int.from_bytes(data[begin + 8 : begin + 16], "big"), begin + 16
        stop = end if size == 0 else begin + size
        if stop < content or stop > end:
            return
        yield Part(data[begin + 4 : begin + 8], content, stop)
        begin = stop


def box(data: bytes, begin: int, end: int, kind: bytes) -> Part:
    """Find the first box of a kind; an empty one where there is none."""
    return next((part for part in boxes(data, begin, end) if part.kind == kind), Part(kind, end, end))
