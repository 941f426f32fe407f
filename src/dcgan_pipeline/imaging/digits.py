"""scikit-learn's handwritten digits, and what can be computed of them beside their classes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ArraySource
from dcgan_pipeline.imaging.sources.attributes import ClassAttributes, KnownAttributes, Rows

LOCATION = "sklearn://digits"
_SCALE = 8  # a map of 64 x 64 for a digit of 8 x 8
_INK = 96  # grey level from which a pixel is a stroke: 0, 6, 8, 9 have loops in 83 % then, 1, 2, 3, 5, 7 in 2 %
_SPECK = 12  # pixels of a map: less is no loop, and comes to a fifth of a pixel of the digit


class DigitsSource(ArraySource):
    """1 797 digits of 8 x 8, as :class:`~dcgan_pipeline.imaging.sources.ArraySource` gives them."""

    def __init__(self, limits: Limits) -> None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)  # 17 levels of grey to 256
        super().__init__(LOCATION, images, digits.target, [str(k) for k in range(10)], limits)

    def known_attributes(self) -> KnownAttributes:
        """Classes, slant and loops."""
        return DigitAttributes(self)


class DigitAttributes(KnownAttributes):
    """The ten classes, the slant, and the loops of digits.

    ``slant`` is how many pixels a digit leans to the right for one upwards: -mu11 / mu02 of the image's central moments
    (as deskewing takes it). A ``loop`` is what strokes enclose: ground that is not connected to the edge.
    """

    def __init__(self, digits: DigitsSource) -> None:
        self._digits, self._classes = digits, ClassAttributes(digits.labels, digits.classes)
        self.names = (*self._classes.names, "slant")
        self.kinds = (*self._classes.kinds, "continuous")
        self.objects, self.map_scale = ("loop",), _SCALE

    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Give the classes, and the slant."""
        slants = np.array([slant(self._digits.images[row]) for row in rows], np.float32)
        return np.concatenate([self._classes.values(rows), slants[:, None]], 1)

    def object_map(self, row: int) -> NDArray[np.uint8]:
        """Find the loops in a copy of 64 x 64, where they end between pixels of the digit."""
        side = self._digits.images.shape[1] * _SCALE
        return loops(
            np.asarray(Image.fromarray(self._digits.images[row]).resize((side, side), Image.Resampling.BICUBIC))
        )


def slant(digit: NDArray[np.uint8]) -> float:
    """Measure how many pixels a light digit on black leans to the right for one upwards; NaN for a line along x."""
    moments = cv2.moments(digit)
    return -moments["mu11"] / moments["mu02"] if moments["mu02"] else float("nan")


def loops(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mark the ground that strokes of a light digit on black enclose, uint8 (H, W): 1 in a loop."""
    ground = np.pad((digit < _INK).astype(np.uint8), 1, constant_values=1)  # ground beyond the edge is one piece
    count, pieces, statistics, _ = cv2.connectedComponentsWithStats(ground, connectivity=4)
    inside = [k for k in range(1, count) if k != pieces[0, 0] and statistics[k, cv2.CC_STAT_AREA] >= _SPECK]
    return np.isin(pieces[1:-1, 1:-1], inside).astype(np.uint8)
