"""The same seed gives the same results, bit for bit."""

import numpy as np
import pandas as pd
import torch

ARRAYS = ["images", "thumbnails", "hash_codes", "training_samples", "features_trained_test", "features_untrained_train"]
TABLES = ["regions", "records", "duplicates", "training_history", "labels_train", "evaluation", "confusion"]
METRICS = ["dedup_metrics", "train_metrics", "evaluate_metrics"]


def test_the_same_seed_gives_the_same_results(project, finished):
    project.run()
    for name in ARRAYS:
        np.testing.assert_array_equal(project.load(name)[:], finished.load(name)[:], err_msg=name)
    for name in TABLES:
        pd.testing.assert_frame_equal(project.load(name), finished.load(name), check_exact=True, obj=name)
    for name in METRICS:
        assert project.load(name) == finished.load(name)
    for name in ("hash_encoder", "gan", "untrained_discriminator"):
        ours, theirs = project.load(name), finished.load(name)
        assert ours.settings == theirs.settings
        assert ours.tensors.keys() == theirs.tensors.keys()
        assert all(torch.equal(tensor, theirs.tensors[key]) for key, tensor in ours.tensors.items()), name


def test_another_seed_gives_other_weights(project, finished):
    project.run("unsupervised", params={"seed": 1})
    ours, theirs = project.load("gan").tensors, finished.load("gan").tensors
    assert not torch.equal(ours["generator.project.weight"], theirs["generator.project.weight"])


def test_the_engine_changes_nothing(project, finished):
    params = {"engine": {"name": "processes", "workers": 2}, "faces": {"images_per_task": 500}}
    project.run("faces,preprocess", params={**params, "preprocess": {"images_per_shard": 4096}})
    pd.testing.assert_frame_equal(project.load("regions"), finished.load("regions"))
    np.testing.assert_array_equal(project.load("images")[:], finished.load("images")[:])
