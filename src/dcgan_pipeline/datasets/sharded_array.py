"""Arrays larger than memory."""

from __future__ import annotations

import base64
import io
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
from kedro.io.core import AbstractVersionedDataset, Version, get_filepath_str, get_protocol_and_path
from kedro_datasets._typing import ImagePreview
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.arrays import MANIFEST, ArrayChunks, ShardedArray, ShardFiles, write_shards
from dcgan_pipeline.datasets.atomic_save import AtomicSave

_PREVIEW_SIDE = 8  # images a side


class _ShardFolderDataset(AbstractVersionedDataset[NDArray[Any] | ArrayChunks | ShardFiles, ShardedArray]):
    """A folder of ``.npy`` shards and, last of all, a manifest."""

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        rows_per_shard: int = 65_536,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        cache: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._protocol, path = get_protocol_and_path(str(filepath), version)
        self._fs = fsspec.filesystem(self._protocol, **(credentials or {}), **(fs_args or {}))
        self._rows_per_shard, self._cache, self.metadata = rows_per_shard, cache, metadata
        # A version exists when its manifest does: a bound method, because Kedro's parallel runner pickles datasets.
        super().__init__(PurePosixPath(path), version, self._has_manifest, self._fs.glob)

    def _has_manifest(self, path: str) -> bool:
        return self._fs.exists(f"{path}/{MANIFEST}")

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "rows_per_shard": self._rows_per_shard,
            "version": self._version,
        }

    def save(self, data: NDArray[Any] | ArrayChunks | ShardFiles) -> None:
        """Write the shards, then the manifest."""
        path = self._get_save_path()
        if self._protocol == "file":
            write_shards(data, Path(path), self._rows_per_shard)
            return
        with tempfile.TemporaryDirectory() as folder:
            write_shards(data, Path(folder), self._rows_per_shard)
            remote = get_filepath_str(path, self._protocol)
            shards = sorted(Path(folder).glob("*.npy"))
            for file in [*shards, Path(folder) / MANIFEST]:  # the manifest last
                self._fs.put(str(file), f"{remote}/{file.name}")

    def load(self) -> ShardedArray:
        """Open the shards; from another file system, fetch them first."""
        path = get_filepath_str(self._get_load_path(), self._protocol)
        if self._protocol == "file":
            return ShardedArray(path)
        # A memory map needs a file on this machine.
        local = Path(self._cache or f"{tempfile.gettempdir()}/dcgan_pipeline") / path.replace("://", "/").lstrip("/")
        local /= self._fs.ukey(f"{path}/{MANIFEST}")[:16]  # changes when an entry without versions is written again
        if not (local / MANIFEST).exists():
            local.mkdir(parents=True, exist_ok=True)
            names = [Path(name).name for name in self._fs.ls(path, detail=False)]
            for name in sorted(names, key=lambda name: name == MANIFEST):
                self._fs.get(f"{path}/{name}", str(local / name))
        return ShardedArray(local)

    def _exists(self) -> bool:
        return self._has_manifest(get_filepath_str(self._get_load_path(), self._protocol))

    def _release(self) -> None:
        super()._release()
        self._fs.invalidate_cache(str(self._filepath))

    def preview(self) -> ImagePreview:
        """Show Kedro-Viz the first images, or the first rows of an array of another shape as shades of grey."""
        array = self.load()
        first = array[: _PREVIEW_SIDE**2]
        buffer = io.BytesIO()
        _picture(first).save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())


def _picture(rows: NDArray[Any]) -> Image.Image:
    from dcgan_pipeline.figures.canvas import tile

    if rows.ndim == 5:  # samples through training: the last ones
        rows = rows[-1][: _PREVIEW_SIDE**2]
    if rows.ndim == 4:
        pixels = tile(rows.astype(np.uint8), _PREVIEW_SIDE)
        return Image.fromarray(pixels).resize((pixels.shape[1] * 2, pixels.shape[0] * 2), Image.Resampling.NEAREST)
    flat = rows.reshape(len(rows), -1)[:, :512].astype(np.float64)
    low, high = flat.min(), flat.max()
    return Image.fromarray(((flat - low) / max(high - low, 1e-12) * 255).astype(np.uint8))


class ShardedArrayDataset(AtomicSave, _ShardFolderDataset):
    """A folder of ``.npy`` shards, written whole and opened as memory maps.

    Saves an array, a stream of arrays (:class:`~dcgan_pipeline.arrays.ArrayChunks`) or files that workers wrote
    (:class:`~dcgan_pipeline.arrays.ShardFiles`, which are moved); loads a
    :class:`~dcgan_pipeline.arrays.ShardedArray`.

    Examples
    --------
    .. code-block:: yaml

        images:
          type: dcgan_pipeline.datasets.sharded_array.ShardedArrayDataset
          filepath: data/03_primary/images
          versioned: true

    >>> dataset = ShardedArrayDataset(filepath=tmp_path / "images", rows_per_shard=2)
    >>> dataset.save(np.zeros((5, 3, 8, 8), np.uint8))
    >>> dataset.load().shape
    (5, 3, 8, 8)
    """
