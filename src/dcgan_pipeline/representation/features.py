"""The discriminator as a feature extractor (paper 5.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan import statistics
from dcgan_pipeline.gan.conditional import refuse_conditional
from dcgan_pipeline.gan.data import statistics_batches, to_range
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.representation.settings import FeaturesSettings
from dcgan_pipeline.weights import Weights

GAN = "gan"  # the attribute by which features say which trained GAN they are of, or are a baseline for


def discriminator_features(
    gan: Weights, images: ShardedArray, settings: FeaturesSettings, device: torch.device, name: str
) -> ArrayChunks:
    """Pool every convolution of D, after its activation, to a grid, flatten and concatenate (paper 5.1), lazily.

    Batch norm uses the statistics of the checkpoint, so that an image's features do not depend on its batch-mates.
    They are not scaled.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S), as D was trained on.
    name
        For the progress bar.

    Returns
    -------
    ArrayChunks
        float32 of shape (N, sum of maps x grid x grid): 28 672 numbers for ``imagenet32``, 7 168 for ``svhn32``.

    Raises
    ------
    InputError
        Where the images are of another shape than D takes, or D is a conditional one: it would need the labels.
    """
    shape = gan.settings["architecture"]
    refuse_conditional(shape, "features need")
    network = load_discriminator(gan, device)
    assert isinstance(network, Discriminator)  # for mypy: all others are refused above
    if images.shape[1:] != (shape["channels"], shape["image_size"], shape["image_size"]):
        raise InputError(
            f"labelled images must be {shape['channels']} x {shape['image_size']} x {shape['image_size']}, as the "
            f"discriminator takes them, got {' x '.join(map(str, images.shape[1:]))}; set preprocess.image_size and "
            "preprocess.channels as they were in training"
        )

    def chunks() -> Iterator[NDArray[np.float32]]:
        size = settings.batch_size
        for batch in track(images.batches(size), f"features: {name}", -(-len(images) // size)):
            yield _pooled(network, to_range(batch, device), settings.grid)

    return ArrayChunks(chunks(), {GAN: gan.settings.get(GAN) or gan.digest(), **images.attrs})


@torch.no_grad()
def _pooled(network: Discriminator, x: torch.Tensor, grid: int) -> NDArray[np.float32]:
    maps = network.activations(x)  # (batch, maps, side, side) each
    return torch.cat([F.adaptive_max_pool2d(m, grid).flatten(1) for m in maps], dim=1).cpu().numpy()


def untrained_discriminator(
    gan: Weights, images: ShardedArray, rows: NDArray[np.int64], seed: int, device: torch.device
) -> Weights:
    """Make the baseline: a D of the same architecture with fresh weights and recomputed statistics.

    Parameters
    ----------
    images, rows
        The training set, for the batch-norm statistics.

    Raises
    ------
    InputError
        Where the networks are conditional.
    """
    refuse_conditional(gan.settings["architecture"], "features need")
    network = Discriminator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    initialise(network, torch_stream(seed, "untrained discriminator"))
    network.to(device).to(memory_format=torch.channels_last)
    statistics.recompute(network, statistics_batches(images, rows, seed, device))
    tensors = {f"discriminator.{name}": tensor.cpu() for name, tensor in network.state_dict().items()}
    settings = {
        "kind": "untrained_discriminator",
        "step": 0,
        "architecture": gan.settings["architecture"],
        GAN: gan.digest(),
    }
    return Weights(tensors, settings)
