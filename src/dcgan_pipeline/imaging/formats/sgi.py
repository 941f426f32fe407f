"""SGI: samples of 16 bits.

Pillow gives their higher bytes. Unpacked, they lie in the file as they are: planes of rows from below, the higher byte
first (SGI image file format, 1.0). Packed by run lengths, they stay Pillow's, whose lower bytes are cut off.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, SgiImagePlugin

from dcgan_pipeline.imaging.formats import depth

_PIXELS = 512  # where they begin


def pixels(image: SgiImagePlugin.SgiImageFile, data: bytes) -> Image.Image:
    """Decode an opened file to a mode of 8 bits a sample."""
    unpacked = bool(image.tile) and image.tile[0].codec_name == "SGI16"
    image.load()
    if not unpacked:
        return image
    bands = len(image.getbands())
    count = 2 * image.width * image.height * bands
    halves = np.frombuffer(data, np.uint8, count, _PIXELS).reshape(bands, image.height, image.width, 2)
    scaled = [depth.from_halves(plane[::-1, :, 0], plane[::-1, :, 1]) for plane in halves]
    return Image.merge(image.mode, [Image.fromarray(plane) for plane in scaled])
