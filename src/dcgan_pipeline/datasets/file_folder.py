"""A folder of files that a stage wrote."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
from kedro.io.core import AbstractVersionedDataset, Version, get_filepath_str, get_protocol_and_path
from kedro_datasets._typing import ImagePreview
from PIL import Image

from dcgan_pipeline.arrays import MANIFEST, ShardFiles
from dcgan_pipeline.datasets.atomic_save import AtomicSave

_PREVIEW_SIDE = 8  # pictures a side
_PREVIEW_PIXELS = 512  # a side, at most


class _FileFolder(AbstractVersionedDataset[ShardFiles, str]):
    """Files and folders, moved into one folder, and last of all a manifest."""

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._protocol, path = get_protocol_and_path(str(filepath), version)
        self._fs = fsspec.filesystem(self._protocol, **(credentials or {}), **(fs_args or {}))
        self.metadata = metadata
        super().__init__(PurePosixPath(path), version, self._has_manifest, self._fs.glob)

    def _has_manifest(self, path: str) -> bool:
        return self._fs.exists(f"{path}/{MANIFEST}")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol, "version": self._version}

    def save(self, data: ShardFiles) -> None:
        """Move the files, then write the manifest: their names, and what they are."""
        manifest = json.dumps({"files": [file.name for file in data.files], "attrs": data.attrs}, indent=1)
        path = self._get_save_path()
        if self._protocol == "file":
            Path(path).mkdir(parents=True, exist_ok=True)
            for file in data.files:
                shutil.move(file, Path(path) / file.name)  # a rename where it can be
            (Path(path) / MANIFEST).write_text(manifest)
            return
        remote = get_filepath_str(path, self._protocol)
        if self._fs.exists(remote):  # an unversioned folder, whose files would be mixed with these
            self._fs.rm(remote, recursive=True)
        for file in data.files:
            self._fs.put(str(file), f"{remote}/{file.name}", recursive=file.is_dir())
        self._fs.pipe_file(f"{remote}/{MANIFEST}", manifest.encode())

    def load(self) -> str:
        """Return the folder's path, or its address."""
        path = get_filepath_str(self._get_load_path(), self._protocol)
        return path if self._protocol == "file" else self._fs.unstrip_protocol(path)

    def _exists(self) -> bool:
        return self._has_manifest(get_filepath_str(self._get_load_path(), self._protocol))

    def _release(self) -> None:
        super()._release()
        self._fs.invalidate_cache(str(self._filepath))

    def preview(self) -> ImagePreview:
        """Show Kedro-Viz the picture, or the first of many."""
        from dcgan_pipeline.figures.canvas import tile

        pictures = list(islice(self._pictures(), _PREVIEW_SIDE**2))
        if len(pictures) == 1:
            shown = pictures[0]
        else:
            arrays = np.stack([np.asarray(picture.convert("RGB")).transpose(2, 0, 1) for picture in pictures])
            shown = Image.fromarray(tile(arrays, _PREVIEW_SIDE))
        shown.thumbnail((_PREVIEW_PIXELS, _PREVIEW_PIXELS))
        buffer = io.BytesIO()
        shown.save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())

    def _pictures(self) -> Iterator[Image.Image]:
        """The pictures of the first entry: itself, those of a folder, or those in a zip."""
        folder = self.load()
        first = f"{folder}/{json.loads(self._fs.cat_file(f'{folder}/{MANIFEST}'))['files'][0]}"
        if first.endswith(".zip"):
            with self._fs.open(first) as file, zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    yield Image.open(io.BytesIO(archive.read(name)))
            return
        for name in sorted(self._fs.ls(first, detail=False)) if self._fs.isdir(first) else [first]:
            yield Image.open(io.BytesIO(self._fs.cat_file(name)))


class FileFolderDataset(AtomicSave, _FileFolder):
    """A folder of files that a stage wrote itself: they are moved into a version, which is seen whole or not at all.

    Saves :class:`~dcgan_pipeline.arrays.ShardFiles`, whose files may be folders too; loads the folder's path. Beside
    the files is a ``manifest.json`` with their names and ``attrs``, which say what they are.

    Examples
    --------
    .. code-block:: yaml

        samples:
          type: dcgan_pipeline.datasets.file_folder.FileFolderDataset
          filepath: data/07_model_output/samples
          versioned: true

    >>> (tmp_path / "a.txt").write_text("a")
    1
    >>> dataset = FileFolderDataset(filepath=tmp_path / "samples")
    >>> dataset.save(ShardFiles([tmp_path / "a.txt"], {"kind": "example"}))
    >>> sorted(os.listdir(dataset.load()))
    ['a.txt', 'manifest.json']
    """
