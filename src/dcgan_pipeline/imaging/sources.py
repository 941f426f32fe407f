"""Piles of images: a folder tree, a zip, a tar, or a set that a library carries.

A source lists its images once, in an order that does not depend on the machine, and reads one by its row. The listing
is compact (:class:`Names`), and a source can be pickled: it reopens its files where it is used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits

log = logging.getLogger(__name__)

NO_LABEL = -1


class ImageError(ValueError):
    """One image cannot be used; the text is the reason, for the table of rejected images."""


class Names(Sequence[str]):
    """A read-only list of strings in two buffers: ten million names without ten million objects.

    A file's name need not be valid text. Its stray bytes come out as ``\\xff``, so that every name can be stored and
    printed; :meth:`encoded` gives the bytes themselves.
    """

    def __init__(self, names: Iterable[str]) -> None:
        ends, blob = [0], bytearray()
        for name in names:
            blob += name.encode("utf-8", "surrogateescape")  # how Python carries stray bytes
            ends.append(len(blob))
        self._blob, self._ends = bytes(blob), np.array(ends, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        return self.encoded(row).decode("utf-8", "backslashreplace")

    def encoded(self, row: int) -> bytes:
        """Return a name's bytes, as the file system has them."""
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row = row % len(self)
        return self._blob[self._ends[row] : self._ends[row + 1]]

    def digest(self) -> bytes:
        """SHA-256 of the names and where they end."""
        return hashlib.sha256(self._blob + self._ends.tobytes()).digest()


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


