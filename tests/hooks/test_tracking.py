"""What MLflow has of a run, whatever ran its nodes; real processes."""

import sqlite3
from contextlib import closing

import pytest
from mlflow import MlflowClient


@pytest.mark.parametrize("how", ["--async", "--runner=ThreadRunner", "--runner=ParallelRunner"])
def test_every_runner_records_all_where_the_environment_says_and_ends_with_the_table(
    project, how, monkeypatch, empty_database
):
    place = project.path / "elsewhere.db"
    place.write_bytes(empty_database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}")
    output, errors = project.kedro("run", "--pipelines=faces,preprocess", how).communicate(timeout=300)
    client = MlflowClient(f"sqlite:///{place}")
    (run,) = client.search_runs([client.get_experiment_by_name("dcgan_pipeline").experiment_id])
    assert run.info.status == "FINISHED", errors
    tags = run.data.tags
    loaded = {name for name in tags if name.startswith("load.")}
    assert loaded == {"load.raw_images", "load.regions"}
    assert tags["load.regions"] == tags["save.regions"] == tags["save.images"] == tags["run_id"]
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["kedro_command"].startswith("kedro run --pipeline=")
    assert run.data.params["faces.detector"] == "none"
    assert run.data.metrics["preprocess.images_out"] == 1797
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {"figures", "tables"}
    for text in (
        "images in",
        "1,797",
        "images cut out",
        f"/runs/{run.info.run_id}?workflowType=machine_learning (start `kedro mlflow ui`)",
    ):
        assert text in output
    with closing(sqlite3.connect(project.path / "mlflow.db")) as own:
        assert own.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_node_of_a_users_own_finds_the_run_and_the_next_session_has_another(project):
    import mlflow

    seen = []
    for _ in range(2):
        with project.session() as session:
            hooks = session._hook_manager

            class Own:
                """As a node's code would."""

                @staticmethod
                def before_node_run():
                    mlflow.log_metric("own", 1.0)

            from kedro.framework.hooks import hook_impl

            Own.before_node_run = staticmethod(hook_impl(Own.before_node_run))
            hooks.register(Own())
            session.run(pipeline_names=["faces"])
        assert mlflow.active_run() is None
        seen.append(project.mlflow_runs()[0])
    assert len(project.mlflow_runs()) == 2
    assert all(run.data.metrics["own"] == 1.0 for run in seen)


def test_a_run_that_somebody_has_opened_is_gone_on_with_and_left_open(project):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{project.path}/mlflow.db")
    try:
        experiment = mlflow.create_experiment("theirs", artifact_location=str(project.path / "theirs"))
        with mlflow.start_run(experiment_id=experiment) as theirs:
            project.run("faces")
            assert mlflow.active_run().info.run_id == theirs.info.run_id
            assert mlflow.get_run(theirs.info.run_id).info.status == "RUNNING"
        run = mlflow.get_run(theirs.info.run_id)
    finally:
        mlflow.set_tracking_uri(before)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["faces.images"] == 1797
