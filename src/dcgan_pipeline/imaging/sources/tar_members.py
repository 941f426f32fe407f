"""The members of a tar: where they lie, and the texts of those that are labels."""

from __future__ import annotations

import tarfile
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO, NamedTuple

from dcgan_pipeline.imaging.sources.sieve import BEHIND_THE_END, DEVICES, LINKS, Sieve
from dcgan_pipeline.imaging.sources.tar_samples import LABEL

SPARSE = -1  # in place of a size: the bytes do not lie together
_LONGEST_LABEL = 1024  # bytes
_CHUNK = 2**20  # bytes, a multiple of a tar's blocks


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

    Tars that were joined byte by byte (``cat a.tar b.tar``) are read to the last, which tarfile does not do.

    Raises
    ------
    tarfile.ReadError
        Where the tar is broken, cut short or compressed.
    """
    start: int | None = 0
    while start is not None:
        end = yield from _members_of(file, start, sieve)
        start = _next_tar(file, end, sieve)


def _members_of(file: BinaryIO, start: int, sieve: Sieve) -> Generator[Member, None, int]:
    """List one tar; returns where its end is marked."""
    archive: Any  # what it keeps is no part of its declared types
    file.seek(start)
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
        return int(archive.offset)


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


def _next_tar(file: BinaryIO, end: int, sieve: Sieve) -> int | None:
    """Find the tar that begins behind the zeros at the end of another; None where there is none."""
    file.seek(end)
    while data := file.read(_CHUNK):
        if rest := data.lstrip(b"\0"):
            at = len(data) - len(rest)
            at -= at % tarfile.BLOCKSIZE
            try:
                tarfile.TarInfo.frombuf(data[at : at + tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
            except tarfile.HeaderError:
                sieve.passed_over[BEHIND_THE_END] += 1
                return None
            return end + at
        end += len(data)
    return None


def _read_label(file: BinaryIO, info: tarfile.TarInfo) -> str | None:
    if not 0 < info.size <= _LONGEST_LABEL:
        return None
    file.seek(info.offset_data)
    try:
        return file.read(info.size).decode("utf-8-sig").strip() or None
    except UnicodeDecodeError:
        return None
