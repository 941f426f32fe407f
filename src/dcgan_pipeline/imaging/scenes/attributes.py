"""What is in a room: drawn at random, each attribute by itself, so that none tells of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.imaging.sources.attributes import Kind
from dcgan_pipeline.randomness import derived_seed

BINARY = ("window", "lamp", "bed", "door", "glasses", "smiling")
CONTINUOUS = ("light", "pose")
NAMES = (*BINARY, *CONTINUOUS)
KINDS: tuple[Kind, ...] = tuple("binary" if name in BINARY else "continuous" for name in NAMES)
OBJECTS = ("window", "lamp", "bed", "door", "portrait")
CLASSES = ("bed", "bed and lamp", "lamp", "neither")


@dataclass(frozen=True)
class Room:
    """A room: what is in it, and the random numbers that say how it looks.

    Each part of a room looks as its own stream of (seed, row) says. A copy with another attribute
    (``dataclasses.replace``) is the same room but for that.
    """

    seed: int
    row: int
    window: bool
    lamp: bool
    bed: bool
    door: bool
    glasses: bool
    smiling: bool
    light: float
    """Where the light comes from: -1 from the left, 1 from the right."""
    pose: float
    """Where the face on the wall is turned: -1 to the left of the picture, 1 to the right."""


def attributes_of(seed: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Draw the attributes of some rooms, float32 (n, 8): each binary one is there in half of the rooms, and each
    continuous one is uniform in [-1, 1].
    """
    return np.stack([_attribute(seed, rows, k) for k in range(len(NAMES))], 1)


def room_of(seed: int, row: int) -> Room:
    """Give a room by its number."""
    values = attributes_of(seed, np.array([row]))[0].tolist()
    there = [bool(value) for value in values[: len(BINARY)]]
    return Room(seed, row, *there, *values[len(BINARY) :])


def class_numbers(seed: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the classes of some rooms, by their furniture: int64 (n,), an index into ``CLASSES``."""
    bed, lamp = (_attribute(seed, rows, NAMES.index(name)) > 0 for name in ("bed", "lamp"))
    return np.where(bed, np.where(lamp, 1, 0), np.where(lamp, 2, 3)).astype(np.int64)


def _attribute(seed: int, rows: NDArray[np.int64], k: int) -> NDArray[np.float32]:
    uniform = _uniform(derived_seed(seed, "rooms", NAMES[k]), rows)
    return ((uniform < 0.5) if k < len(BINARY) else 2 * uniform - 1).astype(np.float32)


def _uniform(seed: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw a number in [0, 1) a row, whatever the other rows: SplitMix64 (Steele et al. 2014) of a counter."""
    x = np.uint64(seed) + rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
