"""The markers of a JPEG: what its frame is, how many scans libjpeg would go over, and where the picture ends.

A JPEG is a row of segments, each with a marker (0xFF and another byte) and mostly with a length, and after each start
of a scan come coded data, in which 0xFF is always followed by 0x00 or by the marker of a restart (ITU-T T.81, B.1). So
what lies in a segment (the thumbnail in EXIF) or behind the end (a video, an MPO's second image) is never taken for a
part of the picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\xff\xd8"
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]", re.DOTALL)  # all but restarts, and those that libjpeg does not know
_SCAN, _END, _BEGIN = 0xDA, 0xD9, 0xD8
_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # of 0xC0..0xCF: tables, and one that is reserved
_JPEG_LS = 0xF7
_HUFFMAN_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), (0xC2, 0xCA)
# What a decoder may read ahead where the picture's data end: 64 bits of ones, the bits that fill the last byte of them.
# No code is all ones, so that hardly a block can be made of them.
_READ_AHEAD = b"\xff\x00" * 8


class Segment(NamedTuple):
    """A marker, and where what follows its length is."""

    marker: int
    begin: int
    end: int


class Frame(NamedTuple):
    """How the pixels are coded."""

    marker: int
    bits: int
    components: int


class Outline(NamedTuple):
    """The image that a JPEG begins with."""

    frame: Frame | None
    """None where its header is missing."""
    scans: int
    alone: bool
    """Whether the first scan is of all components."""
    components: int
    """That have a scan."""
    detailed: bool
    """Whether a scan has more than the means of 8 x 8 pixels."""
    end: int
    """Where the marker of its end is; -1 where there is none."""


def segments(data: bytes) -> Iterator[Segment]:
    """Walk the markers as libjpeg does, to the end of the image or of the data; coded data are passed over."""
    at = len(SIGNATURE)
    while found := _MARKER.search(data, at):
        marker, at = data[found.start() + 1], found.end()
        if marker in (_END, _BEGIN):  # libjpeg refuses a second begin
            yield Segment(marker, at, at)
            return
        end = at + max(2, int.from_bytes(data[at : at + 2], "big"))  # libjpeg reads the length, whatever it is
        yield Segment(marker, at + 2, min(end, len(data)))
        at = end


def read_frame(data: bytes) -> Frame | None:
    """Read how the pixels of a JPEG are coded; None where it does not say."""
    for segment in segments(data):
        if segment.marker == _SCAN:
            break
        if frame := _frame(data, segment):
            return frame
    return None


def read_outline(data: bytes) -> Outline:
    """Walk all markers of the image once: a nanosecond or two a byte."""
    frame, scans, alone, detailed, end = None, 0, False, False, -1
    components: set[int] = set()
    for segment in segments(data):
        if segment.marker == _END:
            end = segment.begin - 2
        elif segment.marker == _SCAN:
            scans += 1
            count = data[segment.begin] if segment.begin < segment.end else 0
            components.update(data[segment.begin + 1 : segment.begin + 1 + 2 * count : 2])
            first = segment.begin + 1 + 2 * count  # coefficient; 0 is the mean
            detailed = detailed or data[first : first + 1] > b"\0"
            alone = alone or (scans == 1 and frame is not None and count == frame.components)
        else:
            frame = frame or _frame(data, segment)
    return Outline(frame, scans, alone, len(components), detailed, end)


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


def _frame(data: bytes, segment: Segment) -> Frame | None:
    wanted = 0xC0 <= segment.marker <= 0xCF and segment.marker not in _NO_FRAMES
    if not (wanted or segment.marker == _JPEG_LS) or segment.end - segment.begin < 6:
        return None
    return Frame(segment.marker, data[segment.begin], data[segment.begin + 5])
