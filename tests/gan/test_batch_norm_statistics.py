import numpy as np
import pytest
import torch
from torch import nn

from dcgan_pipeline.gan.batch_norm_statistics import recompute
from dcgan_pipeline.gan.networks import Discriminator


@pytest.fixture
def network():
    """Both kinds of batch norm, the second after the first: (n, 2, 2, 2) -> (n, 4)."""
    torch.manual_seed(0)
    found = nn.Sequential(
        nn.Conv2d(2, 3, 1, bias=False),
        nn.BatchNorm2d(3, eps=1e-8, momentum=0.0),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 4, bias=False),
        nn.BatchNorm1d(4, eps=1e-8, momentum=0.0),
    )
    with torch.no_grad():
        for norm in (found[1], found[5]):
            norm.weight.normal_()
            norm.bias.normal_()
    return found


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(1)
    # Unequal sizes: the mean over batches is not weighted by them.
    return [torch.randn(size, 2, 2, 2, generator=generator) * scale for size, scale in ((2, 1), (9, 3), (5, 0.5))]


def reference(network, batches):
    """Per-batch means and biased variances of both norms' inputs, averaged over batches, in float64."""
    mix, gain, shift, dense = (
        value.detach().numpy().astype(np.float64)
        for value in (network[0].weight[:, :, 0, 0], network[1].weight, network[1].bias, network[4].weight)
    )
    first, second = [], []
    for batch in batches:
        maps = np.einsum("oi,nihw->nohw", mix, batch.numpy().astype(np.float64))
        mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3))
        first.append((mean, variance))
        scale = gain / np.sqrt(variance + 1e-8)
        normal = (maps - mean[:, None, None]) * scale[:, None, None] + shift[:, None, None]
        units = np.maximum(normal, 0).reshape(len(batch), -1) @ dense.T
        second.append((units.mean(0), units.var(0)))
    return [np.mean(first, axis=0), np.mean(second, axis=0)]


def test_statistics_are_the_unweighted_means_over_batches(network, batches):
    recompute(network, batches)
    for norm, (mean, variance) in zip((network[1], network[5]), reference(network, batches), strict=True):
        np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-4, atol=1e-5)


def test_a_second_time_replaces_the_first(network, batches):
    recompute(network, [batch + 5 for batch in batches])
    recompute(network, batches)
    mean, variance = reference(network, batches)[1]
    np.testing.assert_allclose(network[5].running_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(network[5].running_var.numpy(), variance, rtol=1e-4, atol=1e-5)


def test_the_network_is_left_ready_for_use(network, batches):
    network.train()
    before = [parameter.clone() for parameter in network.parameters()]
    recompute(network, batches)
    assert not any(module.training for module in network.modules())
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_batch_mates_do_not_change_an_output(network, batches):
    recompute(network, batches)
    image, few, many = batches[0][:1], batches[1][:3], batches[2]
    with torch.no_grad():
        alone = network(image)
        for mates in (few, many):
            # Sums of another batch size may be rounded otherwise: a few units in the last place.
            torch.testing.assert_close(network(torch.cat([image, mates]))[:1], alone, rtol=1e-5, atol=1e-6)


def test_no_batch_at_all_is_refused_and_leaves_evaluation_mode(network):
    with pytest.raises(ValueError, match="at least one batch, got none"):
        recompute(network, [])
    assert not network.training
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_a_network_without_batch_norm_is_only_put_into_evaluation_mode():
    network = nn.Sequential(nn.Linear(2, 2))
    recompute(network, [torch.zeros(2, 2)])
    assert not network.training


def test_the_discriminator_in_use_normalises_by_the_recomputed_statistics(tiny):
    network = Discriminator(tiny)
    batch = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        in_training = network.train()(batch)
        recompute(network, [batch])
        # With one batch, its statistics are those that it was normalised by in training.
        torch.testing.assert_close(network(batch), in_training, rtol=1e-4, atol=1e-5)
