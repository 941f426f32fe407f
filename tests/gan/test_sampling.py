import numpy as np
import pytest
import torch

from dcgan_pipeline.gan.sampling import draw_latent, generate, load_discriminator, load_generator, sample
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.randomness import torch_stream

CPU = torch.device("cpu")


def trained(architecture, **settings):
    """Untrained networks with statistics of their own; spread out, so that images are not all grey."""
    trainer = Trainer(architecture, TrainSettings(steps=1, sample_count=2, **settings), 0, CPU)
    with torch.no_grad():
        for conv in trainer.generator.convs:
            conv.weight.mul_(30)
    trainer.recompute_statistics(
        [torch.rand(8, architecture.channels, 16, 16, generator=torch.Generator().manual_seed(0))], 4
    )
    return trainer.state()


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
    z = draw_latent(4, 5, kind, torch_stream(9, "samples"))
    np.testing.assert_array_equal(sample(gan, 4, 9, CPU), generate(load_generator(gan, CPU), z))


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
