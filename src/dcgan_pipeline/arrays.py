"""Arrays larger than memory: lists of ``.npy`` shards, opened as memory maps.

Stages hand each other a :class:`ShardedArray` (read) and one of :class:`ArrayChunks` or :class:`ShardFiles` (write);
``datasets.ShardedArrayDataset`` stores them. Nothing here knows Kedro.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from dcgan_pipeline.errors import InputError

MANIFEST = "manifest.json"
SHARD_BYTES = 1 << 28  # of a shard at most: one of wide rows would be many gigabytes, in memory until it is written
_BYTES_CHECKED = 1 << 24  # at once


@dataclass(frozen=True)
class ArrayChunks:
    """A stream of arrays of shape (n_i, *item_shape) that are to be stored one after the other."""

    chunks: Iterable[NDArray[Any]]
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShardFiles:
    """Shards that workers have already written as ``.npy`` files, in order; storing them moves the files.

    Empty shards (a shard of images that were all rejected) are left out by the one who lists them.
    """

    files: Sequence[Path]
    attrs: dict[str, Any] = field(default_factory=dict)


class _Shard(BaseModel):
    file: str = Field(pattern=r"^[^/\\]+$")  # in the folder, and nowhere else
    rows: NonNegativeInt


class _Manifest(BaseModel):
    """What :func:`write_shards` writes, and what an editor or a full disk may have left of it."""

    dtype: str
    item_shape: tuple[NonNegativeInt, ...]
    shards: list[_Shard]
    attrs: dict[str, Any]


class ShardedArray(Sequence[NDArray[Any]]):
    """Read-only array over the shards of a folder, each opened when it is first touched.

    Supports ``len``, ``shape``, ``dtype``, integers, slices and arrays of rows (a copy, in the order asked for).
    Cheap to pickle and to copy: the maps stay behind.

    Parameters
    ----------
    folder
        Where the shards and their ``manifest.json`` are.

    Raises
    ------
    InputError
        Where the manifest is not as it was written; of a shard, when it is first touched.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        try:
            manifest = _Manifest.model_validate_json((self.folder / MANIFEST).read_bytes())
            self.dtype = np.dtype(manifest.dtype)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise self._damaged(self.folder / MANIFEST, f"{where}: {first['msg']}" if where else first["msg"]) from None
        except TypeError as error:
            raise self._damaged(self.folder / MANIFEST, f"dtype: {error}") from None
        self.attrs: dict[str, Any] = manifest.attrs
        self._item_shape = manifest.item_shape
        self._files = [shard.file for shard in manifest.shards]
        self._ends = np.cumsum([shard.rows for shard in manifest.shards], dtype=np.int64)
        self._maps: dict[int, NDArray[Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}

    def __deepcopy__(self, memo: dict[int, Any]) -> ShardedArray:
        return self  # read-only: a copy would be the same

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, *item_shape)."""
        return (len(self), *self._item_shape)

    def shards(self) -> Iterator[NDArray[Any]]:
        """Yield the shards in order, as memory maps."""
        return (self._shard(k) for k in range(len(self._files)))

    def batches(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, ``size`` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def __getitem__(self, index: Any) -> NDArray[Any]:  # type: ignore[override]
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self._run(start, stop) if step == 1 else self._take(np.arange(start, stop, step))
        if np.ndim(index) == 0:
            row = int(index) + (len(self) if index < 0 else 0)
            return self._take(np.array([row]))[0]
        if np.asarray(index).dtype == bool:  # as numbers, its rows would be 0 and 1
            raise TypeError("rows must be given by their numbers, got a mask; use numpy.flatnonzero(mask)")
        return self._take(np.asarray(index, dtype=np.int64))

    def _run(self, start: int, stop: int) -> NDArray[Any]:
        """Copy consecutive rows, as fast as memory allows."""
        taken = np.empty((max(0, stop - start), *self._item_shape), self.dtype)
        first = int(np.searchsorted(self._ends, start, side="right"))
        last = int(np.searchsorted(self._ends, stop, side="left"))
        for k in range(first, last + 1 if len(taken) else first):
            begin = int(self._ends[k - 1]) if k else 0
            low, high = max(start, begin), min(stop, int(self._ends[k]))
            taken[low - start : high - start] = self._shard(k)[low - begin : high - begin]
        return taken

    def _take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f"rows must be between 0 and {len(self) - 1}, got {rows.min()} to {rows.max()}")
        taken = np.empty((len(rows), *self._item_shape), self.dtype)
        shard_of = np.searchsorted(self._ends, rows, side="right")
        for k in np.unique(shard_of):
            here = np.flatnonzero(shard_of == k)
            first = self._ends[k - 1] if k else 0
            taken[here] = self._shard(int(k))[rows[here] - first]
        return taken

    def _shard(self, k: int) -> NDArray[Any]:
        if k not in self._maps:
            file = self.folder / self._files[k]
            try:
                found = np.load(file, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError, FileNotFoundError) as error:  # cut short, empty, removed
                raise self._damaged(file, str(error)) from None
            rows = int(self._ends[k] - (self._ends[k - 1] if k else 0))
            kinds = [(self.dtype, (rows, *self._item_shape)), (found.dtype, found.shape)]
            if kinds[0] != kinds[1]:
                said, there = (f"{kind} of shape {shape}" for kind, shape in kinds)
                raise self._damaged(file, f"it has {there}, and {MANIFEST} says {said}")
            self._maps[k] = found
        return self._maps[k]

    def _damaged(self, file: Path, why: str) -> InputError:
        return InputError(
            f"an array must have all of its shards, and {file} is not whole ({why}); remove {self.folder.parent}, so "
            "that the version before it is the latest, or run the stage that makes it again"
        )


def write_shards(data: NDArray[Any] | ArrayChunks | ShardFiles, folder: Path, rows_per_shard: int) -> None:
    """Write an array as shards and, last of all, the manifest that makes them an array.

    Raises
    ------
    ValueError
        Where the chunks differ in dtype or shape, or there is nothing to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(data, ShardFiles):
        parts: Iterator[tuple[str, NDArray[Any]]] = _adopt(data.files, folder)
    else:
        chunks = [data] if isinstance(data, np.ndarray) else data.chunks
        parts = _write(_resized(chunks, rows_per_shard), folder)
    shards: list[dict[str, Any]] = []
    kind: tuple[str, list[int]] | None = None
    for name, shard in parts:
        found = (shard.dtype.str, list(shard.shape[1:]))
        kind = kind or found
        if kind != found:
            raise ValueError(f"every chunk must be {kind[0]} of shape {kind[1]}, got {found[0]} of shape {found[1]}")
        shards.append({"file": name, "rows": len(shard)})
    if kind is None:
        raise ValueError("an array needs at least one chunk, got none")
    attrs = {} if isinstance(data, np.ndarray) else data.attrs
    manifest = {"dtype": kind[0], "item_shape": kind[1], "shards": shards, "attrs": attrs}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))


