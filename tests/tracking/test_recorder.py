"""What a run says, and what MLflow has of it, with a real database."""

import logging
import math
import time

import numpy as np
import pytest

from dcgan_pipeline.tracking import log_metrics, log_samples, recorder, sender


def test_points_keep_their_steps_and_their_times(begin, curve, client):
    run = begin()
    before = time.time() * 1000
    for step in (25, 50, 75):
        log_metrics({"train.loss_g": 1 / step, "train.loss_d": float(step)}, step)
    after = time.time() * 1000
    time.sleep(0.3)
    run.finish("FINISHED")
    assert curve(run.run_id, "train.loss_g") == [(25, 1 / 25), (50, 1 / 50), (75, 1 / 75)]
    points = client.get_metric_history(run.run_id, "train.loss_d")
    assert all(before - 2 <= point.timestamp <= after + 2 for point in points)
    assert client.get_run(run.run_id).info.status == "FINISHED"


def test_points_are_there_while_the_run_goes_on(begin, curve, monkeypatch):
    monkeypatch.setattr(sender, "_PAUSE", 0.05)
    run = begin()
    log_metrics({"m": 1.0}, 1)
    for _ in range(200):
        if curve(run.run_id, "m"):
            break
        time.sleep(0.05)
    assert curve(run.run_id, "m") == [(1, 1.0)]


def test_many_points_go_in_few_calls(begin, curve, monkeypatch):
    from mlflow import MlflowClient

    calls = []
    log_batch = MlflowClient.log_batch

    def counted(*arguments, **options):
        calls.append(len(options.get("metrics", ())))
        log_batch(*arguments, **options)

    run = begin()
    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    for step in range(1, 201):
        log_metrics({f"m{k}": float(step) for k in range(10)}, step)
    run.finish("FINISHED")
    assert sum(calls) == 2000
    assert len(calls) < 8
    assert max(calls) <= 1000  # what MLflow takes
    assert curve(run.run_id, "m3") == [(step, float(step)) for step in range(1, 201)]


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_a_picture_of_their_step(begin, client, channels):
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (4, channels, 8, 8), dtype=np.uint8)
    run = begin()
    log_samples(images, 300)
    run.finish("FINISHED")
    (name,) = [item.path for item in client.list_artifacts(run.run_id, "images") if item.path.endswith(".png")]
    assert "samples+step+300+" in name
    picture = np.asarray(Image.open(client.download_artifacts(run.run_id, name)).convert("RGB"))
    assert picture.shape == (17, 17, 3)
    np.testing.assert_array_equal(picture[:8, :8], np.broadcast_to(images[0].transpose(1, 2, 0), (8, 8, 3)))


def test_outside_a_run_nothing_happens(tmp_path):
    log_metrics({"m": 1.0}, 1)
    log_samples(np.zeros((4, 1, 8, 8), np.uint8), 1)
    assert recorder.current() is None


def test_infinite_numbers_are_gaps_and_are_named_once(begin, curve, caplog):
    run = begin()
    with caplog.at_level(logging.WARNING):
        for step in (1, 2, 3):
            run.recorder.metrics({"loss": math.inf if step > 1 else 1.0, "norm": math.nan}, step)
    run.finish("FINISHED")
    assert curve(run.run_id, "loss") == [(1, 1.0)]
    assert [step for step, value in curve(run.run_id, "norm") if math.isnan(value)] == [1, 2, 3]
    assert [line.getMessage() for line in caplog.records] == [
        "loss was infinite by step 2; MLflow has no infinite numbers, its curve has gaps there"
    ]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("evaluate.trained_discriminator.accuracy", "evaluate.trained_discriminator.accuracy"),
        ("class a=1, 50 %", "class a_1_ 50 _"),
        ("../up", "__up"),
        ("a//b", "a__b"),
        ("ä" * 300, "ä" * 250),
    ],
)
def test_names_are_put_into_what_mlflow_takes(begin, curve, caplog, name, known):
    run = begin()
    run.recorder.metrics({name: 1.0}, 3)
    run.recorder.params({name: 1})
    run.recorder.tags({name: "x"})
    run.finish("FINISHED")
    assert curve(run.run_id, known) == [(3, 1.0)]
    assert not caplog.records


def test_long_values_end_with_their_length(begin, client):
    run = begin()
    run.recorder.params({"short": "p" * 6000, "long": "p" * 7000})
    run.recorder.params({"cut": "p" * 7000}, long="truncate")
    run.recorder.tags({"tag": "t" * 9000})
    run.finish("FINISHED")
    data = client.get_run(run.run_id).data
    assert data.params["short"] == "p" * 6000
    assert data.tags["long"] == "p" * 7000
    assert data.params["cut"].endswith("p... (7000 characters)")
    assert len(data.params["cut"]) == 6000
    assert data.tags["tag"].endswith("t... (9000 characters)")
    with pytest.raises(ValueError, match="parameters must have at most 6000 characters for MLflow, got other"):
        run.recorder.params({"other": "p" * 7000}, long="fail")


def test_a_value_that_mlflow_refuses_holds_nothing_up(begin, client, caplog):
    run = begin()
    run.recorder.params({"a": 1, "b": 2})
    run.recorder.params({"a": 3})  # MLflow's parameters do not change
    run.recorder.metrics({"m": 5.0}, 1)
    first, run.recorder._params = run.recorder._params, {}
    run._sender._store.connect().log_param(run.run_id, "b", "other")
    run.finish("FINISHED")
    assert client.get_run(run.run_id).data.metrics == {"m": 5.0}
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert first == {"a": "3", "b": "2"}
    assert any("MLflow refuses" in line.getMessage() for line in caplog.records)


def test_a_full_disk_under_the_journal_is_named_once(begin, caplog, monkeypatch):
    run = begin()

    def full(record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.journal, "append", full)
    for step in range(3):
        log_metrics({"m": 1.0}, step)
    monkeypatch.undo()
    (said,) = [line.getMessage() for line in caplog.records]
    assert "is lost: [Errno 28] No space left on device" in said


def test_a_clock_that_is_set_back_turns_no_curve_around(begin, client, monkeypatch):
    run = begin()
    log_metrics({"m": 1.0}, 1)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 7200)
    log_metrics({"m": 2.0}, 2)
    monkeypatch.undo()
    run.finish("FINISHED")
    first, second = client.get_metric_history(run.run_id, "m")
    assert first.timestamp <= second.timestamp
    info = client.get_run(run.run_id).info
    assert info.start_time <= info.end_time
