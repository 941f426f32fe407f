"""Trials as child runs, with a real MLflow database."""

import pytest

from dcgan_pipeline.nested_runs import NestedRuns
from dcgan_pipeline.representation.classifier import Hyper
from dcgan_pipeline.representation.search import Trial

KIND = "supervised CNN"


@pytest.fixture
def experiment(project):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{project.path}/mlflow.db")  # a new one would take seconds
    yield mlflow.create_experiment("trials", artifact_location=str(project.path / "artifacts"))
    mlflow.set_tracking_uri(before)


@pytest.fixture
def parent(experiment):
    import mlflow

    with mlflow.start_run(experiment_id=experiment) as run:
        yield run.info.run_id


def trial(number, note=""):
    return Trial(trial=number, hyper=Hyper(dropout=0.25), accuracy=0 if note else 40.0 + number, step=90, note=note)


def children(experiment, parent):
    from mlflow import MlflowClient

    wanted = f"tags.`mlflow.parentRunId` = '{parent}'"
    return sorted(MlflowClient().search_runs([experiment], wanted), key=lambda run: run.info.run_name)


def test_each_trial_is_a_child_of_the_active_run_with_its_settings_and_results(experiment, parent):
    nested = NestedRuns(KIND)
    nested(trial(0))
    assert len(children(experiment, parent)) == 1  # at once
    nested(trial(1))
    first, second = children(experiment, parent)
    assert [run.info.run_name for run in (first, second)] == ["supervised CNN 000", "supervised CNN 001"]
    assert first.info.status == second.info.status == "FINISHED"
    assert second.data.metrics == {"validation_accuracy": 41.0, "best_step": 90.0}
    assert second.data.params == {name: str(value) for name, value in trial(1).hyper.model_dump().items()}
    assert second.data.params["dropout"] == "0.25"
    assert second.data.tags["trial.of"] == KIND
    assert second.data.tags["trial.number"] == "1"


def test_the_active_run_stays_active_and_gets_nothing(experiment, parent):
    import mlflow

    NestedRuns(KIND)(trial(0))
    assert mlflow.active_run().info.run_id == parent
    data = mlflow.MlflowClient().get_run(parent).data
    assert not data.params
    assert not data.metrics


def test_a_failed_trial_ends_failed_with_its_note(experiment, parent):
    NestedRuns(KIND)(trial(0, "the loss was no longer a finite number by step 3"))
    (run,) = children(experiment, parent)
    assert run.info.status == "FAILED"
    assert run.data.tags["trial.note"] == "the loss was no longer a finite number by step 3"


def test_a_search_that_goes_on_logs_only_what_this_run_lacks(experiment, parent):
    for number in (0, 1):
        NestedRuns(KIND)(trial(number))
    nested = NestedRuns(KIND)
    for number in (0, 1, 2):
        nested(trial(number))
    assert [run.data.tags["trial.number"] for run in children(experiment, parent)] == ["0", "1", "2"]


def test_another_kind_of_trials_has_children_of_its_own(experiment, parent):
    NestedRuns(KIND)(trial(0))
    NestedRuns("fine-tuned CNN")(trial(0))
    assert [run.info.run_name for run in children(experiment, parent)] == ["fine-tuned CNN 000", "supervised CNN 000"]


def test_another_run_gets_all_trials_anew(experiment, parent):
    import mlflow

    nested = NestedRuns(KIND)
    nested(trial(0))
    mlflow.end_run()
    with mlflow.start_run(experiment_id=experiment) as other:
        nested(trial(0))
        assert len(children(experiment, other.info.run_id)) == 1
    assert len(children(experiment, parent)) == 1


def test_a_child_that_a_killed_process_left_is_completed(experiment, parent, monkeypatch):
    import mlflow

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_batch", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            NestedRuns(KIND)(trial(0))
    (left,) = children(experiment, parent)
    assert left.info.status == "RUNNING"
    NestedRuns(KIND)(trial(0))
    (run,) = children(experiment, parent)
    assert (run.info.run_id, run.info.status) == (left.info.run_id, "FINISHED")
    assert run.data.metrics["validation_accuracy"] == 40.0


def test_children_beyond_a_page_are_known_too(experiment, parent, monkeypatch):
    import mlflow

    for number in range(3):
        NestedRuns(KIND)(trial(number))
    searched = mlflow.MlflowClient.search_runs

    def a_page(*arguments, **options):
        return searched(*arguments, **options | {"max_results": 1})

    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", a_page)
    NestedRuns(KIND)(trial(0))
    monkeypatch.undo()
    assert len(children(experiment, parent)) == 3


def test_without_a_run_nothing_happens(experiment):
    import mlflow

    mlflow.end_run()
    NestedRuns(KIND)(trial(0))
    assert mlflow.active_run() is None
