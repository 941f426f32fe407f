"""How the stored pixels are to be turned: the EXIF tag Orientation (EXIF 2.32, 4.6.4)."""

from __future__ import annotations

from PIL import Image

SIDEWAYS = (5, 6, 7, 8)  # values that swap width and height
FROM_RIGHT, FROM_BELOW = (2, 3, 6, 7), (3, 4, 7, 8)  # those where the stored first column or row ends up last
_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """Return an opened file's orientation, 1 to 8; 1 where whoever opened it turns it, and where its tag is broken."""
    if image.format == "TIFF":  # turned when it is loaded, and its size is that of the turned image
        return 1
    try:
        orientation = image.getexif().get(_TAG, 1)
        return int(orientation) if orientation in range(1, 9) else 1  # "6" as text turns nothing, for Pillow too
    except Exception:  # broken metadata do not make a picture unusable
        return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn stored pixels as they are to be shown."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
