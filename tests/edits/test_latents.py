import numpy as np
import pytest
import torch
from lamps import Ramp, lamps_gan

from dcgan_pipeline.edits.annotations import Exemplar
from dcgan_pipeline.edits.latents import (
    Latents,
    draw,
    mean_of,
    of_exemplars,
    pictures,
    pixel_change,
    random_vectors,
)
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.weights import Weights


def test_draws_are_of_the_seed_and_the_stream_and_as_in_training():
    gan = lamps_gan()
    found = draw(gan, 100, 0, "a")
    assert found.labels is None
    assert found.z.shape == (100, 4)
    assert -1 <= found.z.min() < -0.9 < 0.9 < found.z.max() < 1
    assert torch.equal(found.z, draw(gan, 100, 0, "a").z)
    assert not torch.equal(found.z, draw(gan, 100, 1, "a").z)
    assert not torch.equal(found.z, draw(gan, 100, 0, "b").z)
    normal = Weights(gan.tensors, gan.settings | {"train": {"latent": "normal"}})
    assert draw(normal, 100, 0, "a").z.abs().max() > 1.5


def test_labels_of_a_conditional_gan_come_in_turn():
    gan = lamps_gan()
    shape = {**gan.settings["architecture"], "labels": 3}
    found = draw(Weights({}, gan.settings | {"architecture": shape}), 5, 0, "a")
    assert found.labels.tolist() == [0, 1, 2, 0, 1]
    assert [len(part) for part in found.batches(2)] == [2, 2, 1]
    assert next(found.take(np.array([4, 2])).batches()).labels.tolist() == [1, 2]


def test_the_mean_of_exemplars_has_the_label_that_most_have():
    exemplars = tuple(Exemplar(z=(k, 2.0 * k), label=label) for k, label in enumerate((3, 1, 3, 1, 2)))
    mean = mean_of(of_exemplars(exemplars))
    assert mean.z.tolist() == [[2, 4]]
    assert mean.labels.tolist() == [1]
    assert mean_of(Latents(torch.ones(2, 3))).labels is None


def test_pictures_are_those_that_g_draws():
    gan, latents = lamps_gan(), Latents(torch.rand(3, 4))
    network = load_generator(gan, torch.device("cpu"))
    with torch.no_grad():
        expected = ((network(latents.z) + 1) * 127.5).round()
    np.testing.assert_array_equal(pictures(network, latents), expected)
    moved = latents.moved(torch.tensor([1.0, 0, 0, 0]))
    np.testing.assert_allclose(moved.z - latents.z, [[1, 0, 0, 0]] * 3, atol=1e-6)
    assert pictures(Ramp(), Latents(torch.zeros(1, 4))).tolist() == [[[[128, 128], [128, 128]]]]


def test_random_vectors_have_the_length_and_any_direction():
    found = random_vectors(3.0, 500, 4, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(found.norm(dim=1), 3, rtol=1e-5)
    assert found.mean(0).abs().max() < 0.25


def test_change_of_pixels_is_their_mean_difference_in_places():
    before, after = np.zeros((2, 1, 2, 2), np.uint8), np.zeros((2, 1, 2, 2), np.uint8)
    after[0, 0, 0], after[1, 0, 1, 1] = 255, 8
    assert pixel_change(before, after).tolist() == [127.5, 2]
    where = np.zeros((2, 2, 2), bool)
    where[0, 0, 0] = where[0, 1, 0] = True
    assert pixel_change(after, before, where).tolist() == [127.5, 0]  # nowhere: nothing


@pytest.mark.parametrize("size", [1, 3, 64])
def test_batches_are_the_whole(size):
    latents = Latents(torch.rand(7, 2))
    assert torch.equal(torch.cat([part.z for part in latents.batches(size)]), latents.z)
