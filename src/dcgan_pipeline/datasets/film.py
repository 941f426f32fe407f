"""Films as MP4."""

from __future__ import annotations

import base64
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
from kedro.io.core import AbstractVersionedDataset, Version, get_filepath_str, get_protocol_and_path
from kedro_datasets._typing import ImagePreview
from PIL import Image

from dcgan_pipeline.datasets.atomic_save import AtomicSave, saved_bytes
from dcgan_pipeline.visualize.film import Film, read_mp4

_SHOWN = 48  # frames of a preview
_SIDE = 192  # its pixels, at most


class _Film(AbstractVersionedDataset[Film, bytes]):
    """One MP4, written frame by frame."""

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
        super().__init__(PurePosixPath(path), version, self._fs.exists, self._fs.glob)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "protocol": self._protocol, "version": self._version}

    def save(self, data: Film) -> None:
        """Encode the film; its frames are made while it is written."""
        path = self._get_save_path()
        if self._protocol == "file":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            data.write_mp4(path)
            return
        with tempfile.TemporaryDirectory() as folder:  # the index goes to the front at last, so a file is needed
            local = Path(folder) / path.name
            data.write_mp4(local)
            self._fs.put(str(local), get_filepath_str(path, self._protocol))

    def load(self) -> bytes:
        """Return the MP4: ``IPython.display.Video(data, embed=True, mimetype="video/mp4")`` plays it in a notebook."""
        return saved_bytes(self)

    def _exists(self) -> bool:
        return self._fs.exists(get_filepath_str(self._get_load_path(), self._protocol))

    def _release(self) -> None:
        super()._release()
        self._fs.invalidate_cache(str(self._filepath))

    def preview(self) -> ImagePreview:
        """Show Kedro-Viz, which plays no films, a small GIF of some frames."""
        data = saved_bytes(self)
        count = sum(1 for _ in read_mp4(data))
        wanted = set(np.linspace(0, count - 1, min(count, _SHOWN)).round().astype(int).tolist())

        def frames() -> Iterator[np.ndarray]:
            for k, frame in enumerate(read_mp4(data)):
                if k in wanted:
                    small = Image.fromarray(frame)
                    small.thumbnail((_SIDE, _SIDE))
                    yield np.asarray(small)

        buffer = io.BytesIO()
        Film(frames, 10).save(buffer)
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())


class FilmDataset(AtomicSave, _Film):
    """A film (:class:`dcgan_pipeline.visualize.film.Film`) as MP4, written whole; loading gives its bytes.

    ``datasets.animation.AnimationDataset`` writes the same films as GIF.

    Examples
    --------
    .. code-block:: yaml

        latent_walk_film:
          type: dcgan_pipeline.datasets.film.FilmDataset
          filepath: data/08_reporting/latent_walk_film.mp4
          versioned: true

    >>> dataset = FilmDataset(filepath=tmp_path / "film.mp4")
    >>> dataset.save(Film(lambda: [np.zeros((16, 16, 3), np.uint8)] * 3, rate=24))
    >>> len(list(read_mp4(dataset.load())))
    3
    """
