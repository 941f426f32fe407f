"""The files of uncompressed tars, read in place by their offsets: one tar, or the shards of a set."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources.base import FileSource, ImageError
from dcgan_pipeline.imaging.sources.names import Classes, Names
from dcgan_pipeline.imaging.sources.places import Place, place_at
from dcgan_pipeline.imaging.sources.sieve import (
    BAD_LABELS,
    COMPANIONS,
    NO_LABEL_FILE,
    Reason,
    Sieve,
    looks_like_an_image,
)
from dcgan_pipeline.imaging.sources.tar_members import SPARSE, Member, read_members
from dcgan_pipeline.imaging.sources.tar_samples import COMPANION_ENDINGS, NONE, find_samples

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
    passed_over
        What was counted while the shards were looked for.
    """

    def __init__(
        self,
        location: str,
        limits: Limits,
        shards: Iterable[Place] | None = None,
        storage: Mapping[str, Any] | None = None,
        passed_over: Mapping[Reason, int] | None = None,
    ) -> None:
        listing = _Listing()
        listing.sieve.passed_over.update(passed_over or {})
        above = 0 if shards is None else 1  # the name of the shard is none of its folders
        if shards is None:
            listing.add_shard(place_at(location, storage), "")
        for shard in shards or ():
            listing.add_shard(shard, shard.location.rpartition("/")[2] + "/")
        labelled = None
        if listing.labels.any():
            labelled = listing.labels.numbered()
            unlabelled = (listing.names[row] for row in listing.labels.rows_without().tolist())
            listing.sieve.passed_over[NO_LABEL_FILE] = sum(map(looks_like_an_image, unlabelled))
        super().__init__(location, limits, listing.names, listing.sieve.passed_over, labelled, above)
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
    """What is gathered from the shards: a name, four numbers and a label an image."""

    def __init__(self) -> None:
        self.shards: list[Place] = []
        self.names = Names()
        self.places = array("q")  # shard, offset, size, time; a row an image
        self.labels = Classes()
        self.sieve = Sieve()

    def add_shard(self, place: Place, prefix: str) -> None:
        """List a tar; its images go by a prefix and their names in it."""
        try:
            with place.open() as file:
                self._add_members(read_members(file, self.sieve), prefix)
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

    def table(self) -> NDArray[np.int64]:
        """Return shard, offset, size and time of each image, int64 of shape (rows, 4)."""
        return np.frombuffer(self.places, dtype=np.int64).reshape(-1, 4)

    def _add_members(self, members: Iterable[Member], prefix: str) -> None:
        start, has_companions = len(self.names), False
        links: dict[int, bytes] = {}  # row to the name of the member that holds its bytes
        for member in members:
            if member.link is not None:
                links[len(self.names)] = (prefix + member.link).encode("utf-8", "surrogateescape")
            has_companions = has_companions or member.name.lower().endswith(COMPANION_ENDINGS)
            self.names.append(prefix + member.name)
            self.labels.append(member.label or "")
            self.places.extend((len(self.shards), member.offset, member.size, member.time))
        if links:
            self._resolve(links, start)
        if has_companions:
            self._sort_out(start)

    def _resolve(self, links: dict[int, bytes], start: int) -> None:
        """Give hard links the bytes and the labels of their files."""
        targets = dict.fromkeys(links.values(), -1)
        for row in range(start, len(self.names)):
            if row not in links and (name := self.names.encoded(row)) in targets:
                targets[name] = row
        for row, name in links.items():
            target = targets[name]
            nowhere = array("q", (0, 0, _NOWHERE, 0))
            self.places[4 * row : 4 * row + 4] = self.places[4 * target : 4 * target + 4] if target >= 0 else nowhere
            if target >= 0:
                self.labels.copy(target, row)

    def _sort_out(self, start: int) -> None:
        """Leave the images of a shard, with their labels, and count their companions."""
        names, labels = self.names.cut(start), np.array(self.labels.cut(start), dtype=np.int64)
        places = np.array(self.places[4 * start :], dtype=np.int64).reshape(-1, 4)
        del self.places[4 * start :]
        found = find_samples(names)
        rows = np.flatnonzero(found.is_row)
        for row in rows.tolist():
            self.names.append(names.encoded(row))
        self.places.frombytes(places[rows].tobytes())
        holders = found.labels[rows]
        unnamed = self.labels.number("")
        chosen = np.where(holders == NONE, unnamed, labels[holders])
        self.labels.extend(chosen.tolist())
        bad = len(np.unique(holders[(holders != NONE) & (chosen == unnamed)]))
        self.sieve.passed_over += found.passed_over + Counter({BAD_LABELS: bad})
        self.sieve.passed_over[COMPANIONS] -= bad
