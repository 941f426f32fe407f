"""Samples of any depth to 8 bits, by one rule: v of 0..m becomes v * 255 / m, rounded to the nearest.

The rule is that of PNG (specification, 12.4) and of the greys of all formats: white is 255, black is 0, and an 8-bit
picture that was stored in 16 bits comes back as it was. Shifting the lower bits out, as many decoders do, differs from
it by one for a quarter of all 16-bit values, and makes 240 of the white of 4 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ROWS = 64  # scaled at once: the steps between take no memory of the picture's size


def levels(values: NDArray[np.integer], greatest: int | NDArray[np.integer]) -> NDArray[np.uint8]:
    """Scale whole numbers of 0..``greatest``, of any shape; each may have a greatest one of its own."""
    return ((510 * values.astype(np.int64) + greatest) // (2 * greatest)).astype(np.uint8)


def table(greatest: int) -> NDArray[np.uint8]:
    """Return what 0..``greatest`` become, uint8 (greatest + 1,)."""
    return levels(np.arange(greatest + 1), greatest)


def grey(samples: NDArray[np.integer], greatest: int = 65535) -> Image.Image:
    """Scale whole numbers of 0..``greatest``, (H, W), to an image of mode L."""
    return Image.fromarray(table(greatest)[samples])


def from_halves(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale 16-bit samples, given as their higher and their lower bytes, of any shape (H, ...).

    256 h + l is 257 h + (l - h), so that the nearest level is h, or the next one where l and h differ by more than 128.
    """
    scaled = np.empty_like(high)
    for top in range(0, len(high), _ROWS):
        rows = slice(top, top + _ROWS)
        beyond = low[rows].astype(np.int16) - high[rows]
        scaled[rows] = high[rows] + (beyond > 128) - (beyond < -128)
    return scaled


def rounded(bits: int) -> list[int]:
    """Return, for each of 256 levels, the nearest one where it came of ``bits`` bits by cutting off (``Image.point``).

    Pillow scales the 5 and 6 bits of a 16-bit pixel so.
    """
    found = np.arange(256, dtype=np.uint8)
    found[np.arange(2**bits) * 255 // (2**bits - 1)] = table(2**bits - 1)
    return [int(level) for level in found]
