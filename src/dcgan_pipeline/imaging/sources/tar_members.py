"""The members of a tar: where they lie, and the texts of those that are labels."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from dcgan_pipeline.imaging.sources.sieve import DEVICES, LINKS, Sieve
from dcgan_pipeline.imaging.sources.tar_samples import LABEL

SPARSE = -1  # in place of a size: the bytes do not lie together
_LONGEST_LABEL = 1024  # bytes


class Member(NamedTuple):
    """A file of a tar."""

    name: str
    offset: int
    size: int
    time: int
    label: str | None = None
    """The text of a ``.cls``; None where it has none that can be used."""
    link: str | None = None
    """For a hard link, the member that holds the bytes."""


def read_members(file: BinaryIO, sieve: Sieve) -> Iterator[Member]:
    """List the files of an uncompressed tar that a sieve keeps; hard links too, others are counted.

    Raises
    ------
    tarfile.ReadError
        Where the tar is broken, cut short or compressed.
    """
    archive: Any  # what it keeps is no part of its declared types
    with tarfile.open(fileobj=file, mode="r:") as archive:
        reached = -1
        while (info := archive.next()) is not None:
            archive.members.clear()  # or it keeps an object of a kilobyte for each
            if archive.offset <= reached:
                raise tarfile.ReadError(f"a header at byte {info.offset} that leads back")
            reached = archive.offset
            if info.isdir() or not sieve.keeps(info.name):
                continue
            if info.isfile() or info.islnk():
                yield _member(file, info)
            else:
                sieve.passed_over[LINKS if info.issym() else DEVICES] += 1
        _check_end(file, archive.offset)


def _member(file: BinaryIO, info: tarfile.TarInfo) -> Member:
    place = (info.offset_data, SPARSE if info.issparse() else info.size, int(info.mtime))
    if info.islnk():  # tar stores a file that it has met before as a link to the first
        return Member(info.name, *place, link=info.linkname)
    return Member(info.name, *place, label=_read_label(file, info) if info.name.lower().endswith(LABEL) else None)


def _check_end(file: BinaryIO, offset: int) -> None:
    """Refuse a broken header, or none: tarfile ends its listing there, and says nothing."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if any(block):
        raise tarfile.ReadError(f"broken header at byte {offset}")
    if len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"cut short at byte {offset}: the empty block that ends a tar is missing")


def _read_label(file: BinaryIO, info: tarfile.TarInfo) -> str | None:
    if not 0 < info.size <= _LONGEST_LABEL:
        return None
    file.seek(info.offset_data)
    try:
        return file.read(info.size).decode().strip() or None
    except UnicodeDecodeError:
        return None
