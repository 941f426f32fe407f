"""Drawing from a trained generator."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import (
    ConditionalDiscriminator,
    ConditionalGenerator,
    build_discriminator,
    build_generator,
    labels_in_turn,
)
from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.gan.networks import Discriminator, Generator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights

AVERAGE = "generator_average."  # of the names of the tensors of G's moving average


def draw_latent(count: int, length: int, kind: str, generator: torch.Generator) -> Tensor:
    """Draw z of shape (count, length), float32 on the CPU: ``uniform`` in [-1, 1) (paper 4), or ``normal``."""
    if kind == "normal":
        return torch.randn((count, length), generator=generator)
    return torch.rand((count, length), generator=generator) * 2 - 1


def load_generator(gan: Weights, device: torch.device) -> Generator | ConditionalGenerator:
    """Build G from a checkpoint, in evaluation mode with its recomputed statistics: its average, where it has one."""
    network = build_generator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    network.load_state_dict(gan.part(AVERAGE) or gan.part("generator."))
    return network.to(device).to(memory_format=torch.channels_last).eval()


def load_discriminator(gan: Weights, device: torch.device) -> Discriminator | ConditionalDiscriminator:
    """Build D from a checkpoint, in evaluation mode with its recomputed statistics."""
    network = build_discriminator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    network.load_state_dict(gan.part("discriminator."))
    return network.to(device).to(memory_format=torch.channels_last).eval()


@torch.no_grad()
def generate(
    network: Generator | ConditionalGenerator, z: Tensor, batch: int = 256, labels: Tensor | None = None
) -> NDArray[np.uint8]:
    """Turn z of shape (count, latent_dim) into images, uint8 (count, C, S, S).

    In evaluation mode each image depends on its own z (and label) alone.

    Parameters
    ----------
    labels
        Class numbers for a conditional G, int64 (count,); none: the classes in turn.

    Raises
    ------
    InputError
        Where labels are given to a G that takes none, or do not fit it or z.
    """
    device = next(network.parameters()).device
    inputs = [z, *_labels_for(network, len(z), labels)]
    parts = zip(*(whole.split(batch) for whole in inputs), strict=True)
    return np.concatenate([to_pixels(network(*(x.to(device) for x in part))) for part in parts])


def _labels_for(network: Generator | ConditionalGenerator, count: int, labels: Tensor | None) -> tuple[Tensor, ...]:
    """Labels as inputs of G: one tensor, or none."""
    if not isinstance(network, ConditionalGenerator):
        if labels is not None:
            raise InputError("labels need a conditional generator, got labels for one without; leave them out")
        return ()
    labels = labels_in_turn(count, network.labels) if labels is None else labels
    if len(labels) != count or bool(((labels < 0) | (labels >= network.labels)).any()):
        raise InputError(
            f"labels must be one class number from 0 to {network.labels - 1} for each of {count} images, got "
            f"{len(labels)}: {', '.join(str(int(k)) for k in labels[:10])}{', ...' if len(labels) > 10 else ''}"
        )
    return (labels,)


def sample(
    gan: Weights, count: int, seed: int, device: torch.device, labels: Tensor | None = None
) -> NDArray[np.uint8]:
    """Draw images from a checkpoint, uint8 (count, C, S, S); of ``labels``, as in :func:`generate`."""
    z = draw_latent(
        count,
        gan.settings["architecture"]["latent_dim"],
        gan.settings["train"]["latent"],
        torch_stream(seed, "samples"),
    )
    return generate(load_generator(gan, device), z, labels=labels)
