import pytest
import torch

from dcgan_pipeline.gan.conditional import ConditionalDiscriminator
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.visualize.guided import responses_at, trace


@pytest.fixture
def by_hand():
    """A D of two convolutions, each of whose units sees the pixels at twice its place alone, but for one neighbour.

    Of convolution 0 the maps are a = x and b = -x at the pixels (2 i, 2 j). Of convolution 1, map 0 at (0, 0) is half
    of 3 a(0, 0) - 5 b(0, 0) - 2 a(0, 1) + 4 b(0, 1), the half being the gain of batch norm, whose statistics are 0
    and 1.
    """
    network = Discriminator(Architecture(image_size=8, channels=1, width=2, kernel=3, base=2)).eval()
    with torch.no_grad():
        for conv in network.convs:
            conv.weight.zero_()
        network.convs[0].weight[0, 0, 1, 1], network.convs[0].weight[1, 0, 1, 1] = 1, -1
        network.convs[1].weight[0, 0, 1, 1], network.convs[1].weight[0, 1, 1, 1] = 3, -5
        network.convs[1].weight[0, 0, 1, 2], network.convs[1].weight[0, 1, 1, 2] = -2, 4
        network.norms[0].weight.fill_(0.5)
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 0, 0], x[0, 0, 0, 2] = 0.8, 0.4
    return network, x


def test_the_rule_against_a_case_computed_by_hand(by_hand):
    network, x = by_hand
    first = torch.zeros(1, dtype=torch.int64)
    # a(0, 0) = 0.8, b(0, 0) = 0.2 * -0.8, a(0, 1) = 0.4, b(0, 1) = 0.2 * -0.4: half of 2.4 + 0.8 - 0.8 - 0.32
    expected = {"guided": {(0, 0): 1.5}, "gradient": {(0, 0): 2.0, (0, 2): -1.4}}
    # The plain gradient at (0, 0) is half of 3 + 5 * 0.2, and at (0, 2) half of -2 - 4 * 0.2. Guided, nothing passes
    # a(0, 1), to which a negative gradient comes, and nothing b(0, 1), whose input is negative though the gradient that
    # comes to it is not; at b(0, 0) both are.
    for rule, pixels in expected.items():
        found = trace(network, 1, first, x, (), rule)
        wanted = torch.zeros(8, 8)
        for place, value in pixels.items():
            wanted[place] = value
        torch.testing.assert_close(found.gradients[0, 0], wanted)
        torch.testing.assert_close(found.responses, torch.tensor([1.04]))
        assert found.places.tolist() == [0]


def drawn(channels=3, labels=0):
    shape = Architecture(
        image_size=16, channels=channels, width=4, kernel=3, base=2, labels=labels, hidden=5 if labels else 0
    )
    network = (ConditionalDiscriminator if labels else Discriminator)(shape)
    generator = torch.Generator().manual_seed(0)
    initialise(network, generator)
    with torch.no_grad():
        for conv in network.convs:
            conv.weight.mul_(20)
        for norm in network.norms:
            norm.running_mean.normal_(generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
    x = torch.rand((6, channels, 16, 16), generator=generator) * 2 - 1
    return network.eval(), x


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("labels", [0, 3])
def test_with_the_rule_off_it_is_the_derivative(layer, labels):
    network, x = drawn(labels=labels)
    told = (torch.arange(6) % 3,) if labels else ()
    features = torch.tensor([0, 1, 2, 3, 0, 1])
    found = trace(network, layer, features, x, told, "gradient")
    for k in range(6):
        image = x[k : k + 1].clone().requires_grad_()
        maps = network.activations(image, *(label[k : k + 1] for label in told))[layer]
        largest = maps[0, features[k]].max()
        largest.backward()
        torch.testing.assert_close(found.gradients[k : k + 1], image.grad, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found.responses[k], largest.detach())
        assert maps[0, features[k]].flatten().argmax() == found.places[k]


@pytest.mark.parametrize("rule", ["guided", "gradient"])
def test_the_forward_pass_is_the_same_under_both_rules(rule):
    network, x = drawn()
    features = torch.arange(6) % 4
    found = trace(network, 1, features, x, (), rule)
    torch.testing.assert_close(found.responses, network.activations(x)[1][torch.arange(6), features].amax((1, 2)))
    again = responses_at(network, 1, features, found.places, x, ())
    torch.testing.assert_close(again, found.responses)


def test_an_image_does_not_depend_on_the_others():
    network, x = drawn()
    features = torch.arange(6) % 4
    whole = trace(network, 2, features, x, (), "guided").gradients
    alone = trace(network, 2, features[3:4], x[3:4], (), "guided").gradients
    torch.testing.assert_close(whole[3:4], alone, rtol=1e-4, atol=1e-6)


def test_a_feature_that_is_not_excited_has_no_guided_gradient(by_hand):
    network, x = by_hand
    with torch.no_grad():
        network.norms[0].bias.fill_(-10)
    found = trace(network, 1, torch.zeros(1, dtype=torch.int64), x, (), "guided")
    assert found.responses < 0
    assert not found.gradients.any()
