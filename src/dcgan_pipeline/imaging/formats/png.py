"""PNG: 16-bit colours, transparent colours of any depth, and animations whose still image is no frame.

Pillow gives the higher byte of 16-bit colours, and compares the colour that is to be transparent (the chunk tRNS, which
has the file's own depth) with pixels of another depth. Its decoder gives the lower bytes too, when it is told that the
samples are of the other byte order: the file is decoded twice, and 16 bits are there.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from dcgan_pipeline.imaging.file_parts import PNG
from dcgan_pipeline.imaging.formats import depth
from dcgan_pipeline.imaging.sources import ImageError

_OF_OTHER_ORDER = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}  # Pillow's names of raw pixels
_GREY_WITH_OPACITY = "LA;16B"  # 4 bytes a pixel


def pixels(image: PngImagePlugin.PngImageFile, data: bytes) -> Image.Image:
    """Decode an opened file to a mode of 8 bits a sample, with an opacity where one is given.

    An animation gives its first frame, on the canvas of the animation and transparent around it.
    """
    if image.info.get("default_image"):
        return _first_frame(image, data)
    key = image.info.get("transparency")
    rawmode = _rawmode(image)
    if image.mode == "I;16":
        image.load()  # here, and not where NumPy asks for the pixels: errors keep their kind
        samples = np.asarray(image)
        return _with_key(depth.grey(samples), None if key is None else samples == key)
    if rawmode == _GREY_WITH_OPACITY:
        image.tile = [image.tile[0]._replace(args="RGBA")]  # L, L, A, A: each a higher and a lower byte
        image.load()
        halves = np.asarray(image)
        return Image.fromarray(depth.from_halves(halves[..., ::2], halves[..., 1::2]), "LA")
    if rawmode in _OF_OTHER_ORDER:
        return _colours_of_16_bits(image, data, key)
    if key is not None and image.mode in ("1", "L"):
        greatest = 2 ** data[24] - 1
        level = key if image.mode == "1" else (key & greatest) * 255 // greatest  # as the pixels are scaled
        levels = np.asarray(image.convert("L"))
        return _with_key(Image.fromarray(levels), levels == level)
    if isinstance(key, tuple):
        image.info["transparency"] = tuple(value & 255 for value in key)  # of 8 bits; others are to be ignored
    image.load()
    return image


def _rawmode(image: PngImagePlugin.PngImageFile) -> str:
    return str(image.tile[0].args) if image.tile else ""


def _colours_of_16_bits(
    image: PngImagePlugin.PngImageFile, data: bytes, key: tuple[int, int, int] | None
) -> Image.Image:
    other = PngImagePlugin.PngImageFile(io.BytesIO(data))
    other.tile = [other.tile[0]._replace(args=_OF_OTHER_ORDER[_rawmode(image)])]
    image.load()
    other.load()
    high, low = np.asarray(image), np.asarray(other)
    keyed = None
    if key is not None and image.mode == "RGB":
        keyed = np.ones(high.shape[:2], bool)
        for band, value in enumerate(key):
            keyed &= (high[..., band] == value >> 8) & (low[..., band] == value & 255)
    return _with_key(Image.fromarray(depth.from_halves(high, low)), keyed)


def _with_key(image: Image.Image, keyed: NDArray[np.bool_] | None) -> Image.Image:
    if keyed is not None:
        image.putalpha(Image.fromarray(np.where(keyed, 0, 255).astype(np.uint8)))
    return image


def _first_frame(image: PngImagePlugin.PngImageFile, data: bytes) -> Image.Image:
    """Rebuild the first frame as a PNG of its own, and lay it on the canvas (APNG specification)."""
    header, before, packed, place = b"", [], [], None
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            header = content
        elif kind == b"fcTL":
            if place is not None:
                break  # the second frame
            place = struct.unpack_from(">IIII", content, 4)
        elif kind == b"fdAT" and place is not None:
            packed.append(content[4:])  # behind its number
        elif kind in (b"PLTE", b"tRNS"):
            before.append(_chunk(kind, content))
    if place is None or not packed:
        raise ImageError("cut short: an animation without its first frame")
    width, height, left, top = place
    if left + width > image.width or top + height > image.height:
        raise ImageError("unreadable: a frame beyond the canvas of its animation")
    whole = _chunk(b"IHDR", struct.pack(">II", width, height) + header[8:])
    file = b"".join([PNG, whole, *before, _chunk(b"IDAT", b"".join(packed)), _chunk(b"IEND", b"")])
    frame = pixels(PngImagePlugin.PngImageFile(io.BytesIO(file)), file)
    if frame.size == image.size:
        return frame
    canvas = Image.new("RGBA", image.size)
    canvas.paste(frame.convert("RGBA"), (left, top))
    return canvas


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents, those of a last chunk that is cut short too: the decoder says how much of it lacks."""
    at = len(PNG)
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += size + 12


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
