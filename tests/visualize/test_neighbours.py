import numpy as np
import pytest
import torch

from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.visualize import training_images as piles
from dcgan_pipeline.visualize.neighbours import NOBODY, nearest_images
from dcgan_pipeline.visualize.spaces import spaces, vectors
from dcgan_pipeline.visualize.training_images import Pictures

CPU = torch.device("cpu")


@pytest.mark.parametrize("classes", [0, 3])
def test_the_nearest_are_those_of_a_search_over_all_pairs(tiny_gan, pile, monkeypatch, classes):
    monkeypatch.setattr(piles, "BATCH", 7)
    images = pile(20, classes=classes)
    asked = np.random.default_rng(1).integers(0, 256, (5, 1, 16, 16), dtype=np.uint8)
    asked[0] = images.images[3]
    pictures = Pictures(asked, np.arange(5) % classes if classes else None)
    own = np.array([3, NOBODY, NOBODY, NOBODY, NOBODY])
    measured = spaces(load_discriminator(tiny_gan(labels=classes, hidden=5 if classes else 0), CPU))
    found = nearest_images(pictures, own, images, measured, CPU)
    everything = Pictures(images.images[:], images.labels)
    for name, space in measured.items():
        x, y = (vectors(space, these, CPU).double().numpy() for these in (pictures, everything))
        distances = np.sqrt(((x[:, None] - y) ** 2).mean(2))
        distances[0, 3] = np.inf
        np.testing.assert_array_equal(found[name].rows, distances.argmin(1))
        np.testing.assert_allclose(found[name].distances, distances.min(1), rtol=1e-6)


def test_pixels_are_grey_levels_and_exact(tiny_gan, pile):
    images = pile(pixels=np.stack([np.full((1, 16, 16), grey, np.uint8) for grey in (10, 13, 13, 200)]))
    asked = Pictures(np.full((1, 1, 16, 16), 14, np.uint8))
    measured = spaces(load_discriminator(tiny_gan(), CPU))
    found = nearest_images(asked, np.array([NOBODY]), images, {"pixels": measured["pixels"]}, CPU)["pixels"]
    assert found.rows.tolist() == [1]  # the first of equals
    np.testing.assert_allclose(found.distances, [1], rtol=1e-6)


def test_features_are_those_of_the_stage(tiny_gan, pile):
    from dcgan_pipeline.evaluation.features import discriminator_features
    from dcgan_pipeline.evaluation.settings import FeaturesSettings

    gan, images = tiny_gan(), pile(9)
    made = discriminator_features(gan, images.images, FeaturesSettings(), CPU, "test")
    found = vectors(spaces(load_discriminator(gan, CPU))["features"], Pictures(images.images[:]), CPU)
    np.testing.assert_allclose(found.numpy(), np.concatenate(list(made.chunks)), rtol=1e-5, atol=1e-5)
