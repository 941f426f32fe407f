"""Are two thumbnails the same picture? A correlation that brightness, contrast and small shifts leave alone.

Plain correlation calls every ship before a horizon the same ship: a few strong edges decide it. So each thumbnail is
blurred (3 x 3) and differentiated, and every difference of g grey levels becomes g / (|g| + 4): weak edges, of which a
picture has many, count nearly as much as the strong ones (our choice). The correlation is the best one over shifts of
up to two pixels.

All sums are of whole numbers below 2^24 or in float64, so that the value does not depend on batch, threads or machine.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SHIFT = 2  # pixels of a thumbnail
FLAT = 2  # grey levels: pictures without any structure are the same where they differ by less
_LEVELS = 60  # of a soft-signed difference: 60^2 x 6 x 27^2 < 2^24
_SOFT = 4  # grey levels
_COARSE = 0.5  # pairs that correlate less at low resolution are not looked at closely
_WEAK = 15  # of a soft-signed difference: a step of 4/3 grey levels, which is not seen
_PLAIN, _GROUND = 0.5, 0.75  # shares of differences that are seen, at most, and of pixels of one colour, at least
_SAME = 16  # grey levels, of one colour
_BATCH = 512


def similarity(
    first: NDArray[np.uint8], second: NDArray[np.uint8], device: torch.device | None = None
) -> NDArray[np.float64]:
    """Correlate thumbnails, pair by pair.

    Parameters
    ----------
    first, second
        uint8 (n, 3, 32, 32).

    Returns
    -------
    float64 (n,)
        In [-1, 1]; 1 for equal pictures. Pairs without structure score 1 where their pixels differ by less than two
        levels on average, else 0. Pairs that differ already at low resolution get that correlation instead.
    """
    found = [np.empty(0)]
    for start in range(0, len(first), _BATCH):
        a, b = (
            torch.from_numpy(np.ascontiguousarray(x[start : start + _BATCH])).to(device or "cpu")
            for x in (first, second)
        )
        found.append(_similarity(a, b).cpu().numpy())
    return np.concatenate(found)


def mostly_plain(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which thumbnails, uint8 (n, 3, 32, 32), show something small on a plain ground: its outline decides.

    Half of the differences are weak, and three quarters of the pixels have the ground's colour, which is the median.
    """
    found = [np.empty(0, bool)]
    for start in range(0, len(thumbnails), _BATCH):
        pixels = torch.from_numpy(np.ascontiguousarray(thumbnails[start : start + _BATCH]))
        seen = (_edges(pixels).abs() > _WEAK).any(dim=1).flatten(1)  # (n, 961)
        flat = pixels.short().flatten(2)  # (n, 3, 1024)
        ground = ((flat - flat.median(dim=2, keepdim=True).values).abs() <= _SAME).all(dim=1)
        found.append(((_mean(seen) < _PLAIN) & (_mean(ground) >= _GROUND)).numpy())
    return np.concatenate(found)


def _mean(mask: Tensor) -> Tensor:
    return mask.double().mean(1)


def _similarity(a: Tensor, b: Tensor) -> Tensor:
    edges_a, edges_b = _edges(a), _edges(b)  # (n, 6, 31, 31)
    score = _correlation(_coarse(edges_a), _coarse(edges_b))
    close = torch.nonzero(score >= _COARSE)[:, 0]
    if len(close):
        score[close] = _best_over_shifts(edges_a[close], edges_b[close])
    flat = (edges_a == 0).flatten(1).all(1) & (edges_b == 0).flatten(1).all(1)
    alike = (a.double() - b.double()).abs().flatten(1).mean(1) < FLAT
    return torch.where(flat, alike.double(), score)


def _edges(thumbnails: Tensor) -> Tensor:
    """Soft-signed differences across and down, whole numbers up to 60, float32 (n, 6, 31, 31)."""
    x = F.pad(thumbnails.float(), (1, 1, 1, 1), mode="replicate")
    blurred = F.avg_pool2d(x, 3, 1, divisor_override=1)  # sums of nine: whole
    here = blurred[:, :, :-1, :-1]
    steps = torch.cat([blurred[:, :, :-1, 1:] - here, blurred[:, :, 1:, :-1] - here], 1)
    return torch.round(_LEVELS * steps / (steps.abs() + 9 * _SOFT))


def _coarse(edges: Tensor) -> Tensor:
    """Sums over 8 x 8 windows, float64 (n, 216)."""
    return F.avg_pool2d(edges, 8, 4, divisor_override=1).flatten(1).double()


def _best_over_shifts(a: Tensor, b: Tensor) -> Tensor:
    side = a.shape[-1] - 2 * SHIFT
    middle = a[:, :, SHIFT : SHIFT + side, SHIFT : SHIFT + side].flatten(1)
    best = torch.full((len(a),), -1.0, dtype=torch.float64, device=a.device)
    for down in range(2 * SHIFT + 1):
        for across in range(2 * SHIFT + 1):
            moved = b[:, :, down : down + side, across : across + side].flatten(1)
            best = torch.maximum(best, _correlation(middle, moved))
    return best


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's, of rows of whole numbers; 0 where a row has no variance. float64 (n,)."""
    n = x.shape[1]
    sums = [t.sum(1).double() for t in (x, y, x * y, x * x, y * y)]
    sx, sy, sxy, sxx, syy = sums
    product = (n * sxx - sx * sx) * (n * syy - sy * sy)
    return torch.where(product > 0, (n * sxy - sx * sy) / torch.sqrt(product.clamp_min(1)), torch.zeros_like(product))
