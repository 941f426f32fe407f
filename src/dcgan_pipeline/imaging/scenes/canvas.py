"""Paint that falls on a picture and on the map of its objects alike."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 128  # pixels of a picture
FINE = 2  # pixels painted for one of the picture, along each axis: edges are antialiased by their mean
_PARTS = 3  # binary digits of a pixel's parts, for corners of polygons

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Canvas:
    """A picture under the brush, in coordinates from 0 to 1, y downwards.

    Attributes
    ----------
    pixels
        uint8 (FINE * SIDE, FINE * SIDE, 3).
    objects
        uint8 of the same height and width: whose paint lies on top, as :attr:`brush` said.
    brush
        The number of the object that is painted; 0 for the room.
    """

    def __init__(self) -> None:
        side = SIDE * FINE
        self._side = side
        self.pixels: NDArray[np.uint8] = np.zeros((side, side, 3), np.uint8)
        self.objects: NDArray[np.uint8] = np.zeros((side, side), np.uint8)
        self.brush = 0

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        corners = self._corners(points)
        cv2.fillPoly(self.pixels, corners, colour, cv2.LINE_8, _PARTS)
        cv2.fillPoly(self.objects, corners, self.brush, cv2.LINE_8, _PARTS)

    def hull(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill the convex hull of points."""
        around = cv2.convexHull(np.array(points, np.float32))[:, 0]  # (corners, 2)
        self.polygon([(float(x), float(y)) for x, y in around], colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Fill an ellipse about a point, by its radii."""
        self.polygon(arc(x, y, across, down, 0, 360), colour)

    def line(self, points: Sequence[Point], thickness: float, colour: Colour) -> None:
        """Draw a line through points."""
        wide = max(1, round(thickness * self._side))
        corners = self._corners(points)
        cv2.polylines(self.pixels, corners, False, colour, wide, cv2.LINE_8, _PARTS)
        cv2.polylines(self.objects, corners, False, self.brush, wide, cv2.LINE_8, _PARTS)

    def shadow(self, points: Sequence[Point], depth: float) -> None:
        """Darken a polygon by a share; a shadow is of no object, and hides none."""
        corners = self._corners(points)[0]
        low = (corners.min(axis=0) >> _PARTS).clip(0, self._side).tolist()
        high = ((corners.max(axis=0) >> _PARTS) + 2).clip(0, self._side).tolist()
        part = self.pixels[low[1] : high[1], low[0] : high[0]]  # a view: the rest stays untouched
        mask = np.zeros(part.shape[:2], np.uint8)
        if mask.size:
            cv2.fillPoly(mask, [corners - (np.array(low, np.int32) << _PARTS)], 1, cv2.LINE_8, _PARTS)
            there = mask.astype(bool)
            part[there] = (part[there] * np.float32(1 - depth)).astype(np.uint8)

    def picture(self) -> NDArray[np.float32]:
        """Take the means of the pixels painted for each of the picture: float32 (SIDE, SIDE, 3), 0 to 255."""
        return cv2.resize(self.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)

    def _corners(self, points: Sequence[Point]) -> list[NDArray[np.int32]]:
        # OpenCV's coordinates are those of the middles of pixels.
        fixed = (np.array(points, np.float64) * self._side - 0.5) * 2**_PARTS
        return [np.round(fixed).astype(np.int32)]


def arc(x: float, y: float, across: float, down: float, start: float, end: float, points: int = 32) -> list[Point]:
    """Give points of an ellipse, from one angle to another in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, points))
    return list(zip((x + across * np.cos(angles)).tolist(), (y + down * np.sin(angles)).tolist(), strict=True))


def colour_of(hue: float, saturation: float, value: float) -> Colour:
    """Give a colour by hue, saturation and value, of which hue goes around and the others are cut at 0 and 1."""
    parts = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    red, green, blue = (round(255 * part) for part in parts)
    return red, green, blue


def lighter(colour: Colour, factor: float) -> Colour:
    """Multiply a colour, and cut it at white."""
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue
