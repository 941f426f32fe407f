"""How much of a feature hangs on the pixels that its gradient marks: they are removed, and as many others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from dcgan_pipeline.visualize.exciting import AnyDiscriminator
from dcgan_pipeline.visualize.guided import Traced, responses_at

REMOVALS = ("marked", "random", "elsewhere")


class Images(NamedTuple):
    """Images and the feature of D that is looked at in each."""

    x: Tensor
    """(n, C, S, S), in [-1, 1]."""
    labels: tuple[Tensor, ...]
    """What a conditional D takes beside them."""
    features: Tensor
    """int64 (n,)."""


def removal_drops(
    network: AnyDiscriminator,
    layer: int,
    images: Images,
    traced: Traced,
    share: float,
    shift: int,
    generator: np.random.Generator,
) -> dict[str, Tensor]:
    """Remove a share of the pixels of each image, and say how much less the feature is then.

    A pixel is removed by the blurred image taking its place: what is fine is gone, what is broad stays, and no edge is
    made that a constant would make. The feature is looked at where it was largest.

    Parameters
    ----------
    share
        Of the pixels: those whose gradients are longest (over the channels), ``marked``; or as many drawn at random,
        ``random``; or those that are marked in the image that comes ``shift`` after this one, ``elsewhere``.

    Returns
    -------
    dict
        By ``REMOVALS``, (n,): the share of the feature that is lost, 1 all of it, more where it turns negative; NaN
        where it was not positive to begin with.
    """
    marked = largest(traced.gradients.norm(dim=1), share)  # (n, S, S)
    noise = torch.from_numpy(generator.random(marked.shape, np.float32)).to(marked.device)
    masks = {"marked": marked, "random": largest(noise, share), "elsewhere": marked.roll(-shift, 0)}
    blurred = blur(images.x)
    found = {}
    for name in REMOVALS:
        x = torch.where(masks[name][:, None], blurred, images.x)
        left = responses_at(network, layer, images.features, traced.places, x, images.labels)
        found[name] = torch.where(traced.responses > 0, 1 - left / traced.responses, torch.nan)
    return found


def largest(values: Tensor, share: float) -> Tensor:
    """Mark a share of the places of each map, (n, S, S), rounded and one at least: those of the largest values."""
    flat = values.flatten(1)
    count = max(1, round(share * flat.shape[1]))
    mask = torch.zeros_like(flat, dtype=torch.bool)
    return mask.scatter_(1, flat.topk(count, dim=1).indices, True).view_as(values)


def blur(x: Tensor) -> Tensor:
    """Blur images by a normal distribution of an eighth of the side, mirrored at the edges."""
    side = x.shape[-1]
    width, spread = 2 * (side // 4) + 1, [side / 8] * 2
    across = transforms.gaussian_blur(x, [width, 1], spread)  # one direction after the other is the same, and quicker
    return transforms.gaussian_blur(across, [1, width], spread)
