"""What is known of a pile of images, as a catalog entry beside it."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, NoReturn

from kedro.io.core import AbstractDataset, DatasetError

from dcgan_pipeline.datasets.raw_images import RawImagesDataset
from dcgan_pipeline.imaging.crop import place_of
from dcgan_pipeline.imaging.sources.attributes import KnownAttributes, TableAttributes


class RawAttributes(NamedTuple):
    """What is known of the images of a source, and which source that is."""

    known: KnownAttributes
    place: str
    """As ``records`` have it."""


class RawAttributesDataset(AbstractDataset[NoReturn, RawAttributes]):
    """Attributes of a source's images, and where their objects are; read-only (``docs/sources.md``).

    What is known comes from the source itself, and from a CSV in its place where there is one.

    Parameters
    ----------
    table
        ``{filepath: ...}`` of the CSV, or of nothing; Kedro makes paths of that name absolute.
    **images
        As :class:`~dcgan_pipeline.datasets.raw_images.RawImagesDataset` has them.

    Examples
    --------
    .. code-block:: yaml

        raw_attributes:
          type: dcgan_pipeline.datasets.raw_attributes.RawAttributesDataset
          filepath: data/01_raw/photos
          table: {filepath: data/01_raw/photos.csv}

    >>> RawAttributesDataset(filepath="sklearn://digits").load().known.objects
    ('loop',)
    """

    def __init__(
        self, *, table: dict[str, str | None] | None = None, metadata: dict[str, Any] | None = None, **images: Any
    ) -> None:
        self._images, self._table, self.metadata = RawImagesDataset(**images), (table or {}).get("filepath"), metadata

    def _describe(self) -> dict[str, Any]:
        return {**self._images._describe(), "table": self._table}

    def load(self) -> RawAttributes:
        """List the images, and read the table."""
        source = self._images.load()
        if self._table:
            known: KnownAttributes = TableAttributes(os.path.expanduser(self._table), source.names, source.location)
        else:
            known = source.known_attributes()
        return RawAttributes(known, place_of(source))

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: they are read-only."""
        raise DatasetError("what is known of raw images is never written")

    def _exists(self) -> bool:
        return self._images._exists()
