from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.sampling import (
    draw_latent,
    generate,
    load_discriminator,
    load_generator,
    sample,
    sample_batches,
    sample_seeds,
)
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.randomness import torch_stream

CPU = torch.device("cpu")


def trained(architecture, **chosen):
    """Untrained networks with statistics of their own; spread out, so that images are not all grey."""
    trainer = Trainer(architecture, TrainSettings(steps=1, sample_count=2, **chosen), 0, CPU)
    with torch.no_grad():
        for conv in trainer.generator.convs:
            conv.weight.mul_(30)
    batch = torch.rand(8, architecture.channels, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = np.arange(8) % architecture.labels if architecture.labels else None
    real = batch if labels is None else (batch, torch.from_numpy(labels))
    trainer.recompute_statistics([real], 4, labels)
    return trainer.state()


TINY = Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3)


@cache
def uniform_gan():
    return trained(TINY)


@cache
def normal_gan():
    return trained(TINY, latent="normal")


@cache
def reference(kind):
    return sample(normal_gan() if kind == "normal" else uniform_gan(), 300, 4, CPU)


@pytest.fixture
def gan(tiny):
    return trained(tiny)


@pytest.fixture
def z():
    return draw_latent(11, 5, "uniform", torch.Generator().manual_seed(2))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("kind", "variance", "fourth"), [("uniform", 1 / 3, 1 / 5), ("normal", 1, 3)])
def test_latent_points_have_the_distribution_that_is_asked_for(kind, variance, fourth):
    z = draw_latent(2000, 10, kind, generator())
    assert z.shape == (2000, 10)
    assert z.dtype == torch.float32
    # Five standard errors of the mean and of the variance, by the first and the fourth moment.
    assert abs(float(z.mean())) < 5 * (variance / z.numel()) ** 0.5
    assert abs(float((z**2).mean()) - variance) < 5 * ((fourth - variance**2) / z.numel()) ** 0.5
    if kind == "uniform":
        assert float(z.abs().max()) <= 1


def test_images_are_bytes_of_the_architectures_shape(gan):
    images = sample(gan, 3, 0, CPU)
    assert images.dtype == np.uint8
    assert images.shape == (3, 1, 16, 16)
    assert images.std() > 10  # not one flat grey


def test_the_same_seed_draws_the_same_images(gan):
    np.testing.assert_array_equal(sample(gan, 5, 3, CPU), sample(gan, 5, 3, CPU))
    assert not np.array_equal(sample(gan, 5, 3, CPU), sample(gan, 5, 4, CPU))


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_a_sample_is_drawn_from_the_latent_distribution_of_training(tiny, kind):
    gan = trained(tiny, latent=kind)
    z = draw_latent(128, 5, kind, torch_stream(9, "samples"))[:4]
    np.testing.assert_array_equal(sample(gan, 4, 9, CPU), generate(load_generator(gan, CPU), z))


