"""What a run says to MLflow."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import AbstractVersionedDataset, CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from dcgan_pipeline.datasets.atomic_save import saved_bytes
from dcgan_pipeline.hooks.run_name import pipelines_of, run_name
from dcgan_pipeline.tracking import recorder as recorders
from dcgan_pipeline.tracking import run as runs
from dcgan_pipeline.tracking.recorder import Recorder


class TrackingHooks:
    """Tell MLflow of a run: settings, versions of data read and written, metrics, figures, models.

    These hooks stand in for kedro-mlflow's own, whose calls end a run where MLflow's database is locked or its server
    is down; ``mlflow.yml``, ``kedro mlflow`` and kedro-mlflow's datasets are as kedro-mlflow documents them.

    A dataset with ``metadata: {mlflow: {artifact: <folder>}}`` in the catalog is attached to the run; what is saved
    as a ``MetricsDataset`` becomes metrics of the same names; the generator of a GAN with ``metadata: {mlflow: {model:
    <name>}}`` becomes a model that MLflow can serve.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read ``mlflow.yml``, and make or mend the database file before anything else could."""
        import mlflow

        from dcgan_pipeline.tracking.store import Store
        from dcgan_pipeline.tracking.target import read_settings, target_of

        for name in ("kedro_mlflow", "mlflow.pyfunc"):
            logging.getLogger(name).setLevel(logging.WARNING)
        settings = read_settings(context) if not mlflow.active_run() else _settings_of_active_run(context)
        self._settings, self._target = settings, target_of(settings, Path(context.project_path))
        context.__setattr__("mlflow", settings)  # where `kedro mlflow` and kedro-mlflow's users look
        command = click.get_current_context(silent=True)
        if command is not None and command.info_name == "ui":
            Store(self._target.uri).must_connect("to show its page")
        try:
            runs.open_experiment(self._target)
        except Exception:  # a run goes on without MLflow, and its sender says why
            pass
        else:
            runs.deliver_leftovers(self._target)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol, **others: Any) -> None:
        """Give kedro-mlflow's metrics datasets the names of their entries, as kedro-mlflow does."""
        from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

        MlflowHook().after_catalog_created(catalog, {}, {}, {}, "", {})

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Begin the run, named after what it runs and what was changed, with every setting that it reads."""
        from kedro_mlflow.framework.hooks.utils import _assert_mlflow_enabled, _flatten_dict
        from kedro_mlflow.io.catalog.switch_catalog_logging import switch_catalog_logging

        from dcgan_pipeline.tracking.store import check_address

        tracking = self._settings.tracking
        enabled = _assert_mlflow_enabled(run_params.get("pipeline_names") or ["__default__"], self._settings)
        switch_catalog_logging(catalog, enabled)
        if not enabled:
            return
        check_address(self._target.uri)
        given = tracking.run.id
        run = runs.begin(self._target, tracking.run.name or run_name(run_params), _tags(run_params), given)
        if run is None:
            return
        names = {name for name in pipeline.inputs() if name.startswith("params:") or name == "parameters"}
        read = {name.removeprefix("params:"): catalog.load(name) for name in sorted(names)}
        form = tracking.params.dict_params
        if form.flatten:
            read = _flatten_dict(read, recursive=form.recursive, sep=form.sep)
        run.recorder.params(read, tracking.params.long_params_strategy)

    @hook_impl
    def before_node_run(self, node: Node, catalog: CatalogProtocol) -> None:
        """Tag the run with the versions that were read."""
        self._catalog = catalog
        if run := runs.current():
            run.open_here()
        if recorder := recorders.current():
            for name in node.inputs:
                _tag_version(recorder, catalog, "load", name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Tag the run with the version that was written; log metrics, figures and models."""
        recorder = recorders.current()
        if recorder is None:
            return
        _tag_version(recorder, self._catalog, "save", dataset_name)
        dataset = self._catalog.get(dataset_name)
        if type(dataset).__name__ == "MetricsDataset":
            recorder.metrics(data)
        wanted = (getattr(dataset, "metadata", None) or {}).get("mlflow") or {}
        if folder := wanted.get("artifact"):
            _attach(recorder, dataset, folder)
        if name := wanted.get("model"):
            from dcgan_pipeline.serving import generator_alone

            with recorder.kept():
                file = recorder.journal.new_file("generator.safetensors")
                generator_alone(data).save(file)
                recorder.model(file, name)


def _settings_of_active_run(context: KedroContext) -> Any:
    """Go on in a run that somebody has opened, wherever that is."""
    import mlflow

    from dcgan_pipeline.tracking.target import read_settings

    uri, run = mlflow.get_tracking_uri(), cast(Any, mlflow.active_run())
    settings = read_settings(context)
    mlflow.set_tracking_uri(uri)
    settings.server.mlflow_tracking_uri = uri
    settings.tracking.run.id = run.info.run_id
    settings.tracking.experiment.name = mlflow.get_experiment(run.info.experiment_id).name
    return settings


def _tags(run_params: dict[str, Any]) -> dict[str, str]:
    """What kedro-mlflow and ``mlflow.start_run`` say of a run."""
    from kedro_mlflow.framework.hooks.utils import _generate_kedro_command
    from mlflow.tracking.context import registry

    parts = ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "load_versions")
    names = pipelines_of(run_params) or ["__default__"]
    command = _generate_kedro_command(**{part: run_params[part] for part in parts}, pipeline_names=names)
    tags = {name: value for name, value in run_params.items() if value} | {"kedro_command": command}
    return recorders.short_tags(registry.resolve_tags() | tags)


def _tag_version(recorder: Recorder, catalog: CatalogProtocol, how: str, name: str) -> None:
    if name.startswith("params:") or name == "parameters":
        return
    dataset = catalog.get(name)
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
        resolve = dataset.resolve_load_version if how == "load" else dataset.resolve_save_version
        recorder.tags({f"{how}.{name}": resolve()})
    elif type(dataset).__name__ == "RawImagesDataset":  # raw images have no versions, but they have a place
        recorder.tags({f"{how}.{name}": dataset._location})  # type: ignore[union-attr]


def _attach(recorder: Recorder, dataset: Any, folder: str) -> None:
    """Attach the file that was just saved to the run; a copy, where it is stored elsewhere than on this machine."""
    path = Path(dataset._get_load_path())
    if dataset._protocol == "file":
        recorder.artifact(path, folder)
        return
    with recorder.kept():
        copy = recorder.journal.new_file(path.name)
        copy.write_bytes(saved_bytes(dataset))
        recorder.artifact(copy, folder)
