import numpy as np
import pytest
import torch

from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.visualize.ball import ball_of
from dcgan_pipeline.visualize.maximisation import (
    maximisation_figure,
    maximise,
    maximise_features,
    measure_maximisation,
)
from dcgan_pipeline.visualize.view_settings import ActivationMaximisationSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize("norm", ["l2", "spectrum"])
def test_of_a_linear_feature_the_best_input_of_a_ball_is_known(norm):
    """The first convolution is linear up to its activation: the best input has the direction of the gradient."""
    network = Discriminator(Architecture(image_size=16, channels=1, width=3, kernel=5)).eval().requires_grad_(False)
    initialise(network, torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(torch.randn((50, 1, 16, 16)), 3, 1, 1)
    ball = ball_of(smooth, norm, 0.05)
    features, start = torch.arange(3), torch.randn((3, 1, 16, 16)) * 0.005
    found, responses = maximise(network, 0, features, start, (), ball, 200)

    def linear(u):
        return network.convs[0](ball.input(u))[torch.arange(3), features, 4, 4]

    nothing = torch.zeros_like(start, requires_grad=True)
    linear(nothing).sum().backward()
    best = ball.within(1e6 * nothing.grad)
    torch.testing.assert_close(found, ball.input(best), rtol=0, atol=2e-3)
    with torch.no_grad():
        torch.testing.assert_close(responses, linear(best), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("classes", [0, 3])
def test_both_networks_are_climbed_and_drawn(tiny_gan, pile, rendered, classes):
    gan, images = tiny_gan(labels=classes, hidden=5 if classes else 0), pile(20, classes=classes)
    settings = ActivationMaximisationSettings(features=3, steps=20, images=15)
    found = maximise_features(gan, images, settings, 0, CPU)
    assert found.layer == 1
    assert found.table["network"].tolist() == ["trained"] * 3 + ["untrained"] * 3
    assert {name: x.shape for name, x in found.found.items()} == dict.fromkeys(("trained", "untrained"), (3, 1, 16, 16))
    again = maximise_features(gan, images, settings, 0, CPU)
    np.testing.assert_array_equal(found.found["trained"], again.found["trained"])
    numbers = measure_maximisation(found.table)
    assert all(np.isfinite(value) for value in numbers.values())
    figure = maximisation_figure(found, numbers, settings)
    assert rendered(figure).std() > 0


def test_the_ascent_ascends(tiny_gan, pile):
    gan, images = tiny_gan(), pile(20)
    responses = [
        maximise_features(gan, images, ActivationMaximisationSettings(features=4, steps=steps), 0, CPU).table[
            "response"
        ]
        for steps in (1, 5, 40)
    ]
    assert (responses[1] >= responses[0]).mean() > 0.8
    assert (responses[2] > responses[0]).all()


def test_the_gain_is_the_median_over_features_that_are_excited():
    import pandas as pd

    table = pd.DataFrame({"network": ["trained"] * 4, "response": [4.0, 9, 5, 7], "image_response": [2.0, 3, 1, -1]})
    found = measure_maximisation(table)
    assert found["activation_maximisation.trained.gain"] == 3
    assert found["activation_maximisation.trained.gain_high"] == 4
