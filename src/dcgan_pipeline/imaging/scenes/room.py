"""A room: walls, floor and ceiling in perspective, what hangs on the wall and stands on the floor, and light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.imaging.scenes import furniture
from dcgan_pipeline.imaging.scenes.attributes import OBJECTS, Room
from dcgan_pipeline.imaging.scenes.canvas import SIDE, Canvas, Colour, Point, colour_of, lighter
from dcgan_pipeline.imaging.scenes.portrait import draw_portrait
from dcgan_pipeline.randomness import numpy_stream

_BEYOND = 6.0  # how far lines in perspective go on beyond the back wall: out of the picture
_GLOW = 0.2  # radius of a lamp's light


class Drawing(NamedTuple):
    """A picture, uint8 (SIDE, SIDE, 3), and the map of its objects, uint8 (FINE * SIDE, FINE * SIDE)."""

    picture: NDArray[np.uint8]
    objects: NDArray[np.uint8]


@dataclass(frozen=True)
class Shell:
    """The back wall, and the point that lines into the depth run to."""

    left: float
    right: float
    top: float
    floor: float
    vanishing: Point
    wall: Colour

    def outwards(self, x: float, y: float, times: float = _BEYOND) -> Point:
        """Go on along the line from the vanishing point through a point of the back wall."""
        across, down = self.vanishing
        return across + (x - across) * times, down + (y - down) * times


def draw_room(room: Room) -> Drawing:
    """Draw a room.

    What stands in front hides what is behind it, in the picture as in the map. The portrait is always there.
    """
    canvas, lamp = _painted(room)
    return Drawing(_lit(canvas.picture(), room, lamp), canvas.objects)


def map_room(room: Room) -> NDArray[np.uint8]:
    """Give the map of a room's objects alone, as :func:`draw_room` does."""
    return _painted(room)[0].objects


def _painted(room: Room) -> tuple[Canvas, Point | None]:
    """Paint a room as it is in even light, and tell where its lamp is."""
    canvas, shell = Canvas(), _shell(room)
    _draw_shell(canvas, shell, room)
    shift = -0.03 * room.light  # of shadows, away from the light
    places = {name: (*place, shell.top, shell.floor) for name, place in _places(room, shell).items()}

    def begin(name: str) -> np.random.Generator:
        canvas.brush = OBJECTS.index(name) + 1
        return numpy_stream(room.seed, "rooms", room.row, name)

    if room.window:
        furniture.draw_window(canvas, begin("window"), places["window"], shift)
    if room.door:
        furniture.draw_door(canvas, begin("door"), places["door"], shift)
    draw_portrait(canvas, room, begin("portrait"), places["portrait"], shift)
    lamp = furniture.draw_lamp(canvas, begin("lamp"), shell.top, shift) if room.lamp else None
    if room.bed:
        furniture.draw_bed(canvas, begin("bed"), shell.vanishing, shift)
    return canvas, lamp


def _shell(room: Room) -> Shell:
    rng = numpy_stream(room.seed, "rooms", room.row, "shell")
    left, right = rng.uniform(0.03, 0.1), 1 - rng.uniform(0.03, 0.1)
    top, floor = rng.uniform(0.04, 0.09), rng.uniform(0.68, 0.76)
    vanishing = rng.uniform(0.4, 0.6), rng.uniform(0.35, 0.5)
    wall = colour_of(rng.uniform(), rng.uniform(0.08, 0.45), rng.uniform(0.55, 0.8))
    return Shell(left, right, top, floor, vanishing, wall)


def _draw_shell(canvas: Canvas, shell: Shell, room: Room) -> None:
    rng = numpy_stream(room.seed, "rooms", room.row, "surfaces")
    ceiling = colour_of(rng.uniform(), rng.uniform(0, 0.06), rng.uniform(0.7, 0.85))
    hue = rng.uniform(0.04, 0.12) if rng.uniform() < 0.7 else rng.uniform()
    floor = colour_of(hue, rng.uniform(0.15, 0.6), rng.uniform(0.3, 0.65))
    left, right, top, bottom = shell.left, shell.right, shell.top, shell.floor
    out = shell.outwards
    canvas.box(0, 0, 1, 1, shell.wall)
    canvas.polygon([(left, top), (right, top), out(right, top), out(left, top)], ceiling)
    canvas.polygon([(left, bottom), (right, bottom), out(right, bottom), out(left, bottom)], floor)
    # A side wall faces the light of the other side.
    for x, facing in ((left, room.light), (right, -room.light)):
        side = lighter(shell.wall, 0.86 + 0.14 * facing)
        canvas.polygon([(x, top), (x, bottom), out(x, bottom), out(x, top)], side)
    _draw_wallpaper(canvas, shell, rng)
    _draw_floor(canvas, shell, floor, rng)
    skirting = lighter(shell.wall, rng.uniform(0.6, 1.3))
    canvas.box(left, bottom - 0.015, right, bottom, skirting)


