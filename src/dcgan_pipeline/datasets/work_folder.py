"""A place for work in progress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError


class WorkFolderDataset(AbstractDataset[NoReturn, Path]):
    """The path of a folder for what a stage keeps until it is done: shards so far, the last checkpoint.

    It is no result: nothing in it is versioned, and a stage may empty it. On a cluster every machine must see it.

    Examples
    --------
    .. code-block:: yaml

        checkpoints:
          type: dcgan_pipeline.datasets.work_folder.WorkFolderDataset
          filepath: data/06_models/checkpoints

    >>> WorkFolderDataset(filepath=tmp_path / "work").load().name
    'work'
    """

    def __init__(self, *, filepath: str | os.PathLike[str], metadata: dict[str, Any] | None = None) -> None:
        self._path, self.metadata = Path(filepath), metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

    def load(self) -> Path:
        """Return the path; the stage makes the folder."""
        return self._path

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the stage that uses the folder writes in it."""
        raise DatasetError(f"a work folder is written by the stage that uses it; {self._path} cannot be saved to")

    def _exists(self) -> bool:
        return True
