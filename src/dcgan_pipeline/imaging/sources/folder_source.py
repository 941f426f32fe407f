"""Every file below a folder, or those that match a pattern."""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.base import FileSource, ImageError, LabelsAndClasses
from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.patterns import Glob
from dcgan_pipeline.imaging.sources.places import LocalPlace, RemotePlace
from dcgan_pipeline.imaging.sources.sieve import Sieve

EVERYTHING = "**"


class FolderSource(FileSource):
    """Every file below a folder, whatever its ending; links to folders are followed, and no folder is listed twice.

    Parameters
    ----------
    pattern
        Keep the files whose names below the folder match, as in ``**/*.jpg``.
    names
        The files, where they are known; else the folder is listed.
    labelled
        Labels and classes, where folders do not give them.
    """

    def __init__(
        self,
        location: str,
        limits: Limits,
        pattern: str = EVERYTHING,
        names: Names | None = None,
        labelled: LabelsAndClasses | None = None,
    ) -> None:
        self.root = location
        glob = Glob(location, pattern)
        sieve = Sieve() if pattern == EVERYTHING else glob.sieve()
        if names is None:
            names = Names(file.name for file in LocalPlace(location).walk(sieve, glob.depth))
        super().__init__(_called(location, pattern), limits, names, sieve.passed_over, labelled)

    def read(self, row: int) -> bytes:
        """Return the file's bytes."""
        path = Path(self._path(row))
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
        stats = array("q")
        for row in range(len(self)):
            stats.extend(_size_and_time(self._path(row)))
        return self._digest(np.frombuffer(stats, dtype=np.int64))

    def _path(self, row: int) -> str:
        return os.path.join(self.root, os.fsdecode(self.names.encoded(row)))


def _called(location: str, pattern: str) -> str:
    return location if pattern == EVERYTHING else f"{location.rstrip('/')}/{pattern}"


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:  # a dangling link: rejected when it is read
        return 0, 0
    return status.st_size, status.st_mtime_ns


class RemoteFolderSource(FileSource):
    """Every file below a remote folder, listed a folder at a time and read one by one through fsspec.

    Parameters
    ----------
    pattern
        Keep the files whose names below the folder match, as in ``**/*.jpg``.
    storage
        What fsspec needs to know to open the address.
    """

    def __init__(
        self, location: str, limits: Limits, pattern: str = EVERYTHING, storage: Mapping[str, Any] | None = None
    ) -> None:
        self.root = RemotePlace(location, dict(storage or {}))
        glob = Glob(location, pattern)
        sieve = Sieve() if pattern == EVERYTHING else glob.sieve()
        names, sizes, versions = Names(), array("q"), array("Q")
        for file in self.root.walk(sieve, glob.depth):
            names.append(file.name)
            sizes.append(file.size)
            versions.append(_number(file.version))
        super().__init__(_called(location, pattern), limits, names, sieve.passed_over)
        self._sizes, self._versions = sizes, versions

    def read(self, row: int) -> bytes:
        """Return the file's bytes."""
        place, size = self.root.child(self.names.encoded(row)), self._sizes[row]
        self._check_size(size)
        try:
            data = place.read_whole(size if size >= 0 else None, self.limits.max_bytes + 1)
        except OSError as error:
            raise ImageError(f"unreadable: {error.strerror or type(error).__name__}") from None
        self._check_size(len(data))
        return data

    def fingerprint(self) -> str:
        """Digest of names, sizes, and what changes with a file (ETag, checksum, time) where the listing gave it."""
        return self._digest(np.frombuffer(self._sizes, np.int64), np.frombuffer(self._versions, np.uint64))


def _number(version: str) -> int:
    """64 bits for a text of any length."""
    return int.from_bytes(hashlib.blake2b(version.encode(), digest_size=8).digest(), "little")
