"""From images to a trained GAN: the loop around :class:`~dcgan_pipeline.gan.trainer.Trainer`."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.arrays import ID, ArrayChunks, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import training_labels
from dcgan_pipeline.gan.data import TrainingImages, statistics_batches
from dcgan_pipeline.gan.settings import TrainSettings, resolve_architecture
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.progress import progress_bar
from dcgan_pipeline.weights import Weights

logger = logging.getLogger(__name__)

LATENT_BATCHES = 100  # of 128 z, for G's batch-norm statistics (our choice)
Log = Callable[[dict[str, float], int], None]
_COLUMNS = ["step", "loss_d", "loss_g", "d_real", "d_fake"]  # of the history


@dataclass(frozen=True)
class TrainedGan:
    """What training leaves.

    ``gan`` is a checkpoint with recomputed batch-norm statistics; ``history`` has a row every ``log_every`` steps
    (step, loss_d, loss_g, d_real, d_fake: means since the row before, NaN where only the other network was updated);
    ``samples`` is uint8 (times, sample_count, C, S, S), drawn from one fixed z at the steps in
    ``samples.attrs["steps"]``.
    """

    gan: Weights
    history: pd.DataFrame
    samples: ArrayChunks


@dataclass
class _Record:
    """What grows while training runs, and is kept in every checkpoint."""

    history: list[dict[str, float]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    samples: list[NDArray[np.uint8]] = field(default_factory=list)
    since: list[dict[str, Tensor]] = field(default_factory=list)
    """Losses since the last row of the history."""


def train_gan(
    images: ShardedArray,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    seed: int,
    device: torch.device,
    checkpoints: Path,
    log: Log,
    labels: NDArray[np.int64] | None = None,
) -> TrainedGan:
    """Train on some rows of the images.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S).
    rows
        Those to train on, int64: the ones that ``dedup`` kept.
    checkpoints
        A folder for the state every ``checkpoint_every`` steps, with a folder in it for each training set, so that
        a run on other images leaves an interrupted training alone. Only the newest file is kept. With
        ``settings.resume`` training goes on from it; without, the first checkpoint takes its place.
    log
        Called with losses and the step, while training runs.
    labels
        A class number for every image, -1 without, int64 of shape (N,): for conditional networks.

    Raises
    ------
    InputError
        Where there are too few images for a batch, conditional networks lack labels, settings changed before a
        resume, or the losses are no longer finite.
    """
    if len(rows) < settings.batch_size:
        raise InputError(
            f"train.batch_size must be at most the number of training images, got {settings.batch_size} for "
            f"{len(rows)} images; lower it, or add images"
        )
    architecture = resolve_architecture(settings.preset, settings.architecture, images.shape)
    labels = training_labels(labels, rows, architecture)
    trainer = Trainer(architecture, settings, seed, device)
    training_set = hashlib.sha256(rows.tobytes()).hexdigest()
    identity = {ID: images.attrs.get(ID), "training_set": training_set, "training_images": len(rows)}
    own = checkpoints / f"{str(identity[ID])[:8]}-{training_set[:8]}"
    record = _resume(trainer, own, identity) if settings.resume else _start(own)
    _loop(trainer, record, images, rows, labels, own, identity, log)
    of_rows = None if labels is None else labels[rows]
    trainer.recompute_statistics(statistics_batches(images, rows, seed, device, labels), LATENT_BATCHES, of_rows)
    samples = ArrayChunks([np.stack(record.samples)], {"steps": record.steps})
    return TrainedGan(trainer.state(**identity), pd.DataFrame(record.history, columns=_COLUMNS), samples)


def _loop(
    trainer: Trainer,
    record: _Record,
    images: ShardedArray,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    checkpoints: Path,
    identity: dict[str, Any],
    log: Log,
) -> None:
    settings, total = trainer.settings, trainer.settings.total_steps(len(rows))
    pile = TrainingImages(images, rows, labels, trainer.device, settings.data, settings.device_memory)
    batches = pile.batches(settings.batch_size, trainer.seed, trainer.step)
    with progress_bar("train: DCGAN", total) as advance:
        advance(trainer.step)
        for batch in islice(batches, max(0, total - trainer.step)):
            if not record.steps:  # what an untrained G draws
                _draw(trainer, record)
            trainer.set_learning_rate(settings.learning_rate_at(trainer.step, len(rows)))
            record.since.append(trainer.update(*batch))
            last, step = trainer.step == total, trainer.step
            note = None
            if step % settings.log_every == 0 or last:
                row = _finite(_mean(record.since, step))
                record.since = []
                record.history.append(row)
                log({f"train.{name}": value for name, value in row.items() if name != "step"}, step)
                note = f"loss D {row.get('loss_d', np.nan):.2f} G {row.get('loss_g', np.nan):.2f}"
            if step % settings.sample_every == 0 or last:
                _draw(trainer, record)
            if step % settings.checkpoint_every == 0 or last:
                _finite(_mean(record.since, step))  # a checkpoint is never of a training that has diverged
                _save(trainer, record, checkpoints, identity)
            advance(1, note)


def _draw(trainer: Trainer, record: _Record) -> None:
    record.steps.append(trainer.step)
    record.samples.append(trainer.draw_fixed())


def _mean(since: list[dict[str, Tensor]], step: int) -> dict[str, float]:
    names = sorted({name for found in since for name in found})
    means = {name: float(torch.stack([f[name] for f in since if name in f]).mean()) for name in names}
    return {"step": step, **means}


def _finite(row: dict[str, float]) -> dict[str, float]:
    """Stop a training that has diverged; its last checkpoint, if there is one, is from before."""
    if not all(math.isfinite(value) for value in row.values()):
        losses = ", ".join(f"{name} {value}" for name, value in row.items() if name != "step")
        raise InputError(
            f"losses must be finite, and by step {row['step']} they are not ({losses}); lower train.learning_rate"
        )
    return row


def _start(checkpoints: Path) -> _Record:
    for unfinished in checkpoints.glob("step-*.safetensors"):
        logger.warning(
            "a checkpoint of an earlier training, %s, will be replaced; train.resume goes on from it", unfinished.name
        )
    return _Record()


def _save(trainer: Trainer, record: _Record, checkpoints: Path, identity: dict[str, Any]) -> None:
    checkpoints.mkdir(parents=True, exist_ok=True)
    since = [{name: float(value) for name, value in found.items()} for found in record.since]
    state = trainer.state(**identity, history=record.history, sample_steps=record.steps, since=since)
    state.tensors["samples"] = torch.from_numpy(np.stack(record.samples))
    newest = checkpoints / f"step-{trainer.step:09d}.safetensors"
    state.save(newest)
    for older in checkpoints.glob("*.safetensors"):
        if older != newest:
            older.unlink()


def _resume(trainer: Trainer, checkpoints: Path, identity: dict[str, Any]) -> _Record:
    files = sorted(checkpoints.glob("step-*.safetensors"))
    if not files:
        raise InputError(
            f"train.resume needs a checkpoint of this training set, and there is none in {checkpoints}; set it to false"
        )
    saved = Weights.load(files[-1])
    _check_unchanged(trainer.state(**identity).settings, saved.settings, files[-1])
    if (reached := saved.settings["step"]) > (asked := trainer.settings.total_steps(identity["training_images"])):
        raise InputError(
            f"train.steps must be at least the step of the checkpoint on resuming, got {asked} and {reached}; raise it "
            "(or train.epochs), or set train.resume to false to start anew"
        )
    trainer.restore(saved)
    samples = list(saved.tensors["samples"].numpy())
    device = trainer.device
    since = [{k: torch.tensor(v, device=device) for k, v in found.items()} for found in saved.settings["since"]]
    return _Record(saved.settings["history"], saved.settings["sample_steps"], samples, since)


def _check_unchanged(now: dict[str, Any], then: dict[str, Any], file: Path) -> None:
    """Only the length of the training, where no decay depends on it, and how often it reports, may change."""
    free = {
        "resume",
        "log_every",
        "sample_every",
        "checkpoint_every",
        "preset",
        "architecture",
        "data",
        "device_memory",
    }
    if not (now["train"]["decay_epochs"] or now["train"]["decay_steps"]):
        free |= {"steps", "epochs"}
    changed = [
        f"{name} was {_value(then, name)!r} and is {_value(now, name)!r}"
        for name in [
            *("seed", ID, "training_images"),
            *(f"architecture.{key}" for key in now["architecture"]),
            *(f"train.{key}" for key in now["train"] if key not in free),
        ]
        if _value(then, name) != _value(now, name)
    ]
    if changed:
        raise InputError(
            f"train.resume needs the settings of the checkpoint {file.name}: {'; '.join(changed)}; "
            "change them back, or set train.resume to false to start anew"
        )


def _value(settings: dict[str, Any], name: str) -> Any:
    for key in name.split("."):
        settings = settings[key]
    return settings