class _Files(ImageSource):
    """A source of files in folders; the name of a file's folder is its class."""

    def __init__(self, location: str, limits: Limits, names: Iterable[str]) -> None:
        self.location, self.limits = location, limits
        self.names = Names(names)
        if not len(self.names):
            raise InputError(f"a source must hold at least one file, and {location} holds none; check the path")
        self.labels, self.classes = _labels_of(self.names)

    def _digest(self, *numbers: NDArray[Any]) -> str:
        digest = hashlib.sha256(self.names.digest())
        for array in numbers:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _labels_of(names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Read classes off the folders that files lie in; fewer than two folders are no classes."""
    folders = [PurePosixPath(name).parent.name for name in names]
    classes = tuple(sorted(set(folders) - {""}))
    if len(classes) < 2:
        return np.full(len(names), NO_LABEL, dtype=np.int64), ()
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index.get(folder, NO_LABEL) for folder in folders], dtype=np.int64), classes


def _hidden(name: str) -> bool:
    """Files that systems leave behind are no images: .DS_Store, __MACOSX/._a.jpg, Thumbs.db."""
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts) or parts[-1:] == ("Thumbs.db",)


class FolderSource(_Files):
    """Every file below a folder, whatever its ending; links to folders are not followed."""

    def __init__(self, location: str, limits: Limits) -> None:
        self.root = Path(location)
        super().__init__(location, limits, self._walk())

    def _walk(self) -> Iterable[str]:
        for folder, below, files in os.walk(self.root, onerror=_passed_over):
            below.sort()
            inside = Path(folder).relative_to(self.root)
            yield from (name for file in sorted(files) if not _hidden(name := (inside / file).as_posix()))

    def read(self, row: int) -> bytes:
        """Return the file's bytes."""
        path = self._path(row)
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                raise ImageError("unreadable: not a regular file")
            self._check_size(status.st_size)
            return path.read_bytes()
        except OSError as error:
            raise ImageError(f"unreadable: {error.strerror}") from None

    def fingerprint(self) -> str:
        """Digest of names, sizes and times of change."""
        stats = [_size_and_time(self._path(row)) for row in range(len(self))]
        return self._digest(np.array(stats, dtype=np.int64))

    def _path(self, row: int) -> Path:
        return self.root / os.fsdecode(self.names.encoded(row))


def _passed_over(error: OSError) -> None:
    log.warning("passed over a folder that cannot be read: %s", error)


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # a dangling link: rejected when it is read
        return 0, 0
    return status.st_size, status.st_mtime_ns


class ZipSource(_Files):
    """The files of a zip, read in place; nothing is unpacked to disk."""

    def __init__(self, location: str, limits: Limits) -> None:
        try:
            with zipfile.ZipFile(location) as archive:
                entries = [info for info in archive.infolist() if not info.is_dir() and not _hidden(info.filename)]
        except Exception as error:  # on broken directories zipfile raises errors of many kinds
            raise InputError(
                f"a zip must be whole, and the directory of {location} cannot be read ({error}); "
                "make the archive again, or give the folder"
            ) from None
        super().__init__(location, limits, (info.filename for info in entries))
        # Two entries may share a name, so a row is found by its place and not by its name.
        self._offsets = np.array([info.header_offset for info in entries], dtype=np.int64)
        self._sums = np.array([info.CRC for info in entries], dtype=np.int64)

    @cached_property
    def _archive(self) -> tuple[zipfile.ZipFile, dict[int, zipfile.ZipInfo]]:
        archive = zipfile.ZipFile(self.location)
        return archive, {info.header_offset: info for info in archive.infolist()}

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_archive"}

    def read(self, row: int) -> bytes:
        """Return the file's bytes, unpacked; a header that lies about the size does not get more than the limit."""
        archive, entries = self._archive
        info = entries[int(self._offsets[row])]
        self._check_size(info.file_size)
        try:
            with archive.open(info) as file:
                data = file.read(self.limits.max_bytes + 1)
        except NotImplementedError as error:  # a compression that Python does not know
            raise ImageError(f"unreadable: {error}") from None
        except RuntimeError:
            raise ImageError("unreadable: encrypted") from None
        except Exception as error:  # zipfile, zlib, bz2 and lzma each have their own errors
            raise ImageError(f"unreadable: {type(error).__name__}: {error}") from None
        self._check_size(len(data))
        return data

    def fingerprint(self) -> str:
        """Digest of names and the archive's own checksums."""
        return self._digest(self._sums)


class TarSource(_Files):
    """The files of an uncompressed tar, read in place by their offsets."""

    def __init__(self, location: str, limits: Limits) -> None:
        try:
            with tarfile.open(location, "r:") as archive:
                members = archive.getmembers()
                _check_end(location, archive.offset)
        except (tarfile.TarError, OSError, ValueError) as error:  # broken numbers make errors of other kinds
            raise InputError(
                f"a tar must be whole, and uncompressed so that it can be read in place, got {location} ({error}); "
                "make it again, unpack its compression (gunzip, unxz), or unpack it into a folder"
            ) from None
        # tar stores a file that it has met before as a hard link to the first
        files = {info.name: info for info in members if info.isfile()}
        entries = [(m.name, m if m.isfile() else files.get(m.linkname) if m.islnk() else None) for m in members]
        found = [(name, info) for name, info in entries if info is not None and not _hidden(name)]
        super().__init__(location, limits, (name for name, _ in found))
        self._places = np.array([(info.offset_data, info.size, info.mtime) for _, info in found], dtype=np.int64)

    def read(self, row: int) -> bytes:
        """Return the file's bytes."""
        offset, size, _ = (int(number) for number in self._places[row])
        self._check_size(size)
        with open(self.location, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def fingerprint(self) -> str:
        """Digest of names, sizes, offsets and times of change."""
        return self._digest(self._places)


def _check_end(location: str, offset: int) -> None:
    """Refuse a broken header: tarfile ends its listing there, and says nothing."""
    with open(location, "rb") as file:
        file.seek(offset)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"broken header at byte {offset}")


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

    def read(self, row: int) -> NDArray[np.uint8]:
        """Return the pixels, of shape (H, W) or (H, W, 3)."""
        return self.images[row]

    def fingerprint(self) -> str:
        """Digest of the pixels themselves."""
        return hashlib.sha256(np.ascontiguousarray(self.images).tobytes()).hexdigest()


class SubsetSource(ImageSource):
    """Some rows of another source."""

    def __init__(self, source: ImageSource, rows: NDArray[np.int64]) -> None:
        self.source, self.rows = source, rows
        self.location, self.limits, self.classes = source.location, source.limits, source.classes
        self.names = Names(source.names[int(row)] for row in rows)
        self.labels = source.labels[rows]

    def read(self, row: int) -> bytes | NDArray[np.uint8]:
        """Read the row of the other source."""
        return self.source.read(int(self.rows[row]))

    def fingerprint(self) -> str:
        """Digest of the other source and the rows."""
        return hashlib.sha256(self.source.fingerprint().encode() + self.rows.tobytes()).hexdigest()
