"""Window, door, lamp and bed, each by random numbers of its own."""

from __future__ import annotations

import numpy as np

from dcgan_pipeline.imaging.scenes.canvas import Canvas, Colour, Point, arc, colour_of, lighter

Space = tuple[float, float, float, float]
"""Left and right of what is drawn, and top and bottom of the wall that it is on."""


def draw_window(canvas: Canvas, rng: np.random.Generator, space: Space, shift: float) -> None:
    """Draw a window with panes and a view, and sometimes curtains."""
    left, right, ceiling, floor = space
    top = ceiling + rng.uniform(0.08, 0.2)
    bottom = min(top + (right - left) * rng.uniform(1.0, 1.7), floor - 0.12)
    frame = _wood_or_white(rng)
    cast(canvas, (left, top, right, bottom), shift)
    canvas.box(left, top, right, bottom, frame)
    edge = 0.018
    inside = left + edge, top + edge, right - edge, bottom - edge
    _draw_view(canvas, rng, inside)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    for k in range(1, columns):
        x = inside[0] + (inside[2] - inside[0]) * k / columns
        canvas.box(x - 0.006, top, x + 0.006, bottom, frame)
    for k in range(1, rows):
        y = inside[1] + (inside[3] - inside[1]) * k / rows
        canvas.box(left, y - 0.006, right, y + 0.006, frame)
    canvas.box(left - 0.012, bottom, right + 0.012, bottom + 0.018, lighter(frame, 0.9))  # the sill
    curtains, wide = rng.uniform() < 0.4, (right - left) * rng.uniform(0.15, 0.28)
    cloth = colour_of(rng.uniform(), rng.uniform(0.2, 0.7), rng.uniform(0.5, 0.9))
    if curtains:
        for x, side in ((left - 0.01, 1), (right + 0.01, -1)):
            canvas.polygon(
                [(x, top - 0.015), (x + side * wide, top - 0.015), (x + side * wide * 0.7, bottom), (x, bottom + 0.01)],
                cloth,
            )


def _draw_view(canvas: Canvas, rng: np.random.Generator, inside: Space) -> None:
    """Sky by day, at dusk or at night; hills or a sea; a sun or a moon."""
    left, top, right, bottom = inside
    hour = rng.uniform()
    if hour < 0.6:
        sky = colour_of(rng.uniform(0.53, 0.6), rng.uniform(0.15, 0.5), rng.uniform(0.85, 1))
    elif hour < 0.8:
        sky = colour_of(rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.6), rng.uniform(0.85, 1))
    else:
        sky = colour_of(rng.uniform(0.6, 0.7), rng.uniform(0.5, 0.8), rng.uniform(0.15, 0.35))
    canvas.box(left, top, right, bottom, sky)
    wide, high = right - left, bottom - top
    x, y, disc = left + wide * rng.uniform(0.25, 0.75), top + high * rng.uniform(0.2, 0.4), rng.uniform() < 0.4
    if disc:
        canvas.ellipse(x, y, 0.022, 0.022, (255, 244, 200))
    horizon = bottom - high * rng.uniform(0.2, 0.45)
    ground = colour_of(rng.uniform(0.22, 0.4), rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.6))
    if rng.uniform() < 0.3:
        ground = colour_of(rng.uniform(0.5, 0.6), rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.6))
        canvas.box(left, horizon, right, bottom, ground)
        return
    lift = high * rng.uniform(0.02, 0.12, 2)
    hills = [(left, horizon - lift[0]), (left + wide * 0.35, horizon), (left + wide * 0.7, horizon - lift[1])]
    canvas.polygon([(left, bottom), *hills, (right, horizon), (right, bottom)], ground)


def draw_door(canvas: Canvas, rng: np.random.Generator, space: Space, shift: float) -> None:
    """Draw a door with panels and a knob."""
    left, right, ceiling, floor = space
    top = max(ceiling + 0.06, floor - (right - left) * rng.uniform(2.5, 3.3))
    leaf = _wood_or_white(rng) if rng.uniform() < 0.6 else colour_of(rng.uniform(), 0.5, rng.uniform(0.35, 0.7))
    cast(canvas, (left, top, right, floor), shift)
    canvas.box(left, top, right, floor, lighter(leaf, rng.uniform(0.65, 0.85)))
    edge = 0.012
    left, top, right = left + edge, top + edge, right - edge
    canvas.box(left, top, right, floor, leaf)
    columns, rows, tone = int(rng.integers(1, 3)), int(rng.integers(2, 4)), lighter(leaf, rng.uniform(0.72, 0.88))
    wide, high = (right - left) / columns, (floor - top) / rows
    for across in range(columns):
        for down in range(rows):
            x, y = left + across * wide, top + down * high
            canvas.box(x + 0.2 * wide, y + 0.15 * high, x + 0.8 * wide, y + 0.85 * high, tone)
    knob = left + 0.018 if rng.uniform() < 0.5 else right - 0.018
    canvas.ellipse(knob, top + (floor - top) * 0.55, 0.011, 0.011, (225, 190, 90))


