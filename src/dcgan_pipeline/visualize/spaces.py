"""The two spaces that images are compared in: pixels, and the features of D."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.evaluation.features import pooled
from dcgan_pipeline.gan.conditional import ConditionalDiscriminator
from dcgan_pipeline.gan.data import labels_of, to_range
from dcgan_pipeline.gan.networks import Discriminator
from dcgan_pipeline.visualize.training_images import BATCH, Pictures

Space = Callable[..., Tensor]
"""Turns images in [-1, 1], (n, C, S, S), and what D takes beside them into vectors, (n, d); has a derivative."""

GREY = 127.5  # grey levels to a unit of images in [-1, 1]
_GRID = 4  # that every layer of D is max-pooled to (paper 5.1)


def spaces(discriminator: Discriminator | ConditionalDiscriminator) -> dict[str, Space]:
    """Name the spaces.

    ``pixels`` are grey levels, 0 to 255. ``features`` are every convolution of D, max-pooled to 4 x 4 and concatenated,
    as the stage ``features`` makes them of images (paper 5.1). A distance is the root of the mean square of the
    differences in either.
    """

    def pixels(x: Tensor, *labels: Tensor) -> Tensor:
        return x.flatten(1) * GREY + GREY

    def features(x: Tensor, *labels: Tensor) -> Tensor:
        return pooled(discriminator.activations(x, *labels), _GRID)

    return {"pixels": pixels, "features": features}


@torch.no_grad()
def vectors(space: Space, pictures: Pictures, device: torch.device) -> Tensor:
    """Describe some images, float32 (n, d), on the device."""
    parts = np.array_split(np.arange(len(pictures)), max(1, -(-len(pictures) // BATCH)))
    return torch.cat([_vectors(space, pictures.pixels[k], pictures.labels, k, device) for k in parts])


def _vectors(
    space: Space,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64] | None,
    places: NDArray[np.int64],
    device: torch.device,
) -> Tensor:
    return space(to_range(pixels, device), *labels_of(labels, places, device))
