"""What every process of a training knows before it begins."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.arrays import ID, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import training_labels
from dcgan_pipeline.gan.data import TrainingImages
from dcgan_pipeline.gan.initial import Initial, initial_networks
from dcgan_pipeline.gan.monitor_settings import QualitySettings
from dcgan_pipeline.gan.parallel import Group
from dcgan_pipeline.gan.settings import Architecture, TrainSettings, resolve_architecture
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.randomness import derived_seed, numpy_stream
from dcgan_pipeline.weights import Weights

OpenGan = Callable[[str], Weights]
"""Loads the ``gan`` of a name."""


_POINTS = 10_000  # of a live curve, about: a database has each of them as a row, for each of 14 curves


@dataclass(frozen=True)
class Plan:
    """A training before it begins: it can be pickled, and gives the same trainer and minibatches to every process."""

    images: ShardedArray
    """uint8 of shape (N, C, S, S)."""
    rows: NDArray[np.int64]
    """Those to train on, ascending."""
    reference: NDArray[np.int64]
    """Those that samples are compared with."""
    labels: NDArray[np.int64] | None
    """A class number for every image, for conditional networks."""
    architecture: Architecture
    settings: TrainSettings
    seed: int
    identity: dict[str, Any]
    """Of the training set, for checkpoints."""
    checkpoints: Path
    """The folder of the first training on this training set."""
    threads: int = 1
    """That every process computes in."""
    initial: Initial | None = None
    """Networks to begin with."""

    @property
    def total(self) -> int:
        """Minibatches of the whole training."""
        return self.settings.total_steps(len(self.rows))

    def trainer(self, group: Group, device: torch.device) -> Trainer:
        """Make the networks and their optimisers, at step 0, in a process that trains."""
        torch.set_num_threads(self.threads)
        trainer = Trainer(self.architecture, self.settings, self.seed, device, group)
        if self.initial:
            trainer.begin_with(self.initial.networks)
        return trainer

    def training_images(self, trainer: Trainer) -> TrainingImages:
        """Put the training images where a trainer gets them quickly."""
        s = self.settings
        return TrainingImages(
            self.images, self.rows, self.labels, trainer.device, s.data, s.device_memory, trainer.group
        )

    def batches(self, images: TrainingImages, trainer: Trainer, rollbacks: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield minibatches from the trainer's step on, for ever; after each rollback in another order."""
        order = derived_seed(self.seed, "order after a rollback", rollbacks) if rollbacks else self.seed
        return images.batches(self.settings.batch_size, order, trainer.step)

    def learning_rate_at(self, step: int) -> float:
        """Give the learning rate of the minibatch after ``step`` others."""
        return self.settings.learning_rate_at(step, len(self.rows))

    def is_row(self, step: int) -> bool:
        """Whether the history has a row at this step."""
        return step % self.settings.log_every == 0 or step == self.total

    def is_point(self, step: int) -> bool:
        """Whether the live curves have a point at this row: of a long history some, evenly, and the last."""
        rows = -(-self.total // self.settings.log_every)
        return step // self.settings.log_every % -(-rows // _POINTS) == 0 or step == self.total


def make_plan(
    images: ShardedArray,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    seed: int,
    checkpoints: Path,
    labels: NDArray[np.int64] | None,
    classes: Sequence[str] = (),
    open_gan: OpenGan = Weights.load,
) -> Plan:
    """Check that a training is possible, before anything long starts; see :func:`~dcgan_pipeline.gan.train.train_gan`.

    Raises
    ------
    InputError
        Where there are too few images for a batch, networks do not fit the images, or labels are lacking.
    """
    rows, reference = hold_out(rows, settings.quality)
    if len(rows) < settings.batch_size:
        held = f", {settings.quality.held_out} held out (train.quality.held_out)" if settings.quality.held_out else ""
        raise InputError(
            f"train.batch_size must be at most the number of training images, got {settings.batch_size} for "
            f"{len(rows)} images{held}; lower it, or add images"
        )
    architecture = resolve_architecture(settings.preset, settings.architecture, images.shape)
    labels = training_labels(labels, rows, architecture)
    training_set = hashlib.sha256(rows.tobytes()).hexdigest()
    identity: dict[str, Any] = {ID: images.attrs.get(ID), "training_set": training_set, "training_images": len(rows)}
    if labels is not None:
        identity["classes"] = list(classes)
    own = checkpoints / f"{str(identity[ID])[:8]}-{training_set[:8]}"
    threads = max(1, torch.get_num_threads() // settings.processes)
    initial = None
    if settings.initial_gan and not settings.resume:  # a checkpoint has gone on from it
        named = settings.initial_gan
        initial = initial_networks(open_gan(named), named, architecture, settings.latent, identity.get("classes"))
    return Plan(images, rows, reference, labels, architecture, settings, seed, identity, own, threads, initial)


def hold_out(rows: NDArray[np.int64], settings: QualitySettings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part the rows into those to train on and those that samples are compared with; the same ones for every seed."""
    order = numpy_stream(0, "quality images").permutation(rows)
    if not settings.held_out:
        return rows, np.sort(order[: settings.samples])
    return np.sort(order[settings.held_out :]), np.sort(order[: settings.held_out])
