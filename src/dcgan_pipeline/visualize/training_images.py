"""The images that a figure looks at: of those that a ``gan`` was trained on a bounded number, and some held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.dedup.groups import kept_rows
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import training_labels
from dcgan_pipeline.gan.data import labels_of, to_range
from dcgan_pipeline.gan.monitor_settings import QualitySettings
from dcgan_pipeline.gan.plan import hold_out
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.squares import read_squares
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.weights import Weights

Rows = NDArray[np.int64]
BATCH = 256  # images at once


@dataclass(frozen=True)
class Pile:
    """Some rows of the images, and the labels that conditional networks are told."""

    images: ShardedArray
    """uint8 of shape (N, C, S, S)."""
    rows: Rows
    """Ascending."""
    labels: Rows | None = None
    """Of all N images, int64; none where the networks take none."""

    def batches(self, device: torch.device, what: str) -> Iterator[tuple[Rows, Tensor, tuple[Tensor, ...]]]:
        """Yield rows, their images in [-1, 1], (n, C, S, S), and what D takes beside them; ``what``: for the bar."""
        parts = np.array_split(self.rows, -(-len(self.rows) // BATCH))
        for rows in track(parts, what, len(parts)):
            yield rows, to_range(self.images[rows], device), labels_of(self.labels, rows, device)

    def some(self, most: int, seed: int, name: str) -> Pile:
        """Draw a part of it, by a stream of random numbers of that name; or take all, where they are no more."""
        return Pile(self.images, _some(self.rows, most, seed, name), self.labels)


def _some(rows: Rows, most: int, seed: int, name: str) -> Rows:
    if len(rows) <= most:
        return rows
    return np.sort(rows[numpy_stream(seed, name).choice(len(rows), most, replace=False, shuffle=False)])


def split_by_training(
    gan: Weights, images: ShardedArray, records: pd.DataFrame, duplicates: pd.DataFrame
) -> tuple[Pile, Pile]:
    """Part the images that ``dedup`` kept into those that a ``gan`` was trained on, and those that it held out.

    Raises
    ------
    InputError
        Where the ``gan`` was trained on another choice of these images, or lacks labels that it needs.
    """
    held = (gan.settings["train"].get("quality") or {}).get("held_out", 0)
    trained, held_out = hold_out(kept_rows(duplicates), QualitySettings(held_out=held))
    known = gan.settings.get("training_set")
    if known and known != hashlib.sha256(trained.tobytes()).hexdigest():
        raise InputError(
            f"gan must be trained on the images that duplicates keeps, got another choice of them than its "
            f"{len(trained)}; run `kedro run --pipeline=train` again, or give versions of one run (--load-versions)"
        )
    architecture = Architecture.parse(gan.settings["architecture"], "gan.architecture")
    labels = training_labels(records["label"].to_numpy(), trained, architecture)
    nobody = np.empty(0, np.int64)
    return Pile(images, trained, labels), Pile(images, held_out if held else nobody, labels)


def called(gan: Weights) -> str:
    """Call the images that :func:`split_by_training` takes for those of the training: of imported ones who knows."""
    return "images" if "imported" in gan.settings else "training images"


@dataclass(frozen=True)
class Pictures:
    """A few images in memory, and the labels that conditional networks are told."""

    pixels: NDArray[np.uint8]
    """(n, C, S, S)."""
    labels: Rows | None = None
    """(n,)."""
    names: tuple[str, ...] = ()
    """What each is called."""

    def __len__(self) -> int:
        return len(self.pixels)


def take(pile: Pile, records: pd.DataFrame) -> Pictures:
    """Read all of a pile into memory."""
    names = records["source"].iloc[pile.rows].astype(str)
    labels = None if pile.labels is None else pile.labels[pile.rows]
    return Pictures(pile.images[pile.rows], labels, tuple(names))


def held_out_pictures(held_out: Pile, records: pd.DataFrame, source: str | None, most: int, seed: int) -> Pictures:
    """Draw images that the GAN was not trained on.

    Parameters
    ----------
    held_out
        Those that the training held out.
    source
        In their place: a source of others (``params:visualize.held_out``); the centred square of each is resized.
    most
        So many at most; none where nothing is known to be held out.

    Raises
    ------
    InputError
        Where there is no source there, none of its images can be read, or the networks need labels.
    """
    if source is None:
        return take(held_out.some(most, seed, "held-out images"), records)
    if held_out.labels is not None:
        raise InputError(
            f"conditional networks need a label for every image, and visualize.held_out gives none, got {source!r}; "
            "leave it out, and hold images out of the training with train.quality.held_out"
        )
    opened = open_source(source)
    rows = _some(np.arange(len(opened)), most, seed, "held-out images")
    pixels, read = read_squares(opened, rows.tolist(), *held_out.images.shape[1:3])
    if not len(pixels):
        raise InputError(
            f"visualize.held_out must have images that can be read, got {source}, and none can; correct it"
        )
    return Pictures(pixels, None, tuple(opened.names[int(row)] for row in read))
