"""Figures as PNG."""

from __future__ import annotations

from kedro_datasets.matplotlib import MatplotlibDataset
from PIL import Image

from dcgan_pipeline.datasets.written_whole import WrittenWhole, latest_path


class FigureDataset(WrittenWhole, MatplotlibDataset):
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

    def load(self) -> Image.Image:
        """Return the picture."""
        with Image.open(latest_path(self)) as image:
            return image.copy()

    def _exists(self) -> bool:
        return self._fs.exists(str(self._get_load_path()))
