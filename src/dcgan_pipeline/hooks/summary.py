"""A run ends with a short table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol

from dcgan_pipeline.hooks.run_name import run_name


class SummaryHooks:
    """End a run with a short table: what came in, what came out, how good it is, where the pictures are."""

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Begin anew."""
        self._catalog = catalog
        self._metrics: dict[str, float] = {}
        self._pictures: dict[str, Path] = {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Keep the metrics, and where the figures are."""
        dataset = self._catalog.get(dataset_name)
        kind = type(dataset).__name__
        if kind == "MetricsDataset":
            self._metrics |= data
        elif kind in ("FigureDataset", "AnimationDataset", "FileFolderDataset"):
            self._pictures[dataset_name] = Path(dataset._get_load_path())  # type: ignore[union-attr]

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Print the table."""
        from dcgan_pipeline.summary import print_summary

        print_summary(run_name(run_params), self._metrics, self._pictures)
