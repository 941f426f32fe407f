"""From images to a trained GAN: in this process, in several of this machine, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from filelock import BaseFileLock
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.gan import diagnostics
from dcgan_pipeline.gan.checkpoints import Result
from dcgan_pipeline.gan.parallel import spawn_group
from dcgan_pipeline.gan.plan import OpenGan, Plan, make_plan
from dcgan_pipeline.gan.run import LOSSES, Callbacks, Finished, Log, OnSamples, run_main, run_worker
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.imaging.work_folder import LockedChunks, lock_folder
from dcgan_pipeline.weights import Weights

_COLUMNS = [*LOSSES, *diagnostics.COLUMNS]  # of every history; those of quality and the event come after them


@dataclass(frozen=True)
class TrainedGan:
    """What training leaves.

    ``gan`` is a checkpoint with recomputed batch-norm statistics; until it is saved, its training counts as stopped
    before its end, whose checkpoints no later one removes. Its settings also say how it was made: ``rollbacks``,
    ``changes`` (of settings, on a resume) and ``initial_gan`` (that it began with).

    ``history`` has a row every ``log_every`` steps: step; loss_d, loss_g, d_real, d_fake, accuracy_real and
    accuracy_fake (means since the row before, NaN where only the other network was updated); the norms of both
    gradients at the row; diversity, contrast and saturation of samples (:mod:`dcgan_pipeline.gan.diagnostics`); the
    metrics of ``quality`` where they were measured; and ``event``, what was warned of, in words, or an empty text.

    ``samples`` is uint8 (times, sample_count, C, S, S), drawn from one fixed z at the steps in
    ``samples.attrs["steps"]``, and read from the folder of checkpoints when it is consumed: for as long as it is
    referred to, no other process trains there.
    """

    gan: Weights
    history: pd.DataFrame
    samples: ArrayChunks


def train_gan(
    images: ShardedArray,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    seed: int,
    device: torch.device,
    checkpoints: Path,
    log: Log,
    labels: NDArray[np.int64] | None = None,
    show: OnSamples | None = None,
    engine: EngineSettings | None = None,
    classes: Sequence[str] = (),
    open_gan: OpenGan = Weights.load,
) -> TrainedGan:
    """Train on some rows of the images.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S).
    rows
        Those to train on, int64: the ones that ``dedup`` kept. ``settings.quality.held_out`` of them are left out.
    checkpoints
        A folder for the state every ``checkpoint_every`` steps, with a folder in it for each training set, so that
        a run on other images leaves an interrupted training alone, and more for more trainings on the same images.
        Kept are the newest file, and the newest of before anything went wrong; beside them lie the history, and the
        samples through training, a file a time. With ``settings.resume`` training goes on from the newest, or from the
        one that it names; without, it begins anew: the first checkpoint then takes the place of those of trainings
        that have returned, and those of one that was stopped stay.
    log
        Called with numbers and the step, while training runs.
    labels
        A class number for every image, -1 without, int64 of shape (N,): for conditional networks.
    show
        Called with samples from the fixed z, uint8 (sample_count, C, S, S), and the step, whenever they are drawn.
    engine
        Where ``settings.processes`` are, if they are more than one: with ``ray`` on the machines of a cluster, which
        then see the images and the checkpoints under the same paths; else on this machine.
    classes
        Names of the labels, in their order, for whoever samples from conditional networks.
    open_gan
        Loads the ``gan`` that ``settings.initial_gan`` names, whose networks the training begins with.

    Raises
    ------
    InputError
        Where there are too few images for a batch, conditional networks lack labels, settings changed before a resume
        that cannot, the networks of ``initial_gan`` are of another shape, a metric of quality lacks what it needs, the
        losses are no longer finite, the training has collapsed and ``settings.diagnostics`` says to stop, there are
        fewer devices than processes, or another process trains on the same images with the same folder of checkpoints.
    """
    plan = make_plan(images, rows, settings, seed, checkpoints, labels, classes, open_gan)
    lock = lock_folder(
        plan.checkpoints,
        "one training at a time may keep its checkpoints in {folder}, and another process trains on the same images; "
        "wait until it ends, or give this one another folder with --params=checkpoints=<folder>",
    )
    return _kept(_run(plan, device, Callbacks(log, show), engine or EngineSettings()), lock)


def _kept(finished: Finished, lock: BaseFileLock) -> TrainedGan:
    """Give what training leaves; the samples hold its folder."""
    gan = Result(finished.gan.tensors, finished.gan.settings, finished.checkpoints)
    samples = LockedChunks(finished.frames.stream(finished.steps), {"steps": finished.steps}, lock)
    return TrainedGan(gan, finished.history.table(_COLUMNS), samples)


def _run(plan: Plan, device: torch.device, callbacks: Callbacks, engine: EngineSettings) -> Finished:
    if engine.name == "ray" and plan.settings.processes > 1:
        from dcgan_pipeline.gan.cluster import run_on_ray

        return run_on_ray(plan, device, callbacks, engine)
    with spawn_group(plan.settings.processes, device, partial(run_worker, plan)) as group:
        return run_main(plan, callbacks, group, device)
