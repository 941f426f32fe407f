"""What else could have been made of the same images and labels: baselines on the draws that the features had.

Features that need no labels (principal components, k-means) are judged by the same SVM. Networks that learn from the
labels (the supervised control, and a fine-tuned D) judge by themselves, each after a random search of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.progress import progress_bar
from dcgan_pipeline.randomness import derived_seed
from dcgan_pipeline.representation import kmeans, pca
from dcgan_pipeline.representation.compare import LabelledRows, judge_kinds
from dcgan_pipeline.representation.features import learned_from
from dcgan_pipeline.representation.protocol import Draws, Outcome
from dcgan_pipeline.representation.search import SearchSettings, Trial, best_trial, judge_supervised, search
from dcgan_pipeline.representation.settings import EvaluateSettings, KMeansSettings, PcaSettings
from dcgan_pipeline.representation.standardised import Standardised, moments
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights

_BATCH, _ROWS = 256, 4096  # images at once, and rows of a shard
PCA, KMEANS = "principal components", "1-layer k-means"
SUPERVISED, FINE_TUNED = "supervised network", "fine-tuned discriminator"
Report = Callable[[str, Trial], None]


class BaselinesSettings(Settings):
    """``params:baselines``."""

    kinds: tuple[Literal["pca", "kmeans", "supervised", "fine_tuned"], ...] = Field(
        default=("pca", "kmeans", "supervised", "fine_tuned"), min_length=1
    )
    pca: PcaSettings = PcaSettings()
    kmeans: KMeansSettings = KMeansSettings()
    supervised: SearchSettings = SearchSettings()
    fine_tuned: SearchSettings = SearchSettings()


@dataclass(frozen=True)
class Task:
    """What every baseline is judged on."""

    train: ShardedArray
    """Labelled images, uint8 (N, C, S, S)."""
    test: ShardedArray
    labels: LabelledRows
    draws: Draws
    evaluate: EvaluateSettings
    seed: int
    device: torch.device
    work: Path
    """A folder for features while they are judged, and for the trials of searches."""


@dataclass(frozen=True)
class Baselines:
    """What came of them, by name, and the trials of the searches, a row each."""

    outcomes: dict[str, Outcome]
    trained_on: dict[str, str]
    """What each was learned from."""
    trials: pd.DataFrame
    """network, trial, the hyper-parameters, accuracy (validation, per cent), step, note."""


def judge_baselines(
    gan: Weights,
    images: ShardedArray,
    rows: NDArray[np.int64],
    task: Task,
    settings: BaselinesSettings,
    report: Report = lambda network, trial: None,
) -> Baselines:
    """Judge every baseline in ``settings.kinds``, in that order.

    Parameters
    ----------
    gan
        Its D gives the networks their architecture, and the fine-tuned one its start.
    images, rows
        The training set of the GAN, from which PCA and k-means learn without labels.
    report
        Called with the name of a network and each trial of its search. A run that was killed goes on with the trial
        that it was at.

    Raises
    ------
    InputError
        Where the labelled images do not fit the networks, or a setting the images.
    """
    task.work.mkdir(parents=True, exist_ok=True)
    unlabelled, labels = f"{len(rows):,} images of this run, no labels", "the labels of a draw"
    outcomes: dict[str, Outcome] = {}
    trials, trained_on = [pd.DataFrame()], {}
    for kind in settings.kinds:
        if kind == "pca":
            axes = pca.learn(images, rows, settings.pca, task.seed)
            outcomes[PCA], trained_on[PCA] = _judge_features(PCA, axes, pca.pca_features, task), unlabelled
        elif kind == "kmeans":
            centroids = kmeans.learn(images, rows, settings.kmeans, task.seed)
            outcomes[KMEANS] = _judge_features(KMEANS, centroids, kmeans.kmeans_features, task, standardise=True)
            trained_on[KMEANS] = unlabelled
        else:
            name, start = (SUPERVISED, None) if kind == "supervised" else (FINE_TUNED, gan)
            outcomes[name], found = _judge_network(name, gan, start, getattr(settings, kind), task, report)
            trained_on[name] = labels if start is None else f"{learned_from(gan)}; then {labels}"
            trials.append(found.assign(network=name))
    return Baselines(outcomes, trained_on, pd.concat(trials, ignore_index=True))


def _judge_features(
    name: str, weights: Weights, extract: Callable[..., ArrayChunks], task: Task, standardise: bool = False
) -> Outcome:
    """Write features of both labelled sets into the work folder, judge them, and remove them."""
    with tempfile.TemporaryDirectory(prefix="features-", dir=task.work) as folder:
        pair = []
        for part, images in (("train", task.train), ("test", task.test)):
            write_shards(extract(weights, images, task.device, _BATCH, f"{name}, {part}"), Path(folder) / part, _ROWS)
            pair.append(ShardedArray(Path(folder) / part))
        kinds: Any = {name: tuple(pair)}
        if standardise:  # as their authors do; on the labelled set without its validation part it would hardly differ
            scale = moments(pair[0], np.arange(len(pair[0])))
            kinds = {name: tuple(Standardised(array, *scale) for array in pair)}
        draws, settings = task.draws, task.evaluate
        with progress_bar("baselines: L2-SVM", len(settings.C) * len(draws.selection) + len(draws.report)) as advance:
            return judge_kinds(kinds, task.labels, draws, settings, advance, task.device)[name]


def _judge_network(
    name: str, gan: Weights, start: Weights | None, settings: SearchSettings, task: Task, report: Report
) -> tuple[Outcome, pd.DataFrame]:
    """Search for hyper-parameters on the first draw of labels, and train with the best on some of the others."""
    architecture = Architecture.parse(gan.settings["architecture"], "gan.architecture")
    labels, draws, seed = task.labels, task.draws, derived_seed(task.seed, name)
    if task.evaluate.labels_per_class == "all":  # whose last draw has the validation set, which says when to stop
        draws = replace(draws, report=draws.selection)
    trials = search(
        architecture,
        task.train,
        labels.train,
        draws.selection[0],
        draws.validation,
        settings,
        seed,
        task.device,
        task.work / "trials",
        partial(report, name),
        start,
    )
    best = best_trial(trials)
    found = judge_supervised(
        architecture,
        task.train,
        labels.train,
        task.test,
        labels.test,
        draws,
        best,
        settings,
        seed,
        task.device,
        start,
    )
    count = len(found.accuracies)
    note = f"{best.accuracy:.1f} % of the validation set in the best of {settings.trials} trials; {count} draws, "
    note += "each stopped by the validation labels"
    note += f", {found.failed} of which failed" if found.failed else ""
    outcome = Outcome(None, {}, found.accuracies, found.confusion, None, 0, draws.report.shape[1], note)
    return outcome, trials
