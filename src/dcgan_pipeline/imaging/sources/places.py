"""Where files are: on this machine, or at a remote place that fsspec can reach.

A place is a location and no more: it holds no open file and no connection, so that it can be pickled, and read by
threads and processes side by side.
"""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, cast

from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.imaging.sources.sieve import EMPTY, LISTED, LOOPS, UNREADABLE, Sieve, why_left_behind

logger = logging.getLogger(__name__)

# What the file systems of fsspec call the thing that changes with a file.
_VERSIONS = ("ETag", "etag", "md5Hash", "checksum", "mtime", "LastModified", "last_modified", "updated", "created")


class Found(NamedTuple):
    """A file below a folder: its name there, and what the listing says of it."""

    name: str
    size: int = -1
    """Bytes; -1 where the listing does not say."""
    version: str = ""
    """Something that changes when the file does; empty where the listing gives nothing of the kind."""


class Place(ABC):
    """A file or a folder."""

    location: str

    @abstractmethod
    def kind(self) -> Literal["file", "folder"] | None:
        """Say what is there; None for nothing."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """Open the file there for reading, from any byte on."""

    @abstractmethod
    def read(self, offset: int, size: int) -> bytes:
        """Read some bytes of the file there; fewer where it ends before.

        Raises
        ------
        InputError
            Where it cannot be reached.
        """

    @abstractmethod
    def walk(self, sieve: Sieve, depth: int | None = None) -> Iterator[Found]:
        """List the files below a folder that a sieve keeps, down to a depth (1 is the folder alone).

        A folder's files come before its folders, each sorted by name.
        """

    @abstractmethod
    def child(self, name: str | bytes) -> Place:
        """Return the place of a name below this folder."""

    def _gone(self, error: Exception) -> InputError:
        return InputError(
            f"{self.location} must stay within reach while it is read, and is not "
            f"({type(error).__name__}: {first_line(error)}); run the stage again when it is"
        )


def place_at(location: str, storage: Mapping[str, Any] | None = None) -> Place:
    """Return the place that a location names.

    Parameters
    ----------
    location
        A path, ``~`` understood, or an address with a protocol that fsspec knows, such as ``s3://bucket/photos``.
    storage
        What fsspec needs to know to open the address: keys, endpoints.
    """
    location = location.removeprefix("file://")
    if "://" in location:
        return RemotePlace(location, dict(storage or {}))
    return LocalPlace(os.path.expanduser(location))


@dataclass(frozen=True)
class LocalPlace(Place):
    """A path on this machine."""

    location: str

    def kind(self) -> Literal["file", "folder"] | None:
        """Say what is there; a pipe or a device is nothing."""
        path = Path(self.location)
        return "folder" if path.is_dir() else "file" if path.is_file() else None

    def open(self) -> BinaryIO:
        """Open the file."""
        return open(self.location, "rb")

    def read(self, offset: int, size: int) -> bytes:
        """Read some bytes."""
        try:
            with self.open() as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise self._gone(error) from None

    def walk(self, sieve: Sieve, depth: int | None = None) -> Iterator[Found]:
        """List the files below; a folder that cannot be read is passed over with a warning.

        Links to folders are followed once all real folders are listed, in the order in which they were met. A folder
        is listed once, however many links lead to it; (device, inode) tells. So no ring of links goes on for ever,
        and no image comes twice.
        """
        listed: set[tuple[int, int]] = set()
        starts = deque([("", 1)])
        while starts:
            start, level = starts.popleft()
            if start and self._leads_back(start):
                sieve.passed_over[LOOPS] += 1
                continue
            folders = [(start, level)]
            while folders:  # and not os.walk, whose recursion ends at Python's depth
                inside, level = folders.pop()
                identity = self._identity(inside)
                if start and identity in listed:
                    sieve.passed_over[LISTED] += 1
                    continue
                entries = self._entries(inside, sieve)
                kept = False
                for name in entries.files:
                    if sieve.keeps(inside + name):
                        kept = True
                        yield Found(inside + name)
                # A folder of which nothing was kept, as a hidden one, may yet be listed under the name of a link.
                if identity and (kept or start):
                    listed.add(identity)
                if depth is None or level < depth:
                    folders.extend((f"{inside}{name}/", level + 1) for name in reversed(entries.folders))
                    starts.extend((f"{inside}{name}/", level + 1) for name in entries.links)
                del entries  # before the next folder's names

    def child(self, name: str | bytes) -> LocalPlace:
        """Return the path of a name below."""
        return LocalPlace(os.path.join(self.location, os.fsdecode(name)))

    def _identity(self, inside: str) -> tuple[int, int] | None:
        try:
            status = os.stat(os.path.join(self.location, inside))
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status.st_ino else None  # some file systems number nothing

    def _leads_back(self, inside: str) -> bool:
        """Whether a link leads to a folder that it lies in."""
        link = os.path.join(self.location, inside).rstrip("/")
        target, home = os.path.realpath(link), os.path.realpath(os.path.dirname(link))
        return f"{home}/".startswith(f"{target.rstrip('/')}/")

    def _entries(self, inside: str, sieve: Sieve) -> _Entries:
        """What a folder holds, sorted; where its reading fails, what came before."""
        found = _Entries([], [], [])
        try:
            with os.scandir(os.path.join(self.location, inside)) as entries:
                for entry in entries:
                    if not _is_folder(entry):
                        found.files.append(entry.name)
                    elif entry.is_symlink():
                        found.links.append(entry.name)
                    else:
                        found.folders.append(entry.name)
            if not any(found) and not why_left_behind(inside):
                sieve.passed_over[EMPTY] += 1
        except OSError as error:
            logger.warning("passed over a folder that cannot be read: %s", error)
            sieve.passed_over[UNREADABLE] += 1
        for names in found:
            names.sort()
        return found


class _Entries(NamedTuple):
    files: list[str]
    folders: list[str]
    links: list[str]
    """To folders."""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere, or where this user may not look, is a file: rejected when it is read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


@dataclass(frozen=True)
class RemotePlace(Place):
    """An address that fsspec can open."""

    location: str
    storage: dict[str, Any] = field(default_factory=dict, repr=False)  # may hold keys

    def kind(self) -> Literal["file", "folder"] | None:
        """Ask what is there; an address that ends in / is taken for a folder."""
        if self.location.endswith("/"):
            return "folder"
        files, path = self._file_system()
        try:
            return "folder" if files.info(path)["type"] == "directory" else "file"
        except Exception as error:
            if isinstance(error, FileNotFoundError) and not _hides_the_network(error):
                return None
            raise self._gone(error) from None

    def open(self) -> BinaryIO:
        """Open the file."""
        files, path = self._file_system()
        return cast(BinaryIO, files.open(path, "rb"))

    def read(self, offset: int, size: int) -> bytes:
        """Ask for a range of bytes."""
        files, path = self._file_system()
        try:
            data = files.cat_file(path, start=offset, end=offset + size) if size else b""
        except Exception as error:  # file systems raise errors of their own kinds
            raise self._gone(error) from None
        if len(data) > size:
            raise InputError(
                f"{self.location} must be at a place that serves ranges of bytes, and {len(data)} bytes came for "
                f"{size}; copy it to this machine, or to a server that does"
            )
        return data

    def read_whole(self, size: int | None, at_most: int) -> bytes:
        """Read the file: of a size that is known, or up to so many bytes of one whose size is not.

        Raises
        ------
        FileNotFoundError, PermissionError
            Where this one file is not there, or not for this user.
        InputError
            Where the place cannot be reached, which says nothing about the file.
        """
        files, path = self._file_system()
        try:
            if size is not None:
                return files.cat_file(path)
            with files.open(path, "rb") as file:
                return file.read(at_most)
        except Exception as error:
            about_it = isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
            if about_it and not _hides_the_network(error):
                raise
            raise self._gone(error) from None

    def walk(self, sieve: Sieve, depth: int | None = None) -> Iterator[Found]:
        """List the files below, a folder at a time."""
        files, top = self._file_system()
        top = top.rstrip("/")
        folders = [(top, 1)]
        while folders:
            folder, level = folders.pop()
            below = []
            for entry in self._entries(files, folder, sieve):
                path = entry["name"].rstrip("/")
                if entry["type"] == "directory":
                    below.append(path)
                elif sieve.keeps(path[len(top) + 1 :]):
                    version = next((str(entry[key]) for key in _VERSIONS if entry.get(key)), "")
                    size = entry.get("size")
                    yield Found(path[len(top) + 1 :], -1 if size is None else int(size), version)
            if depth is None or level < depth:
                folders.extend((path, level + 1) for path in reversed(below))

    def child(self, name: str | bytes) -> RemotePlace:
        """Return the address of a name below."""
        text = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
        return RemotePlace(f"{self.location.rstrip('/')}/{text}", self.storage)

    def _file_system(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            return url_to_fs(self.location, **self.storage)
        except ImportError as error:
            raise InputError(
                f"{self.location} needs the package of its protocol, which is not installed ({first_line(error)}); "
                "install it"
            ) from None
        except ValueError as error:
            raise InputError(
                f"{self.location} must begin with a protocol that fsspec knows ({first_line(error)}); "
                "s3://, gs:// and https:// are some"
            ) from None

    def _entries(self, files: Any, folder: str, sieve: Sieve) -> list[dict[str, Any]]:
        """What a folder holds, sorted by name."""
        files.invalidate_cache()  # what was listed in an earlier run may have changed since
        try:
            entries = files.ls(folder, detail=True)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            logger.warning("passed over a folder that cannot be read: %s", error)
            sieve.passed_over[UNREADABLE] += 1
            return []
        except Exception as error:  # the network: a part of the listing must not pass for the whole
            raise self._gone(error) from None
        finally:
            files.invalidate_cache()  # or fsspec keeps an object a file
        inside = [entry for entry in entries if _is_below(entry["name"].rstrip("/"), folder)]
        return sorted(inside, key=lambda entry: entry["name"])


def _is_below(path: str, folder: str) -> bool:
    """A listing may name the folder itself (S3's markers), and an index page links to its own orders (``?C=N``)."""
    name = path.rpartition("/")[2]
    return path.startswith(f"{folder}/") and name not in (".", "..") and not name.startswith(("?", "#"))


def _hides_the_network(error: Exception) -> bool:
    """fsspec's HTTP calls every failure "not found"; only the error before it says which one it was."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if status is not None:
        return status == 429 or status >= 500  # too many requests; the server's own trouble
    if isinstance(cause, FileNotFoundError | PermissionError):
        return False
    return isinstance(cause, OSError) or type(cause).__module__.startswith("aiohttp")
