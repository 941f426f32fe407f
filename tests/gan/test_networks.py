import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dcgan_pipeline.gan.networks import Discriminator, Generator, initialise
from dcgan_pipeline.gan.settings import Architecture


def architecture(**values):
    return Architecture(**{"image_size": 16, "channels": 3, "latent_dim": 6, "width": 3, "kernel": 3} | values)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kernel", "strides"), [(3, (2,)), (5, (2,)), (3, (1, 2)), (5, (1, 2)), (4, (2,)), (2, (2,))])
def test_shapes_are_those_of_the_images(size, channels, kernel, strides):
    shape = architecture(image_size=size, channels=channels, kernel=kernel, strides=strides)
    images = Generator(shape)(torch.zeros(2, 6))
    assert images.shape == (2, channels, size, size)
    assert Discriminator(shape)(images).shape == (2,)


def test_maps_double_in_number_and_halve_in_side_once_an_octave():
    maps = Discriminator(architecture(image_size=32, strides=(1, 2))).activations(torch.zeros(2, 3, 32, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (3, 32, 32),
        (3, 16, 16),
        (6, 16, 16),
        (6, 8, 8),
        (12, 8, 8),
        (12, 4, 4),
    ]


def test_base_is_the_side_of_the_smallest_maps():
    shape = architecture(image_size=28, base=7)
    assert Discriminator(shape).activations(torch.zeros(2, 3, 28, 28))[-1].shape[2:] == (7, 7)
    assert Generator(shape)(torch.zeros(2, 6)).shape == (2, 3, 28, 28)


@pytest.mark.parametrize("build", [Generator, Discriminator])
@pytest.mark.parametrize("strides", [(2,), (1, 2)])
def test_nothing_but_batch_norm_has_a_bias(build, strides):
    network = build(architecture(strides=strides))
    norms = {id(m.bias) for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)}
    biases = {id(p) for name, p in network.named_parameters() if name.endswith("bias")}
    assert norms
    assert biases == norms


def test_the_first_layer_of_d_has_no_batch_norm_and_a_slope_of_a_fifth():
    network = Discriminator(architecture())
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    sums = F.conv2d(x, network.convs[0].weight, stride=2, padding=1)
    assert (sums < 0).any()
    torch.testing.assert_close(network.activations(x)[0], torch.where(sums > 0, sums, 0.2 * sums))


def test_d_computes_no_more_convolutions_than_it_is_asked_for_and_takes_another_activation():
    network = Discriminator(architecture(image_size=32)).eval()
    x, seen = torch.randn(2, 3, 32, 32), []
    for k, conv in enumerate(network.convs):
        conv.register_forward_hook(lambda *_, k=k: seen.append(k))
    whole = network.activations(x)
    seen.clear()
    part = network.activations(x, last=1)
    assert seen == [0, 1]
    assert all(torch.equal(one, other) for one, other in zip(part, whole[:2], strict=True))
    assert torch.equal(network.activations(x, activation=torch.sigmoid)[0], torch.sigmoid(network.convs[0](x)))


