"""What the autoencoder sees of a thumbnail, in whole numbers so that codes can be exact.

A normalised pixel is ``value / scale``: both are whole numbers below 2^24, and the same on every machine.

``none``
    Pixels in [0, 1]: the value is the pixel, the scale 255.
``local``
    Near-duplicates differ in brightness, contrast and colour cast, which are most of a picture's variance and fill
    most of a code's bits. So 0.7 of the mean of the 15 x 15 pixels around is taken out of each pixel (our choice: all
    of it leaves too little to tell pictures apart, nothing of it buries the detail), then the image's mean, and the
    rest is divided by its standard deviation plus 8 levels, which keeps flat images from being all noise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Normalise = Literal["none", "local"]

SIDE = 32
PIXELS = 3 * SIDE * SIDE
_WINDOW = 15
_TENTHS = 7  # of the local mean that are taken out
_FLOOR = 8  # grey levels


def normalise(thumbnails: Tensor, kind: Normalise) -> tuple[Tensor, Tensor]:
    """Split thumbnails into whole-numbered values and a scale an image.

    Parameters
    ----------
    thumbnails
        uint8 (n, 3, 32, 32), or whole numbers of 0..255 of any dtype.

    Returns
    -------
    values, scale
        float64 (n, 3072) and (n, 1); normalised pixels are their quotient.
    """
    x = thumbnails.double().reshape(-1, 3, SIDE, SIDE)
    if kind == "none":
        return x.flatten(1), torch.full((len(x), 1), 255.0, dtype=torch.float64, device=x.device)
    window = _window_sums(x.device)
    # Sums are whole; their mean is rounded down, the same everywhere.
    local = torch.floor(window @ x @ window.T / _WINDOW**2)
    v = (10 * x - _TENTHS * local).flatten(1)  # (n, 3072), whole, below 2^12
    total = v.sum(1, keepdim=True)
    values = PIXELS * v - total  # whole, below 2^24
    spread = torch.sqrt(PIXELS * (v * v).sum(1, keepdim=True) - total**2)  # 3072 times the standard deviation
    return values, torch.floor(spread) + PIXELS * 10 * _FLOOR


def normalised(thumbnails: Tensor, kind: Normalise) -> Tensor:
    """Normalised pixels, float32 (n, 3072)."""
    values, scale = normalise(thumbnails, kind)
    return (values / scale).float()


@lru_cache(maxsize=4)
def _window_sums(device: torch.device) -> Tensor:
    """The matrix (32, 32) that adds up the window along a row; edges repeat their last pixel."""
    matrix = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    for row in range(SIDE):
        for offset in range(-(_WINDOW // 2), _WINDOW // 2 + 1):
            matrix[row, min(max(row + offset, 0), SIDE - 1)] += 1
    return matrix.to(device)
