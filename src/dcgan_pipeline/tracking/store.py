"""How a line of a journal becomes something in MLflow, in one attempt that does not last."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.tracking import database
from dcgan_pipeline.tracking.journal import Delivered

logger = logging.getLogger(__name__)
PARENT = "mlflow.parentRunId"  # the tag by which MLflow's page shows a run below another
_KIND, _TRIAL, _NOTE = "trial.of", "trial.number", "trial.note"  # tags
# MLflow's own patience is minutes a call; here a call that fails comes again later.
_SHORT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
_ANSWERS = 3  # seconds for a server to take a connection
# MLflow's names for what another try will not change.
_REFUSALS = {
    *("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE"),
    *("BAD_REQUEST", "NOT_IMPLEMENTED", "FEATURE_DISABLED", "DATA_LOSS"),
}


class RunDeletedError(Exception):
    """The run was deleted in MLflow."""


class RunUnknownError(Exception):
    """MLflow has never heard of the run: its database is another one than before."""


def refused(error: Exception) -> bool:
    """Say whether another try is useless: what a full disk or a dead server causes may pass, a wrong name will not."""
    code = getattr(error, "error_code", None)
    if code is not None:  # an MlflowException; of a database, anything but wrong data may pass
        return code in _REFUSALS and "sqlalchemy" not in type(error.__cause__).__module__
    passing = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
    return not passing and "shutdown" not in str(error)  # Python's word for a process that is ending


def check_address(uri: str) -> None:
    """Refuse an address at which there can be no MLflow: what is kept for it would be kept for ever.

    Raises
    ------
    InputError
        With what to write in its place.
    """
    from mlflow.environment_variables import MLFLOW_ALLOW_FILE_STORE
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    rule = "MLflow's address (MLFLOW_TRACKING_URI, or mlflow_tracking_uri in mlflow.yml) must be that of a server"
    try:
        parts = urlsplit(uri)
        served = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise InputError(f"{rule} (http://host:port), got {uri} ({error}); correct it") from None
    if uri in ("databricks", "databricks-uc", "uc"):
        return
    no_server = not re.search(r":\d+/?$", uri)  # "localhost:5000" is read as a folder, or as a scheme
    if parts.scheme in ("", "file") and no_server and not MLFLOW_ALLOW_FILE_STORE.get():
        place = Path(unquote(parts.path))
        name = place if place.suffix == ".db" else place / "mlflow.db"
        raise InputError(
            f"{rule} or a database, got the folder {uri}, where MLflow writes no more; write sqlite:///{name}"
        )
    if parts.scheme == "sqlite" and not database.file_of(uri):
        raise InputError(f"{rule} or a database that outlives the run, got {uri}; name its file: sqlite:///mlflow.db")
    try:
        _tracking_store_registry.get_store_builder(uri)  # plugins of MLflow's may know other kinds
        known = served if parts.scheme in ("http", "https") else bool(parts.scheme) or no_server
    except Exception:
        known = False
    if not known:
        raise InputError(f"{rule} (http://host:port) or a database (sqlite:///mlflow.db), got {uri}; correct it")


class Store:
    """One MLflow: a database file, a database, or a server.

    Parameters
    ----------
    uri
        MLflow's tracking URI.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._database = database.file_of(uri)
        self._inode: tuple[int, int] | None = None
        self._client: Any = None
        self._trials: dict[tuple[str, str], dict[str, Any]] = {}  # runs below a run, by their number

    def connect(self) -> Any:
        """Give a client, after a look that says within seconds whether MLflow can write.

        Raises
        ------
        InputError
            Where the database is broken, or there can be none at the address.
        OSError
            Where it is locked, gone, or the server does not answer.
        """
        for name, value in _SHORT.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints a traceback for a locked file
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a line a try
        check_address(self.uri)
        if self._database:
            self._check_database(self._database)
        else:
            _check_server(self.uri)
        if self._client is None:
            from mlflow import MlflowClient

            try:
                self._client = MlflowClient(self.uri)
            except ImportError as error:  # the driver of a database
                raise InputError(f"{urlsplit(self.uri).scheme} needs its package ({error}); install it") from None
        return self._client

    def _check_database(self, file: Path) -> None:
        if self._client is None:
            database.prepare(file)
        database.check_free(file)
        status = file.stat()
        if self._inode not in (None, (status.st_dev, status.st_ino)):  # another file has taken its place
            database.prepare(file)
            database.forget(self.uri)
            self._client, self._trials = None, {}
        self._inode = status.st_dev, status.st_ino

    def must_connect(self, what: str) -> Any:
        """Give a client, or say why there is none: to those that are nothing without MLflow.

        Raises
        ------
        InputError
            Where MLflow cannot be written now.
        """
        try:
            return self.connect()
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"MLflow must be within reach {what}, and is not ({said(error)}); try again then"
            ) from None

    # ---- what a journal can say

    def experiment(self, wanted: dict[str, Any]) -> str:
        """Give the id of an experiment; make it, or bring it back where it was deleted, as ``mlflow.yml`` says."""
        client, name = self._client, wanted["name"]
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                client.create_experiment(name, wanted["artifact_location"], wanted["tags"])
            except Exception as error:
                if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":  # by a run that started with this one
                    raise
            found = client.get_experiment_by_name(name)
        self._follow(found.artifact_location, wanted["artifact_location"])
        if found.lifecycle_stage == "deleted" and wanted["restore"]:
            client.restore_experiment(found.experiment_id)
        return found.experiment_id

    def _follow(self, old: str, new: str | None) -> None:
        """Where a project's folder was moved, its files are no longer where its database says."""
        from mlflow.utils.file_utils import local_file_uri_to_path
        from mlflow.utils.uri import is_local_uri

        if not (self._database and new and is_local_uri(old) and is_local_uri(new)):
            return
        before, now = (Path(local_file_uri_to_path(place)) for place in (old, new))
        if before != now and not before.exists() and now.is_dir():
            database.relocate(self._database, old, now.as_uri() if old.startswith("file:") else str(now))
            logger.warning(
                f"MLflow's files are in {now} now, and no longer in {before}; its database says so from here on"
            )

    def create(self, record: dict[str, Any], experiment: str, again: bool) -> str:
        """Make the run; ``again``: an earlier try may have made it."""
        client, tags = self._client, record["tags"]
        if again:
            same = f"attributes.start_time = {record['time']} and tags.run_id = '{tags['run_id']}'"
            if found := client.search_runs([experiment], same, max_results=1):
                return found[0].info.run_id
        run = client.create_run(experiment, start_time=record["time"], tags=tags, run_name=record["name"])
        return run.info.run_id

    def reopen(self, run: str, tags: dict[str, str]) -> str:
        """Go on with a run that is there; gives the id of its experiment."""
        self._client.update_run(run, status="RUNNING")
        self._client.log_batch(run, tags=_tags(tags))
        return self._client.get_run(run).info.experiment_id

    def log(self, run: str, metrics: list[Any], params: dict[str, str], tags: dict[str, str]) -> list[str]:
        """Log values together; gives the names of those that MLflow refuses, after which it has the others.

        Raises
        ------
        RunDeletedError, RunUnknownError
            Where the run is not there.
        """
        from mlflow.entities import Metric, Param

        points = [Metric(name, value, moment, step) for name, value, moment, step in metrics]
        values = [Param(name, value) for name, value in params.items()]
        try:
            self._client.log_batch(run, metrics=points, params=values, tags=_tags(tags))
            return []
        except Exception as error:
            if not refused(error):
                raise
            self._check_there(run)
        wrong = []
        kinds: dict[str, list[Any]] = {"metrics": points, "params": values, "tags": _tags(tags)}
        for kind, entities in kinds.items():
            for entity in entities:
                try:
                    self._client.log_batch(run, **{kind: [entity]})
                except Exception as error:
                    if not refused(error):
                        raise
                    wrong.append(f"{entity.key} ({said(error)})")
        return wrong

    def _check_there(self, run: str) -> None:
        try:
            stage = self._client.get_run(run).info.lifecycle_stage
        except Exception as error:
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                raise RunUnknownError from None
            raise
        if stage == "deleted":
            raise RunDeletedError

    def end(self, run: str, record: dict[str, Any]) -> None:
        """Give the run its end."""
        self._client.set_terminated(run, record["status"], record["time"])

    def trial(self, at: Delivered, record: dict[str, Any]) -> None:
        """Log a trial as a run below the run, unless it is there."""
        from mlflow.entities import Metric, Param

        kind, number, moment = record["kind"], str(record["number"]), record["time"]
        known = self._trials.setdefault((at.run_id, kind), {})
        if not known:
            known |= self._children(at, kind)
        child = known.get(number)
        if child and child.info.status != "RUNNING":  # a RUNNING one was not told whole
            return
        if child is None:
            tags = {PARENT: at.run_id, _KIND: kind, _TRIAL: number}
            tags |= {_NOTE: record["note"]} if record["note"] else {}
            name = f"{kind} {record['number']:03d}"
            child = self._client.create_run(at.experiment_id, start_time=moment, tags=tags, run_name=name)
        run = child.info.run_id
        metrics = [Metric(name, value, moment, 0) for name, value in record["metrics"].items()]
        params = [Param(name, value) for name, value in record["params"].items()]
        self._client.log_batch(run, metrics=metrics, params=params)
        self._client.set_terminated(run, "FAILED" if record["note"] else "FINISHED", moment)
        known[number] = self._client.get_run(run)

    def _children(self, at: Delivered, kind: str) -> dict[str, Any]:
        wanted = f"tags.`{PARENT}` = '{at.run_id}' and tags.`{_KIND}` = '{kind}'"
        return {run.data.tags[_TRIAL]: run for run in all_runs(self._client, at.experiment_id, wanted)}

    def picture(self, at: Delivered, record: dict[str, Any], file: Path) -> None:
        """Log a picture of a step."""
        from PIL import Image

        with Image.open(file) as image:
            self._client.log_image(at.run_id, image, key=record["key"], step=record["step"], timestamp=record["time"])

    def artifact(self, at: Delivered, record: dict[str, Any], file: Path) -> None:
        """Copy a file to the run's."""
        self._client.log_artifact(at.run_id, str(file), record["folder"])

    def model(self, at: Delivered, record: dict[str, Any], file: Path) -> None:
        """Log a generator as a model, unless an earlier try did; what one left half done goes."""
        import mlflow

        from dcgan_pipeline.serving import log_generator

        wanted = f"source_run_id = '{at.run_id}' and name = '{record['name']}'"
        for model in self._client.search_logged_models([at.experiment_id], wanted):
            if model.status == "READY":
                return
            self._client.delete_logged_model(model.model_id)
        with active(mlflow.ActiveRun(self._client.get_run(at.run_id))):
            log_generator(file, record["name"])


