"""Training images as batches: which rows, in which order, in which range."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.gan.statistics import BATCH
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import derived_seed, numpy_stream


def to_range(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Scale uint8 (batch, C, S, S) to [-1, 1], the range of tanh: x / 127.5 - 1 (paper 4)."""
    return (torch.from_numpy(pixels).to(device).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """Scale [-1, 1] back to uint8 (batch, C, S, S)."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).contiguous().cpu().numpy()


def row_batches(rows: NDArray[np.int64], size: int, seed: int, start: int) -> Iterator[NDArray[np.int64]]:
    """Yield batches of rows for ever, each epoch in a fresh order.

    The order of an epoch depends on the seed and its number alone, so a run that goes on at minibatch ``start`` gets
    the batches that it would have got. The images over from the last whole batch of an epoch are left out of it.

    Parameters
    ----------
    rows
        The rows to draw from, int64 of shape (N,), with N at least ``size``.
    """
    per_epoch = len(rows) // size
    epoch, skip = divmod(start, per_epoch)
    while True:
        order = numpy_stream(seed, "epoch", epoch).permutation(len(rows))
        for k in range(skip, per_epoch):
            # Sorted, because it is faster to read shards forwards; which images a batch has is random all the same.
            yield np.sort(rows[order[k * size : (k + 1) * size]])
        epoch, skip = epoch + 1, 0


def statistics_batches(
    images: ShardedArray,
    rows: NDArray[np.int64],
    seed: int,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
) -> Iterator[Tensor | tuple[Tensor, ...]]:
    """Yield the training set once, in batches of 128 for :func:`dcgan_pipeline.gan.statistics.recompute`.

    In a random order, as in training: piles often lie sorted by class, and batches of one class each have other means
    and smaller variances. With ``labels``, int64 (N,), each batch is images and their labels.
    """
    size = min(BATCH, len(rows))
    batches = islice(row_batches(rows, size, derived_seed(seed, "statistics"), start=0), len(rows) // size)
    for batch in track(batches, "batch-norm statistics of D", len(rows) // size):
        x = to_range(images[batch], device)
        yield x if labels is None else (x, *labels_of(labels, batch, device))


def labels_of(labels: NDArray[np.int64] | None, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, ...]:
    """Give the labels of some rows as the last inputs of a network: one tensor, or nothing where there are none."""
    return () if labels is None else (torch.from_numpy(labels[rows]).to(device),)
