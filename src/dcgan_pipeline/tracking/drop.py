"""Everything that a run has left, and how it goes: the run, the runs below it, models, files, versions of data.

What MLflow's page deletes it only hides: models stay on disk and can be loaded, and `mlflow gc` also removes what
others have deleted. Here goes what is named, and nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.tracking.store import PARENT, all_runs

_SAVED, _LOADED = "save.", "load."  # beginnings of the tags that name versions


@dataclass(frozen=True)
class Version:
    """A version of a catalog entry that a run saved."""

    entry: str
    version: str
    path: str  # of its folder
    files: Any  # fsspec's file system
    size: int  # bytes


@dataclass
class Leavings:
    """What is to go, in the order in which it is said."""

    runs: list[Any] = field(default_factory=list)  # those that were named, then those below them
    models: list[Any] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Name everything, a line each."""
        found = [f"run      {run.info.run_id}  {run.info.run_name}" for run in self.runs]
        found += [f"model    {model.model_id}  {model.name}, {model.artifact_location}" for model in self.models]
        return found + [f"version  {had.size / 1e6:9.1f} MB  {had.entry} {had.version}" for had in self.versions]


def leavings_of(client: Any, run_ids: Iterable[str], catalog_of: Callable[[str], Any]) -> Leavings:
    """Find what runs have left.

    Parameters
    ----------
    client
        An ``MlflowClient``.
    catalog_of
        Gives the catalog of an environment, by its name.

    Raises
    ------
    InputError
        Where a run is not there or goes on, or where a run that stays has read what one of them saved.
    """
    found = Leavings(runs=[_run(client, run_id) for run_id in dict.fromkeys(run_ids)])
    for run in found.runs:  # grows: runs below runs
        below = all_runs(client, run.info.experiment_id, f"tags.`{PARENT}` = '{run.info.run_id}'", deleted=True)
        found.runs += [child for child in below if child.info.run_id not in {had.info.run_id for had in found.runs}]
    going = {run.info.run_id for run in found.runs}
    for run in found.runs:
        wanted = f"source_run_id = '{run.info.run_id}'"
        found.models += client.search_logged_models([run.info.experiment_id], wanted)
        for tag, version in run.data.tags.items():
            if tag.startswith(_SAVED):
                entry = tag.removeprefix(_SAVED)
                _refuse_read(client, run, entry, version, going)
                found.versions += _version(catalog_of(run.data.tags.get("env", "local")), entry, version)
    return found


def remove(found: Leavings, client: Any) -> None:
    """Remove it: data first and the named runs last, so that what is interrupted can be asked for again."""
    for version in found.versions:
        _remove_version(version)
    store = client._tracking_client.store
    for model in found.models:
        client.delete_logged_model(model.model_id)
        _remove_files(model.artifact_location)
        if hasattr(store, "_hard_delete_logged_model"):  # a server keeps the line, and hides it
            store._hard_delete_logged_model(model.model_id)
    for run in reversed(found.runs):
        if run.info.lifecycle_stage != "deleted":
            client.delete_run(run.info.run_id)
        _remove_files(run.info.artifact_uri)
        if hasattr(store, "_hard_delete_run"):
            store._hard_delete_run(run.info.run_id)


def _run(client: Any, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise InputError(
            f"a run must be in MLflow, and {run_id} is not ({first_line(error)}); take its id from its page's address"
        ) from None
    if run.info.status == "RUNNING":
        raise InputError(f"a run must have ended before it can be dropped, and {run_id} is RUNNING; stop it first")
    return run


def _refuse_read(client: Any, run: Any, entry: str, version: str, going: set[str]) -> None:
    readers = all_runs(client, run.info.experiment_id, f"tags.`{_LOADED}{entry}` = '{version}'")
    others = [reader.info.run_id for reader in readers if reader.info.run_id not in going]
    if others:
        raise InputError(
            f"what other runs have read must stay, and {entry} {version} of run {run.info.run_id} was read by "
            f"{', '.join(others)}; name them too, to drop them with it"
        )


def _version(catalog: Any, entry: str, version: str) -> list[Version]:
    """Find a version; none where the entry is no longer in the catalog, or its version is gone."""
    dataset = catalog.get(entry)
    if dataset is None or not getattr(dataset, "_version", None):
        return []
    folder = str(dataset._filepath / version)
    if dataset._protocol == "file":
        folder = str(Path(folder).absolute())
    if not dataset._fs.exists(folder) and not dataset._fs.exists(_doomed(folder)):
        return []
    there = folder if dataset._fs.exists(folder) else _doomed(folder)
    return [Version(entry, version, folder, dataset._fs, dataset._fs.du(there))]


def _remove_version(version: Version) -> None:
    """Take a version out of sight in one step, and then remove it: no stage finds half of it."""
    doomed = _doomed(version.path)
    if isinstance(version.files.protocol, str | tuple) and "file" in version.files.protocol:
        if Path(version.path).exists():
            os.replace(version.path, doomed)
        if Path(doomed).exists():
            shutil.rmtree(doomed)
    else:
        version.files.rm(version.path, recursive=True)
    version.files.invalidate_cache()


def _doomed(folder: str) -> str:
    path = Path(folder)
    return str(path.with_name(f".partial-dropped-{path.name}"))


def _remove_files(uri: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    if not is_local_uri(uri):
        get_artifact_repository(uri).delete_artifacts()
        return
    folder = Path(local_file_uri_to_path(uri))
    if folder.exists():
        shutil.rmtree(folder)
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):  # the run's own folder, with nothing else in it
        folder.parent.rmdir()


@click.command("drop-run")
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN_ID...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def drop_run(run_ids: tuple[str, ...], yes: bool) -> None:
    """Drop runs whole: from MLflow with the runs below them, their models and files, and the versions they saved.

    Lists all that goes, and asks. Refuses runs whose results other runs have read.
    """
    from contextlib import ExitStack
    from functools import cache

    from kedro.framework.session import KedroSession

    from dcgan_pipeline.tracking.store import Store

    with ExitStack() as sessions:

        @cache
        def context_of(env: str) -> Any:
            session: Any = sessions.enter_context(KedroSession.create(env=env))
            return session.load_context()

        client = Store(context_of("local").mlflow.server.mlflow_tracking_uri).must_connect("to drop runs")
        found = leavings_of(client, run_ids, lambda env: context_of(env).catalog)
        click.echo("\n".join(found.lines()))
        if yes or click.confirm("Remove all this?"):
            remove(found, client)
            click.echo(f"removed {len(found.runs)} runs, {len(found.models)} models, {len(found.versions)} versions")
