"""A face in a frame: with or without glasses, smiling or not, turned to the left or to the right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dcgan_pipeline.imaging.scenes.attributes import Room
from dcgan_pipeline.imaging.scenes.canvas import Canvas, Colour, arc, colour_of, lighter
from dcgan_pipeline.imaging.scenes.furniture import Space, cast

_TURN = math.radians(48)  # of a head whose pose is 1


@dataclass(frozen=True)
class Head:
    """A head: its middle, its radii, and how far it is turned."""

    x: float
    y: float
    across: float
    down: float
    turn: float
    """Radians, to the right of the picture."""

    def at(self, longitude: float, height: float) -> tuple[float, float]:
        """Where a point of the turned head is: radians from the nose to the right, and parts of ``down`` upwards."""
        round_here = math.sqrt(max(0.0, 1 - height**2))
        return self.x + self.across * round_here * math.sin(longitude + self.turn), self.y - self.down * height

    def narrowed(self, longitude: float) -> float:
        """How wide something flat looks there, as a share."""
        return max(0.25, math.cos(longitude + self.turn))


def draw_portrait(canvas: Canvas, room: Room, rng: np.random.Generator, space: Space, shift: float) -> None:
    """Draw frame, ground, neck, head, and what the room's attributes say of the face."""
    left, right, ceiling, floor = space
    wide = right - left
    high = min(wide * rng.uniform(1.1, 1.25), floor - ceiling - 0.2)
    top = min(ceiling + rng.uniform(0.09, 0.17), floor - 0.08 - high)
    cast(canvas, (left, top, right, top + high), shift)
    gold, value = rng.uniform() < 0.4, rng.uniform(0.15, 0.75)
    frame = colour_of(0.12, 0.6, 0.5 + value / 2) if gold else colour_of(rng.uniform(0.03, 0.1), 0.5, value)
    canvas.box(left, top, right, top + high, frame)
    edge = 0.022
    left, top, right, bottom = left + edge, top + edge, right - edge, top + high - edge
    canvas.box(left, top, right, bottom, colour_of(rng.uniform(), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.8)))
    skin = colour_of(rng.uniform(0.03, 0.08), rng.uniform(0.25, 0.6), rng.uniform(0.45, 0.97))
    hair = colour_of(rng.uniform(0.03, 0.13), rng.uniform(0.1, 0.8), rng.uniform(0.08, 0.75))
    clothes = colour_of(rng.uniform(), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
    wide, high = right - left, bottom - top
    head = Head(
        (left + right) / 2 + wide * rng.uniform(-0.03, 0.03),
        top + high * rng.uniform(0.44, 0.49),
        wide * rng.uniform(0.35, 0.39),
        high * rng.uniform(0.36, 0.39),
        _TURN * room.pose,
    )
    shoulders = arc(head.x, bottom, wide * 0.46, high * 0.2, 180, 360)
    canvas.polygon(shoulders, clothes)
    canvas.box(
        head.x - 0.4 * head.across, head.y, head.x + 0.4 * head.across, bottom - high * 0.08, lighter(skin, 0.85)
    )
    _draw_hair_behind(canvas, rng, head, hair, bottom)
    _draw_head(canvas, head, skin, hair, rng)
    _draw_face(canvas, head, skin, hair, rng)
    rim = _rim(rng)
    if room.glasses:
        _draw_glasses(canvas, head, rim)
    _draw_mouth(canvas, head, room.smiling)


def _rim(rng: np.random.Generator) -> Colour:
    """Black, brown or dark red."""
    return ((15, 15, 20), (70, 35, 15), (110, 15, 25))[int(rng.integers(3))]


def _draw_hair_behind(canvas: Canvas, rng: np.random.Generator, head: Head, hair: Colour, bottom: float) -> None:
    """Long hair falls behind the head, and away from where it is turned."""
    long, length = rng.uniform() < 0.45, rng.uniform(0.7, 1.2)
    back = head.x - 0.35 * head.across * math.sin(head.turn)
    canvas.ellipse(back, head.y - 0.12 * head.down, 1.08 * head.across, head.down, hair)
    if long:
        low = min(head.y + length * head.down, bottom)
        canvas.box(back - 1.06 * head.across, head.y - 0.1 * head.down, back + 1.06 * head.across, low, hair)


def _draw_head(canvas: Canvas, head: Head, skin: Colour, hair: Colour, rng: np.random.Generator) -> None:
    for longitude in (-math.pi / 2, math.pi / 2):  # ears: the one that is turned away is hidden
        if abs(longitude + head.turn) < math.pi / 2 + 0.3:
            x, y = head.at(longitude, 0.02)
            canvas.ellipse(x, y, 0.16 * head.across, 0.17 * head.down, lighter(skin, 0.8))
    canvas.ellipse(head.x, head.y, 0.95 * head.across, head.down, skin)
    x, y = head.at(-math.copysign(math.pi / 2, head.turn), 0.02)  # the ear on the near side lies on the head
    if abs(head.turn) > 0.15:
        canvas.ellipse(x, y, 0.13 * head.across, 0.16 * head.down, lighter(skin, 0.8))
    line = rng.uniform(0.42, 0.62)  # of the hair, over the brow
    lean = 0.3 * math.sin(head.turn)
    low, beside = head.y - line * head.down, 0.97 * head.across * math.sqrt(1 - (line - 0.12) ** 2)
    cap = arc(head.x, head.y - 0.03 * head.down, 0.98 * head.across, 1.04 * head.down, 205, 335)
    canvas.polygon([*cap, (head.x + beside * (0.85 + lean), low), (head.x - beside * (0.85 - lean), low)], hair)


def _draw_face(canvas: Canvas, head: Head, skin: Colour, hair: Colour, rng: np.random.Generator) -> None:
    iris = colour_of(rng.uniform(0.05, 0.6), 0.6, rng.uniform(0.1, 0.4))
    for longitude in (-0.42, 0.42):
        x, y = head.at(longitude, 0.14)
        wide = head.across * head.narrowed(longitude)
        canvas.ellipse(x, y, 0.19 * wide, 0.1 * head.down, (245, 245, 240))
        canvas.ellipse(x + 0.05 * wide * math.sin(head.turn), y, 0.1 * wide, 0.095 * head.down, iris)
        brow = y - 0.19 * head.down
        canvas.line([(x - 0.2 * wide, brow), (x + 0.2 * wide, brow)], 0.007, lighter(hair, 0.7))
    bridge, tip = head.at(0, 0.1), head.at(0, -0.2)
    out = head.across * (0.1 * math.cos(head.turn) + 0.12 * abs(math.sin(head.turn)))
    nose = tip[0] + 0.22 * head.across * math.sin(head.turn)
    canvas.polygon([bridge, (nose + out, tip[1]), (nose - out, tip[1])], lighter(skin, 0.78))


def _draw_glasses(canvas: Canvas, head: Head, rim: Colour) -> None:
    thick = 0.011
    for longitude in (-0.42, 0.42):
        x, y = head.at(longitude, 0.13)
        wide = 0.36 * head.across * head.narrowed(longitude)
        canvas.line(arc(x, y, wide, 0.23 * head.down, 0, 360), thick, rim)
        side = math.copysign(1, longitude)
        end = head.at(side * math.pi / 2, 0.16)
        if abs(side * math.pi / 2 + head.turn) < math.pi / 2 + 0.2:  # the temple on the side that is seen
            canvas.line([(x + side * wide, y), end], thick, rim)
    canvas.line([head.at(-0.16, 0.16), head.at(0.16, 0.16)], thick, rim)


def _draw_mouth(canvas: Canvas, head: Head, smiling: bool) -> None:
    """A smile is wide, turned up and shows teeth; a mouth at rest is short and flat."""
    red = (150, 45, 50)
    if not smiling:
        low = -0.52
        canvas.line([head.at(-0.26, low), head.at(0, low + 0.02), head.at(0.26, low)], 0.011, red)
        return
    wide = np.linspace(-0.68, 0.68, 9)
    rise = (wide / 0.68) ** 2  # of the corners
    upper = [head.at(*point) for point in zip(wide.tolist(), (-0.44 + 0.1 * rise).tolist(), strict=True)]
    lower = [head.at(*point) for point in zip(wide[::-1].tolist(), (-0.8 + 0.46 * rise).tolist(), strict=True)]
    canvas.polygon([*upper, *lower], (252, 250, 245))
    canvas.line([*upper, *lower, upper[0]], 0.01, red)
