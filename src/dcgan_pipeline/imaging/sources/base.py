"""What every source of images can do."""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.attributes import ClassAttributes, KnownAttributes
from dcgan_pipeline.imaging.sources.names import NO_LABEL as NO_LABEL  # a part of every source's interface
from dcgan_pipeline.imaging.sources.names import Classes, Names, folder_of
from dcgan_pipeline.imaging.sources.sieve import Reason, described, files_passed_over, has_losses

logger = logging.getLogger(__name__)
LabelsAndClasses = tuple[NDArray[np.int64], tuple[str, ...]]
"""Labels and classes, as the attributes of a source."""


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
    passed_over
        What the listing met and made no row of: a count a reason. Each file that it met is a row or is counted here.
    """

    location: str
    names: Names
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    limits: Limits
    passed_over: Mapping[Reason, int]
    has_folder_labels: bool = False
    """Whether the labels are the folders that the files lie in."""
    above: int = 0
    """Parts of each name above those folders: 1 for shards, whose names begin with the shard's."""

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

    def known_attributes(self) -> KnownAttributes:
        """Give what is known of the images: each class is a binary attribute, unless a source knows more."""
        return ClassAttributes(self.labels, self.classes)

    @property
    def files_passed_over(self) -> int:
        """How many files the listing met and made no rows of."""
        return files_passed_over(self.passed_over)

    def say_what_is_passed_over(self) -> None:
        """Log what the listing made no row of: a warning where a user may miss some of it."""
        if text := described(self.passed_over):
            level = logging.WARNING if has_losses(self.passed_over) else logging.INFO
            logger.log(level, "%s: %d files are listed; passed over: %s", self.location, len(self), text)

    def describe_rows(self, rows: Sequence[int] | NDArray[np.int64]) -> str:
        """Name the first and the last of some rows, for messages."""
        first, last = self.names[int(rows[0])], self.names[int(rows[-1])]
        return f"{len(rows)} images of {self.location}, {first} to {last}"

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            raise ImageError(f"file too large: {size} bytes, and max_bytes is {self.limits.max_bytes}")


class FileSource(ImageSource):
    """A source of files with names; the folder that a file lies in is its class, unless labels are given.

    Parameters
    ----------
    passed_over
        What the listing counted beside the names.
    labelled
        Labels and classes, where folders do not give them.
    above
        As the attribute.
    """

    def __init__(
        self,
        location: str,
        limits: Limits,
        names: Names,
        passed_over: Mapping[Reason, int] | None = None,
        labelled: LabelsAndClasses | None = None,
        above: int = 0,
    ) -> None:
        self.location, self.limits, self.names = location, limits, names
        self.passed_over: Counter[Reason] = Counter(passed_over or {})
        self.above = above
        if not len(names):
            beside = described(self.passed_over)
            raise InputError(
                f"a source must hold at least one file, and {location} holds none; check the path"
                f"{f' (passed over: {beside})' if beside else ''}"
            )
        self.has_folder_labels = labelled is None
        self.labels, self.classes = labelled or Classes(folder_of(name, above) for name in names).numbered()

    def _digest(self, *numbers: NDArray[Any]) -> str:
        digest = hashlib.sha256(self.names.digest())
        for array in numbers:
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
