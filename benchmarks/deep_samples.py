"""Samples of any depth, what they must become, and how they are packed; for the files of ``deep_images``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int64]
HEIGHT, WIDTH = 34, 41  # OpenJPEG halves it five times


class Deep(NamedTuple):
    """A file of one kind."""

    kind: str
    ending: str
    data: bytes
    expected: NDArray[np.float64] | None
    """Levels (H, W) or (H, W, 3); None where the file is to be refused."""
    tolerance: float = 0.5
    """Levels; half of one is what rounding costs."""
    reason: str = ""
    """What a refusal says."""


def levels(samples: Samples, greatest: int, opacity: Samples | None = None) -> NDArray[np.float64]:
    """Scale samples of 0..``greatest`` to 0..255, and lay them on white by an opacity of 0..``greatest``."""
    scaled = samples * 255 / greatest
    if opacity is None:
        return scaled
    share = opacity.reshape(opacity.shape[:2] + (1,) * (samples.ndim - 2)) / greatest
    return scaled * share + 255 * (1 - share)


def ramp(greatest: int, bands: int = 1) -> Samples:
    """Return samples (H, W, bands) from 0 to ``greatest``, another order in each band."""
    rising = np.linspace(0, greatest, HEIGHT * WIDTH).round().astype(np.int64).reshape(HEIGHT, WIDTH)
    orders = [rising, rising[::-1], greatest - rising[:, ::-1], np.roll(rising, 7, axis=1), np.roll(rising, 5, axis=0)]
    return np.stack(orders[:bands], axis=2)


def packed(samples: Samples, bits: int, order: str) -> NDArray[np.uint8]:
    """Write samples (rows, n) as rows of bytes, the highest bit first; 16 bits in the file's byte order."""
    if bits in (8, 16, 32):
        return np.ascontiguousarray(samples.astype(f"{order}i8").astype(f"{order}u{bits // 8}")).view(np.uint8)
    each = (samples[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    return np.packbits(each.reshape(len(samples), -1), axis=1)
