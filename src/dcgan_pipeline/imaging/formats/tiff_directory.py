"""TIFF: the directories of a file, and which of its pages is the picture.

Most files begin with their picture. Some begin with a small copy of it or with a mask, and say so (NewSubfileType,
TIFF 6.0, section 8); the picture is another page then, or hangs below one (SubIFDs). In a camera's raw file what hangs
there are the sensor's values, which are no picture before they are developed: the small copy must not pass for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.imaging.file_kinds import raw_reason
from dcgan_pipeline.imaging.sources import ImageError

NEW_SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_ROWS, STRIP_BYTES = 266, 273, 274, 277, 278, 279
MAX_SAMPLE, PLANAR, PREDICTOR, COLOR_MAP = 281, 284, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, SUB_DIRECTORIES, INK_SET = 322, 323, 324, 325, 330, 332
EXTRA_SAMPLES, SAMPLE_FORMAT, SMIN_SAMPLE, SMAX_SAMPLE, SUBSAMPLING, ICC_PROFILE = 338, 339, 340, 341, 530, 34675

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TYPES = {
    1: "u1",
    2: "u1",
    3: "u2",
    4: "u4",
    6: "i1",
    7: "u1",
    8: "i2",
    9: "i4",
    13: "u4",
    16: "u8",
    17: "i8",
    18: "u8",
}
_MAKE, _DNG_VERSION = 271, 50706
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_SENSOR = (32803, 34892)  # values of PhotometricInterpretation: a mosaic of colours, and linear ones
_MOST = 64  # directories that are looked at: a small file can hold millions, and each can be read as many
_MANY = 4096  # entries of a directory, and values of a tag that is not an array


class Directory(NamedTuple):
    """One directory; values are read when they are asked for."""

    data: bytes
    order: str
    at: int
    """Its place in the file."""
    entries: dict[int, tuple[int, int, int]]
    """Type, count and place of the values, by tag."""

    def values(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return whole numbers; the default where the tag is not there, or holds others.

        Raises
        ------
        ImageError
            Where they lie beyond the end of the file.
        """
        found = self.array(tag)[:_MANY].tolist()
        return tuple(found) if found else default

    def array(self, tag: int) -> NDArray[np.integer]:
        """Return whole numbers, however many; none where the tag is not there, or holds others."""
        kind, count, at = self.entries.get(tag, (0, 0, 0))
        dtype = np.dtype(self.order + _TYPES.get(kind, "u1"))
        if kind not in _TYPES or count == 0:
            return np.empty(0, dtype)
        if at + count * dtype.itemsize > len(self.data):
            raise ImageError(f"cut short: the values of TIFF tag {tag} lie beyond its end")
        return np.frombuffer(self.data, dtype, count, at)

    def value(self, tag: int, default: int) -> int:
        """Return the first of the values."""
        return self.values(tag, (default,))[0]

    def content(self, tag: int) -> bytes | None:
        """Return the values as bytes."""
        kind, count, at = self.entries.get(tag, (0, 0, 0))
        return self.data[at : at + count] if kind in (1, 7) and at + count <= len(self.data) else None

    def text(self, tag: int) -> bytes:
        """Return the values as text, empty where they are none."""
        kind, count, at = self.entries.get(tag, (0, 0, 0))
        return self.data[at : at + count].rstrip(b"\0") if kind == 2 else b""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored, in pixels."""
        return self.value(WIDTH, 0), self.value(HEIGHT, 0)


def picture_page(data: bytes) -> Directory:
    """Choose the page that is the picture.

    Raises
    ------
    ImageError
        Where it is a camera's raw file, or has no page.
    """
    found = list(islice(_directories(data), _MOST))
    pages = [page for page in found if page is not None]
    if not pages:
        raise ImageError("cut short: a TIFF without a page")
    if data[8:10] == b"CR" or any(page.value(PHOTOMETRIC, 0) in _SENSOR for page in pages):
        raise ImageError(raw_reason(pages[0].text(_MAKE), _DNG_VERSION in pages[0].entries))
    picture = next((page for page in pages if _is_picture(page)), None)
    if picture is None and None in found:
        raise ImageError("cut short: behind a small copy or a mask, a page lies beyond its end")
    return picture or pages[0]


def _is_picture(page: Directory) -> bool:
    kind = page.value(NEW_SUBFILE, 0)
    return not kind & (_REDUCED | _MASK) and page.value(OLD_SUBFILE, 1) != 2 and page.value(PHOTOMETRIC, 0) != 4


def _directories(data: bytes) -> Iterator[Directory | None]:
    """Walk the pages in their order, each followed by those below it; None stands for one beyond the end."""
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    waiting, seen = [_number(data, order, 8 if big else 4, big)], set()
    while waiting:
        at = waiting.pop(0)
        if at in seen or at == 0:
            continue
        seen.add(at)
        page, following = _directory(data, order, at, big)
        yield page
        if page is None:
            continue
        try:
            below = page.values(SUB_DIRECTORIES)[:_MOST]
        except ImageError:  # a table beyond the end: of no matter where this page is the picture
            yield None
            below = ()
        waiting = [*below, *waiting, following]


def _number(data: bytes, order: str, at: int, big: bool) -> int:
    form = order + ("Q" if big else "I")
    return int(struct.unpack_from(form, data, at)[0]) if at + struct.calcsize(form) <= len(data) else 0


def _directory(data: bytes, order: str, at: int, big: bool) -> tuple[Directory | None, int]:
    """Read a directory and the place of the next one; None where it lies beyond the end."""
    counted, form, inline = ("Q", "HHQQ", 8) if big else ("H", "HHII", 4)
    start = at + struct.calcsize(order + counted)
    if start > len(data):
        return None, 0
    count = struct.unpack_from(order + counted, data, at)[0]
    size = struct.calcsize(order + form)
    if count > _MANY or start + count * size > len(data):
        return None, 0
    entries = {}
    for k in range(count):
        place = start + k * size
        tag, kind, number, offset = struct.unpack_from(order + form, data, place)
        width = np.dtype(_TYPES[kind]).itemsize if kind in _TYPES else inline + 1
        entries[tag] = (kind, number, place + size - inline if number * width <= inline else offset)
    return Directory(data, order, at, entries), _number(data, order, start + count * size, big)
