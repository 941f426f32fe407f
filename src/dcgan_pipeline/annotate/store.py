"""The catalog entry ``annotations`` as the place where a session keeps its own: every change is a version."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout
from kedro.io import AbstractVersionedDataset, DatasetError, Version
from kedro.io.core import VERSION_FORMAT, generate_timestamp

from dcgan_pipeline.edits.annotations import Annotations
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.problems.results import damage
from dcgan_pipeline.weights import Weights


def at(entry: AbstractVersionedDataset, load: str | None = None, save: str | None = None) -> Any:
    """Give an entry of the catalog with other versions to load and to save."""
    entry.release()
    return entry._copy(_version=Version(load, save))


class Store:
    """Versions of an entry that are of one ``gan``; what a run has read never changes, and no state is ever lost.

    Parameters
    ----------
    entry
        The versioned dataset.
    gan
        What annotations are of. Versions of others stay as they are, whichever is the newest.
    """

    def __init__(self, entry: AbstractVersionedDataset, gan: Weights) -> None:
        self._entry, self._gan, self._digest = entry, gan, gan.digest()
        self.other = ""
        """The newest version, where it is of another ``gan``."""

    def newest(self) -> tuple[str, Annotations]:
        """Find the newest version that is of the ``gan``, and what it holds; "" and nothing, where there is none.

        Raises
        ------
        InputError
            Where a version is damaged, or does not fit the ``gan``.
        """
        for version in self._versions():
            values = self._load(version)
            if isinstance(values, dict) and values.get("gan", self._digest) != self._digest:
                self.other = self.other or version
                continue
            found = Annotations.parse(values, f"annotations {version}")
            found.must_fit(self._gan)
            return version, found
        return "", Annotations(gan=self._digest)

    def save(self, annotations: Annotations) -> str:
        """Write a version, whole or not at all, and name it so that it is the newest, whatever the clock says."""
        version = after(next(iter(self._versions()), ""))
        at(self._entry, save=version).save(annotations.dump())
        return version

    def hold(self) -> BaseFileLock | None:
        """Be the one process that writes, until what is returned is released; where it is killed, the system does that.

        Raises
        ------
        InputError
            Where another process writes.
        """
        if self._entry._protocol != "file":  # type: ignore[attr-defined]
            return None
        place = Path(self._entry._filepath)
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place.with_name(f".{place.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"one server at a time may write {place.name}, and another process does; go on in its page, or stop it"
            ) from None
        return lock

    def _versions(self) -> list[str]:
        self._entry.release()
        return self._entry.list_versions(full_path=False)

    def _load(self, version: str) -> Any:
        try:
            return at(self._entry, load=version).load()
        except DatasetError as error:
            if not isinstance(error.__cause__, json.JSONDecodeError | UnicodeDecodeError):
                raise
            folder = Path(self._entry._filepath) / version
            raise InputError(damage("annotations", folder, str(error.__cause__))) from None


def after(version: str) -> str:
    """Name a version by the time, or, where that is not after another one, by the millisecond that follows it."""
    now = generate_timestamp()
    if now > version:
        return now
    try:
        follows = datetime.strptime(version, VERSION_FORMAT).replace(tzinfo=UTC) + timedelta(milliseconds=1)
    except ValueError:  # a name that no run gives
        return f"{version}-{now}"
    return follows.strftime(VERSION_FORMAT)[:-4] + "Z"
