"""The main job, end to end: every stage on the embedded digits, tiny."""

import json
import re

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

from dcgan_pipeline.attributes.model import load_attribute_model
from dcgan_pipeline.figures.canvas import tile

VERSIONED = [
    *("regions", "regions_sheet", "faces_metrics"),
    *("images", "thumbnails", "records", "rejected", "preprocess_metrics"),
    *("hash_encoder", "hash_encoder_history", "hash_codes", "duplicates"),
    *("dedup_report", "dedup_metrics", "collisions", "dedup_recall", "dedup_audit", "dedup_audit_metrics"),
    *("gan", "training_history", "training_samples", "train_metrics", "loss_curves", "diagnostic_curves"),
    *("untrained_discriminator", "labelled_images_train", "labels_test", "features_trained_train"),
    *("evaluation", "confusion", "evaluate_metrics", "accuracies", "confusion_matrix"),
    *("sample_grid", "training_animation", "latent_walk", "latent_walk_metrics", "latent_walk_film", "gan_report"),
    *("attributes", "object_maps", "attribute_model", "attribute_accuracy", "attributes_metrics"),
    *("nearest_images", "guided_backpropagation", "activation_maximisation", "projection"),
    *("nearest_images_table", "guided_backpropagation_metrics"),
    *("found_annotations", "found_annotations_metrics"),
    *("forgetting", "forgetting_table", "forgetting_metrics"),
    *("forgetting_curve", "forgetting_curve_table", "forgetting_curve_metrics"),
    *("vector_arithmetic", "vector_arithmetic_table", "vector_arithmetic_metrics"),
    *("turn", "turn_table", "turn_metrics", "edit_scores", "edit_scores_table", "edit_scores_metrics"),
]
FIGURES = [
    *("regions_sheet", "collisions", "loss_curves", "diagnostic_curves", "accuracies", "confusion_matrix"),
    *("sample_grid", "latent_walk", "training_animation"),
    *("nearest_images", "guided_backpropagation", "activation_maximisation", "projection"),
    *("forgetting", "forgetting_curve", "vector_arithmetic", "turn", "edit_scores"),
]


def test_every_output_is_one_version_of_one_run(finished):
    versions = {name: finished.versions(name) for name in VERSIONED}
    assert all(len(found) == 1 for found in versions.values()), versions
    assert len({found[0] for found in versions.values()}) == 1


def test_nothing_partial_is_left(finished):
    assert not list((finished.path / "data").rglob(".partial-*"))


def test_rows_are_the_same_images_in_every_entry(finished):
    images, thumbnails, codes = (finished.load(name) for name in ("images", "thumbnails", "hash_codes"))
    records, duplicates = finished.load("records"), finished.load("duplicates")
    assert images.shape == (1797, 1, 16, 16)
    assert thumbnails.shape == (1797, 3, 32, 32)
    assert codes.shape == (1797, 16)
    assert records["row"].tolist() == list(range(1797))
    assert duplicates.attrs["images"] == 1797
    ids = {data.attrs["images_id"] for data in (images, thumbnails, codes, records, duplicates)}
    assert len(ids) == 1


