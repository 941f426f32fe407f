"""Figures as PNG."""

from __future__ import annotations

import io
from typing import Any

from kedro_datasets.matplotlib import MatplotlibDataset
from PIL import Image

from dcgan_pipeline.datasets.atomic_save import AtomicSave, saved_bytes


class FigureDataset(AtomicSave, MatplotlibDataset):
    """``matplotlib.MatplotlibDataset`` for one figure, written whole; loading gives the picture for a notebook.

    Examples
    --------
    .. code-block:: yaml

        sample_grid:
          type: dcgan_pipeline.datasets.figure.FigureDataset
          filepath: data/08_reporting/sample_grid.png
          versioned: true

    >>> from matplotlib.figure import Figure
    >>> dataset = FigureDataset(filepath=tmp_path / "figure.png")
    >>> dataset.save(Figure(figsize=(1, 1), dpi=50))
    >>> dataset.load().size
    (50, 50)
    """

    _save_args: dict[str, Any]

    def _save_to_fs(self, full_key_path: str, plot: Any) -> None:
        """Keep what the figure is of, its ``attrs``, as text in the PNG."""
        known = {name: str(value) for name, value in getattr(plot, "attrs", {}).items()}
        given = self._save_args
        self._save_args = {**given, "metadata": known | given.get("metadata", {})} if known else given
        try:
            super()._save_to_fs(full_key_path, plot)
        finally:
            self._save_args = given

    def load(self) -> Image.Image:
        """Return the picture."""
        return Image.open(io.BytesIO(saved_bytes(self)))
