"""An LMDB whose values are image files, as LSUN is published."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.base import NO_LABEL, FileSource, ImageError
from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.places import LocalPlace
from dcgan_pipeline.imaging.sources.sieve import BESIDE_LMDB, NO_IMAGE_KEYS, Sieve

DATA, LOCK = "data.mdb", "lock.mdb"  # what LMDB calls its files in a folder
_NOTE = re.compile(rb"__\w+__")


class LmdbSource(FileSource):
    """The values of an LMDB, in the order of their keys, which are their names; there are no labels.

    Keys such as ``__len__`` and ``__keys__``, which loaders keep their own notes under, are passed over.

    It is opened for each read, which takes some 30 microseconds: LMDB refuses to be opened twice in one process, and
    to be carried into another.
    """

    def __init__(self, location: str, limits: Limits) -> None:
        self._folder = location
        names, sieve = Names(), Sieve()
        with _opened(location) as transaction:
            for key in map(bytes, transaction.cursor().iternext(keys=True, values=False)):
                if _NOTE.fullmatch(key):
                    sieve.passed_over[NO_IMAGE_KEYS] += 1
                else:
                    names.append(key)
        for _ in LocalPlace(location).walk(Sieve(lambda name: name not in (DATA, LOCK))):
            sieve.passed_over[BESIDE_LMDB] += 1
        unlabelled = np.full(len(names), NO_LABEL, dtype=np.int64)
        super().__init__(location, limits, names, sieve.passed_over, (unlabelled, ()))

    def read(self, row: int) -> bytes:
        """Return the value; its size is checked before it is copied out of the map."""
        import lmdb

        with _opened(self._folder) as transaction:
            try:
                value = transaction.get(self.names.encoded(row))
            except lmdb.Error as error:
                raise ImageError(f"unreadable: {type(error).__name__}: {error}") from None
            if value is None:
                raise ImageError("unreadable: its key has gone")
            self._check_size(len(value))
            return bytes(value)

    def fingerprint(self) -> str:
        """Digest of the keys, and the file's size and time of change."""
        status = (Path(self._folder) / DATA).stat()
        return self._digest(np.array([status.st_size, status.st_mtime_ns], dtype=np.int64))


@contextmanager
def _opened(folder: str) -> Iterator[Any]:
    """Open for reading, without a lock file; gives a transaction whose values are views of the map."""
    try:
        import lmdb
    except ImportError:
        raise InputError(
            f"{folder} is an LMDB, and reading it needs a package that is not installed; pip install lmdb"
        ) from None
    try:
        environment = lmdb.open(folder, readonly=True, lock=False, create=False, readahead=False)
    except lmdb.Error as error:
        raise InputError(f"an LMDB must be whole, and {folder} cannot be opened ({error}); copy it again") from None
    with environment:
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        length = os.path.getsize(os.path.join(folder, DATA))
        if length < needed:  # a read beyond the end of the file would kill the process (SIGBUS)
            raise InputError(
                f"an LMDB must be whole, and {folder} is cut short: {DATA} has {length} of {needed} bytes; copy it "
                "again, or compact it (mdb_copy -c)"
            )
        try:
            with environment.begin(buffers=True) as transaction:
                yield transaction
        except lmdb.Error as error:
            raise InputError(f"an LMDB must be whole, and {folder} cannot be read ({error}); copy it again") from None
