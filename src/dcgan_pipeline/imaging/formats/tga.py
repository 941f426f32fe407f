"""TGA: the opacity that its header and its footer tell of.

A header says how many bits of a pixel tell of its opacity: of 16 one or none, of 32 eight or none. The extension at the
end of newer files says whether they mean anything (TGA specification 2.0, fields 5.6 and 24). Pillow takes the bit of
16-bit pixels inverted, and always takes the bits.
"""

from __future__ import annotations

import struct

from PIL import Image, TgaImagePlugin

from dcgan_pipeline.imaging.formats import depth

_FOOTER = b"TRUEVISION-XFILE.\0"
_ATTRIBUTES = 494  # where the extension says what the bits mean
_NO_OPACITY, _PREMULTIPLIED = (0, 1, 2), 4
_PILLOWS, _RIGHT = "BGRA;15Z", "BGRA;15"


def pixels(image: TgaImagePlugin.TgaImageFile, data: bytes) -> Image.Image:
    """Decode an opened file to a mode of 8 bits a sample."""
    found, meaning = _load(image), _meaning(data)
    opaque = data[17] & 15 == 0 or meaning in _NO_OPACITY
    if image.mode == "P" and image.palette is not None and image.palette.mode == "RGBA":
        return image.convert("RGB") if opaque or data[7] == 16 else image.convert("RGBA")
    if image.mode not in ("LA", "RGBA"):
        return found
    if opaque or found.getchannel("A").getextrema() == (0, 0):  # all left empty: as in BMP
        return found.convert(image.mode[:-1])
    premultiplied = meaning == _PREMULTIPLIED and image.mode == "RGBA"
    return Image.merge("RGBa", found.split()).convert("RGBA") if premultiplied else found


def _load(image: TgaImagePlugin.TgaImageFile) -> Image.Image:
    sixteen = False
    for k, tile in enumerate(image.tile):
        if isinstance(tile.args, tuple) and tile.args[0] == _PILLOWS:
            image.tile[k] = tile._replace(args=(_RIGHT, *tile.args[1:]))
            sixteen = True
    image.load()
    return image.point([*depth.rounded(5) * 3, *range(256)]) if sixteen else image


def _meaning(data: bytes) -> int | None:
    """Return what the extension says of the bits, None where there is none."""
    if not data.endswith(_FOOTER) or len(data) < 26:
        return None
    extension = struct.unpack_from("<I", data, len(data) - 26)[0]
    return data[extension + _ATTRIBUTES] if 0 < extension < len(data) - _ATTRIBUTES else None
