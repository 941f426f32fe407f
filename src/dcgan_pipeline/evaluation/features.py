"""The discriminator as a feature extractor (paper 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.settings import FeaturesSettings
from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.conditional import build_discriminator, refuse_conditional
from dcgan_pipeline.gan.data import statistics_batches, to_range
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights

# The attributes by which features say which trained GAN they are of, or are a baseline for, and what they were learned
# from.
GAN, TRAINED_ON = "gan", "trained_on"
MADE_WITH = "features"  # and with which settings they were made

_FLOAT16_END = 65_520  # from here on numbers are rounded to infinity


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
        float32, or float16 by the settings, of shape (N, sum of maps x grid x grid), layer after layer: 28 672 numbers
        for all of ``imagenet32``, 7 168 for ``svhn32``.

    Raises
    ------
    InputError
        Where the images are of another shape than D takes, D has not the layers asked for, or D is a conditional one:
        it would need the labels; and, on the way, where a feature is not finite, or larger than float16 can hold.
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
    layers = _layers(settings, len(network.convs))

    def chunks() -> Iterator[NDArray[np.floating]]:
        size = settings.batch_size
        for batch in track(images.batches(size), f"features: {name}", -(-len(images) // size)):
            yield _stored(_pooled(network, to_range(batch, device), layers, settings), settings)

    about = {
        GAN: gan.settings.get(GAN) or gan.digest(),
        TRAINED_ON: learned_from(gan),
        MADE_WITH: extraction_settings(settings),
    }
    return ArrayChunks(chunks(), {**about, **images.attrs})


def extraction_settings(settings: FeaturesSettings) -> dict[str, Any]:
    """The settings that change a feature."""
    return settings.model_dump(mode="json", exclude={"batch_size", "copies"})


def learned_from(weights: Weights) -> str:
    """Say in a few words what a D was trained on."""
    settings = weights.settings
    if settings["kind"] != "gan":
        return "nothing"
    if "imported" in settings:
        return "SVHN, by the DCGAN's authors"
    count, labels = settings.get("training_images"), settings["architecture"].get("labels")
    images = "this run's images" if count is None else f"{count:,} images of this run"
    return f"{images}, {'with their' if labels else 'no'} labels"


def _layers(settings: FeaturesSettings, count: int) -> list[int]:
    layers = list(range(count)) if settings.layers is None else list(settings.layers)
    if not all(0 <= k < count for k in layers):
        raise InputError(
            f"features.layers must be from 0 to {count - 1}, the discriminator's convolutions, got {layers}"
        )
    return layers


@torch.no_grad()
def _pooled(
    network: Discriminator, x: torch.Tensor, layers: list[int], settings: FeaturesSettings
) -> NDArray[np.float32]:
    """Features of images in [-1, 1], (batch, C, S, S): float32 (batch, sum of maps * grid * grid)."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        maps = network.activations(x)  # (batch, maps, side, side) each
    return pooled([maps[k] for k in layers], settings.grid).cpu().numpy()


def pooled(maps: list[torch.Tensor], grid: int) -> torch.Tensor:
    """Max-pool maps (batch, maps, side, side) to a grid, flatten and concatenate: float32 (batch, sum of maps x grid x
    grid).
    """
    return torch.cat([F.adaptive_max_pool2d(part, grid).flatten(1).float() for part in maps], dim=1)


def _stored(features: NDArray[np.float32], settings: FeaturesSettings) -> NDArray[np.floating]:
    """Round features to the type that is stored; refuse what is no number."""
    largest = float(np.abs(features).max(initial=0))
    if not np.isfinite(largest):
        raise InputError(
            "features must be finite numbers, got NaN or infinity from the discriminator: its weights are broken; take "
            "an earlier version of the gan, or train again"
        )
    if settings.dtype == "float32":
        return features
    if largest >= _FLOAT16_END:
        raise InputError(
            f"features.dtype: float16 holds numbers up to 65504, got a feature of {largest:.5g}; set it to float32"
        )
    return features.astype(np.float16)


def untrained_discriminator(
    gan: Weights,
    images: ShardedArray,
    rows: NDArray[np.int64],
    seed: int,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
) -> Weights:
    """Make the baseline: a D of the same architecture with fresh weights and recomputed statistics.

    Parameters
    ----------
    images, rows
        The training set, for the batch-norm statistics.
    labels
        A class number for every image, int64 (N,), for conditional networks.

    Raises
    ------
    InputError
        Where the networks are conditional, and there are no labels.
    """
    if labels is None:
        refuse_conditional(gan.settings["architecture"], "features need")
    network = build_discriminator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    initialise(network, torch_stream(seed, "untrained discriminator"))
    network.to(device).to(memory_format=torch.channels_last)
    batch_norm_statistics.recompute(network, statistics_batches(images, rows, seed, device, labels))
    tensors = {f"discriminator.{name}": tensor.cpu() for name, tensor in network.state_dict().items()}
    settings = {
        "kind": "untrained_discriminator",
        "step": 0,
        "architecture": gan.settings["architecture"],
        GAN: gan.digest(),
    }
    return Weights(tensors, settings)
