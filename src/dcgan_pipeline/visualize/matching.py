"""Samples brought to the brightness and the contrast of images, before the two are compared.

The paper's D cannot see contrast (docs/architecture.md), so that a G may draw all that it draws greyer than the images
are. Distances between samples and images would then be those of grey, and a copy would be as far away as anything.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dcgan_pipeline.gan.data import to_range
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.visualize.training_images import Pile
from dcgan_pipeline.weights import Weights

_DRAWN = 256  # samples, and images, that mean and contrast are measured on


class Matching(NamedTuple):
    """One affine map of grey levels for all samples of a GAN."""

    gain: float
    shift: float

    def __call__(self, x: Tensor) -> Tensor:
        """Map images in [-1, 1], which may leave that range."""
        return x * self.gain + self.shift


def match_samples(gan: Weights, pile: Pile, seed: int, device: torch.device) -> Matching:
    """Find the map that gives samples the mean and the standard deviation of the images, over all pixels."""
    images = pile.some(_DRAWN, seed, "contrast of images")
    return matching(to_range(sample(gan, _DRAWN, seed, device), device), to_range(images.images[images.rows], device))


def matching(samples: Tensor, images: Tensor) -> Matching:
    """Match samples to images, (n, C, S, S) each; the gain is 1 where samples have no contrast at all."""
    samples, images = samples.double(), images.double()
    spread = float(samples.std())
    gain = float(images.std()) / spread if spread > 0 else 1.0
    return Matching(gain, float(images.mean()) - gain * float(samples.mean()))
