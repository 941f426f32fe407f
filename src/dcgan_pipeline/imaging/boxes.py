"""Boxes in an image: their geometry, and how far two of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A box in pixels of the upright image."""

    left: int
    top: int
    width: int
    height: int
    score: float = float("nan")


def centred_square(width: int, height: int) -> Box:
    """The largest centred square of an image: the crop that a min-resize leaves (paper 4.3)."""
    side = min(width, height)
    return Box((width - side) // 2, (height - side) // 2, side, side)


def with_margin(box: Box, margin: float, width: int, height: int) -> Box:
    """Widen a box on every side by a part of its longer side; it becomes a square inside the image.

    Near an edge the square is moved, not cut; it is only made smaller where the image itself is.
    """
    side = min(round(max(box.width, box.height) * (1 + 2 * margin)), width, height)
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    return Box(min(max(left, 0), width - side), min(max(top, 0), height - side), side, side, box.score)


Edges = tuple[float, float, float, float]
"""Left, upper, right and lower edge, in pixels."""


def about_centre(edges: Edges, fraction: float) -> Edges:
    """The edges of the centred part of a box whose sides are this fraction of the box's; they need not be whole."""
    left, top, right, bottom = edges
    across, down = (right - left) * (1 - fraction) / 2, (bottom - top) * (1 - fraction) / 2
    return left + across, top + down, right - across, bottom - down


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    across = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    down = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    shared = max(across, 0) * max(down, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def match_boxes(found: Sequence[Box], truth: Sequence[Box], threshold: float) -> int:
    """Count detections that are true: one-to-one pairs with at least this intersection over union, best first."""
    pairs = [(overlap(a, b), i, j) for i, a in enumerate(found) for j, b in enumerate(truth)]
    used_found: set[int] = set()
    used_truth: set[int] = set()
    for shared, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if shared >= threshold and i not in used_found and j not in used_truth:
            used_found.add(i)
            used_truth.add(j)
    return len(used_found)
