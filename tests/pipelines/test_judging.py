"""``baselines``, ``label_curve`` and ``evaluate_samples``, in real sessions, and labels that are refused early."""

import shutil

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.report import THIS_RUN
from dcgan_pipeline.weights import Weights

SUPERVISED = {"supervised network", "fine-tuned discriminator"}


@pytest.fixture
def judged(finished, project):
    """A project of its own in which every stage has run once."""
    shutil.copytree(finished.path / "data", project.path / "data")
    return project


def test_baselines_stand_in_one_table_with_what_evaluate_found_and_their_trials_in_mlflow(judged):
    judged.run("baselines")
    table, before = judged.load("comparison"), judged.load("evaluation")
    pd.testing.assert_frame_equal(table[: len(before)], before)
    assert set(table["features"][3:]) == {"principal components", "1-layer k-means", *SUPERVISED}
    assert (table["source"] == THIS_RUN).all()
    assert table["trained_on"].tolist()[3:5] == ["1,797 images of this run, no labels"] * 2
    notes = table.set_index("features")["note"]
    assert all("of the validation set in the best of" in notes[name] for name in SUPERVISED)
    assert judged.load("comparison_markdown").count("\n") == len(table) + 2
    run, client = judged.mlflow_runs()[-1], MlflowClient(f"sqlite:///{judged.path}/mlflow.db")
    children = [r for r in judged.mlflow_runs() if r.data.tags.get("mlflow.parentRunId") == run.info.run_id]
    assert len(children) == 3 == len(judged.load("trials"))
    assert {path.path for path in client.list_artifacts(run.info.run_id, "tables")} >= {"tables/comparison.md"}
    assert run.data.metrics["baselines.1-layer_k-means.accuracy"] == table["accuracy"][4]
    assert not list((judged.path / "data/07_model_output/baselines_work").glob("*-features*"))


def test_baselines_without_a_search_have_an_empty_table_of_trials(judged):
    judged.run("baselines", params={"baselines": {"kinds": ["pca"]}})
    assert judged.load("comparison")["features"].tolist()[3:] == ["principal components"]
    assert len(judged.load("trials")) == 0


def test_baselines_that_do_not_fit_the_images_are_refused_before_the_first_is_judged(judged, monkeypatch):
    monkeypatch.setattr("dcgan_pipeline.evaluation.pca.learn", None)
    for kmeans in ({"patch": 33}, {"grid": 28}):
        with pytest.raises(InputError, match="kmeans"):
            judged.run("baselines", params={"baselines": {"kinds": ["pca", "kmeans"], "kmeans": kmeans}})


def test_features_with_other_settings_than_those_stored_are_refused(judged):
    with pytest.raises(InputError, match=r"got features.layers None for \[0\] in trained discriminator \(train\)"):
        judged.run("evaluate", params={"features": {"layers": [0]}})


def test_baselines_of_an_older_gan_than_the_features_are_refused(judged):
    gan = judged.load("gan")
    with judged.session() as session:  # as a training since then would have written it
        newer = Weights({name: value + 1 for name, value in gan.tensors.items()}, gan.settings)
        session.load_context().catalog.save("gan", newer)
    with pytest.raises(
        InputError, match=r"must be compared with features of the same gan, .*--pipelines=features,eval"
    ):
        judged.run("baselines")


def test_baselines_of_other_draws_are_refused(judged):
    with pytest.raises(InputError, match=r"must be judged on the draws .*; run `kedro run --pipeline=evaluate` again"):
        judged.run("baselines", params={"seed": 1})


def test_a_label_curve_is_a_table_and_a_figure(judged):
    judged.run("label_curve", params={"evaluate": {"curve": [1, 3, "all"], "curve_draws": 2}})
    curve = judged.load("label_curve")
    assert sorted(set(curve["labels"])) == [10, 30, 1257]
    kinds = ["trained discriminator", "untrained discriminator", "raw pixels", "principal components"]
    assert list(curve["features"].unique()) == [*kinds, "1-layer k-means"]
    assert len(curve) == 15
    metrics = judged.mlflow_runs()[-1].data.metrics
    assert metrics["label_curve.1-layer_k-means.accuracy_1257"] == curve["accuracy"].iloc[-1]
    assert not list((judged.path / "data/07_model_output/baselines_work").glob("*-features*"))
    path = next((judged.path / "data/08_reporting/label_curve.png").rglob("*.png"))
    assert Image.open(path).size > (300, 300)


