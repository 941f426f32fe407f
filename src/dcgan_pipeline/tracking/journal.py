"""Lines beside a run that say what MLflow shall know of it, until MLflow knows."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from dcgan_pipeline.files import replacing

FOLDER = ".mlflow-outbox"  # in the project's folder; a folder a run


@dataclass
class Delivered:
    """How far MLflow has been told: ends of lines in the journal, in bytes, and what MLflow answered.

    Files go their own way, so that a full disk under the pictures does not hold up the curves.
    """

    values: int = 0
    files: int = 0
    run_id: str = ""
    experiment_id: str = ""
    gone: bool = False  # somebody deleted the run in MLflow: nothing more is told


class Journal:
    """The append-only file of one run, its copies of files, and how far they are delivered.

    A line is written by one call of the operating system, at the end of the file: processes of a run may write at the
    same time, and what was written survives the end of the process, however it ends. Who holds the lock delivers; the
    operating system gives it back when a process ends, so that a journal whose lock can be had is nobody's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "journal.jsonl"
        self._lock = _lock(folder)
        self._descriptor: int | None = None

    @classmethod
    def create(cls, root: Path, name: str) -> Journal:
        """Make the journal of a run that begins, and hold it; only this user can read it."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = root / f"{name}-{uuid.uuid4().hex[:8]}"
        journal = cls(folder)
        journal._lock.acquire(timeout=0)  # before there is a folder that another process could take for a leftover
        folder.mkdir(mode=0o700)
        return journal

    def take(self) -> bool:
        """Hold the journal of a run that has ended; False where a process holds it, or where it is gone."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        if self._file.exists():
            return True
        self.remove()  # its process was killed before the first line
        return False

    def release(self) -> None:
        """Leave it to others."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._lock.release()

    def remove(self) -> None:
        """Remove what is delivered."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _lock_file(self.folder).unlink(missing_ok=True)
        self.release()

    # ---- writing

    def append(self, record: dict[str, Any]) -> None:
        """Add a line.

        Raises
        ------
        OSError
            Where the disk is full, or the folder is gone.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # The line break before it ends a line that a full disk has cut.
        line = f"\n{json.dumps(record, ensure_ascii=False, default=str)}\n".encode("utf-8", "backslashreplace")
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"the disk of {self.folder} is full")

    def new_file(self, name: str) -> Path:
        """Name a file in which a copy waits until it is delivered; its folder is there."""
        folder = self.folder / "files" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder / name

    # ---- reading

    def read(self, start: int, most: int = 1 << 18) -> Iterator[tuple[dict[str, Any], int]]:
        """Read whole lines from a place on, about ``most`` bytes of them; gives each record and where its line ends."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(start)
            end = start
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                end += len(line)
                if (record := _parsed(line)) is not None:
                    yield record, end
                if end - start > most:
                    return

    def size(self) -> int:
        """Give the end of the journal, in bytes."""
        return self._file.stat().st_size if self._file.exists() else 0

    def ended(self) -> bool:
        """Say whether the run wrote how it ended."""
        return any(record["do"] in ("end", "left") for record, _ in self.read(0, most=1 << 62))

    def changed(self) -> int:
        """Give the time of the last line, in milliseconds."""
        return int(self._file.stat().st_mtime * 1000)

    @property
    def delivered(self) -> Delivered:
        """How far it is delivered; the setter writes that whole or not at all."""
        try:
            return Delivered(**json.loads((self.folder / "delivered.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return Delivered()

    @delivered.setter
    def delivered(self, value: Delivered) -> None:
        with replacing(self.folder / "delivered.json") as partial:
            partial.write_text(json.dumps(asdict(value)))


def leftovers(root: Path) -> list[Journal]:
    """List journals, the oldest first; those of runs that go on are among them."""
    return [Journal(folder) for folder in sorted(root.glob("*/"))] if root.is_dir() else []


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:  # an empty line, or one that a full disk has cut
        return None
    return record if isinstance(record, dict) and "do" in record else None


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _lock(folder: Path) -> BaseFileLock:
    return FileLock(_lock_file(folder), thread_local=False)
