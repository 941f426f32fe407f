"""The files of uncompressed tars, read in place by their offsets: one tar, or the shards of a set."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.base import FileSource, ImageError
from dcgan_pipeline.imaging.sources.names import Classes, Names, folder_of
from dcgan_pipeline.imaging.sources.places import Place, place_at
from dcgan_pipeline.imaging.sources.tar_members import SPARSE, Member, read_members

_NOWHERE = -2  # in place of a size: a link without its file


class TarSource(FileSource):
    """The files of a tar, or of several that make up one set.

    Parameters
    ----------
    shards
        The tars of a set, in their order; a name is then ``<file name of the shard>/<name in it>``. Without them the
        location is the one tar.
    storage
        What fsspec needs to know to open the address.
    """

    def __init__(
        self,
        location: str,
        limits: Limits,
        shards: Iterable[Place] | None = None,
        storage: Mapping[str, Any] | None = None,
    ) -> None:
        listing = _Listing()
        if shards is None:
            listing.add_shard(place_at(location, storage), "")
        for shard in shards or ():
            listing.add_shard(shard, shard.location.rpartition("/")[2] + "/")
        super().__init__(location, limits, listing.names, listing.labelled())
        self._shards = listing.shards
        self._places = listing.table()

    def read(self, row: int) -> bytes:
        """Return the file's bytes."""
        shard, offset, size, _ = (int(number) for number in self._places[row])
        if size == _NOWHERE:
            raise ImageError("unreadable: a link to a file that is not in the tar")
        if size == SPARSE:
            raise ImageError("unreadable: stored as a sparse file")
        self._check_size(size)
        data = self._shards[shard].read(offset, size)
        if len(data) < size:
            raise ImageError(f"cut short: {len(data)} of {size} bytes")
        return data

    def fingerprint(self) -> str:
        """Digest of names, shards, offsets, sizes, times of change and labels."""
        return self._digest(self._places, self.labels)


class _Listing:
    """What is gathered from the shards: a name, four numbers and a class an image."""

    def __init__(self) -> None:
        self.shards: list[Place] = []
        self.names = Names()
        self.places = array("q")  # shard, offset, size, time; a row an image
        self._folders, self._labels = Classes(), Classes()
        self._links: dict[int, bytes] = {}  # row to the name of the member that holds its bytes

    def add_shard(self, place: Place, prefix: str) -> None:
        """List a tar; its images go by a prefix and their names in it."""
        try:
            with place.open() as file:
                for member in read_members(file):
                    self._add(member, prefix)
        except InputError:
            raise
        except FileNotFoundError:
            raise InputError(
                f"every tar of a source must be there, and there is nothing at {place.location}; put it there, or "
                "change the entry in the catalog"
            ) from None
        except Exception as error:  # tarfile's own, and those that broken numbers make
            raise InputError(
                f"a tar must be whole, and uncompressed so that it can be read in place, got {place.location} "
                f"({error}); make it again, unpack its compression (gunzip, unxz), or unpack it into a folder"
            ) from None
        self.shards.append(place)

    def labelled(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Number the classes: those of the ``.cls`` files, or of the folders where there is none."""
        return (self._labels if self._labels.any() else self._folders).numbered()

    def table(self) -> NDArray[np.int64]:
        """Return shard, offset, size and time of each image, int64 of shape (rows, 4); links have their targets'."""
        table = np.frombuffer(self.places, dtype=np.int64).reshape(-1, 4)
        targets = dict.fromkeys(self._links.values(), -1)
        for row in range(len(self.names)) if targets else ():
            if row not in self._links and (name := self.names.encoded(row)) in targets:
                targets[name] = row
        for row, name in self._links.items():
            table[row] = table[targets[name]] if targets[name] >= 0 else (0, 0, _NOWHERE, 0)
        return table

    def _add(self, member: Member, prefix: str) -> None:
        if member.link is not None:
            self._links[len(self.names)] = (prefix + member.link).encode("utf-8", "surrogateescape")
        self.names.append(prefix + member.name)
        self._folders.append(folder_of(member.name))
        self._labels.append(member.label or "")
        self.places.extend((len(self.shards), member.offset, member.size, member.time))
