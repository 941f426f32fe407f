"""How well labelled samples stand in for real images: 1-nearest-neighbour on pixels (paper's appendix on MNIST).

Samples of a conditional G, with the labels that they were drawn for, are the reference set, and real images the
queries (authors' code). The more samples, the fewer errors: one pass over a stream gives the labels at every number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import labels_in_turn
from dcgan_pipeline.gan.sampling import BATCH, sample_batches
from dcgan_pipeline.weights import Weights

_BLOCK = 2048  # queries, and samples, whose distances are in memory at once: 16 MiB, twice
_EXACT = 1024  # products of pixels less 128 are at most 2^14: so many add up to 2^24, and float32 adds them exactly
_MOST = (2**31 - 1) // 255**2  # pixels whose squared distance an int32 holds

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]


def nearest_labels(
    queries: NDArray[np.uint8],
    reference: Iterable[Labelled],
    milestones: Sequence[int],
    device: torch.device | None = None,
) -> dict[int, NDArray[np.int64]]:
    """Give each query the label of the nearest of the first so many samples, for several numbers of them in one pass.

    Exact: squared distances of grey levels are whole numbers, and are computed as such; of samples at equal distance
    the first decides. Memory holds the queries as float32 and blocks of distances, whatever the length of the stream.

    Parameters
    ----------
    queries
        uint8 of shape (m, C, S, S).
    reference
        Samples, uint8 (n, C, S, S), and their labels, int64 (n,), in chunks of any length; the stream is read up to
        the last milestone, and no further than its chunk.
    milestones
        Numbers of samples, ascending.
    device
        Where distances are computed; none: on the CPU. The labels do not depend on it.

    Returns
    -------
    dict
        By milestone, int64 (m,).

    Raises
    ------
    InputError
        Where milestones do not ascend from 1, the stream ends before the last, its images are of another shape than
        the queries, or the images have too many pixels.
    """
    if not milestones or list(milestones) != sorted(set(milestones)) or milestones[0] < 1:
        raise InputError(f"milestones must be numbers of samples, ascending from 1, got {list(milestones)}")
    search = _Search(queries, device or torch.device("cpu"))
    found: dict[int, NDArray[np.int64]] = {}
    seen = 0
    for images, labels in _blocks(reference, milestones):
        search.add(images, labels)
        seen += len(images)
        if seen in milestones:
            found[seen] = search.labels()
    if seen < milestones[-1]:
        raise InputError(f"the stream must have {milestones[-1]} samples, the last milestone, got {seen}; draw more")
    return found


def _blocks(reference: Iterable[Labelled], milestones: Sequence[int]) -> Iterator[Labelled]:
    """Cut and join chunks to blocks of ``_BLOCK`` samples and fewer: each milestone is the end of one, the last of all.

    Long blocks are quicker than the short chunks that a generator draws.
    """
    waiting: list[Labelled] = []
    seen = held = 0  # samples given on, and those that wait
    ends = iter(milestones)
    end = next(ends)
    for chunk in reference:
        images, labels = chunk
        while len(images):
            wanted = min(_BLOCK, end - seen) - held
            waiting.append((images[:wanted], labels[:wanted]))
            held += len(waiting[-1][0])
            images, labels = images[wanted:], labels[wanted:]
            if held == min(_BLOCK, end - seen):
                yield np.concatenate([part[0] for part in waiting]), np.concatenate([part[1] for part in waiting])
                seen, held, waiting = seen + held, 0, []
                if seen == end:
                    end = next(ends, 0)
                    if not end:
                        return


class _Search:
    """The nearest sample so far of each query."""

    def __init__(self, queries: NDArray[np.uint8], device: torch.device) -> None:
        self._shape, self._device = queries.shape[1:], device
        if np.prod(self._shape) > _MOST:
            raise InputError(f"images must have at most {_MOST} numbers each, got {' x '.join(map(str, self._shape))}")
        self._queries = self._centred(queries)  # (m, d)
        self._squares = _squares(self._queries)
        self._distance = torch.full((len(queries),), torch.iinfo(torch.int32).max, dtype=torch.int32, device=device)
        self._label = torch.full((len(queries),), -1, dtype=torch.int64, device=device)

    def add(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Compare with later samples: uint8 (n, C, S, S) and int64 (n,)."""
        if images.shape[1:] != self._shape:
            expected, got = (" x ".join(map(str, shape)) for shape in (self._shape, images.shape[1:]))
            raise InputError(f"samples must be {expected}, as the queries, got {got}")
        y, named = self._centred(images), torch.from_numpy(labels).to(self._device)
        y_squared = _squares(y)
        blocks = (part.split(_BLOCK) for part in (self._queries, self._squares, self._distance, self._label))
        for x, x_squared, distance, label in zip(*blocks, strict=True):
            squared = _products(x, y).mul_(-2).add_(y_squared)  # (block, n), less the queries' own squares
            first = squared.argmin(1, keepdim=True)  # the first of equals
            closest = squared.gather(1, first).squeeze(1) + x_squared
            closer = closest < distance  # an equal one came before
            distance[closer] = closest[closer]
            label[closer] = named[first.squeeze(1)[closer]]

    def labels(self) -> NDArray[np.int64]:
        """Labels of the nearest, int64 (m,)."""
        return self._label.cpu().numpy().copy()

    def _centred(self, images: NDArray[np.uint8]) -> Tensor:
        """Grey levels less 128, which changes no distance, float32 (n, d)."""
        return torch.from_numpy(images).to(self._device).flatten(1).float() - 128


def _products(x: Tensor, y: Tensor) -> Tensor:
    """Exact x @ y.T of whole numbers of -128 to 127, (m, d) and (n, d): int32 (m, n).

    In pieces of 1024 pixels: float32 adds up to 2^24 exactly, in any order. (On a GPU as PyTorch multiplies by default,
    without TF32.)
    """
    pieces = zip(x.split(_EXACT, dim=1), y.split(_EXACT, dim=1), strict=True)
    total = None
    for part, other in pieces:
        product = (part @ other.T).to(torch.int32)
        total = product if total is None else total.add_(product)
    assert total is not None  # for mypy: images have pixels
    return total


def _squares(x: Tensor) -> Tensor:
    """Sums of the squares of each row, int32 (n,)."""
    return x.double().square().sum(1).to(torch.int32)


def samples_with_labels(
    gan: Weights, count: int, seed: int, device: torch.device, named: NDArray[np.int64], batch_size: int = BATCH
) -> Iterator[Labelled]:
    """Draw from a conditional G, a batch at a time, the classes in turn.

    Parameters
    ----------
    named
        What the classes of the networks are called, int64 (classes,): the label of samples of each.

    Yields
    ------
    uint8 of shape (n, C, S, S), and int64 (n,)
        Samples, as :func:`dcgan_pipeline.gan.sampling.sample_batches` draws them, and their labels.

    Raises
    ------
    InputError
        Where the networks are not conditional: nothing says what a sample shows.
    """
    classes = gan.settings["architecture"].get("labels")
    if not classes:
        raise InputError("samples with labels need a conditional gan, got one without; train with train.preset=mnist28")
    drawn = sample_batches(gan, count, seed, device, batch_size=batch_size)
    starts = range(0, count, batch_size)
    return (
        (images, named[labels_in_turn(len(images), classes, start).numpy()])
        for images, start in zip(drawn, starts, strict=True)
    )
