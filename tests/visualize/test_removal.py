import numpy as np
import torch
from torch import nn

from dcgan_pipeline.visualize.guided import trace
from dcgan_pipeline.visualize.removal import REMOVALS, Images, blur, largest, removal_drops


class Sum(nn.Module):
    """A feature that is the sum of some pixels: all of it hangs on them. Any depth, as D has it."""

    def __init__(self, weight, bias=0.0):
        super().__init__()
        self.weight, self.bias = weight, bias

    def activations(self, x, *, last=None, activation=None):
        return [(x * self.weight).sum((1, 2, 3))[:, None, None, None] + self.bias]


def drops(network, x, share=0.01, shift=1):
    features = torch.zeros(len(x), dtype=torch.int64)
    traced = trace(network, 0, features, x, (), "gradient")
    return removal_drops(network, 0, Images(x, (), features), traced, share, shift, np.random.default_rng(0))


def test_a_feature_is_lost_with_the_pixels_that_it_hangs_on_and_not_with_others():
    weight = torch.zeros(1, 16, 16)
    weight[0, 4, 4] = weight[0, 4, 5] = weight[0, 5, 4] = 1
    x = torch.zeros(2, 1, 16, 16)
    x[..., 4, 4] = x[..., 4, 5] = x[..., 5, 4] = 1
    found = drops(Sum(weight), x, share=3 / 256)
    assert list(found) == list(REMOVALS)
    expected = 1 - blur(x)[:, 0, [4, 4, 5], [4, 5, 4]].sum(1) / 3
    torch.testing.assert_close(found["marked"], expected)
    assert (found["marked"] > 0.8).all()
    assert (found["random"] < 0.4).all()
    torch.testing.assert_close(found["elsewhere"], found["marked"])  # both images are the same


def test_a_feature_that_is_not_positive_has_no_share_to_lose():
    x = torch.rand(3, 1, 16, 16)
    assert all(torch.isnan(found).all() for found in drops(Sum(torch.ones(1, 16, 16), bias=-1e4), x).values())


def test_as_many_places_are_marked_as_the_share_says_and_they_are_the_largest():
    values = torch.rand(4, 9, 9)
    mask = largest(values, 0.2)
    assert mask.sum((1, 2)).tolist() == [16] * 4
    for one, marked in zip(values, mask, strict=True):
        assert one[marked].min() > one[~marked].max()
    assert largest(values, 1e-9).sum((1, 2)).tolist() == [1] * 4


def test_a_blur_spreads_a_pixel_as_a_normal_distribution_does():
    x = torch.zeros(1, 1, 33, 33)
    x[0, 0, 16, 16] = 1
    at = torch.arange(-16.0, 17)
    weights = torch.exp(-(at**2) / (2 * (33 / 8) ** 2)) * (at.abs() <= 8)
    weights = weights / weights.sum()
    torch.testing.assert_close(blur(x)[0, 0], weights[:, None] * weights)


def test_a_blurred_plain_image_is_plain():
    plain = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(blur(plain), plain)
