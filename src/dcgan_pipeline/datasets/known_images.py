"""Images that were hashed before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from dcgan_pipeline.arrays import ID, MANIFEST, ShardedArray
from dcgan_pipeline.datasets.table import TableDataset
from dcgan_pipeline.errors import InputError


class KnownSet(NamedTuple):
    """One version of what ``dedup`` hashed; row i of each is the same image."""

    name: str
    codes: ShardedArray
    thumbnails: ShardedArray
    records: pd.DataFrame
    images: ShardedArray
    """The thumbnails, where the images are gone."""


class KnownImagesDataset(AbstractDataset[NoReturn, "KnownImagesDataset"]):
    """The versions of ``hash_codes`` with the thumbnails, records and images that they are of; read-only.

    Examples
    --------
    .. code-block:: yaml

        known_images:
          type: dcgan_pipeline.datasets.known_images.KnownImagesDataset
          codes: data/04_feature/hash_codes
          thumbnails: data/03_primary/thumbnails
          records: data/03_primary/records.parquet
          images: data/03_primary/images

    >>> places = dict.fromkeys(("codes", "thumbnails", "records", "images"), tmp_path)
    >>> KnownImagesDataset(**places).load().sets("id", "encoder")
    []
    """

    def __init__(
        self,
        *,
        codes: str | os.PathLike[str],
        thumbnails: str | os.PathLike[str],
        records: str | os.PathLike[str],
        images: str | os.PathLike[str],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._codes, self._thumbnails, self._records = Path(codes), Path(thumbnails), Path(records)
        self._images = Path(images)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        places = (self._codes, self._thumbnails, self._records, self._images)
        return dict(zip(("codes", "thumbnails", "records", "images"), map(str, places), strict=True))

    def load(self) -> KnownImagesDataset:
        """Return itself: which sets are known depends on the images that are compared with them."""
        return self

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: known images are what earlier runs saved."""
        raise DatasetError("known images are what earlier runs of dedup saved, and are read-only")

    def _exists(self) -> bool:
        return True

    def sets(self, images_id: str, encoder: str) -> list[KnownSet]:
        """Return the latest version of each set of other images that this encoder hashed, the oldest first.

        Raises
        ------
        InputError
            Where the thumbnails or records of a set are gone.
        """
        latest: dict[str, tuple[str, ShardedArray]] = {}
        for folder in _versions(self._codes):
            codes = ShardedArray(folder)
            if codes.attrs.get("hash_encoder") == encoder and codes.attrs.get(ID) != images_id:
                latest[codes.attrs[ID]] = (folder.parent.name, codes)
        if not latest:
            return []
        thumbnails, images = (
            {array.attrs.get(ID): array for array in map(ShardedArray, _versions(path))}
            for path in (self._thumbnails, self._images)
        )
        records = {table.attrs.get(ID): table for table in _tables(self._records)}
        found = []
        for known, (version, codes) in sorted(latest.items(), key=lambda item: item[1][0]):
            if known not in thumbnails or known not in records:
                raise InputError(
                    f"a known set needs its thumbnails and records, and those of hash_codes {version} are gone; "
                    f"bring them back, or remove {self._codes / version}"
                )
            finest = images.get(known, thumbnails[known])
            found.append(KnownSet(version, codes, thumbnails[known], records[known], finest))
        return found


def _versions(path: Path) -> list[Path]:
    """Whole versions of an array, the oldest first: <path>/<version>/<name>."""
    return [manifest.parent for manifest in sorted(path.glob(f"*/{path.name}/{MANIFEST}"))]


def _tables(path: Path) -> list[pd.DataFrame]:
    return [TableDataset(filepath=str(file)).load() for file in sorted(path.glob(f"*/{path.name}"))]