def _draw_wallpaper(canvas: Canvas, shell: Shell, rng: np.random.Generator) -> None:
    pattern, tone, step = rng.uniform(), lighter(shell.wall, rng.uniform(0.85, 1.12)), rng.uniform(0.05, 0.1)
    if pattern < 0.25:  # stripes
        for x in np.arange(shell.left + step / 2, shell.right - step / 2, step).tolist():
            canvas.box(x, shell.top, x + step / 2, shell.floor, tone)
    elif pattern < 0.45:  # a panel along the lower part
        canvas.box(shell.left, shell.floor - rng.uniform(0.15, 0.25), shell.right, shell.floor, tone)


def _draw_floor(canvas: Canvas, shell: Shell, floor: Colour, rng: np.random.Generator) -> None:
    pattern, joint, step = rng.uniform(), lighter(floor, rng.uniform(0.7, 0.85)), rng.uniform(0.07, 0.14)
    if pattern < 0.5:  # boards
        for x in np.arange(shell.left, shell.right, step).tolist():
            canvas.line([(x, shell.floor), shell.outwards(x, shell.floor, 4)], 0.006, joint)
    if pattern < 0.2:  # tiles
        for times in (1.1, 1.25, 1.5, 1.9):
            y = shell.outwards(0, shell.floor, times)[1]
            canvas.line([(0, y), (1, y)], 0.006, joint)
    there, x, y = rng.uniform() < 0.4, rng.uniform(0.25, 0.75), rng.uniform(0.86, 0.94)
    rug = colour_of(rng.uniform(), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.75))
    if there:
        canvas.ellipse(x, y, 0.27, 0.07, rug)
        canvas.ellipse(x, y, 0.2, 0.045, lighter(rug, 1.2))


def _places(room: Room, shell: Shell) -> dict[str, tuple[float, float]]:
    """Left and right of what hangs on the back wall and of the door, side by side in a random order.

    All three have a place, be they there or not, so that no place tells which of them are.
    """
    rng = numpy_stream(room.seed, "rooms", room.row, "places")
    names = [("window", "door", "portrait")[k] for k in rng.permutation(3)]
    widths = {"window": rng.uniform(0.16, 0.22), "door": rng.uniform(0.13, 0.16), "portrait": rng.uniform(0.32, 0.38)}
    whole = shell.right - shell.left
    factor = min(1.0, 0.95 * whole / sum(widths.values()))
    gaps = _shares(rng, 4) * (whole - factor * sum(widths.values()))
    places, x = {}, shell.left
    for name, gap in zip(names, gaps.tolist(), strict=False):
        left = x + gap
        x = left + factor * widths[name]
        places[name] = left, x
    return places


def _shares(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    parts = rng.uniform(0.2, 1, count)
    return parts / parts.sum()


def _lit(picture: NDArray[np.float32], room: Room, lamp: Sequence[float] | None) -> NDArray[np.uint8]:
    """Light falls off across the room, and a lamp adds a warm glow around itself."""
    rng = numpy_stream(room.seed, "rooms", room.row, "light")
    middle = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    across = 1 + 0.42 * np.float32(room.light) * (2 * middle - 1)  # (SIDE,)
    warmth = np.float32(rng.uniform(-0.04, 0.04))
    tint = np.float32(rng.uniform(0.92, 1.08)) * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    lit = picture * across[None, :, None] * tint
    if lamp is not None:
        x, y = lamp
        distance = ((middle[None, :] - x) ** 2 + (middle[:, None] - y) ** 2) / _GLOW**2
        lit += np.exp(-distance)[:, :, None] * np.array([60, 48, 24], np.float32)
    return lit.round().clip(0, 255).astype(np.uint8)
