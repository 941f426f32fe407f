"""ICC profiles of colour spaces that are given by numbers: primaries, a white and a curve.

Some files say what their colours are without a profile. A profile of the same meaning is made for them, so that there
is one way to sRGB. It has a matrix and a curve (ICC.1:2022, 8.3.3 and 10.18), and is never stored in a file.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curve = float | Sequence[float]
"""An exponent, or light of evenly spaced signals: both rise from 0 to 1."""
D65 = (0.3127, 0.3290)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1, as ICC's parameters g, a, b, c, d
_D50 = np.array([0.9642, 1.0, 0.8249])  # the white of all profiles
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])  # ICC, annex E


class Space(NamedTuple):
    """Chromaticities x and y."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float] = D65


SRGB = Space((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = Space((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_RGB = Space((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT_2020 = Space((0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
PROPHOTO = Space((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105), (0.345704, 0.358540))


def matrix_profile(space: Space, curve: Curve | None) -> bytes:
    """Return the profile of a space of three colours; None is the curve of sRGB.

    Raises
    ------
    ValueError
        Where the numbers give no space of colours.
    """
    try:
        colours = _to_d50(space)
        tags = {f"{name}XYZ".encode(): _xyz(colours[:, k]) for k, name in enumerate("rgb")}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))
    except (ZeroDivisionError, np.linalg.LinAlgError, struct.error) as error:
        raise ValueError(f"no space of colours: {error}") from None
    return _profile({b"wtpt": _xyz(_D50)} | tags)


def _to_d50(space: Space) -> NDArray[np.float64]:
    """XYZ of the three colours (columns), seen under D50 (Bradford's adaptation)."""
    primaries = np.array([_of_chromaticity(point) for point in space[:3]]).T
    white = _of_chromaticity(space.white)
    scaled = primaries * np.linalg.solve(primaries, white)
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.solve(_BRADFORD, gains[:, None] * (_BRADFORD @ scaled)))


def _of_chromaticity(point: tuple[float, float]) -> NDArray[np.float64]:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(curve: Curve | None) -> bytes:
    if curve is None:
        return b"para\0\0\0\0\0\3\0\0" + struct.pack(">5i", *(round(value * 65536) for value in SRGB_CURVE))
    if isinstance(curve, Sequence):
        levels = [round(min(max(light, 0.0), 1.0) * 65535) for light in curve]
        return b"curv\0\0\0\0" + struct.pack(f">I{len(levels)}H", len(levels), *levels)
    return b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", round(curve * 65536))


def _profile(tags: dict[bytes, bytes]) -> bytes:
    at = 132 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", at + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    size = at + len(content)
    header = struct.pack(">I4xI4s4s4s12x4s", size, 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    header = header.ljust(68, b"\0") + struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return header.ljust(128, b"\0") + table + content
