"""The markers of a JPEG: what its frame is, how many scans libjpeg would go over, and where the picture ends.

A JPEG is a row of segments, each with a marker (0xFF and another byte) and mostly with a length, and after each start
of a scan come coded data, in which 0xFF is always followed by 0x00 or by the marker of a restart (ITU-T T.81, B.1). So
what lies in a segment (the thumbnail in EXIF) or behind the end (a video, an MPO's second image) is never taken for a
part of the picture.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SIGNATURE = b"\xff\xd8"
_MARKERS = frozenset([*range(0xC0, 0xD0), *range(0xD8, 0xFF)])  # all but restarts, and those that libjpeg does not know
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]", re.DOTALL)
_SCAN, _END, _BEGIN = 0xDA, 0xD9, 0xD8
_FRAMES = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}  # without tables, with JPEG-LS
_HUFFMAN_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), (0xC2, 0xCA)
# What a decoder may read ahead where the picture's data end: 64 bits of ones, the bits that fill the last byte of them.
# No code is all ones, so that hardly a block can be made of them.
_READ_AHEAD = b"\xff\x00" * 8


class Frame(NamedTuple):
    """How the pixels are coded."""

    marker: int
    bits: int
    components: int


class Outline(NamedTuple):
    """The image that a JPEG begins with."""

    frame: Frame | None
    """None where it is not told before the first scan."""
    scans: int
    alone: bool
    """Whether the first scan is of all components."""
    components: int
    """That have a scan."""
    detailed: bool
    """Whether a scan has more than the means of 8 x 8 pixels."""
    end: int
    """Where the marker of its end is; -1 where there is none."""


def read_outline(data: bytes) -> Outline:
    """Walk the markers once, as libjpeg does, to the end of the image or of the data: a nanosecond or two a byte.

    What lies end to end, as a header's parts do, needs no search. Searches, generators and calls of ``min`` and ``max``
    would be felt where a picture has 32 x 32 pixels.
    """
    frame, scans, alone, detailed, finish = None, 0, False, False, -1
    components: set[int] = set()
    at, size, markers = len(SIGNATURE), len(data), _MARKERS
    while at + 1 < size:
        if data[at] != 0xFF or data[at + 1] not in markers:  # behind coded data, or broken
            if not (found := _MARKER.search(data, at)):
                break
            at = found.start()
        marker = data[at + 1]
        if marker in (_END, _BEGIN):  # libjpeg refuses a second begin
            finish = at if marker == _END else -1
            break
        length = data[at + 2] << 8 | data[at + 3] if at + 3 < size else 0
        begin, end = at + 4, at + 2 + (length if length > 2 else 2)  # libjpeg reads the length, whatever it is
        if marker == _SCAN:
            scans += 1
            count = data[begin] if begin < end and begin < size else 0
            components.update(data[begin + 1 : begin + 1 + 2 * count : 2])
            first = begin + 1 + 2 * count  # coefficient; 0 is the mean
            detailed = detailed or data[first : first + 1] > b"\0"
            alone = alone or (scans == 1 and frame is not None and count == frame.components)
        elif marker in _FRAMES and not scans and frame is None and begin + 6 <= end and begin + 6 <= size:
            frame = Frame(marker, data[begin], data[begin + 5])
        at = end
    return Outline(frame, scans, alone, len(components), detailed, finish)


def sealed(data: bytes, outline: Outline) -> bytes:
    """Return a JPEG without the marker of its end, so that a decoder which lacks data says so.

    A decoder that meets this marker before it has all pixels fills in grey, without a word, and tools that mend a file
    which was cut short put it at the cut. Without it the decoder waits for more, and finds the file cut short; a whole
    picture is decoded all the same, since its pixels are all there. This costs no decoding, and nothing behind the
    picture is handed on.

    That is so where one scan holds the whole picture, coded sequentially with Huffman's codes, as in nearly all JPEGs
    that are not progressive. Others are decoded when their end is found, and are returned as they are.
    """
    sequential = outline.frame is not None and outline.frame.marker in _HUFFMAN_SEQUENTIAL
    if not sequential or not outline.alone or outline.end < 0:
        return data
    return b"".join((memoryview(data)[: outline.end], _READ_AHEAD))


def lacks_scans(outline: Outline) -> bool:
    """Whether a JPEG of several scans ends before those without which there is no picture.

    Sequential: each of its colours has to be in a scan. Progressive: only means of 8 x 8 pixels are there, and a cut
    among them is filled with grey. What a progressive JPEG lacks after that cannot be told, since the standard lets it
    leave the last bits out.
    """
    if outline.frame is None or not outline.scans:
        return False
    if outline.frame.marker in _PROGRESSIVE:
        return not outline.detailed
    return outline.frame.marker in _HUFFMAN_SEQUENTIAL and outline.components < outline.frame.components