def _write(chunks: Iterable[NDArray[Any]], folder: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    for k, chunk in enumerate(chunks):
        np.save(folder / f"shard-{k:05d}.npy", chunk, allow_pickle=False)
        yield f"shard-{k:05d}.npy", chunk


def _adopt(files: Sequence[Path], folder: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    for k, file in enumerate(files):
        name = f"shard-{k:05d}.npy"
        shutil.move(file, folder / name)  # a rename where it can be
        yield name, np.load(folder / name, mmap_mode="r", allow_pickle=False)


def _resized(chunks: Iterable[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Cut and join a stream of chunks so that each but the last has ``rows`` rows, or as many as a shard may hold."""
    waiting: list[NDArray[Any]] = []
    for chunk in chunks:
        rows = min(rows, _rows_of(SHARD_BYTES, chunk.shape[1:], chunk.dtype))
        waiting.append(np.ascontiguousarray(chunk, chunk.dtype.newbyteorder("=")))  # joining would make it so
        if len({(part.dtype, part.shape[1:]) for part in waiting}) > 1:
            yield from waiting  # the writer sees the difference and says so
            return
        while sum(len(part) for part in waiting) >= rows:
            joined = _joined(waiting)
            yield joined[:rows]
            waiting = [joined[rows:]]
    if waiting and len(rest := _joined(waiting)):
        yield rest


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)  # one part is large, and need not be copied


def first_not_finite(array: ShardedArray) -> int | None:
    """Find the first row (of an array of any shape) with a number that is not finite; None where there is none."""
    if array.dtype.kind != "f":
        return None
    size = _rows_of(_BYTES_CHECKED, array.shape[1:], array.dtype)
    for start in range(0, len(array), size):
        finite = np.isfinite(array[start : start + size])
        if not finite.all():
            return start + int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))
    return None


def _rows_of(size: int, item_shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How many rows of so many bytes; one at least."""
    return max(1, size // max(1, int(np.prod(item_shape)) * dtype.itemsize))


ID = "images_id"  # the attribute by which arrays and tables say which images their rows are
PLACE = "place"  # the attribute by which records say where their source lies: a digest of its location


def check_same_images(**named: Any) -> None:
    """Refuse arrays and tables whose rows are not the same images.

    Row i of ``images``, ``thumbnails``, ``hash_codes`` and ``records`` is the same image, and ``duplicates`` names it
    by that number. Each carries the id of the preprocessing run that defined the rows, so that a version of one that
    was made after (or killed before) a version of another is never mixed with it silently.

    Parameters
    ----------
    **named
        Objects with ``attrs``, by their names in the catalog.

    Raises
    ------
    InputError
        Where two ids differ.
    """
    ids = {name: str(data.attrs.get(ID, "none")) for name, data in named.items()}
    if len(set(ids.values())) > 1:
        found = ", ".join(f"{name} {value[:8]}" for name, value in ids.items())
        raise InputError(
            f"{' and '.join(ids)} must come from the same preprocessing run, got ids {found}; "
            "run `kedro run --pipeline=preprocess` and the stages after it again, or give versions of one run "
            "(--load-versions)"
        )
