"""Have two pictures the same colours in the same places?

A strong edge counts alike whatever lies on its sides, so that by its edges a red shirt is a green one. So the colours
of windows of 6 x 6 pixels are compared, each with the nearest one among those up to four pixels off in the other
picture: shifts and small crops are seen through. Each channel is taken around its mean, and both pictures at one
contrast: brightness, contrast and casts are seen through, too (our choice).

Sums are of whole numbers below 2^53, so that the value does not depend on batch, threads or machine.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

_WINDOW, _STEP = 6, 2  # pixels of a window, and between two
_EDGE = 2  # windows that a picture may be shifted by
_CELLS = 11 * 11  # windows that are not at the edge
_LEVEL = _WINDOW**2 * _CELLS  # a grey level in the sums
_QUIET = 8  # grey levels: pictures of less spread have few colours to tell apart
_STRICT = 1.6  # a difference of 0.22 spreads counts as a correlation of 0.65
_FINE = 2.0**30  # whole parts of a squared difference
_BATCH = 512


def colour_similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compare the colours of thumbnails, pair by pair.

    Parameters
    ----------
    first, second
        uint8 (n, 3, 32, 32).

    Returns
    -------
    float64 (n,)
        Up to 1, on the scale of :func:`~dcgan_pipeline.dedup.similarity.similarity`; 1 for equal pictures. Pictures
        of two colours are alike where their contrast differs alone, as that of black and of grey on white does.
    """
    found = [np.empty(0)]
    for start in range(0, len(first), _BATCH):
        x, y = (_colours(pictures[start : start + _BATCH]) for pictures in (first, second))
        found.append(np.maximum(-1, 1 - _STRICT * _difference(x, y).numpy()))
    return np.concatenate(found)


def _colours(thumbnails: NDArray[np.uint8]) -> Tensor:
    """Sums over windows, each channel around its mean: whole, below 2^21, float64 (n, 3, 15, 15)."""
    pixels = torch.from_numpy(np.ascontiguousarray(thumbnails)).double()
    sums = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), _WINDOW, _STEP, divisor_override=1)
    return _CELLS * sums - _inner(sums).sum((2, 3), keepdim=True)


def _inner(windows: Tensor) -> Tensor:
    return windows[:, :, _EDGE:-_EDGE, _EDGE:-_EDGE]


def _difference(x: Tensor, y: Tensor) -> Tensor:
    """How far colours are from one another, in units of their spread, float64 (n,)."""
    spreads = [_inner(t).square().sum((1, 2, 3)).div(3 * _CELLS).sqrt().clamp_min(1) for t in (x, y)]
    common = torch.sqrt(spreads[0] * spreads[1])
    unit = common + _QUIET * _LEVEL
    x, y = (t * (common / (spread * unit))[:, None, None, None] for t, spread in zip((x, y), spreads, strict=True))
    return torch.maximum(_to_the_nearest(x, y), _to_the_nearest(y, x))


def _to_the_nearest(x: Tensor, y: Tensor) -> Tensor:
    """Root of the mean square of how far each colour of one is from the nearest around it in the other."""
    here = _inner(x)
    side = here.shape[-1]
    nearest = torch.full((len(x), side, side), torch.inf, dtype=x.dtype)
    for down in range(2 * _EDGE + 1):
        for across in range(2 * _EDGE + 1):
            off = (here - y[:, :, down : down + side, across : across + side]).square()
            nearest = torch.minimum(nearest, off[:, 0] + off[:, 1] + off[:, 2])
    return torch.sqrt(torch.floor(nearest * _FINE).sum((1, 2)) / (3 * _CELLS * _FINE))
