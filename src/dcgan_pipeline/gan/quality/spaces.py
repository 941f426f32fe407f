"""Spaces that images are compared in, on any machine: pixels, and an untrained network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.data import to_range
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import torch_stream

Space = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""Turns images, uint8 (n, C, S, S), into vectors (n, d)."""

_BATCH = 256
_WIDTH = 64  # of the untrained network's first layer: 448 numbers an image of 32 pixels, 960 of 64
_SEED = 0  # not the training's: runs with other seeds are compared in the same space


def pixels(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Flatten images, uint8 (n, C, S, S): (n, C S S)."""
    return images.reshape(len(images), -1)


class UntrainedSpace:
    """The mean of every map of a randomly initialised discriminator, over the image (our choice).

    Random filters already tell textures, edges and contrast apart, need no labels and no download, and do not change
    with the networks that are trained. The weights depend on the size and the channels of images alone; batch norm's
    statistics are those of the images, as :mod:`dcgan_pipeline.gan.batch_norm_statistics` computes them, so that a
    sample's vector depends on itself alone.

    Parameters
    ----------
    architecture
        Of the networks that are trained: its size, channels and base are used.
    real
        Images, uint8 (n, C, S, S), for the statistics.
    """

    def __init__(self, architecture: Architecture, real: NDArray[np.uint8], device: torch.device) -> None:
        shape = Architecture(
            image_size=architecture.image_size, channels=architecture.channels, base=architecture.base, width=_WIDTH
        )
        self._network, self._device = Discriminator(shape), device
        initialise(self._network, torch_stream(_SEED, "quality features"))
        self._network.to(device).to(memory_format=torch.channels_last)
        size = min(batch_norm_statistics.BATCH, len(real))
        whole = len(real) // size * size
        batch_norm_statistics.recompute(
            self._network, (to_range(real[k : k + size], device) for k in range(0, whole, size))
        )

    @torch.no_grad()
    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn images, uint8 (n, C, S, S), into vectors, float32 (n, maps of all layers)."""
        found = []
        for start in range(0, len(images), _BATCH):
            maps = self._network.activations(to_range(images[start : start + _BATCH], self._device))
            found.append(torch.cat([m.mean((2, 3)) for m in maps], dim=1).cpu())
        return torch.cat(found).numpy()
