"""A pile of images, as the catalog's first entry."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.open_source import open_source, source_exists
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError, ImageSource
from dcgan_pipeline.imaging.splits import PartLocation, Split, open_part

_PREVIEW_COLUMNS, _PREVIEW_SIDE = 8, 64


class RawImagesDataset(AbstractDataset[NoReturn, ImageSource]):
    """A folder tree, a zip, a tar or its shards, an LMDB, a set of torchvision; on this machine or remote; read-only.

    Loading lists the images and reads none of them. The folders that files lie in are their labels. Every form is in
    ``docs/sources.md``.

    With ``split`` an entry is one part of a source. ``test`` and ``test_by_default`` are places of test images, each
    under ``filepath``, since Kedro makes paths of that name absolute. The first is used before folders ``train`` and
    ``test`` of the source are looked for, the second where there are none.

    Examples
    --------
    .. code-block:: yaml

        raw_images:
          type: dcgan_pipeline.datasets.raw_images.RawImagesDataset
          filepath: data/01_raw/photos
          limits: {max_pixels: 50_000_000}

        shards:
          type: dcgan_pipeline.datasets.raw_images.RawImagesDataset
          filepath: s3://bucket/train-{000000..000146}.tar
          credentials: bucket                   # of conf/local/credentials.yml; optional

        labelled_test:
          type: dcgan_pipeline.datasets.raw_images.RawImagesDataset
          filepath: data/01_raw/photos
          split: {part: test, test_fraction: 0.3, seed: 0}   # drawn, unless photos has folders train and test
          test: {filepath: data/01_raw/other_photos}         # or the test images have a place of their own

    >>> len(RawImagesDataset(filepath="sklearn://digits").load())
    1797
    """

    def __init__(
        self,
        *,
        filepath: str,
        limits: dict[str, Any] | None = None,
        split: dict[str, Any] | None = None,
        test: dict[str, str | None] | None = None,
        test_by_default: dict[str, str | None] | None = None,
        download_to: str | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = str(filepath)
        self._places = {"test": test or {}, "test_by_default": test_by_default or {}}
        self._limits, self._split, self._download_to = limits or {}, split, download_to
        self._storage = credentials or {}  # what fsspec needs to know: never described, and so never logged
        self.metadata = metadata

    @property
    def _location(self) -> str:
        """Where the images are, as far as that is known before they are listed."""
        is_test = (self._split or {}).get("part") == "test"
        return (self._places["test"].get("filepath") if is_test else None) or self._filepath

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._location, "limits": self._limits, "split": self._split}

    def load(self) -> ImageSource:
        """List the images."""
        limits = Limits.parse(self._limits, "limits")
        split = None if self._split is None else Split.parse(self._split, "split")
        folder = Path(self._download_to) if self._download_to else None

        def open_at(location: str, part: Split | None) -> ImageSource:
            return open_source(location, limits, part, folder, self._storage)

        places = {name: PartLocation.parse(place, name).filepath for name, place in self._places.items()}
        if split is not None:
            return open_part(open_at, self._filepath, split, **places)
        if any(places.values()):
            raise InputError(
                f"a place of test images needs a split, and {self._location} has none; add split: {{part: test}}"
            )
        return open_at(self._location, None)

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: images are read-only."""
        raise DatasetError(f"raw images are never written; {self._location} is read-only")

    def _exists(self) -> bool:
        return source_exists(self._location)

    def preview(self) -> ImagePreview:
        """Show Kedro-Viz the first images."""
        source = self.load()
        side, gap = _PREVIEW_SIDE, 2
        sheet = Image.new("RGB", ((side + gap) * _PREVIEW_COLUMNS, (side + gap) * 4), "white")
        for k in range(min(len(source), _PREVIEW_COLUMNS * 4)):
            try:
                image = decode_image(source.read(k), source.limits)
            except ImageError:
                continue  # its place stays white; `rejected` says why
            image.thumbnail((side, side))
            sheet.paste(image, (k % _PREVIEW_COLUMNS * (side + gap), k // _PREVIEW_COLUMNS * (side + gap)))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())
