"""BMP: pixels of 16 bits, and opacities that nobody meant.

Newer headers say which bits of a pixel are its opacity; Pillow passes over that of 16-bit pixels. A file in which all
opacities are 0 comes from a writer that left them empty: browsers and this module take it for opaque.
"""

from __future__ import annotations

import struct

import numpy as np
from PIL import BmpImagePlugin, Image

from dcgan_pipeline.imaging.formats import depth

_GREEN_BITS = {"BGR;15": 5, "BGR;16": 6}  # by Pillow's names of raw pixels
_WITH_OPACITY = 56  # bytes of the shortest header with a mask of opacity
_TOP_BIT = 0x8000


def pixels(image: BmpImagePlugin.BmpImageFile, data: bytes) -> Image.Image:
    """Decode an opened file to a mode of 8 bits a sample."""
    tile = image.tile[0]
    # Pillow's order: the name of the raw pixels, bytes of a row, and 1 from above or -1 from below.
    rawmode, stride, direction = tile.args if isinstance(tile.args, tuple) and len(tile.args) == 3 else ("", 0, 0)
    image.load()
    if image.mode == "RGBA":
        return image if image.getchannel("A").getextrema() != (0, 0) else image.convert("RGB")
    if rawmode not in _GREEN_BITS:
        return image
    fives = depth.rounded(5)
    found = image.point([*fives, *depth.rounded(_GREEN_BITS[rawmode]), *fives])
    if _opacity_mask(data) == _TOP_BIT and rawmode == "BGR;15":
        rows = np.frombuffer(data, np.uint8, stride * image.height, tile.offset).reshape(image.height, stride)
        opacity = np.where(rows[:, 1 : 2 * image.width : 2] & 128, 255, 0).astype(np.uint8)[::direction]
        if opacity.any():
            found.putalpha(Image.fromarray(opacity))
    return found


def _opacity_mask(data: bytes) -> int:
    start = 14 if data.startswith(b"BM") else 0  # a DIB has no file header
    header = struct.unpack_from("<I", data, start)[0]
    return int(struct.unpack_from("<I", data, start + 52)[0]) if _WITH_OPACITY <= header != 64 else 0
