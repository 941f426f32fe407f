"""Trials of a search as MLflow runs of their own, below the run that searches."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan_pipeline.representation.search import Trial

_KIND, _TRIAL, _NOTE = "trial.of", "trial.number", "trial.note"  # tags
_PARENT = "mlflow.parentRunId"  # the tag by which MLflow's page shows a run below another


class NestedRuns:
    """Log each finished trial as a child of the active MLflow run; without one, do nothing.

    A child has the trial's hyper-parameters as parameters, its validation accuracy and best step as metrics, and ends
    FAILED where the trial did. A trial that the active run has already is left as it is, so that a search that goes on
    in the same run may tell of all its trials again.

    Parameters
    ----------
    kind
        What the trials are of, such as "supervised CNN"; children of another kind are others.

    Examples
    --------
    >>> search(..., report=NestedRuns("supervised CNN"))
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._parent = ""
        self._known: dict[str, Any] = {}  # runs that were there, by the number of their trial

    def __call__(self, trial: Trial) -> None:
        """Log a trial, or do nothing where it is logged."""
        mlflow = sys.modules.get("mlflow")  # nobody has started a run where it was never imported
        parent = mlflow.active_run() if mlflow is not None else None
        if mlflow is None or parent is None:
            return
        client = mlflow.MlflowClient()
        if parent.info.run_id != self._parent:
            self._parent, self._known = parent.info.run_id, self._children(client, parent)
        child = self._known.get(str(trial.trial))
        if child is None or child.info.status == "RUNNING":  # the process may have been killed before it was whole
            child = child or self._create(client, parent, trial)
            _log(client, child.info.run_id, trial)
            self._known[str(trial.trial)] = client.get_run(child.info.run_id)

    def _children(self, client: Any, parent: Any) -> dict[str, Any]:
        wanted = f"tags.`{_PARENT}` = '{parent.info.run_id}' and tags.`{_KIND}` = '{self._kind}'"
        found, token = [], None
        while token != "":
            page = client.search_runs([parent.info.experiment_id], wanted, page_token=token)
            found += page
            token = page.token or ""
        return {run.data.tags[_TRIAL]: run for run in found}

    def _create(self, client: Any, parent: Any, trial: Trial) -> Any:
        tags = {_PARENT: parent.info.run_id, _KIND: self._kind, _TRIAL: str(trial.trial)}
        if trial.note:
            tags[_NOTE] = trial.note
        return client.create_run(parent.info.experiment_id, tags=tags, run_name=f"{self._kind} {trial.trial:03d}")


def _log(client: Any, run: str, trial: Trial) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    numbers = {"validation_accuracy": trial.accuracy, "best_step": float(trial.step)}
    metrics = [Metric(name, value, now, 0) for name, value in numbers.items()]
    params = [Param(name, str(value)) for name, value in trial.hyper.model_dump().items()]
    client.log_batch(run, metrics=metrics, params=params)
    client.set_terminated(run, "FAILED" if trial.note else "FINISHED")