def all_runs(client: Any, experiment: str, wanted: str, deleted: bool = False) -> list[Any]:
    """Find the runs of an experiment that a filter wants, from all pages of the answer; ``deleted``: those as well."""
    from mlflow.entities import ViewType

    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    found: list[Any] = []
    token = None
    while token != "":
        page = client.search_runs([experiment], wanted, run_view_type=view, page_token=token)
        found += page
        token = page.token or ""
    return found


@contextmanager
def active(run: Any) -> Iterator[None]:
    """Make a run this thread's active one, without a word to MLflow (``start_run`` would write to its database)."""
    from mlflow.tracking import fluent

    stack = fluent._active_run_stack.get()
    stack.append(run)
    try:
        yield
    finally:
        stack.remove(run)


def said(error: BaseException) -> str:
    """Give the first line of what an error says, short."""
    line = first_line(error)
    return line if len(line) < 200 else f"{line[:200]}..."


def _check_server(uri: str) -> None:
    parts = urlsplit(uri)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    if parts.hostname and port:
        try:
            socket.create_connection((parts.hostname, port), timeout=_ANSWERS).close()
        except OSError as error:
            raise ConnectionError(f"nothing answers at {parts.hostname}:{port}: {error}") from None


def _tags(tags: dict[str, str]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]
