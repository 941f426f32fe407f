"""Millions of names, and the classes in them, without millions of objects."""

from __future__ import annotations

import hashlib
from array import array
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
        self._codes.append(self._met.setdefault(name, len(self._met)))

    def any(self) -> bool:
        """Say whether a row has a class."""
        return bool(set(self._met) - {""})

    def numbered(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Number the classes; fewer than two are none.

        Returns
        -------
        labels
            int64 of shape (rows,); an index into the classes, or -1 where there is none.
        classes
            Their names, sorted: as numbers where all of them are whole numbers, else as text.
        """
        names = set(self._met) - {""}
        if len(names) < 2:
            return np.full(len(self._codes), NO_LABEL, dtype=np.int64), ()
        classes = tuple(sorted(names, key=_as_number if all(name.isdecimal() for name in names) else None))
        index = {name: k for k, name in enumerate(classes)}
        numbers = np.array([index.get(name, NO_LABEL) for name in self._met], dtype=np.int64)
        return numbers[np.frombuffer(self._codes, dtype=np.int64)], classes


def _as_number(name: str) -> tuple[int, str]:
    return int(name), name


def folder_of(name: str) -> str:
    """Name the folder that a file lies in, or ``""`` at the top."""
    folders = [part for part in name.split("/")[:-1] if part not in ("", ".", "..")]
    return folders[-1] if folders else ""


def is_hidden(name: str) -> bool:
    """Files that systems leave behind are no images: .DS_Store, __MACOSX/._a.jpg, Thumbs.db."""
    parts = name.split("/")
    return parts[-1] == "Thumbs.db" or any(
        part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts
    )
