"""What a picture with transparent parts is laid on: white, unless it would vanish there."""

from __future__ import annotations

from PIL import Image, ImageChops

WHITE, BLACK = "white", "black"
_NEAR_WHITE = 240  # of every channel: less than 16 grey levels from white
_SHARE = 0.95  # of what is opaque; a few pixels at the edges may be darker


def ground_of(picture: Image.Image) -> str:
    """Choose black for white art, such as icons for dark screens, and white for everything else.

    White art on white is a blank sheet, and a pile of it would be called copies of one picture. The choice depends on
    this picture alone.

    Parameters
    ----------
    picture
        In mode RGBA.
    """
    red, green, blue, opacity = picture.split()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    near_white = darkest.point([255 * (level >= _NEAR_WHITE) for level in range(256)], "1")
    white, every = (_mass(opacity, mask) for mask in (near_white, None))
    return BLACK if every and white >= _SHARE * every else WHITE


def _mass(opacity: Image.Image, mask: Image.Image | None) -> int:
    return sum(level * count for level, count in enumerate(opacity.histogram(mask)))