def test_an_image_is_its_source_resized(finished):
    from sklearn.datasets import load_digits

    images = finished.load("images")
    for row in (0, 1000, 1796):
        digit = np.round(load_digits().images[row] * (255 / 16)).astype(np.uint8)
        expected = Image.fromarray(digit).resize((16, 16), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(images[row][0], np.asarray(expected))


def test_what_is_known_of_the_digits_is_of_the_same_rows(finished):
    images, records = finished.load("images"), finished.load("records")
    table, maps = finished.load("attributes"), finished.load("object_maps")
    assert list(table.columns) == [*"0123456789", "slant"]
    np.testing.assert_array_equal(table.iloc[:, :10].to_numpy().argmax(1), records["label"])
    assert (maps.shape, maps.dtype) == ((1797, 1, 16, 16), np.uint8)
    assert maps.attrs["objects"] == ["loop"]
    assert {data.attrs["images_id"] for data in (images, table, maps, finished.load("attribute_model"))} == {
        images.attrs["images_id"]
    }
    zeros = records.index[records["label"] == 0]
    inside = [int(images[row][maps[row] > 0].mean()) for row in zeros if maps[row].any()]
    assert np.mean(inside) < 60  # loops are ground: dark
    assert len(inside) > 0.8 * len(zeros)


def test_the_attribute_model_judges_images_and_says_how_well(finished):
    model = load_attribute_model(finished.load("attribute_model"), torch.device("cpu"))
    accuracy = finished.load("attribute_accuracy").set_index("name")
    assert model.attributes == (*"0123456789", "slant")
    assert model.objects == ("loop",)
    assert list(accuracy.index) == [*model.attributes, *model.objects]
    assert model.attribute_accuracy["slant"]["r2"] == accuracy.loc["slant", "r2"]
    assert (accuracy["images"] == 359).all()  # a fifth of the kept images
    assert model.attribute_scores(finished.load("images")[:3]).shape == (3, 11)
    assert finished.load("attributes_metrics")["attributes.auc"] == pytest.approx(accuracy["auc"].mean())


def test_features_of_train_and_test_have_their_labels(finished):
    for part, share in (("train", 0.7), ("test", 0.3)):
        features, labels = finished.load(f"features_trained_{part}"), finished.load(f"labels_{part}")
        assert features.shape == (len(labels), (4 + 8) * 16)
        assert len(labels) == pytest.approx(1797 * share, abs=1)
    train, test = (set(finished.load(f"labels_{part}")["source"]) for part in ("train", "test"))
    assert not train & test
    assert len(train | test) == 1797


def test_the_table_compares_on_the_same_draws(finished):
    table = finished.load("evaluation").set_index("features")
    assert list(table.index) == ["trained discriminator", "untrained discriminator", "raw pixels"]
    assert table.loc["trained discriminator", "gain"] == 0
    pixels = table.loc["raw pixels"]
    assert pixels["gain"] == pytest.approx(table.loc["trained discriminator", "accuracy"] - pixels["accuracy"])
    assert table["labels"].tolist() == [20, 20, 20]


def test_figures_are_pictures_of_a_sensible_size(finished):
    for name in FIGURES:
        picture = finished.load(name)
        assert picture.width >= 100, name
        assert picture.height >= 50, name
    assert finished.load("training_animation").n_frames == 3  # steps 0, 4 and 8


def test_the_report_shows_what_the_run_made_of_its_gan(finished):
    page = finished.load("gan_report")
    (version,) = finished.versions("gan")
    of_the_gan = {*FIGURES, "latent_walk_film"} - {"regions_sheet", "collisions"}  # those are of the images
    assert set(re.findall(r"<code>(\w+)</code>, version", page)) == of_the_gan
    assert page.count(f"</code>, version {version}") == len(of_the_gan)
    assert f"<dt>Version</dt><dd>{version}</dd>" in page
    assert finished.load("gan").digest()[:16] in page
    for name in ("evaluation", "training history"):
        assert f"<summary>{name}</summary>" in page
    assert f"{finished.load('evaluate_metrics')['evaluate.trained_discriminator.accuracy']:,.4g}" in page


def test_the_run_is_finished_in_mlflow_with_settings_metrics_and_figures(finished):
    (run,) = finished.mlflow_runs()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "all stages"
    assert run.data.params["train.architecture.width"] == "4"
    assert run.data.params["evaluate.labels_per_class"] == "2"
    for name in ("faces", "preprocess", "dedup", "train", "evaluate", "latent_walk"):
        metrics = finished.load(f"{name}_metrics")
        assert {key: run.data.metrics[key] for key in metrics} == pytest.approx(metrics)
    client = MlflowClient(f"sqlite:///{finished.path}/mlflow.db")
    attached = {item.path.split("/")[-1].split(".")[0] for item in client.list_artifacts(run.info.run_id, "figures")}
    assert attached == {*FIGURES, "latent_walk_film"}
    pages = {item.path.split("/")[-1] for item in client.list_artifacts(run.info.run_id, "pages")}
    assert pages == {"dedup_audit.html", "gan_report.html"}


def test_losses_are_curves_in_mlflow(finished):
    (run,) = finished.mlflow_runs()
    client = MlflowClient(f"sqlite:///{finished.path}/mlflow.db")
    for name in ("loss_d", "loss_g", "d_real", "d_fake", "accuracy_real", "grad_norm_g", "diversity", "contrast"):
        curve = client.get_metric_history(run.info.run_id, f"train.{name}")
        history = finished.load("training_history")
        assert [point.step for point in curve] == history["step"].tolist() == [2, 4, 6, 8]
        np.testing.assert_allclose([point.value for point in curve], history[name])


def test_quality_and_speed_are_curves_in_mlflow(finished):
    (run,) = finished.mlflow_runs()
    client = MlflowClient(f"sqlite:///{finished.path}/mlflow.db")
    history = finished.load("training_history").set_index("step")
    for name in ("nearest", "frechet_untrained", "kernel_untrained"):
        curve = client.get_metric_history(run.info.run_id, f"train.{name}")
        assert [point.step for point in curve] == [4, 8]
        np.testing.assert_allclose([point.value for point in curve], history.loc[[4, 8], name])
        assert run.data.metrics[f"train.final_{name}"] == pytest.approx(history.loc[8, name])
    speed = client.get_metric_history(run.info.run_id, "train.images_per_second")
    assert [point.step for point in speed] == [2, 4, 6, 8]
    assert all(point.value > 0 for point in speed)
    assert "images_per_second" not in history  # which is the same for the same seed


def test_samples_are_pictures_by_step_in_mlflow(finished):
    (run,) = finished.mlflow_runs()
    client = MlflowClient(f"sqlite:///{finished.path}/mlflow.db")
    names = [item.path for item in client.list_artifacts(run.info.run_id, "images") if item.path.endswith(".png")]
    frames = finished.load("training_samples")
    assert frames.attrs["steps"] == [0, 4, 8]
    for k, step in enumerate(frames.attrs["steps"]):
        (name,) = [name for name in names if f"+step+{step}+" in name]
        picture = np.asarray(Image.open(client.download_artifacts(run.info.run_id, name)).convert("RGB"))
        np.testing.assert_array_equal(picture, tile(frames[k], 2))


def test_the_run_is_tagged_with_every_version_read_and_written(finished):
    (run,) = finished.mlflow_runs()
    (version,) = finished.versions("gan")
    tags = run.data.tags
    assert {tags[f"save.{name}"] for name in VERSIONED} == {version}
    assert tags["load.gan"] == tags["load.images"] == tags["load.duplicates"] == version
    assert tags["load.raw_images"] == "sklearn://digits"


def test_metrics_are_flat_json(finished):
    (version,) = finished.versions("train_metrics")
    path = finished.path / f"data/08_reporting/train_metrics.json/{version}/train_metrics.json"
    assert all(isinstance(value, float) for value in json.loads(path.read_text()).values())
