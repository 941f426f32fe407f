"""What a run says to MLflow beside what kedro-mlflow logs."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import AbstractVersionedDataset, CatalogProtocol

from dcgan_pipeline.datasets.written_whole import saved_bytes
from dcgan_pipeline.hooks.run_name import run_name


class TrackingHooks:
    """Complete what kedro-mlflow logs: the run's name, versions of data read and written, metrics, figures.

    A dataset with ``metadata: {mlflow: {artifact: <folder>}}`` in the catalog is attached to the run; what is saved
    as a ``MetricsDataset`` becomes metrics of the same names; the generator of a GAN with ``metadata: {mlflow: {model:
    <name>}}`` becomes a model that MLflow can serve.
    """

    @hook_impl
    def after_context_created(self) -> None:
        """Quiet kedro-mlflow, which sets its own level when it is imported and says everything once a node."""
        for name in ("kedro_mlflow", "mlflow.pyfunc"):
            logging.getLogger(name).setLevel(logging.WARNING)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Remember the catalog, for the versions of its datasets."""
        self._catalog = catalog

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Name the run after what it runs and what was changed, so that two runs can be told apart."""
        import mlflow

        if mlflow.active_run():
            mlflow.set_tag("mlflow.runName", run_name(run_params))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """Tag the run with the version that was read."""
        self._tag_version("load", dataset_name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Tag the run with the version that was written; log metrics, figures and models."""
        import mlflow

        self._tag_version("save", dataset_name)
        if not mlflow.active_run():
            return
        dataset = self._catalog.get(dataset_name)
        if type(dataset).__name__ == "MetricsDataset":
            mlflow.log_metrics(data)
        wanted = (getattr(dataset, "metadata", None) or {}).get("mlflow") or {}
        if folder := wanted.get("artifact"):
            log_file(dataset, folder)
        if name := wanted.get("model"):
            from dcgan_pipeline.serving import log_generator

            log_generator(data, name)

    def _tag_version(self, how: str, name: str) -> None:
        import mlflow

        if name.startswith("params:") or not mlflow.active_run():
            return
        dataset = self._catalog.get(name)
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
            resolve = dataset.resolve_load_version if how == "load" else dataset.resolve_save_version
            mlflow.set_tag(f"{how}.{name}", resolve())
        elif type(dataset).__name__ == "RawImagesDataset":  # raw images have no versions, but they have a place
            mlflow.set_tag(f"{how}.{name}", dataset._location)  # type: ignore[union-attr]


def log_file(dataset: Any, folder: str) -> None:
    """Attach the file that was just saved to the active run, wherever it is stored."""
    import mlflow

    path = Path(dataset._get_load_path())
    if dataset._protocol == "file":
        mlflow.log_artifact(str(path), folder)
        return
    with tempfile.TemporaryDirectory() as local:
        (Path(local) / path.name).write_bytes(saved_bytes(dataset))
        mlflow.log_artifact(str(Path(local) / path.name), folder)
