"""What else could have been made of the same images and labels: baselines on the draws that the features had.

Features that need no labels (principal components, k-means) are judged by the same SVM. Networks that learn from the
labels (the supervised control, and a fine-tuned D) judge by themselves, each after a random search of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.progress import progress_bar
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
class LabelledImages:
    """Both labelled sets: uint8 (N, C, S, S) and (M, C, S, S), and their labels."""

    train: ShardedArray
    test: ShardedArray
    labels: LabelledRows


@dataclass(frozen=True)
class Baselines:
    """What came of them: outcomes and what each was learned from, by name; and the trials of the searches, a row each."""

    outcomes: dict[str, Outcome]
    trained_on: dict[str, str]
    trials: pd.DataFrame


def judge_baselines(
    gan: Weights,
    images: ShardedArray,
    rows: NDArray[np.int64],
    labelled: LabelledImages,
    draws: Draws,
    evaluate: EvaluateSettings,
    settings: BaselinesSettings,
    seed: int,
    device: torch.device,
    work: Path,
    report: Report = lambda kind, trial: None,
) -> Baselines:
    """Judge every baseline in ``settings.kinds``, in that order.

    Parameters
    ----------
    images, rows
        The training set of the GAN, from which PCA and k-means learn without labels.
    work
        A folder for features while they are judged, and for the trials of the searches: a run that was killed goes on
        with the trial that it was at.
    report
        Called with the name of a search and each of its trials.

    Raises
    ------
    InputError
        Where the labelled images do not fit the networks, or a setting the images.
    """
    work.mkdir(parents=True, exist_ok=True)
    unlabelled = f"{len(rows):,} images of this run, no labels"
    outcomes: dict[str, Outcome] = {}
    trained_on: dict[str, str] = {}
    trials = []
    for kind in settings.kinds:
        if kind in ("pca", "kmeans"):
            name = PCA if kind == "pca" else KMEANS
            judge = _judge_pca if kind == "pca" else _judge_kmeans
            trained_on[name] = unlabelled
            outcomes[name] = judge(images, rows, labelled, draws, evaluate, settings, seed, device, work)
        else:
            start = gan if kind == "fine_tuned" else None
            name = SUPERVISED if start is None else FINE_TUNED
            trained_on[name] = "the labels" if start is None else f"{learned_from(gan)}; then the labels"
            chosen: SearchSettings = getattr(settings, kind)
            outcomes[name], found = _judge_network(gan, labelled, draws, chosen, seed, device, work, report, start)
            trials.append(found.assign(network=name))
    return Baselines(outcomes, trained_on, pd.concat(trials, ignore_index=True) if trials else pd.DataFrame())


def _judge_pca(images, rows, labelled, draws, evaluate, settings, seed, device, work) -> Outcome:  # type: ignore[no-untyped-def]
    weights = pca.learn(images, rows, settings.pca, seed)
    return _judge(PCA, lambda part, name: pca.pca_features(weights, part, device, _BATCH, name), labelled, draws, evaluate)
