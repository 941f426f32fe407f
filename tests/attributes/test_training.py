"""Pictures of a bright square: there or not, farther to the right or to the left, and where its pixels are."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from dcgan_pipeline.attributes.model import Judged, load_attribute_model
from dcgan_pipeline.attributes.settings import LearningSettings
from dcgan_pipeline.attributes.training import (
    KnownImages,
    draw_rows,
    loss_of,
    measure,
    summarise,
    train_attribute_model,
    what_to_judge,
)
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.object_maps import KINDS, OBJECTS

CPU = torch.device("cpu")
QUICK = LearningSettings(width=4, steps=120, batch_size=32, held_out=0.25, learning_rate=0.02, shift=0.0)


def make_known(stored, count=320, unknown=0.2):
    rng = np.random.default_rng(1)
    images, maps = np.zeros((count, 1, 12, 12), np.uint8), np.zeros((count, 1, 12, 12), np.uint8)
    there, left = rng.random(count) < 0.5, rng.integers(1, 7, count)
    for k in range(count):
        images[k, 0, 10, left[k] + 1 : left[k] + 4] = 200  # a mark, so that the place is seen without the square
        if there[k]:
            images[k, 0, 3:8, left[k] : left[k] + 5] = 220
            maps[k, 0, 3:8, left[k] : left[k] + 5] = 1
    images += rng.integers(0, 30, images.shape, np.uint8)
    table = pd.DataFrame({"there": np.float32(there), "same": np.float32(1), "left": np.float32(left)})
    table.loc[rng.random(count) < unknown, "there"] = np.nan
    table.attrs = {KINDS: ["binary", "binary", "continuous"]}
    return KnownImages(stored(images), table, stored(maps, **{OBJECTS: ["square"]}))


@pytest.fixture(scope="module")
def known(stored):
    return make_known(stored)


@pytest.fixture(scope="module")
def trained(known):
    return train_attribute_model(known, np.arange(300), QUICK, 0, CPU)


def test_a_model_learns_what_is_there_where_it_is_and_how_far(trained):
    accuracy = trained[1].set_index("name")
    assert list(accuracy.index) == ["there", "left", "square"]  # "same" is one value, and nothing to learn
    assert accuracy.loc["there", "balanced_accuracy"] > 0.95
    assert accuracy.loc["left", "r2"] > 0.8
    assert accuracy.loc["square", "iou"] > 0.8
    assert accuracy.loc["left", "images"] == 75  # a quarter of 300
    assert accuracy.loc["there", "images"] < 75  # of some it is unknown


def test_the_weights_say_what_the_table_says(trained):
    weights, accuracy = trained
    model = load_attribute_model(weights, CPU)
    table = accuracy.set_index("name")
    assert model.attribute_accuracy == {
        "there": table.loc["there", ["balanced_accuracy", "auc"]].to_dict(),
        "left": table.loc["left", ["r2"]].to_dict(),
    }
    assert model.object_accuracy == {"square": {"iou": table.loc["square", "iou"]}}
    metrics = summarise(weights, accuracy)
    assert metrics["attributes.held_out"] == 75
    assert metrics["attributes.learned_from"] == 225
    assert metrics["attributes.r2"] == table.loc["left", "r2"]
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_same_seed_gives_the_same_bits_and_another_does_not(known):
    few = QUICK.model_copy(update={"steps": 3, "shift": 0.1})
    first, again, other = (train_attribute_model(known, np.arange(300), few, seed, CPU)[0] for seed in (0, 0, 1))
    assert first.digest() == again.digest() != other.digest()


def test_what_it_is_measured_on_is_not_learned_from():
    rows = np.arange(10, 200)
    learning, held_out = draw_rows(rows, LearningSettings(images=100, held_out=0.2, batch_size=8), 0)
    assert (len(learning), len(held_out)) == (80, 20)
    assert not set(learning) & set(held_out)
    assert set(learning) | set(held_out) <= set(rows)
    assert (np.diff(learning) > 0).all()


def test_measures_are_scikit_learns_and_pixels_are_counted_over_all_images(known):
    class Guess:
        attributes, kinds, objects = ("there", "left"), ("binary", "continuous"), ("square",)

        def attribute_scores(self, images):
            return np.tile(np.float32([[0.9, 3.0]]), (len(images), 1))

        def object_masks(self, images):
            masks = np.zeros((len(images), 1, 12, 12), bool)
            masks[:, :, 3:8, :] = True
            return masks

    rows = np.arange(40, 90)
    found = measure(Guess(), known, rows).set_index("name")
    assert found.loc["there", "balanced_accuracy"] == 0.5
    assert found.loc["there", "auc"] == 0.5
    left = known.table["left"].to_numpy()[rows].astype(float)
    assert found.loc["left", "r2"] == pytest.approx(1 - ((left - 3) ** 2).sum() / ((left - left.mean()) ** 2).sum())
    true = known.maps[rows].sum()
    assert found.loc["square", "iou"] == pytest.approx(true / (len(rows) * 60))
    assert found.loc["square", "mean"] == pytest.approx(true / (len(rows) * 144))


def test_unknown_values_pull_at_nothing():
    judged = Judged(
        channels=1,
        image_size=4,
        width=1,
        attributes=("a", "b"),
        kinds=("binary", "continuous"),
        means=(0, 0),
        spreads=(1, 1),
    )
    scores = torch.tensor([[0.0, 3.0], [0.0, 1.0]], requires_grad=True)
    loss = loss_of(judged, (scores, None), torch.tensor([[1.0, torch.nan], [torch.nan, 2.0]]), None)
    loss.backward()
    assert float(loss.detach()) == pytest.approx((math.log(2) + 0.5) / 2)
    torch.testing.assert_close(scores.grad, torch.tensor([[-0.25, 0.0], [0.0, -0.5]]))


def test_too_few_images_and_attributes_that_do_not_vary_are_one_line(known):
    with pytest.raises(InputError, match=r"needs two images to learn from and one to be measured on, got 2 in all"):
        draw_rows(np.arange(2), LearningSettings(), 0)
    table = known.table[["same"]].copy()
    table.attrs = {KINDS: ["binary"]}
    nothing = KnownImages(known.images, table, known.maps)
    nothing.maps.attrs[OBJECTS] = []
    with pytest.raises(InputError, match="an attribute must vary among the images, and none of 1 does among 300"):
        what_to_judge(nothing, np.arange(300), 4)
    nothing.maps.attrs[OBJECTS] = ["square"]