def test_every_later_layer_of_d_is_normalised_by_its_batch_before_the_activation():
    network = Discriminator(architecture(image_size=32))
    maps = network.activations(torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    for activation in maps[1:]:
        before = torch.where(activation > 0, activation, activation / 0.2)
        torch.testing.assert_close(before.mean((0, 2, 3)), torch.zeros(before.shape[1]), atol=1e-5, rtol=0)
        variance = before.var((0, 2, 3), correction=0)
        torch.testing.assert_close(variance, torch.ones(before.shape[1]), atol=1e-4, rtol=0)


def test_the_last_activation_feeds_the_logit():
    network = Discriminator(architecture())
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = network.activations(x)[-1].reshape(4, -1) @ network.logit.weight[0]
    torch.testing.assert_close(network(x), expected)


def test_the_output_of_g_is_the_tanh_of_its_last_convolution():
    network, seen = Generator(architecture()), []
    network.convs[-1].register_forward_hook(lambda _, __, output: seen.append(output))
    images = network(torch.rand(4, 6, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(images, torch.tanh(seen[0]))
    assert len(network.norms) == len(network.convs) - 1


def test_g_goes_on_from_the_maps_of_any_layer():
    network = Generator(architecture(image_size=32, strides=(1, 2))).eval()
    z = torch.rand(3, 6)
    maps = network.activations(z)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (12, 4, 4),
        (12, 8, 8),
        (6, 8, 8),
        (6, 16, 16),
        (3, 16, 16),
        (3, 32, 32),
    ]
    for layer, h in enumerate(maps):
        assert torch.equal(network.onwards(h, layer), network(z))
    assert not torch.equal(network.onwards(torch.zeros_like(maps[2]), 2), network(z))


def test_the_projection_of_g_is_normalised_unit_by_unit():
    network, seen = Generator(architecture()), []
    network.project_norm.register_forward_hook(lambda _, __, output: seen.append(output))
    network(torch.rand(32, 6, generator=torch.Generator().manual_seed(0)))
    units = seen[0]
    assert units.shape == (32, 6 * 4 * 4)  # the maps of the mirrored D at a side of 4
    torch.testing.assert_close(units.mean(0), torch.zeros(units.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(units.var(0, correction=0), torch.ones(units.shape[1]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("build", [Generator, Discriminator])
def test_training_leaves_the_stored_statistics_alone(build):
    network = build(architecture()).train()
    before = {name: value.clone() for name, value in network.named_buffers() if "running" in name}
    network(
        torch.ones(4, 6) if build is Generator else torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    )
    assert before
    assert all(torch.equal(value, network.get_buffer(name)) for name, value in before.items())


@pytest.mark.parametrize("build", [Generator, Discriminator])
def test_batch_norm_has_the_authors_epsilon(build):
    norms = [m for m in build(architecture()).modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-8}


def _drawn(network):
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    others = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    gains = torch.cat([m.weight.flatten() for m in norms]).double() - 1
    weights = torch.cat([m.weight.flatten() for m in others]).double()
    return {"gains": gains, "weights": weights}, torch.cat([m.bias for m in norms])


@pytest.mark.parametrize("build", [Generator, Discriminator])
@pytest.mark.parametrize("kind", ["weights", "gains"])
def test_initial_values_are_normal_with_a_spread_of_a_fiftieth(build, kind):
    network = build(architecture(image_size=64, width=32, latent_dim=20))
    initialise(network, torch.Generator().manual_seed(0))
    values = _drawn(network)[0][kind].detach() / 0.02
    n = len(values)
    # Five standard errors of the mean, the variance and the fourth moment of a normal variable.
    assert abs(float(values.mean())) < 5 / n**0.5
    assert abs(float((values**2).mean()) - 1) < 5 * (2 / n) ** 0.5
    assert abs(float((values**4).mean()) - 3) < 5 * (96 / n) ** 0.5


@pytest.mark.parametrize("build", [Generator, Discriminator])
def test_initial_shifts_are_zero(build):
    network = build(architecture())
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.bias.data.fill_(7)
    initialise(network, torch.Generator().manual_seed(0))
    assert not _drawn(network)[1].any()


@pytest.mark.parametrize("build", [Generator, Discriminator])
def test_initial_values_depend_on_the_generator_alone(build):
    first, again, other = build(architecture()), build(architecture()), build(architecture())
    everything = torch.random.get_rng_state()
    for network, seed in ((first, 3), (again, 3), (other, 4)):
        initialise(network, torch.Generator().manual_seed(seed))
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    differ = [torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True) if a.any()]
    assert all(same)
    assert not any(differ)
    assert torch.equal(everything, torch.random.get_rng_state())


def test_in_training_the_discriminator_cannot_see_the_contrast_of_a_batch():
    """Its first layer is homogeneous and the next is normalised by its own batch: scaling a batch changes nothing."""
    discriminator = Discriminator(Architecture(image_size=16, channels=3, width=8)).double().train()
    initialise(discriminator, torch.Generator().manual_seed(0))
    for norm in discriminator.norms:
        norm.eps = 1e-30  # the authors' 1e-8 is all that the equality lacks
    images = torch.rand(8, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    torch.testing.assert_close(discriminator(images), discriminator(images * 0.5), rtol=1e-9, atol=1e-9)
    assert not torch.allclose(discriminator(images), discriminator(images + 0.5), rtol=1e-2)
