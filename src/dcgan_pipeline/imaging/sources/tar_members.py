"""The members of a tar: which of them are images, where they lie, and what their labels are."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from dcgan_pipeline.imaging.sources.names import is_hidden

SPARSE = -1  # in place of a size: the bytes do not lie together

# What the WebDataset convention puts beside an image of the same key.
_LABEL, _BESIDE = "cls", ("cls", "json", "txt")
_PICTURES = (
    "avif",
    "bmp",
    "gif",
    "img",
    "jp2",
    "jpeg",
    "jpg",
    "pbm",
    "pgm",
    "png",
    "ppm",
    "qoi",
    "tif",
    "tiff",
    "webp",
)
_LONGEST_LABEL = 1024  # bytes
_LARGEST_SAMPLE = 64  # members; more of one key are a pile of files whose names begin alike


class Member(NamedTuple):
    """A file of a tar."""

    name: str
    offset: int
    size: int
    time: int
    label: str | None = None
    """The text of the ``.cls`` beside it; None where there is none."""
    link: str | None = None
    """For a hard link, the member that holds the bytes."""


def read_members(file: BinaryIO) -> Iterator[Member]:
    """List the images of an uncompressed tar.

    Members that follow one another with one key, which is a name up to the first dot of its last part, are a sample
    (WebDataset). Where ``.cls``, ``.json`` or ``.txt`` are beside an image, the sample is that image, and the text of
    ``.cls`` is its label. All other files are taken for images, each by itself.

    Raises
    ------
    tarfile.ReadError
        Where the tar is broken, cut short or compressed.
    """
    sample: list[Member] = []
    for member in _files(file):
        if sample and (_key(member) != _key(sample[0]) or len(sample) == _LARGEST_SAMPLE):
            yield from _images_of(sample)
            sample = []
        sample.append(member)
    yield from _images_of(sample)


def _files(file: BinaryIO) -> Iterator[Member]:
    archive: Any  # what it keeps is no part of its declared types
    with tarfile.open(fileobj=file, mode="r:") as archive:
        reached = -1
        while (info := archive.next()) is not None:
            archive.members.clear()  # or it keeps an object of a kilobyte for each
            if archive.offset <= reached:
                raise tarfile.ReadError(f"a header at byte {info.offset} that leads back")
            reached = archive.offset
            if not (info.isfile() or info.islnk()) or is_hidden(info.name):
                continue
            size = SPARSE if info.issparse() else info.size
            place = (info.offset_data, size, int(info.mtime))
            if info.islnk():  # tar stores a file that it has met before as a link to the first
                yield Member(info.name, *place, link=info.linkname)
            elif _extension(info.name) == _LABEL:
                yield Member(info.name, *place, label=_read_label(file, info))
            else:
                yield Member(info.name, *place)
        _check_end(file, archive.offset)


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


def _images_of(sample: list[Member]) -> Iterator[Member]:
    images = [member for member in sample if _extension(member.name) not in _BESIDE]
    if not images or len(images) == len(sample):
        yield from (member._replace(label=None) for member in sample)
        return
    # A sample may hold more beside its image, such as a mask (.seg.png): the plain ending is the image's.
    image = next((member for member in images if _extension(member.name) in _PICTURES), images[0])
    yield image._replace(label=next((member.label for member in sample if member.label), None))


def _key(member: Member) -> str:
    folder, _, base = member.name.rpartition("/")
    return f"{folder}/{base.partition('.')[0]}"


def _extension(name: str) -> str:
    """What follows the first dot of the last part of a name."""
    return name.rpartition("/")[2].partition(".")[2].lower()
