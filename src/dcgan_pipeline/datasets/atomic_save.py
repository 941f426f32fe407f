"""Saves that a reader sees whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout
from kedro.io.core import get_filepath_str

from dcgan_pipeline.errors import InputError


class AtomicSave:
    """Mixin for a dataset of one file (or one folder) that opens ``self._get_save_path()`` when it saves.

    On a local disk the wrapped class writes under a name that begins with ``.partial-``, beside the final one, which
    then takes its place in one step: a process killed at any moment leaves the previous version as the latest, and
    never half a file; what it left goes with the next save of the entry. Of two saves of one version (runs that began
    in the same millisecond) the second is refused. Object stores publish an object only when its upload is complete,
    so there the wrapped class writes in place.

    Put it before the class it completes: ``class TableDataset(WrittenWhole, ParquetDataset)``.
    """

    _partial: PurePosixPath | None = None

    def _get_save_path(self) -> PurePosixPath:
        return self._partial or super()._get_save_path()  # type: ignore[misc]

    def save(self, data: Any) -> None:
        """Save through the wrapped class, then move the result into its place."""
        save = super().save.__wrapped__  # type: ignore[misc]  # Kedro's own checks already run around this method
        if self._protocol != "file":  # type: ignore[attr-defined]
            save(self, data)
            return
        target = self._get_save_path()
        self._partial = target.with_name(f".partial-{uuid.uuid4().hex[:8]}-{target.name}")
        partial = Path(self._partial)
        partial.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(Path(self._filepath), bool(self._version))  # type: ignore[attr-defined]
        try:
            with _held(partial):
                save(self, data)
                _move(partial, Path(target)) if self._version else _replace(partial, Path(target))  # type: ignore[attr-defined]
        except BaseException:
            _remove(partial)
            _remove_empty(partial.parent)
            raise
        finally:
            self._partial = None
        self._fs.invalidate_cache(str(target))  # type: ignore[attr-defined]


@contextmanager
def _held(partial: Path) -> Iterator[None]:
    """Say that a partial file is somebody's work, until that ends, however it ends."""
    lock = FileLock(_lock_file(partial), thread_local=False)
    lock.acquire()
    try:
        yield
    finally:
        _lock_file(partial).unlink(missing_ok=True)
        lock.release()


def _lock_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.lock")


def _remove_leftovers(entry: Path, versioned: bool) -> None:
    """Remove what saves of an entry left whose processes were killed: it may be as large as a version."""
    pattern = f".partial-{'[0-9a-f]' * 8}-{entry.name}"
    folder, pattern = (entry, f"*/{pattern}") if versioned else (entry.parent, pattern)
    found = [*folder.glob(pattern), *(path.with_suffix("") for path in folder.glob(f"{pattern}.lock"))]
    for partial in dict.fromkeys(found):
        lock = FileLock(_lock_file(partial), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        for path in (partial, *partial.parent.glob(f".partial-*-{partial.name}")):  # what wrote it whole itself
            _remove(path)
        _lock_file(partial).unlink(missing_ok=True)  # under the lock: one who waits for it sees that it is gone
        lock.release()
        _remove_empty(partial.parent)


def _move(partial: Path, target: Path) -> None:
    """Give a version its name, and never that of another run's version: the system says which came first."""
    try:
        if partial.is_dir():
            os.rename(partial, target)  # refused where a folder is that has files
        else:
            os.link(partial, target)  # refused where a file is, which a rename would write over
            partial.unlink()
    except OSError as error:
        if not target.exists():  # a disk without links
            os.rename(partial, target)
        elif error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise InputError(
                f"a version is of one run, and another one that began in the same millisecond wrote "
                f"{target.parent.name} of {target.name}; run this one again"
            ) from None
        else:
            raise


def _replace(partial: Path, target: Path) -> None:
    if target.is_dir():  # an unversioned folder; a folder cannot replace a full one in one step
        old = target.with_name(f".partial-old-{target.name}")
        _remove(old)  # of a save that was killed
        os.replace(target, old)
        os.replace(partial, target)
        shutil.rmtree(old)
    else:
        os.replace(partial, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # it is not empty, or gone
        folder.rmdir()


def saved_bytes(dataset: Any) -> bytes:
    """Read the file that a dataset would load, on whatever file system it is."""
    return dataset._fs.cat_file(get_filepath_str(dataset._get_load_path(), dataset._protocol))
