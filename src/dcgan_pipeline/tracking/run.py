"""A run that MLflow is told of, from its first line to its end."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dcgan_pipeline.tracking import recorder as recorders
from dcgan_pipeline.tracking.journal import FOLDER, Journal
from dcgan_pipeline.tracking.recorder import Recorder
from dcgan_pipeline.tracking.sender import Sender
from dcgan_pipeline.tracking.store import Store

logger = logging.getLogger(__name__)
_FIRST = 10.0  # seconds that a run waits for MLflow at its start, so that nodes of a user's own find it open
_TRAINING = "?workflowType=machine_learning"  # MLflow's page is about language models unless it is asked not to be
_PATIENCE = {"FINISHED": 15.0, "FAILED": 15.0, "KILLED": 3.0}  # seconds in which MLflow cannot be told, at its end


@dataclass(frozen=True)
class Target:
    """Where runs are recorded, and as what.

    Parameters
    ----------
    uri
        MLflow's tracking URI.
    place
        The same without passwords and without the project's folder: how journals name it.
    project
        The project's folder.
    experiment
        Its ``name``, ``artifact_location`` and ``tags``, and whether to ``restore`` it where it was deleted.
    page
        Where the browser finds MLflow.
    """

    uri: str
    place: str
    project: Path
    experiment: dict[str, Any]
    page: str

    @property
    def outbox(self) -> Path:
        """The folder of the journals."""
        return self.project / FOLDER


class TrackedRun:
    """The run of this process: begins a journal, delivers it, and gives it its end.

    Parameters
    ----------
    name, tags
        Of the run.
    given
        The id of a run that is there already and is gone on with.
    """

    def __init__(self, target: Target, name: str, tags: dict[str, str], given: str | None = None) -> None:
        self._target, self._given = target, given
        self.journal = Journal.create(target.outbox, tags["run_id"])
        self.recorder = Recorder(self.journal)
        self.recorder.append(
            "run",
            place=target.place,
            experiment=target.experiment,
            given=given,
            name=name,
            tags=tags,
            time=self.recorder.now(),
        )
        recorders.begin(self.recorder)
        self._store = Store(target.uri)
        self._sender = Sender(self._store, target.outbox, target.place)
        self._sender.adopt()
        self._sender.add(self.journal)
        self._sender.start()
        self._sender.wait_for_run(self.journal, _FIRST)
        self._finished = False
        self._entity = self._find_entity()
        self.open_here()

    @property
    def run_id(self) -> str:
        """MLflow's id of the run; "" while it has none."""
        return self._sender.run_of(self.journal).run_id

    def open_here(self) -> None:
        """Let ``mlflow.log_metric`` in a user's own nodes, and kedro-mlflow's datasets, find the run in this thread."""
        import mlflow
        from mlflow.tracking import fluent

        if self._entity and not self._finished and not mlflow.active_run():
            fluent._active_run_stack.get().append(self._entity)

    def _close_here(self) -> None:
        from mlflow.tracking import fluent

        stack = fluent._active_run_stack.get()
        if self._entity in stack:
            stack.remove(self._entity)

    def _find_entity(self) -> Any:
        """Give MLflow's object of the run; None where it cannot be had now."""
        import mlflow

        try:
            return mlflow.ActiveRun(self._store.connect().get_run(self.run_id)) if self.run_id else None
        except Exception:  # whatever it was: the sender meets it too, and says so
            return None

    def finish(self, status: str) -> None:
        """End the run, once, and deliver what is left; a run that was there before is ended by whoever began it."""
        if self._finished:
            return
        self._finished = True
        self.recorder.append("left" if self._given else "end", status=status, time=self.recorder.now())
        recorders.end()
        self._close_here()
        if not self._sender.close(_PATIENCE[status]):
            logger.warning(
                f"MLflow has not been told all of this run; {FOLDER} keeps the rest, and the next run tells it"
            )

    def address(self) -> str:
        """Say where the run's page is, and how to open it where nothing answers there."""
        at = self._sender.run_of(self.journal)
        if not at.run_id:
            return ""
        page = f"{self._target.page}/#/experiments/{at.experiment_id}/runs/{at.run_id}{_TRAINING}"
        return page if _answers(self._target.page) else f"{page} (start `kedro mlflow ui`)"


_current: TrackedRun | None = None
_leftovers: Sender | None = None  # what earlier runs left is delivered by a thread of its own


def current() -> TrackedRun | None:
    """Give the run of this process that began last; it may have ended."""
    return _current


def begin(*arguments: Any) -> TrackedRun | None:
    """Begin a :class:`TrackedRun`; where no journal can be made, say so, and let the run go on without."""
    global _current
    try:
        _current = TrackedRun(*arguments)
    except OSError as error:
        _current = None
        logger.warning(f"MLflow is not told of this run, for a journal of it cannot be kept: {error}")
    return _current


def finish(status: str) -> None:
    """End the run that goes on, if one does, and let what earlier runs left be delivered before the process ends."""
    if _current:
        _current.finish(status)
    if _leftovers:
        _leftovers.close(_PATIENCE[status])


def open_experiment(target: Target) -> None:
    """Make sure of the database and of the experiment, which becomes MLflow's active one.

    Raises
    ------
    Exception
        Whatever is in the way of it.
    """
    import mlflow

    store = Store(target.uri)
    store.connect()
    mlflow.set_experiment(experiment_id=store.experiment(target.experiment))


def deliver_leftovers(target: Target) -> None:
    """Deliver what earlier runs left, beside whatever else this process does."""
    global _leftovers
    sender = Sender(Store(target.uri), target.outbox, target.place)
    _leftovers = sender if sender.adopt() else None
    if _leftovers:
        _leftovers.start_and_close()


def _answers(page: str) -> bool:
    parts = urlsplit(page)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=0.3).close()
    except OSError:
        return False
    return True
