import numpy as np
import pandas as pd
import pytest
import torch

from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.visualize.nearest_figure import chance_closer, find_nearest, measure_nearest, nearest_figure
from dcgan_pipeline.visualize.training_images import Pictures
from dcgan_pipeline.visualize.view_settings import NearestImagesSettings

CPU = torch.device("cpu")
SETTINGS = NearestImagesSettings(samples=8, shown=4, images=30)
NOTHING = Pictures(np.empty((0, 1, 16, 16), np.uint8))


def test_a_generator_that_copies_is_found_out_and_one_that_does_not_is_not(tiny_gan, pile):
    gan = tiny_gan()
    copied = pile(pixels=sample(gan, 30, 0, CPU))  # its samples are among the training images
    numbers = measure_nearest(find_nearest(gan, copied, NOTHING, SETTINGS, 0, CPU).table)
    assert numbers["nearest_images.pixels.closer"] > 0.95
    assert numbers["nearest_images.pixels.copies"] > 0.9
    assert numbers["nearest_images.features.ratio"] < 0.2
    others = pile(pixels=sample(gan, 30, 1, CPU))  # of the same distribution
    numbers = measure_nearest(find_nearest(gan, others, NOTHING, SETTINGS, 0, CPU).table)
    assert 0.15 < numbers["nearest_images.pixels.closer"] < 0.85
    assert numbers["nearest_images.pixels.ratio"] == pytest.approx(1, abs=0.4)


def test_an_image_that_is_left_out_is_not_its_own_neighbour_and_a_moved_one_may_be(tiny_gan, pile):
    found = find_nearest(tiny_gan(), pile(30), NOTHING, SETTINGS, 0, CPU)
    own = found.table[found.table["kind"] == "training"]
    assert (own["row"] != own["pixels_row"]).all()
    assert (own["row"] != own["features_row"]).all()
    assert (own["pixels"] > 0).all()
    moved = found.table[found.table["kind"] == "moved"]
    np.testing.assert_array_equal(moved["row"].to_numpy(), own["row"].to_numpy())
    smooth = np.zeros((30, 1, 16, 16), np.uint8)  # a step at another place each: a pixel changes little
    for k in range(30):
        smooth[k, 0, :, k // 2 :] = 100 + 100 * (k % 2)
    table = find_nearest(tiny_gan(), pile(pixels=smooth), NOTHING, SETTINGS, 0, CPU).table
    assert 0 < measure_nearest(table)["nearest_images.pixels.moved_found"] <= 1


@pytest.mark.parametrize("classes", [0, 3])
def test_the_figure_is_drawn_with_and_without_held_out_images(tiny_gan, pile, rendered, classes):
    gan = tiny_gan(labels=classes, hidden=4 if classes else 0)
    images = pile(30, classes=classes)
    pixels = np.random.default_rng(5).integers(0, 256, (3, 1, 16, 16), dtype=np.uint8)
    for held in (Pictures(NOTHING.pixels, np.empty(0, int)), Pictures(pixels, np.arange(3))):
        found = find_nearest(gan, images, held, SETTINGS, 0, CPU)
        assert found.table["kind"].value_counts().to_dict() == {
            "sample": 8,
            "training": 8,
            "moved": 8,
            **({"held_out": 3} if len(held) else {}),
        }
        numbers = measure_nearest(found.table)
        assert all(np.isfinite(value) for value in numbers.values())
        assert ("nearest_images.pixels.held_out" in numbers) == (len(held) > 0)
        assert rendered(nearest_figure(found, numbers, 4, "training images")).std() > 0


def test_held_out_images_are_what_samples_are_compared_with_where_there_are_some():
    kinds = {"sample": [1.0, 2], "training": [3.0, 4], "held_out": [0.5, 0.6], "moved": [0.0, 9]}
    rows = [(kind, x, x) for kind, xs in kinds.items() for x in xs]
    table = pd.DataFrame(rows, columns=["kind", "pixels", "features"])
    table["row"], table["pixels_row"], table["features_row"] = range(8), range(8), [0, 0, 0, 0, 0, 0, 6, 0]
    numbers = measure_nearest(table)
    assert numbers["nearest_images.pixels.closer"] == 0
    assert numbers["nearest_images.pixels.ratio"] == 1.5 / 3.5
    assert numbers["nearest_images.pixels.copies"] == 1
    assert numbers["nearest_images.pixels.moved_found"] == 1
    assert numbers["nearest_images.features.moved_found"] == 0.5
    without = measure_nearest(table[table["kind"] != "held_out"])
    assert without["nearest_images.pixels.closer"] == 1


def test_the_chance_to_be_closer_counts_ties_by_half():
    assert chance_closer(np.array([1.0]), np.array([1.0, 2, 0.5])) == 0.5
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=30), rng.normal(size=40)
    from scipy.stats import mannwhitneyu

    assert chance_closer(a, b) == pytest.approx(mannwhitneyu(b, a).statistic / 1200)
