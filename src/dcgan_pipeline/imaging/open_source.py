"""From what a user writes in the catalog to an :class:`ImageSource`."""

from __future__ import annotations

import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.digits import LOCATION as DIGITS
from dcgan_pipeline.imaging.digits import DigitsSource
from dcgan_pipeline.imaging.scenes import SCHEME as SCENES
from dcgan_pipeline.imaging.scenes import open_scenes
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import (
    FileSource,
    FolderSource,
    ImageSource,
    LmdbSource,
    RemoteFolderSource,
    TarSource,
    ZipSource,
)
from dcgan_pipeline.imaging.sources.labels_file import with_labels_of_file
from dcgan_pipeline.imaging.sources.lmdb_source import DATA as LMDB_DATA
from dcgan_pipeline.imaging.sources.patterns import Glob, expand_braces, has_braces, split_glob
from dcgan_pipeline.imaging.sources.places import Place, RemotePlace, place_at
from dcgan_pipeline.imaging.sources.sieve import Reason, Sieve, looks_like_an_image
from dcgan_pipeline.imaging.splits import Split, take_part
from dcgan_pipeline.imaging.torchvision_sets import SCHEME as TORCHVISION
from dcgan_pipeline.imaging.torchvision_sets import open_torchvision_set


def open_source(
    location: str,
    limits: Limits | None = None,
    split: Split | None = None,
    download_to: Path | None = None,
    storage: Mapping[str, Any] | None = None,
) -> ImageSource:
    """Open a pile of images; ``docs/sources.md`` has an example of each form.

    Parameters
    ----------
    location
        - A folder, or the files that match a pattern: ``photos``, ``photos/**/*.jpg``.
        - A ``.zip`` or an uncompressed ``.tar``; shards of tars: ``train-{000..146}.tar``, ``shards/*.tar``.
        - A folder with an LMDB in it.
        - Folders, patterns, zips and tars at an address that fsspec can open: ``s3://bucket/photos.zip``.
        - ``torchvision://<set>/<part>``, such as ``torchvision://CIFAR10/train``.
        - ``scenes://<count>/<seed>``: drawn rooms, of which everything is known.
        - ``sklearn://digits``: 1 797 handwritten digits of 8 x 8, bundled with scikit-learn.
    limits
        What one file may ask of this machine.
    split
        Keep only the training or the test part: a folder of the source where it has both, else drawn.
    download_to
        Where torchvision's sets are, or are downloaded to.
    storage
        What fsspec needs to know to open an address: keys, endpoints.

    Raises
    ------
    InputError
        Where there is nothing at the location, it cannot be reached, or it is of another kind.
    """
    source = _open(location, limits or Limits(), download_to, storage)
    if isinstance(source, FileSource):
        source = with_labels_of_file(source)
    return source if split is None else take_part(source, split)


def source_exists(location: str) -> bool:
    """Say whether there is something at a location; of what is not on this machine, that is taken for granted."""
    place = place_at(location)
    if isinstance(place, RemotePlace) or place.kind():
        return True
    first = place_at(next(expand_braces(location))) if has_braces(location) else place
    glob = split_glob(first.location)
    return any(True for _ in _matches(glob, glob.sieve())) if glob else first.kind() is not None


def _open(location: str, limits: Limits, download_to: Path | None, storage: Mapping[str, Any] | None) -> ImageSource:
    if location == DIGITS:
        return DigitsSource(limits)
    if location.startswith(TORCHVISION):
        return open_torchvision_set(location, limits, download_to)
    if location.startswith(SCENES):
        return open_scenes(location, limits)
    place = place_at(location, storage)
    glob = split_glob(place.location)
    remote_pattern = isinstance(place, RemotePlace) and (glob or has_braces(location))
    kind = None if remote_pattern else place.kind()  # a path may have such characters in its names
    if kind == "folder":
        return _open_folder(place, limits, storage)
    if kind == "file":
        return _open_archive(place, limits, storage)
    if has_braces(location) or (glob and _is_shard(glob.pattern)):
        counts: Counter[Reason] = Counter()
        shards = list(_shards(location, storage, counts))
        return TarSource(location, limits, shards, passed_over=counts)
    if glob:
        return _open_glob(location, glob, limits, storage)
    raise InputError(
        "a source must be a folder, a pattern, a .zip, a .tar, an LMDB, an address of these, sklearn://digits, "
        f"scenes://<count> or torchvision://<set>/<part>, and there is nothing at {location}; put your images there, "
        "or give their place: --params=source=... for one run, `source:` in the environment's globals.yml for all"
    )


