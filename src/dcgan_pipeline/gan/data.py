"""Training images as batches: which rows, in which order, in which range."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.batch_norm_statistics import BATCH
from dcgan_pipeline.gan.parallel import Group
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import derived_seed, numpy_stream

AHEAD = 4  # batches that are read while a step computes


def to_range(pixels: NDArray[np.uint8] | Tensor, device: torch.device) -> Tensor:
    """Scale uint8 (batch, C, S, S) to [-1, 1], the range of tanh: x / 127.5 - 1 (paper 4)."""
    there = to_device(torch.as_tensor(pixels), device)
    return (there.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor to a device; to a GPU from pinned memory, so that nobody waits for it."""
    if device.type != "cuda" or values.device.type == "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


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


class TrainingImages:
    """The images to train on, where batches of them are quickest to get.

    They are copied to a GPU as uint8 once, where they fit; else they stay in their shards, and a thread reads the
    next batches while a step computes. Batches are the same either way.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S).
    rows
        Those to train on, int64, ascending.
    labels
        A class number for every image, int64 of shape (N,), or none.
    where
        device, stream, or auto: device where it is a GPU and they fit.
    share
        Of the device's free memory that the images may take.
    group
        Processes that take a share of every minibatch each; none: one that takes all.

    Raises
    ------
    InputError
        Where ``device`` is asked for and they do not fit.
    """

    def __init__(
        self,
        images: ShardedArray,
        rows: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        device: torch.device,
        where: str = "auto",
        share: float = 0.5,
        group: Group | None = None,
    ) -> None:
        self._group = group or Group()
        self._images, self._rows, self._labels, self._device = images, rows, labels, device
        needed = len(rows) * math.prod(images.shape[1:])
        wanted = where == "device" or (where == "auto" and device.type == "cuda")
        fit = wanted and needed <= share * _free_memory(device)
        if where == "device" and not fit:
            raise InputError(
                f"train.data: device needs {needed / 2**30:.1f} GiB for the images, which is more than "
                f"train.device_memory {share:g} of what is free on {device}; set train.data to stream"
            )
        self.on_device = fit
        self._pool = self._copied() if fit else None

    def _copied(self) -> Tensor:
        pool = torch.empty((len(self._rows), *self._images.shape[1:]), dtype=torch.uint8, device=self._device)
        starts = range(0, len(self._rows), 4096)
        for start in track(starts, f"train: images to {self._device}", len(starts)):
            part = self._images[self._rows[start : start + 4096]]
            pool[start : start + len(part)] = torch.from_numpy(part).to(self._device)
        return pool

    def batches(self, size: int, seed: int, start: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield minibatches for ever, from minibatch ``start`` on: images in [-1, 1] (size, C, S, S), and labels."""
        places = row_batches(np.arange(len(self._rows)), size, seed, start)
        with ThreadPoolExecutor(1) as reader:
            waiting = deque(reader.submit(self._read, batch) for batch in islice(places, AHEAD))
            try:
                while True:
                    pixels, rows = waiting.popleft().result()
                    waiting.append(reader.submit(self._read, next(places)))
                    yield to_range(pixels, self._device), *labels_of(self._labels, rows, self._device)
            finally:
                reader.shutdown(cancel_futures=True)

    def _read(self, places: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        places = self._group.shard(places)
        rows = self._rows[places]
        if self._pool is not None:
            return self._pool[torch.from_numpy(places).to(self._device)], rows
        return torch.from_numpy(self._images[rows]), rows


def _free_memory(device: torch.device) -> float:
    """Bytes that are free on a GPU, or all that a CPU has; infinite where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


def statistics_batches(
    images: ShardedArray,
    rows: NDArray[np.int64],
    seed: int,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
) -> Iterator[Tensor | tuple[Tensor, ...]]:
    """Yield the training set once, in batches of 128 for :func:`dcgan_pipeline.gan.batch_norm_statistics.recompute`.

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
