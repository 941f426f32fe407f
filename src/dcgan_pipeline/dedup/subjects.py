"""Are two pictures of something small on a plain ground the same? What lies on the ground is compared, not its outline.

A stamp on a sheet, an icon, a sign: nearly all that varies in such a picture is where the subject ends, and that looks
the same for all of them. So the subject's contrast with the ground is compared, at the finest pixels that are stored.
The middle and the spread of the contrast say where the subject is and how large, so that shifts by a part of a pixel
are seen through; the ground is the median colour (our choice). Every pair is computed alone: its value does not depend
on what else is compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_QUIET = 16  # grey levels a channel: less contrast with the ground is noise, and so is
_SHARE = 4  # less than a quarter of the largest contrast
_SPREADS = 2.0  # half of the side of what is compared; a square reaches as far as 1.73
_SMALL = 0.5  # of the picture's side: what reaches farther is told apart by where it lies
_STRICT = 6  # how much faster than cosines correlations fall: a cosine of 0.94 counts as a correlation of 0.65
_FINE = 8  # pixels: the fewer a subject has across, the more alike two subjects look, and the more they must agree
_SIDE = 16  # pixels a side at which subjects are compared


def subject_similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compare subjects on plain grounds, pair by pair.

    Parameters
    ----------
    first, second
        uint8 (n, C, S, S).

    Returns
    -------
    float64 (n,)
        In [-1, 1], on the scale of :func:`~dcgan_pipeline.dedup.similarity.similarity`; made of the cosine of the two
        contrasts with their grounds, the best over shifts of a 16th of what is compared. 1 for equal pictures, where
        neither differs from its ground, and where a subject is not small; 0 where one of the two does not differ from
        its ground.
    """
    return np.array([_similarity(a, b) for a, b in zip(first, second, strict=True)], np.float64)


def _similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    a, b = _contrast(first), _contrast(second)
    place_a, place_b = _place(a), _place(b)
    if place_a is None or place_b is None:
        return float(place_a is place_b)
    if 2 * _SPREADS * max(place_a[1].max(), place_b[1].max()) > _SMALL * a.shape[-1]:
        return 1.0
    spread = np.sqrt(place_a[1] * place_b[1])  # one size for both: a larger copy of a subject is another picture
    x, y = _cut_out(a, place_a[0], spread), _cut_out(b, place_b[0], spread)
    moved = (np.roll(y, (down, across), (1, 2)) for down in (-1, 0, 1) for across in (-1, 0, 1))
    length = np.sqrt(np.square(x).sum() * np.square(y).sum())
    cosine = max(float((x * other).sum() / length) for other in moved) if length else 0.0
    across = np.sqrt(12 * spread.prod())  # pixels, of a square of this spread
    return max(-1.0, 1 - _STRICT * max(1.0, _FINE / across) * (1 - cosine))


def _contrast(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Difference to the ground, int64 (C, S, S)."""
    ground = np.median(picture.reshape(len(picture), -1), axis=1).astype(np.int64)
    return picture.astype(np.int64) - ground[:, None, None]


def _place(contrast: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Middle and spread (pixels; down, across) of what differs from the ground; None where nothing does."""
    size = np.abs(contrast).sum(axis=0)  # (S, S)
    mass = np.maximum(size - min(_QUIET * len(contrast), int(size.max()) // _SHARE), 0)
    if not mass.any():
        return None
    at = np.arange(len(mass)) + 0.5
    sums = [mass.sum(axis=1), mass.sum(axis=0)]
    middle = np.array([(line * at).sum() / line.sum() for line in sums])
    variance = [(line * (at - m) ** 2).sum() / line.sum() for line, m in zip(sums, middle, strict=True)]
    return middle, np.sqrt(np.array(variance) + 1 / 12)  # a pixel is a square, too


def _cut_out(
    contrast: NDArray[np.int64], middle: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The subject and a little of the ground around it, float64 (C, 16, 16)."""
    side = contrast.shape[-1]
    wide = np.pad(contrast, ((0, 0), (side, side), (side, side)))  # there is more of the ground beyond the edge
    low, high = np.clip([side + middle - _SPREADS * spread, side + middle + _SPREADS * spread], 0, 3 * side)
    box = (low[1], low[0], high[1], high[0])
    size, resample = (_SIDE, _SIDE), Image.Resampling.BILINEAR
    parts = [Image.fromarray(channel.astype(np.float32)).resize(size, resample, box=box) for channel in wide]
    return np.stack([np.asarray(part, np.float64) for part in parts])
