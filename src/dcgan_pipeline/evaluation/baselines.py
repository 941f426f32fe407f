"""What else could have been made of the same images and labels: baselines on the draws that the features had.

Features that need no labels (principal components, k-means) are judged by the same SVM. Networks that learn from the
labels (the supervised control, and a fine-tuned D) judge by themselves, each after a random search of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from dcgan_pipeline.evaluation import kmeans, pca
from dcgan_pipeline.evaluation.compare import LabelledRows, judge_kinds
from dcgan_pipeline.evaluation.features import learned_from
from dcgan_pipeline.evaluation.protocol import Draws, Outcome
from dcgan_pipeline.evaluation.search import SearchSettings, Trial, best_trial, judge_supervised, search
from dcgan_pipeline.evaluation.settings import EvaluateSettings, KMeansSettings, PcaSettings
from dcgan_pipeline.evaluation.standardised import Standardised, moments
from dcgan_pipeline.evaluation.supervised import check_trainable
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.imaging.work_folder import lock_folder, remove_leftovers
from dcgan_pipeline.progress import progress_bar
from dcgan_pipeline.randomness import derived_seed
from dcgan_pipeline.schema import Settings, unless
from dcgan_pipeline.weights import Weights

_BATCH, _ROWS = 256, 4096  # images at once, and rows of a shard
PCA, KMEANS = "principal components", "1-layer k-means"
SUPERVISED, FINE_TUNED = "supervised network", "fine-tuned discriminator"
UNSUPERVISED: dict[str, tuple[str, Callable[..., Weights], Callable[..., ArrayChunks]]] = {
    "pca": (PCA, pca.learn, pca.pca_features),
    "kmeans": (KMEANS, kmeans.learn, kmeans.kmeans_features),
}
"""Baselines that learn features without labels: name, how they learn, how they extract."""
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

    def inert(self) -> dict[str, str]:
        """What is not asked for; and only fine-tuning starts from convolutions that are there."""
        found = {"supervised.convolutions": "the supervised network starts from nothing"}
        for kind in ("pca", "kmeans", "supervised", "fine_tuned"):
            found |= unless(kind in self.kinds, f"baselines.kinds is {'+'.join(self.kinds)}", kind)
        return found


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
        Where the labelled images do not fit the networks, or a setting the images: before the first is judged.
    """
    _check(gan, images, rows, task, settings)
    task.work.mkdir(parents=True, exist_ok=True)
    unlabelled, labels = f"{len(rows):,} images of this run, no labels", "the labels of a draw"
    outcomes: dict[str, Outcome] = {}
    trials, trained_on = [pd.DataFrame()], {}
    for kind in settings.kinds:
        if kind in UNSUPERVISED:
            pair = (task.train, task.test)
            made = learned_features(kind, images, rows, pair, settings, task.seed, task.device, task.work)
            with made as (name, features):
                outcomes[name], trained_on[name] = _judge_features(name, features, task), unlabelled
        else:
            name, start = (SUPERVISED, None) if kind == "supervised" else (FINE_TUNED, gan)
            outcomes[name], found = _judge_network(name, gan, start, getattr(settings, kind), task, report)
            trained_on[name] = labels if start is None else f"{learned_from(gan)}; then {labels}"
            trials.append(found.assign(network=name))
    return Baselines(outcomes, trained_on, pd.concat(trials, ignore_index=True))


def _check(
    gan: Weights, images: ShardedArray, rows: NDArray[np.int64], task: Task, settings: BaselinesSettings
) -> None:
    if "pca" in settings.kinds:
        pca.check(images, rows, settings.pca)
    if "kmeans" in settings.kinds:
        kmeans.check(images, rows, settings.kmeans)
    for kind in {"supervised", "fine_tuned"} & set(settings.kinds):
        architecture = Architecture.parse(gan.settings["architecture"], "gan.architecture")
        start = gan if kind == "fine_tuned" else None
        draws = task.draws
        check_trainable(architecture, task.train, task.labels.train, draws.selection[0], draws.validation, start)


@contextmanager
def learned_features(
    kind: str,
    images: ShardedArray,
    rows: NDArray[np.int64],
    labelled: tuple[ShardedArray, ShardedArray],
    settings: BaselinesSettings,
    seed: int,
    device: torch.device,
    work: Path,
) -> Iterator[tuple[str, Any]]:
    """Learn features without labels, and keep those of two labelled sets in the work folder for a while.

    Parameters
    ----------
    kind
        Of ``UNSUPERVISED``.
    images, rows
        The training set, uint8 (N, C, S, S) and its rows.

    Yields
    ------
    name, pair
        Of the baseline, and features of both sets, (N, d) and (M, d).
    """
    name, learn, extract = UNSUPERVISED[kind]
    weights = learn(images, rows, getattr(settings, kind), seed)
    with _folder_for_a_while(work) as folder:
        found = []
        for part, those in zip(("train", "test"), labelled, strict=True):
            write_shards(extract(weights, those, device, _BATCH, f"{name}, {part}"), folder / part, _ROWS)
            found.append(ShardedArray(folder / part))
        if kind == "kmeans":  # as its authors do; on the labelled set less its validation part it would hardly differ
            scale = moments(found[0], np.arange(len(found[0])))
            yield name, tuple(Standardised(array, *scale) for array in found)
        else:
            yield name, tuple(found)


def _judge_features(name: str, pair: Any, task: Task) -> Outcome:
    draws, settings = task.draws, task.evaluate
    with progress_bar("baselines: L2-SVM", len(settings.C) * len(draws.selection) + len(draws.report)) as advance:
        return judge_kinds({name: pair}, task.labels, draws, settings, advance, task.device)[name]


@contextmanager
def _folder_for_a_while(work: Path) -> Iterator[Path]:
    """Make a folder that goes at the end, and what runs that were killed left."""
    remove_leftovers(work)
    folder = work / f"{secrets.token_hex(8)}-features"
    lock = lock_folder(folder)
    try:
        yield folder
    finally:
        lock.release()
        remove_leftovers(work)


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
    note += ", which ours is trained on, too" if task.evaluate.labels_per_class == "all" else ""
    note += f", {found.failed} of which failed" if found.failed else ""
    outcome = Outcome(None, {}, found.accuracies, found.confusion, None, 0, draws.report.shape[1], note)
    return outcome, trials
