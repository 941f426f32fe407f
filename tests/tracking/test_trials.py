"""Trials as child runs, with a real MLflow database."""

import pytest

from dcgan_pipeline.evaluation.classifier import HyperParameters
from dcgan_pipeline.evaluation.search import Trial
from dcgan_pipeline.tracking import log_trial
from dcgan_pipeline.tracking.journal import Delivered
from dcgan_pipeline.tracking.store import Store

KIND = "supervised CNN"


def trial(number, note=""):
    return Trial(
        trial=number, hyper=HyperParameters(dropout=0.25), accuracy=0 if note else 40.0 + number, step=90, note=note
    )


@pytest.fixture
def children(client):
    def children(parent):
        experiment = client.get_experiment_by_name("curves").experiment_id
        found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.run_id}'")
        return sorted(found, key=lambda run: run.info.run_name)

    return children


def test_each_trial_is_a_child_of_the_run_with_its_settings_and_results(begin, children, client):
    run = begin()
    log_trial(KIND, trial(0))
    log_trial(KIND, trial(1))
    run.finish("FINISHED")
    first, second = children(run)
    assert [child.info.run_name for child in (first, second)] == ["supervised CNN 000", "supervised CNN 001"]
    assert first.info.status == second.info.status == "FINISHED"
    assert second.data.metrics == {"validation_accuracy": 41.0, "best_step": 90.0}
    assert second.data.params == {name: str(value) for name, value in trial(1).hyper.model_dump().items()}
    assert second.data.params["dropout"] == "0.25"
    assert second.data.tags["trial.of"] == KIND
    assert second.data.tags["trial.number"] == "1"
    data = client.get_run(run.run_id).data
    assert not data.params  # the run that searches gets nothing
    assert not data.metrics


def test_a_failed_trial_ends_failed_with_its_note(begin, children):
    run = begin()
    log_trial(KIND, trial(0, "the loss was no longer a finite number by step 3"))
    run.finish("FINISHED")
    (child,) = children(run)
    assert child.info.status == "FAILED"
    assert child.data.tags["trial.note"] == "the loss was no longer a finite number by step 3"


def test_a_search_that_goes_on_logs_only_what_the_run_lacks(begin, children):
    run = begin()
    for number in (0, 1, 0, 1, 2):
        log_trial(KIND, trial(number))
    run.finish("FINISHED")
    assert [child.data.tags["trial.number"] for child in children(run)] == ["0", "1", "2"]


def test_another_kind_of_trials_has_children_of_its_own(begin, children):
    run = begin()
    log_trial(KIND, trial(0))
    log_trial("fine-tuned CNN", trial(0))
    run.finish("FINISHED")
    assert [child.info.run_name for child in children(run)] == ["fine-tuned CNN 000", "supervised CNN 000"]


def test_another_run_gets_all_trials_anew(begin, children):
    runs = []
    for _ in range(2):
        runs.append(begin())
        log_trial(KIND, trial(0))
        runs[-1].finish("FINISHED")
    assert [len(children(run)) for run in runs] == [1, 1]


def line(run, number):
    known = {"kind": KIND, "number": number, "note": "", "params": {"a": "1"}, "time": 7}
    at = Delivered(run_id=run.run_id, experiment_id=run._sender.run_of(run.journal).experiment_id)
    return at, {**known, "metrics": {"validation_accuracy": 40.0}}


def test_a_child_that_a_killed_process_left_is_completed(begin, children, client, place):
    run = begin()
    at, told = line(run, 0)
    tags = {"mlflow.parentRunId": run.run_id, "trial.of": KIND, "trial.number": "0"}
    left = client.create_run(at.experiment_id, tags=tags)
    store = Store(place.uri)
    store.connect()
    store.trial(at, told)
    (child,) = children(run)
    assert (child.info.run_id, child.info.status) == (left.info.run_id, "FINISHED")
    assert child.data.metrics["validation_accuracy"] == 40.0


def test_children_beyond_a_page_are_known_too(begin, children, monkeypatch, place):
    import mlflow

    run = begin()
    for number in range(3):
        log_trial(KIND, trial(number))
    run.finish("FINISHED")
    searched = mlflow.MlflowClient.search_runs

    def a_page(*arguments, **options):
        return searched(*arguments, **options | {"max_results": 1})

    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", a_page)
    store = Store(place.uri)
    store.connect()
    store.trial(*line(run, 0))
    monkeypatch.undo()
    assert len(children(run)) == 3
