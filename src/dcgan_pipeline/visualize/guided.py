"""Guided backpropagation through D (paper 6.2; Springenberg et al. 2014), whose units are LeakyReLU.

The rule. Springenberg et al. take two conditions together: the gradient passes a ReLU where its input is positive, as
in backpropagation, and where the gradient that comes from above is positive, as in a deconvolution network. A LeakyReLU
has a second piece, of slope 0.2, and what to do there is for nobody said. Here it passes nothing either: a unit below 0
is one that the image does not excite, and its fifth of a gradient would be evidence of what is absent. So, for a unit
with input x and the gradient R from above:

    guided:    x > 0 and R > 0: R;   else: 0
    gradient:  x > 0: R;             else: 0.2 R        (the plain derivative)

Batch norm is in evaluation mode, an affine map of each unit. Nothing is changed by convolutions or batch norm.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_pipeline.gan.networks import SLOPE, leaky_relu
from dcgan_pipeline.visualize.exciting import AnyDiscriminator

Rule = Literal["guided", "gradient"]


class _GuidedLeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.leaky_relu(x, SLOPE)

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return above[0].clamp(min=0) * (x > 0)


_ACTIVATIONS = {"guided": _GuidedLeakyReLU.apply, "gradient": leaky_relu}


class Traced(NamedTuple):
    """Gradients of features, each at the place of its map where it is largest."""

    gradients: Tensor
    """(n, C, S, S), of images in [-1, 1]."""
    responses: Tensor
    """(n,), what the features are there."""
    places: Tensor
    """int64 (n,), where that is in the map, row after row."""


def trace(
    network: AnyDiscriminator, layer: int, features: Tensor, x: Tensor, labels: tuple[Tensor, ...], rule: Rule
) -> Traced:
    """Go back from one feature of each image to its pixels.

    Parameters
    ----------
    network
        In evaluation mode.
    layer
        The convolution, 0 the first.
    features
        The map of each image, int64 (n,).
    x
        Images in [-1, 1], (n, C, S, S).
    labels
        What a conditional D takes beside them.
    """
    x = x.detach().requires_grad_()
    maps = network.activations(x, *labels, last=layer, activation=_ACTIVATIONS[rule])[-1]
    responses, places = maps[torch.arange(len(x)), features].flatten(1).max(1)
    (gradients,) = torch.autograd.grad(responses.sum(), x)
    return Traced(gradients, responses.detach(), places)


@torch.no_grad()
def responses_at(
    network: AnyDiscriminator,
    layer: int,
    features: Tensor,
    places: Tensor,
    x: Tensor,
    labels: tuple[Tensor, ...],
) -> Tensor:
    """Give one feature of each image at one place of its map, (n,); as :func:`trace` takes and gives them."""
    maps = network.activations(x, *labels, last=layer)[-1]
    return maps[torch.arange(len(x)), features].flatten(1).gather(1, places[:, None]).squeeze(1)
