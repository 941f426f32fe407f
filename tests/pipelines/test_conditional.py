"""Conditional networks through the graph."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.pipelines.train.nodes import train_dcgan
from dcgan_pipeline.weights import Weights

SHAPE = {"width": 3, "latent_dim": 8, "labels": 10, "hidden": 8}
CONDITIONAL = {"train": {"architecture": SHAPE, "sample_count": 20}}
REFUSED = r"features need a discriminator that takes images alone, and this one takes the label too"


def _records(labels):
    return pd.DataFrame({"label": labels, "class": pd.Categorical.from_codes(labels, list("abcdefghij"))})


@pytest.fixture
def run_node(stored, tmp_path):
    """Call the node on 20 images, of which row 7 was removed, with these labels in ``records``."""

    def run(labels, records_id="one"):
        images = stored(np.zeros((20, 1, 16, 16), np.uint8), images_id="one")
        records, duplicates = _records(labels), pd.DataFrame({"row": [7], "kept": [False]})
        records.attrs, duplicates.attrs = {"images_id": records_id}, {"images_id": "one", "images": 20}
        train = {"architecture": SHAPE, "steps": 1, "batch_size": 4, "sample_count": 2}
        return train_dcgan(images, records, duplicates, tmp_path, Weights.load, train, 0, "cpu", {})

    return run


def test_a_conditional_gan_trains_and_is_drawn_and_has_no_features(project):
    project.run("unsupervised", params=CONDITIONAL)
    assert project.load("gan").settings["architecture"]["labels"] == 10
    assert project.load("gan").settings["classes"] == [str(digit) for digit in range(10)]
    assert project.load("training_samples").shape == (3, 20, 1, 16, 16)  # before, in between and after
    for figure in ("sample_grid", "latent_walk", "latent_walk_film", "training_animation", "gan_report"):
        assert len(project.versions(figure)) == 1
    with pytest.raises(InputError, match=REFUSED) as refusal:
        project.run("features")
    assert "\n" not in str(refusal.value)
    project.run("sample", params={"sample": {"format": "folder", "count": 3, "classes": ["7", "3"]}})
    drawn = sorted(Path(project.load("samples")).rglob("*.png"), key=lambda path: path.name)
    assert [path.parent.name for path in drawn] == ["7", "3", "7"]


def test_features_of_conditional_networks_are_refused_before_anything_starts(project):
    with pytest.raises(InputError, match=REFUSED):
        project.run(params=CONDITIONAL)
    assert project.versions("regions") == []


def test_labels_of_the_images_that_stay_are_needed(run_node):
    labels = np.arange(20) % 10
    labels[7] = -1
    gan, *_ = run_node(labels)
    assert gan.settings["step"] == 1
    assert gan.settings["classes"] == list("abcdefghij")
    labels[8] = -1
    with pytest.raises(InputError, match=r"need a label for every training image, and 1 of 19 have none"):
        run_node(labels)


def test_labels_of_another_preprocessing_run_are_never_used(run_node):
    with pytest.raises(InputError, match="images and records and duplicates must come from the same preprocessing run"):
        run_node(np.arange(20) % 10, "two")
