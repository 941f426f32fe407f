"""What every source of images can do."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.names import NO_LABEL as NO_LABEL  # a part of every source's interface
from dcgan_pipeline.imaging.sources.names import Classes, Names, folder_of


class ImageError(ValueError):
    """One image cannot be used; the text is the reason, for the table of rejected images."""


class ImageSource(ABC):
    """Base of the sources.

    Attributes
    ----------
    location
        What the user called it.
    names
        One a row, as the source calls its images.
    labels
        int64 of shape (rows,); an index into ``classes``, or -1 where there are none.
    classes
        Names of the classes, sorted; empty where there are fewer than two.
    limits
        What a file may ask of this machine.
    """

    location: str
    names: Names
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    limits: Limits

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def read(self, row: int) -> bytes | NDArray[np.uint8]:
        """Return an image's file, or its pixels of shape (H, W) or (H, W, 3) where it has none.

        Raises
        ------
        ImageError
            Where it cannot be read.
        InputError
            Where the whole source can no longer be reached.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hexadecimal digest that changes when the images do, without reading them."""

    def describe_rows(self, rows: Sequence[int] | NDArray[np.int64]) -> str:
        """Name the first and the last of some rows, for messages."""
        first, last = self.names[int(rows[0])], self.names[int(rows[-1])]
        return f"{len(rows)} images of {self.location}, {first} to {last}"

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            raise ImageError(f"file too large: {size} bytes, and max_bytes is {self.limits.max_bytes}")


class FileSource(ImageSource):
    """A source of files with names; the folder that a file lies in is its class, unless labels are given."""

    def __init__(
        self,
        location: str,
        limits: Limits,
        names: Names,
        labelled: tuple[NDArray[np.int64], tuple[str, ...]] | None = None,
    ) -> None:
        if not len(names):
            raise InputError(f"a source must hold at least one file, and {location} holds none; check the path")
        self.location, self.limits, self.names = location, limits, names
        self.labels, self.classes = labelled or Classes(folder_of(name) for name in names).numbered()

    def _digest(self, *numbers: NDArray[Any]) -> str:
        digest = hashlib.sha256(self.names.digest())
        for array in numbers:
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
