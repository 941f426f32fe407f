"""Images that are pixels already, and some rows of another source."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.attributes import ClassAttributes, KnownAttributes, SubsetAttributes
from dcgan_pipeline.imaging.sources.base import ImageSource, LabelsAndClasses
from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.sieve import Reason


class ArraySource(ImageSource):
    """Images that are already pixels: uint8 of shape (N, H, W) or (N, H, W, 3)."""

    def __init__(
        self,
        location: str,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        classes: Sequence[str],
        limits: Limits,
    ) -> None:
        self.location, self.limits = location, limits
        self.images, self.labels, self.classes = images, labels.astype(np.int64), tuple(classes)
        self.names = Names(f"{k:06d}" for k in range(len(images)))
        self.passed_over: Mapping[Reason, int] = {}

    def read(self, row: int) -> NDArray[np.uint8]:
        """Return the pixels, of shape (H, W) or (H, W, 3)."""
        return self.images[row]

    def fingerprint(self) -> str:
        """Digest of the pixels themselves."""
        return hashlib.sha256(np.ascontiguousarray(self.images).tobytes()).hexdigest()


class SubsetSource(ImageSource):
    """Some rows of another source.

    Parameters
    ----------
    passed_over
        What the other rows count as, beside what the other source passed over; None where they are of no account.
    labelled
        Labels of the rows, and classes, where they are other than the other source's.
    """

    def __init__(
        self,
        source: ImageSource,
        rows: NDArray[np.int64],
        passed_over: Mapping[Reason, int] | None = None,
        labelled: LabelsAndClasses | None = None,
    ) -> None:
        self.source, self.rows = source, rows
        self.location, self.limits = source.location, source.limits
        self.names = Names(source.names.encoded(int(row)) for row in rows)
        self.labels, self.classes = labelled or (source.labels[rows], source.classes)
        self.above = source.above
        self.passed_over = Counter(source.passed_over) + Counter(passed_over or {})

    def read(self, row: int) -> bytes | NDArray[np.uint8]:
        """Read the row of the other source."""
        return self.source.read(int(self.rows[row]))

    def fingerprint(self) -> str:
        """Digest of the other source and the rows."""
        return hashlib.sha256(self.source.fingerprint().encode() + self.rows.tobytes()).hexdigest()

    def known_attributes(self) -> KnownAttributes:
        """Ask the other source, unless it knows classes alone: those of the rows may be others."""
        known = self.source.known_attributes()
        if isinstance(known, ClassAttributes):
            return super().known_attributes()
        return SubsetAttributes(known, self.rows)