def test_samples_of_a_conditional_gan_are_a_reference_set(project):
    shape = {"width": 2, "latent_dim": 3, "labels": 10, "hidden": 4}
    project.run("unsupervised", params={"train": {"architecture": shape, "steps": 2}})
    project.run("evaluate_samples", params={"evaluate": {"protocol": "mnist_1nn", "samples": [20, 300]}})
    table = project.load("sample_evaluation")
    here = table[table["source"] == THIS_RUN]
    assert here["labels"].tolist() == [20, 300, 20, 300, 1257]
    assert here["accuracy"].iloc[-1] > 90  # real digits
    assert table["note"].iloc[-1].startswith("not comparable")
    metrics = project.mlflow_runs()[0].data.metrics
    assert metrics["evaluate_samples.real.accuracy_1257"] == here["accuracy"].iloc[-1]
    project.run("evaluate_samples", params={"evaluate": {"protocol": "mnist_1nn", "samples": [20, 300]}})
    pd.testing.assert_frame_equal(project.load("sample_evaluation"), table)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"evaluate": {"labels_per_class": 5000}},
            r"labels_per_class must be at most .*, got 5000 and 1\d\d of class \d",
        ),
        ({"evaluate": {"labels_per_class": 120}}, r"outside the validation set, got 120 and 11\d of class \d"),
        ({"evaluate": {"validation": 1257}}, r"evaluate.validation must be less than .* got 1257 of 1257"),
        ({"evaluate": {"protocol": "svhn"}}, r"evaluate.protocol must be one of linear, svhn1000, .* got 'svhn'"),
        (
            {"evaluate": {"protocol": "mnist_1nn"}},
            r"classifier svm here, .*--pipeline=evaluate_samples",
        ),
    ],
)
def test_labels_that_will_not_do_are_refused_before_anything_long_starts(project, params, message):
    with pytest.raises(InputError, match=message):
        project.run(params=params)
    assert not (project.path / "data").exists() or not list((project.path / "data").rglob("*.parquet"))


def test_a_class_that_one_set_lacks_is_refused_before_anything_long_starts(project, tmp_path):
    for part, names in (("train", "abc"), ("test", "ab")):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            for k in range(3):
                pixels = np.full((20, 20, 3), 60 * k, np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{k}.png")
    catalog = "type: dcgan_pipeline.datasets.raw_images.RawImagesDataset, filepath"
    (project.path / "conf/local/catalog.yml").write_text(
        f"labelled_train: {{{catalog}: {tmp_path}/train}}\nlabelled_test: {{{catalog}: {tmp_path}/test}}\n"
    )
    with pytest.raises(InputError, match=r"same classes, got only in train: \['c'\]"):
        project.run()
    assert not list((project.path / "data").rglob("*.parquet"))


def test_what_repeats_a_test_image_is_kept_out_of_training(project, tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    for part, numbers in (("train", range(40)), ("test", [3, 17, 30])):
        for k in numbers:
            folder = tmp_path / part / f"class {k % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures[k]).save(folder / f"{k:02d}.png")
    catalog = "type: dcgan_pipeline.datasets.raw_images.RawImagesDataset, filepath"
    (project.path / "conf/local/catalog.yml").write_text(f"labelled_test: {{{catalog}: {tmp_path}/test}}\n")
    params = {"source": f"{tmp_path}/train"}
    project.run("faces,preprocess,dedup_apart", params=params)
    records, duplicates = project.load("records"), project.load("duplicates")
    gone = records.loc[duplicates.loc[~duplicates["kept"], "row"], "source"]
    assert sorted(gone) == ["class 0/30.png", "class 1/03.png", "class 1/17.png"]
    assert duplicates["known"].str.startswith("labelled_test: class").all()
    assert project.mlflow_runs()[0].data.metrics["dedup.near_test_images"] == 3
    project.run("train")
    assert project.load("gan").settings["training_images"] == 37