def draw_lamp(canvas: Canvas, rng: np.random.Generator, ceiling: float, shift: float) -> Point:
    """Draw a lamp that stands at a side or hangs from the ceiling, and tell where its light is."""
    hangs, on_left = rng.uniform() < 0.35, rng.uniform() < 0.5
    metal = colour_of(rng.uniform(0.05, 0.15), rng.uniform(0, 0.5), rng.uniform(0.15, 0.5))
    shade = colour_of(rng.uniform(0, 0.17), rng.uniform(0.15, 0.6), rng.uniform(0.9, 1))
    wide, high, narrow = rng.uniform(0.055, 0.085), rng.uniform(0.08, 0.12), rng.uniform(0.35, 0.8)
    if hangs:
        x, y = rng.uniform(0.2, 0.8), ceiling + rng.uniform(0.02, 0.06)
        canvas.line([(x, -0.02), (x, y)], 0.008, metal)
        high *= 0.75
    else:
        x, y = rng.uniform(0.06, 0.13), rng.uniform(0.28, 0.45)
        x = x if on_left else 1 - x
        foot = rng.uniform(0.78, 0.86)
        canvas.shadow(arc(x + 2 * shift, foot, 0.07, 0.018, 0, 360), 0.3)
        canvas.line([(x, y), (x, foot)], 0.016, metal)
        canvas.ellipse(x, foot, 0.05, 0.014, metal)
    canvas.polygon(
        [(x - wide * narrow, y), (x + wide * narrow, y), (x + wide, y + high), (x - wide, y + high)],
        shade,
    )
    return x, y + high / 2


def draw_bed(canvas: Canvas, rng: np.random.Generator, vanishing: Point, shift: float) -> None:
    """Draw a bed along the left or the right of the floor, its head at either end."""
    long, deep, high = rng.uniform(0.42, 0.55), rng.uniform(0.09, 0.13), rng.uniform(0.06, 0.09)
    on_left, inset, front = rng.uniform() < 0.5, rng.uniform(-0.02, 0.12), rng.uniform(0.84, 0.9)
    left = inset if on_left else 1 - inset - long
    right, back = left + long, front - deep
    frame = colour_of(rng.uniform(0.03, 0.12), rng.uniform(0.2, 0.65), rng.uniform(0.25, 0.65))
    blanket = colour_of(rng.uniform(), rng.uniform(0.3, 0.8), rng.uniform(0.45, 0.85))
    sheet = colour_of(rng.uniform(), rng.uniform(0, 0.1), rng.uniform(0.85, 0.95))

    def behind(x: float) -> float:  # lines into the depth run together
        return x + (vanishing[0] - x) * 0.18

    base = front + high
    canvas.shadow(
        [(left, base), (right, base), (right + 2 * shift, base + 0.04), (left + 2 * shift, base + 0.04)], 0.35
    )
    head_left = rng.uniform() < 0.5
    head, foot = (left, right) if head_left else (right, left)
    board, thick = rng.uniform(0.06, 0.13), 0.014
    sides = [head - thick, head + thick]
    near = [(x, y) for x in sides for y in (base, front - board)]
    far = [(behind(x), y) for x in sides for y in (back + high, back - board)]
    canvas.hull([*near, *far], frame)
    canvas.box(left, front, right, base, frame)
    top = [(left, front), (right, front), (behind(right), back), (behind(left), back)]
    canvas.polygon(top, sheet)
    share = rng.uniform(0.55, 0.72)  # of the bed, that the blanket covers from the foot
    middle = foot + (head - foot) * share
    canvas.polygon([(foot, front), (middle, front), (behind(middle), back), (behind(foot), back)], blanket)
    canvas.polygon([(foot, front), (middle, front), (middle, base - 0.02), (foot, base - 0.02)], lighter(blanket, 0.8))
    stripes, tone = rng.uniform() < 0.35, lighter(blanket, rng.uniform(0.6, 1.4))
    if stripes:
        for part in (0.25, 0.5, 0.75):
            x = foot + (middle - foot) * part
            canvas.line([(x, base - 0.02), (x, front), (behind(x), back)], 0.014, tone)
    pillow = head + (foot - head) * 0.14
    canvas.ellipse(behind(pillow) * 0.5 + pillow * 0.5, (front + back) / 2 - 0.012, 0.055, deep * 0.34, (250, 248, 242))
    canvas.box(head - thick, front - board, head + thick, base + 0.01, lighter(frame, 0.85))
    canvas.box(foot - thick, front - board * 0.3, foot + thick, base + 0.01, lighter(frame, 0.85))


def _wood_or_white(rng: np.random.Generator) -> Colour:
    white, value = rng.uniform() < 0.5, rng.uniform()
    wood = colour_of(rng.uniform(0.04, 0.1), rng.uniform(0.4, 0.7), 0.3 + 0.35 * value)
    return colour_of(0.1, 0.05, 0.8 + 0.15 * value) if white else wood


def cast(canvas: Canvas, box: Space, shift: float) -> None:
    """Draw the shadow of something flat on the wall."""
    left, top, right, bottom = box
    left, right, top, bottom = left + shift, right + shift, top + 0.012, bottom + 0.012
    canvas.shadow([(left, top), (right, top), (right, bottom), (left, bottom)], 0.25)
