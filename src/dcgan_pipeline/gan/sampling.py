"""Drawing from a trained generator."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.gan.networks import Discriminator, Generator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights


def draw_latent(count: int, length: int, kind: str, generator: torch.Generator) -> Tensor:
    """Draw z of shape (count, length), float32 on the CPU: ``uniform`` in [-1, 1) (paper 4), or ``normal``."""
    if kind == "normal":
        return torch.randn((count, length), generator=generator)
    return torch.rand((count, length), generator=generator) * 2 - 1


def load_generator(gan: Weights, device: torch.device) -> Generator:
    """Build G from a checkpoint, in evaluation mode with its recomputed statistics."""
    network = Generator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    network.load_state_dict(gan.part("generator."))
    return network.to(device).to(memory_format=torch.channels_last).eval()


def load_discriminator(gan: Weights, device: torch.device) -> Discriminator:
    """Build D from a checkpoint, in evaluation mode with its recomputed statistics."""
    network = Discriminator(Architecture.parse(gan.settings["architecture"], "gan.architecture"))
    network.load_state_dict(gan.part("discriminator."))
    return network.to(device).to(memory_format=torch.channels_last).eval()


@torch.no_grad()
def generate(network: Generator, z: Tensor, batch: int = 256) -> NDArray[np.uint8]:
    """Turn z of shape (count, latent_dim) into images, uint8 (count, C, S, S).

    In evaluation mode each image depends on its own z alone.
    """
    device = next(network.parameters()).device
    return np.concatenate([to_pixels(network(part.to(device))) for part in z.split(batch)])


def sample(gan: Weights, count: int, seed: int, device: torch.device) -> NDArray[np.uint8]:
    """Draw images from a checkpoint, uint8 (count, C, S, S)."""
    z = draw_latent(
        count,
        gan.settings["architecture"]["latent_dim"],
        gan.settings["train"]["latent"],
        torch_stream(seed, "samples"),
    )
    return generate(load_generator(gan, device), z)
