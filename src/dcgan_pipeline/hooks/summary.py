"""A run ends with a short table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import get_filepath_str
from kedro.pipeline import Pipeline

from dcgan_pipeline.hooks.run_name import run_name
from dcgan_pipeline.tracking import run as runs

_PICTURES = ("FigureDataset", "AnimationDataset", "FilmDataset", "FileFolderDataset")


class SummaryHooks:
    """End a run with a short table: what came in, what came out, how good it is, where the pictures and the run are."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Print the table, of what is saved: nodes may have run in other processes."""
        from dcgan_pipeline.summary import print_summary

        metrics: dict[str, float] = {}
        pictures: dict[str, Path] = {}
        for name in (name for node in pipeline.nodes for name in node.outputs):
            dataset: Any = catalog.get(name)
            kind = type(dataset).__name__
            if kind == "MetricsDataset" and (path := _saved(dataset)):
                metrics |= json.loads(dataset._fs.cat_file(get_filepath_str(path, dataset._protocol)))
            elif (kind in _PICTURES or str(getattr(dataset, "_filepath", "")).endswith(".html")) and (
                path := _saved(dataset)
            ):
                pictures[name] = Path(path)
        run = runs.current()
        print_summary(run_name(run_params), metrics, pictures, run.address() if run else "")


def _saved(dataset: Any) -> Any:
    """Give the path of what this run has saved; None where its node did not run."""
    path = dataset._filepath
    if dataset._version:
        path = dataset._get_versioned_path(dataset.resolve_save_version())
    return path if dataset._exists_function(get_filepath_str(path, dataset._protocol)) else None
