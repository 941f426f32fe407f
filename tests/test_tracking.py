"""What training logs, with a real MLflow database."""

import numpy as np
import pytest

from dcgan_pipeline import tracking
from dcgan_pipeline.tracking import LiveLog, log_metrics


@pytest.fixture
def run(tmp_path):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("live", artifact_location=str(tmp_path / "artifacts"))
    with mlflow.start_run(experiment_id=experiment) as run:
        yield run.info.run_id
    mlflow.set_tracking_uri(before)


def curve(run, name):
    from mlflow import MlflowClient

    return [(point.step, point.value) for point in MlflowClient().get_metric_history(run, name)]


def test_the_first_row_is_there_at_once_and_the_rest_at_the_end(run):
    with LiveLog() as live:
        live.metrics({"train.loss_g": 1.0}, 25)
        assert curve(run, "train.loss_g") == [(25, 1.0)]
        live.metrics({"train.loss_g": 0.5, "train.loss_d": 2.0}, 50)  # waits
        live.metrics({"train.loss_g": 0.25}, 75)
    assert curve(run, "train.loss_g") == [(25, 1.0), (50, 0.5), (75, 0.25)]
    assert curve(run, "train.loss_d") == [(50, 2.0)]


def test_rows_that_waited_are_written_together(run, monkeypatch):
    from mlflow import MlflowClient

    calls = []
    log_batch = MlflowClient.log_batch

    def counted(*arguments, **options):
        calls.append(len(options["metrics"]))
        log_batch(*arguments, **options)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    monkeypatch.setattr(tracking, "_SECONDS", 1e9)
    with LiveLog() as live:
        for step in range(1, 201):
            live.metrics({f"m{k}": float(step) for k in range(10)}, step)
    assert sum(calls) == 2000
    assert len(calls) < 8
    assert max(calls) <= 1000  # what MLflow takes
    assert curve(run, "m3") == [(step, float(step)) for step in range(1, 201)]


def test_a_block_that_fails_leaves_what_it_logged(run):
    def fail():
        with LiveLog() as live:
            for step in (1, 2, 3):
                live.metrics({"m": float(step)}, step)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert curve(run, "m") == [(1, 1.0), (2, 2.0), (3, 3.0)]


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_a_picture_of_their_step(run, channels):
    from mlflow import MlflowClient
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (4, channels, 8, 8), dtype=np.uint8)
    with LiveLog() as live:
        live.samples(images, 300)
    client = MlflowClient()
    (name,) = [item.path for item in client.list_artifacts(run, "images") if item.path.endswith(".png")]
    assert "samples+step+300+" in name
    picture = np.asarray(Image.open(client.download_artifacts(run, name)).convert("RGB"))
    assert picture.shape == (17, 17, 3)
    np.testing.assert_array_equal(picture[:8, :8], np.broadcast_to(images[0].transpose(1, 2, 0), (8, 8, 3)))


def test_without_a_run_nothing_happens():
    with LiveLog() as live:
        live.metrics({"m": 1.0}, 1)
        live.samples(np.zeros((4, 1, 8, 8), np.uint8), 1)
    assert not live._waiting
    log_metrics({"m": 1.0}, 1)