def _open_folder(place: Place, limits: Limits, storage: Mapping[str, Any] | None) -> ImageSource:
    if isinstance(place, RemotePlace):
        source = RemoteFolderSource(place.location, limits, storage=storage)
        if len(source) <= 2 and LMDB_DATA in source.names:  # alone, or beside its lock
            raise InputError(f"an LMDB must be on this machine, got {place.location}; copy it here")
        _refuse_shards(source)
        return source
    if place.child(LMDB_DATA).kind() == "file":
        return LmdbSource(place.location, limits)
    folder = FolderSource(place.location, limits)
    _refuse_shards(folder)
    return folder


def _refuse_shards(source: ImageSource) -> None:
    """A folder of tars, as img2dataset leaves it, would be rejected file by file as no images."""
    if not source.names.contain(rb"\.(tar|zip)") or any(looks_like_an_image(name) for name in source.names):
        return
    tars, zips = (sum(name.endswith(ending) for name in source.names) for ending in (".tar", ".zip"))
    if tars:
        fix = f"give them as shards, --params='source={source.location.rstrip('/')}/**/*.tar'"
    else:
        fix = "give one zip, or unpack them into a folder"
    raise InputError(
        f"a folder must hold images, and {source.location} holds archives ({tars} tars, {zips} zips) and no file with "
        f"the ending of an image; {fix}"
    )


def _open_glob(location: str, glob: Glob, limits: Limits, storage: Mapping[str, Any] | None) -> ImageSource:
    if glob.pattern.lower().endswith(".zip"):
        raise InputError(f"shards must be tars, got {location}; give one zip, or unpack them into a folder")
    if isinstance(place_at(glob.root), RemotePlace):
        return RemoteFolderSource(glob.root, limits, glob.pattern, storage)
    return FolderSource(glob.root, limits, glob.pattern)


def _shards(location: str, storage: Mapping[str, Any] | None, counts: Counter[Reason]) -> Iterator[Place]:
    """The tars that a location with braces or wildcards names, in its order."""
    for name in expand_braces(location):
        if not _is_shard(name):
            raise InputError(f"braces must name shards that end in .tar, got {location}; for images, use wildcards")
        glob = split_glob(place_at(name).location)
        if glob is None:
            yield place_at(name, storage)
        else:
            sieve = glob.sieve()
            yield from _matches(glob, sieve, storage)
            counts += sieve.passed_over


def _is_shard(name: str) -> bool:
    return name.lower().endswith(".tar")


def _matches(glob: Glob, sieve: Sieve, storage: Mapping[str, Any] | None = None) -> Iterator[Place]:
    root = place_at(glob.root, storage)
    return (root.child(found.name) for found in root.walk(sieve, glob.depth))


def _open_archive(place: Place, limits: Limits, storage: Mapping[str, Any] | None) -> ImageSource:
    try:
        with place.open() as file:
            is_tar, is_zip = _is_tar(file), zipfile.is_zipfile(file)
    except Exception as error:
        raise InputError(
            f"a source must be readable from any byte on, and {place.location} is not ({type(error).__name__}: "
            f"{error}); check its permissions, or copy it to this machine"
        ) from None
    if is_tar:  # first: a tar whose last file is a zip looks like a zip too
        return TarSource(place.location, limits, storage=storage)
    if is_zip:
        return ZipSource(place.location, limits, storage)
    folder = " (the address of a folder ends in /)" if isinstance(place, RemotePlace) else ""
    raise InputError(
        f"a source that is a file must be a whole .zip or .tar, and {place.location} is neither (cut short, perhaps)"
        f"{folder}; make the archive again, or give the folder"
    )


def _is_tar(file: BinaryIO) -> bool:
    try:
        return tarfile.is_tarfile(file)
    except EOFError:  # a compressed file that is cut short
        return False
