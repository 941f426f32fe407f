"""Rooms as a source of images: any number of them, drawn when they are read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.scenes.attributes import (
    CLASSES,
    KINDS,
    NAMES,
    OBJECTS,
    attributes_of,
    class_numbers,
    room_of,
)
from dcgan_pipeline.imaging.scenes.canvas import FINE
from dcgan_pipeline.imaging.scenes.room import draw_room, map_room
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageSource
from dcgan_pipeline.imaging.sources.attributes import KnownAttributes, Rows
from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.sieve import Reason

SCHEME = "scenes://"
_DRAWN_AS = 1  # raise it where rooms are drawn otherwise: images made before are others
_MOST = 10**12


class ScenesSource(ImageSource):
    """Drawn rooms of 128 x 128; nothing is held but their number and their seed."""

    def __init__(self, location: str, count: int, seed: int, limits: Limits) -> None:
        self.location, self.limits = location, limits
        self.count, self.seed = count, seed
        self.names = _RoomNames(count)
        self.classes = CLASSES
        self.passed_over: Mapping[Reason, int] = {}

    @property
    def labels(self) -> NDArray[np.int64]:  # type: ignore[override]
        """The furniture of every room, drawn anew at each call: a hundred million labels are a gigabyte."""
        return class_numbers(self.seed, np.arange(self.count))

    def read(self, row: int) -> NDArray[np.uint8]:
        """Draw a room, uint8 (128, 128, 3)."""
        return draw_room(room_of(self.seed, row)).picture

    def fingerprint(self) -> str:
        """Digest of what the rooms are drawn by."""
        return hashlib.sha256(f"{SCHEME}{_DRAWN_AS}/{self.count}/{self.seed}".encode()).hexdigest()

    def known_attributes(self) -> KnownAttributes:
        """Everything, exactly."""
        return RoomAttributes(self.seed)


class RoomAttributes(KnownAttributes):
    """What is in a room, as it was drawn."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.names, self.kinds, self.objects, self.map_scale = NAMES, KINDS, OBJECTS, FINE

    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Give them."""
        return attributes_of(self._seed, rows)

    def object_map(self, row: int) -> NDArray[np.uint8]:
        """Paint the room again, for its map."""
        return map_room(room_of(self._seed, row))


class _RoomNames(Names):
    """Numbers of rooms, made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def encoded(self, row: int) -> bytes:
        if not -self._count <= row < self._count:
            raise IndexError(row)
        return b"%06d" % (row % self._count)

    def contain(self, pattern: bytes) -> bool:
        return re.search(pattern, self.encoded(0)) is not None  # they differ by their digits alone

    def rows_of_file(self, name: str) -> list[int]:
        return [int(name)] if name.isdecimal() and int(name) < self._count and self[int(name)] == name else []

    def digest(self) -> bytes:
        return hashlib.sha256(b"%d rooms" % self._count).digest()


def open_scenes(location: str, limits: Limits) -> ScenesSource:
    """Open ``scenes://<count>`` or ``scenes://<count>/<seed>``.

    Raises
    ------
    InputError
        Where it says something else.
    """
    found = re.fullmatch(r"([1-9][0-9]*)(?:/([0-9]+))?", location.removeprefix(SCHEME), re.ASCII)
    count, seed = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if not 0 < count <= _MOST or seed >= 2**63:
        raise InputError(
            f"drawn rooms must be {SCHEME}<count> or {SCHEME}<count>/<seed>, such as {SCHEME}10000/1, got {location}; "
            "correct it"
        )
    return ScenesSource(location, count, seed, limits)
