"""Millions of names, and the classes in them, without millions of objects."""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_LABEL = -1


class Names(Sequence[str]):
    """A list of strings in two buffers: ten million names without ten million objects.

    A file's name need not be valid text. Its stray bytes come out as ``\\xff``, so that every name can be stored and
    printed; :meth:`encoded` gives the bytes themselves.
    """

    def __init__(self, names: Iterable[str | bytes] = ()) -> None:
        self._blob, self._ends = bytearray(), array("q", [0])
        for name in names:
            self.append(name)

    def append(self, name: str | bytes) -> None:
        """Add a name to the end."""
        # surrogateescape: how Python carries the stray bytes of a file's name
        self._blob += name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._blob))

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
        return bytes(self._blob[self._ends[row] : self._ends[row + 1]])

    def cut(self, start: int) -> Names:
        """Take the names from a row on out of this list."""
        tail = Names()
        at = self._ends[start]
        tail._blob, tail._ends = self._blob[at:], array("q", (end - at for end in self._ends[start:]))
        del self._blob[at:], self._ends[start + 1 :]
        return tail

    def contain(self, pattern: bytes) -> bool:
        """Say whether a regular expression matches somewhere, without looking at each name by itself."""
        return re.search(pattern, self._blob) is not None

    def rows_of_file(self, name: str) -> list[int]:
        """Find a file of this name, in whatever folder, without looking at each name by itself."""
        found, rows, at = name.encode(), [], -1
        while (at := self._blob.find(found, at + 1)) >= 0:
            row = bisect_right(self._ends, at) - 1
            if self.encoded(row).rpartition(b"/")[2] == found:
                rows.append(row)
        return rows

    def digest(self) -> bytes:
        """SHA-256 of the names and where they end."""
        digest = hashlib.sha256(self._blob)
        digest.update(self._ends)
        return digest.digest()


class Classes:
    """The class of each row, given by name and kept as a number."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._met: dict[str, int] = {}
        self._codes = array("q")
        for name in names:
            self.append(name)

    def append(self, name: str) -> None:
        """Add a row of this class; ``""`` is none."""
        self._codes.append(self.number(name))

    def any(self) -> bool:
        """Say whether a row has a class."""
        return bool(self._used() - {""})

    def rows_without(self) -> NDArray[np.int64]:
        """Return the rows that have no class."""
        return np.flatnonzero(np.frombuffer(self._codes, dtype=np.int64) == self._met.get("", NO_LABEL))

    def number(self, name: str) -> int:
        """Return the number that stands for a class here."""
        return self._met.setdefault(name, len(self._met))

    def copy(self, source: int, target: int) -> None:
        """Give a row the class of another."""
        self._codes[target] = self._codes[source]

    def cut(self, start: int) -> array[int]:
        """Take the rows from one on out of these, as the numbers that :meth:`extend` takes."""
        tail = self._codes[start:]
        del self._codes[start:]
        return tail

    def extend(self, codes: Iterable[int]) -> None:
        """Add rows whose classes were met before, by their numbers."""
        self._codes.extend(codes)

    def numbered(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Number the classes; fewer than two are none.

        Returns
        -------
        labels
            int64 of shape (rows,); an index into the classes, or -1 where there is none.
        classes
            Their names, sorted: as numbers where all of them are whole numbers, else as text.
        """
        codes = np.frombuffer(self._codes, dtype=np.int64)
        names = self._used() - {""}
        if len(names) < 2:
            return np.full(len(codes), NO_LABEL, dtype=np.int64), ()
        classes = tuple(sorted(names, key=_as_number if all(name.isdecimal() for name in names) else None))
        index = {name: k for k, name in enumerate(classes)}
        numbers = np.array([index.get(name, NO_LABEL) for name in self._met], dtype=np.int64)
        return numbers[codes], classes

    def _used(self) -> set[str]:
        counts = np.bincount(np.frombuffer(self._codes, dtype=np.int64), minlength=len(self._met))
        return {name for name, count in zip(self._met, counts, strict=True) if count}


def _as_number(name: str) -> tuple[int, str]:
    return int(name), name


def folder_of(name: str, above: int = 0) -> str:
    """Name the folder that a file lies in, or ``""`` at the top, which is so many folders down."""
    folders = folders_of(name)[above:]
    return folders[-1] if folders else ""


def folders_of(name: str) -> list[str]:
    """Name the folders that a file lies in, from the top down."""
    return [part for part in name.split("/")[:-1] if part not in ("", ".", "..")]
