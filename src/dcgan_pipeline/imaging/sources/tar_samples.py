"""Which members of a tar are images, and which are their companions (WebDataset's convention).

A member's key is its name up to the first dot of its last part. Members of one key, wherever they lie in the tar, are
a sample if one of them is a picture with a plain ending (``000.png``) and others are companions (``.cls``, ``.json``,
``.txt``): the picture is the row. Without a plain picture, each picture of the key is a row: ``cam1.000.png`` and
``cam1.001.png`` beside ``cam1.json`` are two. An image's label is the ``.cls`` of its name up to the last dot, else the
only other one of its key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.sieve import BAD_LABELS, COMPANIONS, OTHER_PICTURES, PICTURES, Reason

LABEL = ".cls"
COMPANION_ENDINGS = (LABEL, ".json", ".txt")
_LARGEST_SAMPLE = 64  # members; more of one key are a pile of files whose names begin alike
NONE = -1


@dataclass
class Samples:
    """What becomes of the members of a tar."""

    is_row: NDArray[np.bool_]
    """A value a member: whether it is listed as an image."""
    labels: NDArray[np.int64]
    """A value a member: the member that holds its label, or -1."""
    passed_over: Counter[Reason] = field(default_factory=Counter)

    def pass_over(self, member: int, reason: Reason) -> None:
        """Make no row of a member, and count it."""
        self.is_row[member] = False
        self.passed_over[reason] += 1


class _Member(NamedTuple):
    number: int
    stem: str
    """The name up to its last dot."""
    ending: str
    """What follows the first dot of the last part of its name."""

    @property
    def is_companion(self) -> bool:
        return f".{self.ending}".endswith(COMPANION_ENDINGS)

    @property
    def is_label(self) -> bool:
        return f".{self.ending}".endswith(LABEL)

    @property
    def is_plain(self) -> bool:
        return self.ending in PICTURES

    @property
    def is_numbered(self) -> bool:
        """``scan.000.png`` is one of many scans, as ``scan.mask.png`` is not."""
        return self.ending.partition(".")[0].isdigit()


def find_samples(names: Names) -> Samples:
    """Tell images from companions.

    Parameters
    ----------
    names
        Of all members of one tar.
    """
    found = Samples(np.ones(len(names), dtype=bool), np.full(len(names), NONE, dtype=np.int64))
    for members in _of_one_key(names):
        images = [member for member in members if not member.is_companion]
        if images and len(images) < len(members):
            _sort_out(images, [member for member in members if member.is_companion], found)
    return found


def _of_one_key(names: Names) -> Iterator[list[_Member]]:
    """Members of one key, where there are two or more; numbers and not objects stand for millions of keys."""
    keys = np.fromiter((hash(_key(names.encoded(k))) for k in range(len(names))), dtype=np.int64, count=len(names))
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if end - start > 1:
            yield [_member(number, names[number]) for number in order[start:end].tolist()]


def _key(name: bytes) -> bytes:
    folder, _, base = name.rpartition(b"/")
    return folder + b"/" + base.partition(b".")[0]


def _member(number: int, name: str) -> _Member:
    stem, dot, _ = name.rpartition(".")
    return _Member(number, stem if dot else name, name.rpartition("/")[2].partition(".")[2].lower())


def _sort_out(images: list[_Member], companions: list[_Member], found: Samples) -> None:
    """Choose the rows of one key, and their labels."""
    row = next((image for image in images if image.is_plain), None)
    if row and len(images) + len(companions) <= _LARGEST_SAMPLE:
        for image in images:
            # Two members of one name are two images, as everywhere.
            if not image.is_numbered and (image.stem, image.ending) != (row.stem, row.ending):
                is_picture = image.ending.rpartition(".")[2] in PICTURES
                found.pass_over(image.number, OTHER_PICTURES if is_picture else COMPANIONS)
        images = [image for image in images if found.is_row[image.number]]
    own = {member.stem: member.number for member in companions if member.is_label}  # of one name, the last
    stems = {image.stem for image in images}
    others = [number for stem, number in own.items() if stem not in stems]
    shared = others[0] if len(others) == 1 else NONE
    for image in images:
        found.labels[image.number] = own.get(image.stem, shared)
    unlabelled = any(found.labels[image.number] == NONE for image in images)
    for member in companions:
        no_use = unlabelled and member.number in others
        found.pass_over(member.number, BAD_LABELS if no_use else COMPANIONS)
