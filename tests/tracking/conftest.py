"""Runs without Kedro, with a real MLflow database."""

import pytest

from dcgan_pipeline.tracking import run as runs
from dcgan_pipeline.tracking.run import Target, TrackedRun


@pytest.fixture
def place(tmp_path, empty_database):
    """A project's folder with a database, as a target of runs."""
    import mlflow

    before = mlflow.get_tracking_uri()
    (tmp_path / "mlflow.db").write_bytes(empty_database)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    yield target(tmp_path, uri)
    mlflow.set_tracking_uri(before)


def target(folder, uri):
    experiment = {"name": "curves", "artifact_location": str(folder / "mlartifacts"), "tags": {}, "restore": True}
    return Target(uri, "here", folder, experiment, "http://127.0.0.1:1")


@pytest.fixture
def begin(place, monkeypatch):
    """Begin runs that give up soon, and end them."""
    monkeypatch.setattr(runs, "_PATIENCE", {"FINISHED": 1.0, "FAILED": 1.0, "KILLED": 1.0})
    monkeypatch.setattr(runs, "_FIRST", 5.0)
    begun = []

    def begin(where=place, name="a run"):
        run = TrackedRun(where, name, {"run_id": f"session-{len(begun)}"})
        begun.append(run)
        return run

    yield begin
    for run in begun:
        run.finish("FAILED")


@pytest.fixture
def client(place):
    from mlflow import MlflowClient

    return MlflowClient(place.uri)


@pytest.fixture
def stored(client):
    """Give the runs that MLflow has, the oldest first."""

    def stored():
        experiment = client.get_experiment_by_name("curves")
        found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
        return [run for run in found if "mlflow.parentRunId" not in run.data.tags]

    return stored


@pytest.fixture
def curve(client):
    """Give the points of a curve."""

    def curve(run, name):
        return [(point.step, point.value) for point in client.get_metric_history(run, name)]

    return curve
