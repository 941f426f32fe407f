"""The folder in which a run keeps its shards until they are stored: one run at a time, and no leftovers.

A run holds a lock on its own folder until its files are stored, and the operating system gives the lock back when the
process ends, however it ends. Only the process that started the run locks; its workers write. A folder whose lock can
be had is therefore in nobody's use.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from dcgan_pipeline.arrays import ArrayChunks, ShardFiles
from dcgan_pipeline.errors import InputError, shortened

logger = logging.getLogger(__name__)

_FOLDERS = "[0-9a-f]" * 16 + "-*"  # names that runs give
_CLEARING = 5  # seconds for another run to remove this folder's leftovers


@dataclass(frozen=True)
class LockedFiles(ShardFiles):
    """Files of a work folder, whose lock is held for as long as this object or another of the folder is referred to."""

    lock: BaseFileLock | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class LockedChunks(ArrayChunks):
    """Chunks that are read from a work folder, whose lock is held likewise."""

    lock: BaseFileLock | None = field(default=None, repr=False, compare=False)


_REFUSAL = (
    "one run at a time may make the same images, and another process is making those in {folder}; wait until it ends, "
    "and run again"
)


def lock_folder(folder: Path, refusal: str = _REFUSAL) -> BaseFileLock:
    """Make a run's folder, and lock it until the object that is returned is no longer referred to.

    The same process may hold a folder more than once: a notebook that keeps an earlier result can run again.

    Parameters
    ----------
    refusal
        What is said where another process holds it; ``{folder}`` in it is filled in.

    Raises
    ------
    InputError
        Where another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_file(folder), is_singleton=True, thread_local=False)
    try:
        lock.acquire(timeout=_CLEARING)
    except Timeout:
        raise InputError(refusal.format(folder=folder)) from None
    folder.mkdir(exist_ok=True)  # the run that held the lock until now may have removed the folder
    for partial in folder.glob(".partial-*"):  # of a run that was killed
        partial.unlink(missing_ok=True)
    return lock


def remove_leftovers(work: Path, unfinished: str | None = None) -> None:
    """Remove the folders that no process holds, which are what runs left after storing.

    Parameters
    ----------
    unfinished
        A pattern of files. A folder that still has some is of a run that was killed, perhaps after hours: it stays, and
        its name is logged. None: nothing can go on from such folders, and all go.
    """
    kept = []
    for folder in work.glob(_FOLDERS):
        if not folder.is_dir():
            continue
        lock = FileLock(_lock_file(folder), thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        try:
            if unfinished and any(folder.glob(unfinished)):
                kept.append(folder)
                continue
            shutil.rmtree(folder, ignore_errors=True)
            _lock_file(folder).unlink(missing_ok=True)  # under the lock: one who waits for it sees that it is gone
        finally:
            lock.release()
    if kept:
        logger.warning(
            "work of runs that were stopped is kept (%.1f MiB): %s; the same command goes on from it, and deleting it "
            "frees the space",
            sum(map(size_of, kept)) / 2**20,
            shortened(kept),
        )


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _lock_file(folder: Path) -> Path:
    return folder.with_suffix(".lock")
