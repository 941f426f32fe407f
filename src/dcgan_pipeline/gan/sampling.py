"""Drawing from a trained generator.

:func:`sample` gives an array, :func:`sample_batches` the same images as a stream that may be longer than memory, and
:func:`sample_seeds` one image a seed. docs/sampling.md shows their use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.errors import InputError, shortened
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
BATCH = 256
BatchNorm = Literal["recomputed", "batch"]
# z are drawn so many at a time: normal numbers depend on how many are asked for at once, and z number k shall not.
_DRAWN = 128


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
    network: Generator | ConditionalGenerator, z: Tensor, batch: int = BATCH, labels: Tensor | None = None
) -> NDArray[np.uint8]:
    """Turn z of shape (count, latent_dim) into images, uint8 (count, C, S, S).

    In evaluation mode each image depends on its own z (and label) alone.

    Parameters
    ----------
    labels
        Class numbers for a conditional G, int64 (n,), in turn: image k is of the one at k % n; none: of all classes.

    Raises
    ------
    InputError
        Where labels are given to a G that takes none, or do not fit it.
    """
    device = next(network.parameters()).device
    inputs = [z, *_labels_for(network, len(z), labels)]
    parts = zip(*(whole.split(batch) for whole in inputs), strict=True)
    return np.concatenate([to_pixels(network(*(x.to(device) for x in part))) for part in parts])


def _labels_for(
    network: Generator | ConditionalGenerator, count: int, labels: Tensor | None, start: int = 0
) -> tuple[Tensor, ...]:
    """Labels of images ``start`` and those that follow, as inputs of G: one tensor, or none."""
    if not isinstance(network, ConditionalGenerator):
        if labels is not None:
            raise InputError("labels need a conditional generator, got labels for one without; leave them out")
        return ()
    labels = torch.arange(network.labels) if labels is None else torch.as_tensor(labels)
    if not len(labels) or bool(((labels < 0) | (labels >= network.labels)).any()):
        raise InputError(
            f"labels must be class numbers from 0 to {network.labels - 1}, one or more, got "
            f"[{shortened(labels.tolist())}]"
        )
    return (labels_in_turn(count, labels, start),)


def sample(
    gan: Weights,
    count: int,
    seed: int,
    device: torch.device,
    batch_norm: BatchNorm = "recomputed",
    batch_size: int = BATCH,
    labels: Tensor | None = None,
) -> NDArray[np.uint8]:
    """Draw images from a checkpoint, uint8 (count, C, S, S): those of :func:`sample_batches` in one array."""
    return np.concatenate(list(sample_batches(gan, count, seed, device, batch_norm, batch_size, labels=labels)))


def sample_batches(
    gan: Weights,
    count: int,
    seed: int,
    device: torch.device,
    batch_norm: BatchNorm = "recomputed",
    batch_size: int = BATCH,
    start: int = 0,
    labels: Tensor | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Draw images from a checkpoint, a batch at a time.

    The z of sample k depends on the seed and k alone, whatever the count, the batch size and where the stream starts.

    Parameters
    ----------
    batch_norm
        ``recomputed``: by the statistics of the checkpoint, so that an image depends on its own z alone. Another batch
        size may add up floats in another order, and a value is then rounded to the neighbouring grey level.
        ``batch``: by the batch's own mean and variance, as in training (authors' code), so that an image depends on
        its batch-mates too: samples 0 to ``batch_size`` - 1 are one batch, and so on, whatever the count.
    batch_size
        z that go through G at once.
    start
        The first sample to yield; the last is ``count`` - 1.
    labels
        Class numbers for a conditional G, int64 (n,), in turn: sample k is of the one at k % n; none: of all classes.

    Yields
    ------
    uint8 of shape (n, C, S, S)
        n is ``batch_size``, and less at the ends.
    """
    if batch_norm not in get_args(BatchNorm):
        raise InputError(f"batch_norm must be one of {', '.join(get_args(BatchNorm))}, got {batch_norm!r}")
    network = load_generator(gan, device)
    together = batch_norm == "batch"
    network.train(together)  # momentum is 0: the stored statistics stay as they are
    first = start - start % batch_size  # of the batch that `start` is in
    latent = _Latent(gan, seed, first)
    for begin in range(first, count, batch_size):
        wanted = min(batch_size, count - begin)
        taken = batch_size if together else wanted
        part = next(iter(_labels_for(network, taken, labels, begin)), None)
        yield generate(network, latent.take(taken), batch_size, part)[max(0, start - begin) : wanted]


def sample_seeds(
    network: Generator | ConditionalGenerator, latent: str, seeds: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Draw one image for each seed, from the first z that :func:`sample` draws with it: uint8 (len(seeds), C, S, S).

    It is the first sample of the seed; but a conditional G draws the class ``seed % classes``.

    Parameters
    ----------
    network
        From :func:`load_generator`.
    latent
        ``uniform`` or ``normal``, as in the settings of the training.
    """
    length, classes = network.latent_dim, getattr(network, "labels", 0)
    z = [draw_latent(_DRAWN, length, latent, torch_stream(int(seed), "samples"))[:1] for seed in seeds]
    labels = torch.tensor([int(seed) % classes for seed in seeds], dtype=torch.int64) if classes and z else None
    return generate(network, torch.cat([torch.empty(0, length), *z]), labels=labels)


def sample_latents(gan: Weights, seed: int, start: int, count: int) -> Tensor:
    """Give the z of samples ``start`` and those that follow, as :func:`sample_batches` draws them.

    Returns
    -------
    Tensor
        float32 (count, latent_dim).
    """
    return _Latent(gan, seed, start).take(count)


class _Latent:
    """z number ``start`` and those that follow, in a stream that depends on the seed alone."""

    def __init__(self, gan: Weights, seed: int, start: int) -> None:
        self._shape = (_DRAWN, gan.settings["architecture"]["latent_dim"], gan.settings["train"]["latent"])
        self._generator = torch_stream(seed, "samples")
        skipped, within = divmod(start, _DRAWN)
        for _ in range(skipped):
            draw_latent(*self._shape, self._generator)
        self._waiting = draw_latent(*self._shape, self._generator)[within:]

    def take(self, count: int) -> Tensor:
        """Give the next ``count`` z, float32 (count, latent_dim)."""
        parts, found = [self._waiting], len(self._waiting)
        while found < count:
            parts.append(draw_latent(*self._shape, self._generator))
            found += _DRAWN
        drawn = torch.cat(parts)
        self._waiting = drawn[count:]
        return drawn[:count]
