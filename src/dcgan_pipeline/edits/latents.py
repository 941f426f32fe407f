"""Points of latent space, and what a generator draws from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.edits.annotations import Exemplar, MarkedSample, labels_of, latent_of
from dcgan_pipeline.gan.conditional import ConditionalGenerator, labels_in_turn
from dcgan_pipeline.gan.networks import Generator
from dcgan_pipeline.gan.sampling import draw_latent, generate
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights

Network = Generator | ConditionalGenerator
BATCH = 64


@dataclass(frozen=True)
class Latents:
    """z, float32 (n, latent_dim), and the class numbers of a conditional G, int64 (n,)."""

    z: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.z)

    def moved(self, vector: Tensor) -> Latents:
        """Add a vector, (latent_dim,), or one each, (n, latent_dim)."""
        return Latents(self.z + vector, self.labels)

    def take(self, rows: slice | NDArray[np.int64]) -> Latents:
        """Take some."""
        return Latents(self.z[rows], None if self.labels is None else self.labels[rows])

    def batches(self, size: int = BATCH) -> Iterator[Latents]:
        """Cut in parts of ``size`` at most."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def on(self, device: torch.device) -> tuple[Tensor, ...]:
        """Give what G takes: z, and labels where there are some."""
        return tuple(x.to(device) for x in (self.z, self.labels) if x is not None)


def draw(gan: Weights, count: int, seed: int, stream: str) -> Latents:
    """Draw z as the training did, from a named stream; labels of a conditional G in turn."""
    shape = gan.settings["architecture"]
    z = draw_latent(count, shape["latent_dim"], gan.settings["train"]["latent"], torch_stream(seed, stream))
    classes = shape.get("labels") or 0
    return Latents(z, labels_in_turn(count, classes) if classes else None)


def of_exemplars(exemplars: tuple[Exemplar, ...] | tuple[MarkedSample, ...]) -> Latents:
    """Take the z and labels of exemplars, one or more."""
    return Latents(latent_of(exemplars), labels_of(exemplars))


def mean_of(latents: Latents) -> Latents:
    """Average z, for a single picture: (1, latent_dim), with the label that most have, the lowest of several."""
    labels = latents.labels
    if labels is not None:
        counts = Counter(labels.tolist())
        labels = torch.tensor([min(counts, key=lambda label: (-counts[label], label))])
    return Latents(latents.z.mean(0, keepdim=True), labels)


def pictures(network: Network, latents: Latents) -> NDArray[np.uint8]:
    """Draw them, uint8 (n, C, S, S)."""
    return generate(network, latents.z, labels=latents.labels)


def random_vectors(length: float, count: int, latent_dim: int, generator: torch.Generator) -> Tensor:
    """Draw vectors of one length in any direction: (count, latent_dim)."""
    found = torch.randn((count, latent_dim), generator=generator)
    return length * found / found.norm(dim=1, keepdim=True)


def pixel_change(
    before: NDArray[np.uint8], after: NDArray[np.uint8], where: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Average how much pixels, uint8 (n, C, S, S), change in places, (n, S, S), or everywhere: (n,), in grey levels."""
    apart = np.abs(before.astype(np.int16) - after).mean(1)  # (n, S, S)
    if where is None:
        return apart.mean((1, 2))
    return (apart * where).sum((1, 2)) / np.maximum(where.sum((1, 2)), 1)