def close(found, expected):
    """Whether images are the same but for values that another order of sums rounds to the neighbouring level."""
    assert found.shape == expected.shape
    return np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["uniform", "normal"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_sample_is_the_same_whatever_the_count_the_batch_and_the_start(kind, data):
    gan = normal_gan() if kind == "normal" else uniform_gan()
    whole = reference(kind)  # 300 samples, more than two draws of z
    count = data.draw(st.integers(1, 300))
    start = data.draw(st.integers(0, count - 1))
    size = data.draw(st.integers(1, 310))
    parts = list(sample_batches(gan, count, 4, CPU, batch_size=size, start=start))
    assert all(1 <= len(part) <= size for part in parts)
    assert close(np.concatenate(parts), whole[start:count])


@pytest.mark.parametrize("start", [0, 1, 7, 8, 13])
def test_in_batches_a_sample_depends_on_its_batch_and_not_on_the_count(gan, start):
    z = draw_latent(128, 5, "uniform", torch_stream(4, "samples"))
    network = load_generator(gan, CPU).train()
    expected = np.concatenate([generate(network, z[k : k + 8]) for k in (0, 8, 16)])[:19]
    found = np.concatenate(list(sample_batches(gan, 19, 4, CPU, "batch", 8, start)))
    np.testing.assert_array_equal(found, expected[start:])
    np.testing.assert_array_equal(sample(gan, 3, 4, CPU, "batch", 8), expected[:3])
    assert not close(sample(gan, 19, 4, CPU), expected)


def test_a_seed_gives_the_first_sample_of_that_seed(gan):
    seeds = np.array([5, -1, 2**63 - 1, 5], np.int64)
    images = sample_seeds(load_generator(gan, CPU), "uniform", seeds)
    for seed, image in zip(seeds, images, strict=True):
        assert close(image[None], sample(gan, 1, int(seed), CPU))
    assert sample_seeds(load_generator(gan, CPU), "uniform", []).shape == (0, 1, 16, 16)


@pytest.mark.parametrize("batch", [1, 4, 10, 11, 100])
def test_any_count_in_any_batch_gives_the_same_images(gan, z, batch):
    network = load_generator(gan, CPU)
    whole, parts = generate(network, z), generate(network, z, batch)
    assert parts.shape == whole.shape
    # Sums of another batch size may be rounded otherwise, and a level may then be rounded to its neighbour.
    assert np.abs(parts.astype(int) - whole).max() <= 1


@torch.no_grad()
def test_an_image_depends_on_its_own_z_alone(gan, z):
    network = load_generator(gan, CPU)
    together = network(z)
    for k in range(len(z)):
        torch.testing.assert_close(network(z[k : k + 1])[0], together[k], atol=1e-5, rtol=0)
    torch.testing.assert_close(network(z.flip(0)).flip(0), together, atol=1e-5, rtol=0)


@torch.no_grad()
def test_networks_come_back_ready_for_use(gan):
    g, d = load_generator(gan, CPU), load_discriminator(gan, CPU)
    assert not g.training
    assert not d.training
    for prefix, network in (("generator.", g), ("discriminator.", d)):
        assert all(torch.equal(value, gan.part(prefix)[name]) for name, value in network.state_dict().items())
    assert d(g(torch.zeros(2, 5))).shape == (2,)


@pytest.mark.parametrize("batch_norm", ["recomputed", "batch"])
@pytest.mark.parametrize("start", [0, 3, 11])
def test_conditional_samples_are_the_same_wherever_the_stream_starts(conditional, batch_norm, start):
    wanted = torch.tensor([2, 0, 1, 2, 2, 1, 0, 0, 1, 2, 1, 0, 2])
    for labels in (None, wanted):
        whole = sample(conditional, 13, 4, CPU, batch_norm, 5, labels)
        parts = list(sample_batches(conditional, 13, 4, CPU, batch_norm, 5, start, labels))
        assert np.array_equal(np.concatenate(parts), whole[start:])
    longer = sample(conditional, 40, 4, CPU, batch_norm, 5)
    assert np.array_equal(longer[:13], sample(conditional, 13, 4, CPU, batch_norm, 5))


def test_seeds_of_a_conditional_generator_draw_the_classes_in_turn(conditional):
    network = load_generator(conditional, CPU)
    images = sample_seeds(network, "uniform", [0, 7, -1])
    for image, (seed, label) in zip(images, [(0, 0), (7, 1), (-1, 2)], strict=True):
        expected = sample(conditional, 1, seed, CPU, labels=torch.tensor([label]))[0]
        assert np.abs(image.astype(int) - expected).max() <= 1  # another batch size, another rounding


@pytest.fixture(scope="module")
def conditional():
    return trained(TINY.model_copy(update={"labels": 3, "hidden": 6}))


def test_no_seeds_draw_no_images(conditional):
    assert sample_seeds(load_generator(conditional, CPU), "uniform", []).shape == (0, 1, 16, 16)


def test_another_kind_of_batch_norm_is_refused(conditional):
    with pytest.raises(InputError, match="batch_norm must be one of recomputed, batch, got 'running'"):
        sample(conditional, 1, 0, CPU, "running")


def test_labels_are_taken_in_turn(conditional):
    given = sample(conditional, 5, 0, CPU, labels=np.array([2, 1]))
    np.testing.assert_array_equal(given, sample(conditional, 5, 0, CPU, labels=torch.tensor([2, 1, 2, 1, 2])))
