"""Where runs are recorded: ``mlflow.yml``, as kedro-mlflow reads it, and the environment's variables before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dcgan_pipeline
from dcgan_pipeline.tracking.database import file_of
from dcgan_pipeline.tracking.run import Target


def read_settings(context: Any) -> Any:
    """Read ``mlflow.yml`` into kedro-mlflow's settings, complete them, and tell MLflow; nothing is asked of it.

    MLFLOW_TRACKING_URI goes before the file's ``mlflow_tracking_uri``, as it does wherever MLflow is used.
    """
    import mlflow
    from kedro.config import MissingConfigException
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig, _validate_uri

    context.config_loader.config_patterns.setdefault("mlflow", ["mlflow*", "mlflow*/**", "**/mlflow*"])
    try:
        given = context.config_loader["mlflow"]
    except MissingConfigException:
        given = {}
    settings = KedroMlflowConfig.model_validate(given)
    server, experiment = settings.server, settings.tracking.experiment
    default = f"sqlite:///{context.project_path}/mlflow.db"
    uri = dcgan_pipeline.TRACKING_URI or server.mlflow_tracking_uri or default
    server.mlflow_tracking_uri = _absolute(_validate_uri(context.project_path, uri))
    if server.mlflow_registry_uri is not None:
        server.mlflow_registry_uri = _validate_uri(context.project_path, server.mlflow_registry_uri)
    if "name" not in given.get("tracking", {}).get("experiment", {}):
        experiment.name = context._package_name or Path(context.project_path).name
    if server.credentials:
        settings._export_credentials(context)
    settings._register_request_header_provider(context)
    mlflow.set_tracking_uri(server.mlflow_tracking_uri)
    if server.mlflow_registry_uri:
        mlflow.set_registry_uri(server.mlflow_registry_uri)
    if settings.tracking.disable_tracking.disable_autologging:
        mlflow.autolog(disable=True)
    return settings


def target_of(settings: Any, project: Path) -> Target:
    """Say where a project's runs are recorded."""
    from kedro_mlflow.config.kedro_mlflow_config import _validate_uri

    uri, wanted = settings.server.mlflow_tracking_uri, settings.tracking.experiment
    made = wanted.create_experiment_kwargs
    served = urlsplit(uri).scheme in ("http", "https")
    place = made.artifact_location and _validate_uri(project, made.artifact_location)
    if served and place and urlsplit(place).scheme in ("", "file"):  # a folder here is none on the server's machine
        place = None
    return Target(
        uri=uri,
        place=_named(uri, project),
        project=project,
        experiment={
            "name": wanted.name,
            "artifact_location": place,
            "tags": made.tags or {},
            "restore": wanted.restore_if_deleted,
        },
        page=uri.rstrip("/") if served else f"http://{settings.ui.host}:{settings.ui.port}",
    )


def _absolute(uri: str) -> str:
    """Name a database file by its whole path: `kedro mlflow ui` and the next run may start in another folder."""
    file = file_of(uri)
    return f"sqlite:///{file}{uri[uri.index('?') :] if '?' in uri else ''}" if file else uri


def _named(uri: str, project: Path) -> str:
    parts = urlsplit(uri)
    shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else uri
    return shown.replace(str(project), "{project}")
