"""Learned state in safetensors."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import fsspec
from kedro.io.core import (
    AbstractDataset,
    AbstractVersionedDataset,
    DatasetError,
    Version,
    get_filepath_str,
    get_protocol_and_path,
)
from kedro_datasets._typing import JSONPreview

from dcgan_pipeline.datasets.atomic_save import AtomicSave
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.weights import Weights, read_settings


class _SafetensorsDataset(AbstractVersionedDataset[Weights, Weights]):
    """One safetensors file, with the settings in its header."""

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

    def load(self) -> Weights:
        """Read tensors and settings."""
        with self._local_file() as path:
            return Weights.load(path)

    def save(self, data: Weights) -> None:
        """Write tensors and settings."""
        path = self._get_save_path()
        if self._protocol == "file":
            data.save(path)
            return
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / path.name
            data.save(local)
            self._fs.put(str(local), get_filepath_str(path, self._protocol))

    def _exists(self) -> bool:
        return self._fs.exists(get_filepath_str(self._get_load_path(), self._protocol))

    def _release(self) -> None:
        super()._release()
        self._fs.invalidate_cache(str(self._filepath))

    @contextmanager
    def _local_file(self) -> Iterator[str]:
        """Give a path on this machine, which safetensors needs."""
        path = get_filepath_str(self._get_load_path(), self._protocol)
        if self._protocol == "file":
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            local = f"{folder}/{self._filepath.name}"
            self._fs.get(path, local)
            yield local

    def preview(self) -> JSONPreview:
        """Show Kedro-Viz the settings, not the tensors."""
        with self._local_file() as path:
            settings = read_settings(path)
        return JSONPreview(json.dumps({name: settings[name] for name in settings if name != "history"}))


class WeightsDataset(AtomicSave, _SafetensorsDataset):
    """Named tensors and their settings (:class:`dcgan_pipeline.weights.Weights`), written whole.

    Examples
    --------
    .. code-block:: yaml

        gan:
          type: dcgan_pipeline.datasets.weights.WeightsDataset
          filepath: data/06_models/gan.safetensors
          versioned: true

    >>> import torch
    >>> dataset = WeightsDataset(filepath=tmp_path / "gan.safetensors")
    >>> dataset.save(Weights({"w": torch.ones(2)}, {"kind": "example"}))
    >>> dataset.load().settings
    {'kind': 'example'}
    """


class EarlierWeightsDataset(AbstractDataset[NoReturn, Callable[[str], Weights]]):
    """All versions of an entry of weights, of which a stage asks for one by name, or for none.

    Loads a function that takes a version, ``latest``, or the path of another file (``*.safetensors``), and returns
    :class:`dcgan_pipeline.weights.Weights`.

    Examples
    --------
    .. code-block:: yaml

        earlier_gans:
          type: dcgan_pipeline.datasets.weights.EarlierWeightsDataset
          filepath: data/06_models/gan.safetensors

    >>> import torch
    >>> versioned = WeightsDataset(filepath=tmp_path / "gan.safetensors", version=Version(None, "1"))
    >>> versioned.save(Weights({"w": torch.ones(2)}, {"kind": "example"}))
    >>> open_gan = EarlierWeightsDataset(filepath=tmp_path / "gan.safetensors").load()
    >>> open_gan("1").settings == open_gan("latest").settings
    True
    """

    def __init__(self, *, filepath: str | os.PathLike[str], metadata: dict[str, Any] | None = None, **options: Any):
        self._path, self._options, self.metadata = str(filepath), options, metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path}

    def load(self) -> Callable[[str], Weights]:
        """Return the function; nothing is read yet."""
        return self._open

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the entry whose versions these are is saved to."""
        raise DatasetError(f"the versions of {self._path} are read here, and saved by the entry that they are of")

    def _exists(self) -> bool:
        return True

    def _open(self, name: str) -> Weights:
        if name.endswith(".safetensors"):
            if not Path(name).is_file():
                raise InputError(f"weights to begin with must be there, and there is no file {name}; correct its path")
            return Weights.load(name)
        wanted = Version(None if name == "latest" else name, None)
        dataset = WeightsDataset(filepath=self._path, version=wanted, **self._options)
        if not dataset.exists():
            known = dataset.list_versions(full_path=False)
            there = f"the versions are {shortened(known)}" if known else "there is no version yet"
            raise InputError(
                f"weights to begin with must be latest, a version of {self._path} or a .safetensors file, got "
                f"{name!r}; {there}"
            )
        return dataset.load()
