"""Several kinds of features, judged on the same draws of labels."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ShardedArray, check_same_images, first_not_finite
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.copies import COPIES
from dcgan_pipeline.evaluation.features import GAN, MADE_WITH, extraction_settings
from dcgan_pipeline.evaluation.labelled import check_same_classes
from dcgan_pipeline.evaluation.protocol import Draws, Outcome, draw_labels, evaluate
from dcgan_pipeline.evaluation.settings import EvaluateSettings, FeaturesSettings
from dcgan_pipeline.progress import Advance, progress_bar

logger = logging.getLogger(__name__)


PIXELS = "raw pixels"
FeatureSets = dict[str, tuple[ShardedArray, ShardedArray]]


class Comparison(NamedTuple):
    """What kinds of features achieved on the same draws."""

    outcomes: dict[str, Outcome]
    """By kind, in the order given."""
    classes: list[str]
    """Names of the classes, in the order of their numbers."""
    draws: Draws


class LabelledRows(NamedTuple):
    """The labels of both sets, as class numbers, int64."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    classes: list[str]
    pictures: NDArray[np.int64] | None = None
    """Of the training images: what :func:`~dcgan_pipeline.evaluation.protocol.draw_labels` asks for."""


class _Pixels:
    """uint8 images (N, C, S, S) seen as raw features in [-1, 1], float32 (N, C * S * S)."""

    def __init__(self, images: ShardedArray) -> None:
        self._images = images
        self.shape = (len(images), int(np.prod(images.shape[1:])))

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        pixels = self._images[rows]
        return pixels.reshape(len(pixels), -1).astype(np.float32) / 127.5 - 1


def compare_features(
    kinds: FeatureSets,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    settings: EvaluateSettings,
    seed: int,
    device: torch.device | str = "cpu",
    features: FeaturesSettings | None = None,
) -> Comparison:
    """Judge each kind of features (train, test); uint8 images count as raw pixels.

    Features are refused that were made with other settings than ``features``, where these are given.

    Raises
    ------
    InputError
        Where features and labels are of different images, the two sets have different classes, or there are too
        few labels.
    """
    labels = check_kinds(kinds, labels_train, labels_test, features)
    draws = draw_labels(labels.train, settings, seed, labels.classes, labels.pictures)
    fits = len(settings.C) * len(draws.selection) + len(draws.report)
    with progress_bar("evaluate: L2-SVM", fits * len(kinds)) as advance:
        outcomes = judge_kinds(kinds, labels, draws, settings, advance, device)
    return Comparison(outcomes, labels.classes, draws)


def judge_kinds(
    kinds: FeatureSets,
    labels: LabelledRows,
    draws: Draws,
    settings: EvaluateSettings,
    advance: Advance,
    device: torch.device | str,
) -> dict[str, Outcome]:
    """Judge each kind on draws that are there, and warn of what a table would not show."""
    outcomes: dict[str, Outcome] = {}
    for name, (train, test) in kinds.items():
        advance(0, note=name)
        pair = _as_features(train), _as_features(test)
        outcomes[name] = evaluate(pair[0], labels.train, pair[1], labels.test, draws, settings.C, advance, device)
    _warn(outcomes)
    return outcomes


def check_kinds(
    kinds: FeatureSets, labels_train: pd.DataFrame, labels_test: pd.DataFrame, features: FeaturesSettings | None = None
) -> LabelledRows:
    """Check that features and labels belong together, and to the settings ``features``, and number the classes.

    Raises
    ------
    InputError
        Where they are of different images, features are of different GANs or settings or not finite, or the two sets
        have different classes.
    """
    for name, (train, test) in kinds.items():
        check_same_images(**{f"{name} (train)": train, "labels_train": labels_train})
        check_same_images(**{f"{name} (test)": test, "labels_test": labels_test})
    _check_one_gan(kinds)
    if features is not None:
        _check_made_with(kinds, extraction_settings(features))
        _check_copies(labels_train, features)
    _check_finite(kinds)
    classes = _shared_classes(labels_train, labels_test)
    train, test = (labels["class"].map(classes.index).to_numpy(np.int64) for labels in (labels_train, labels_test))
    return LabelledRows(train, test, classes, _pictures(labels_train))


def _check_one_gan(kinds: FeatureSets) -> None:
    gans = {
        f"{name} ({part})": array.attrs[GAN][:8]
        for name, pair in kinds.items()
        for part, array in zip(("train", "test"), pair, strict=True)
        if GAN in array.attrs
    }
    if len(set(gans.values())) > 1:
        found = ", ".join(f"{name} {gan}" for name, gan in gans.items())
        raise InputError(
            f"all features must be of the same gan, got {found}; run `kedro run --pipeline=features` again"
        )


def _check_made_with(kinds: FeatureSets, wanted: dict[str, Any]) -> None:
    for name, pair in kinds.items():
        for part, array in zip(("train", "test"), pair, strict=True):
            found = array.attrs.get(MADE_WITH, wanted)
            other = [
                f"features.{key} {found.get(key)} for {value}"
                for key, value in wanted.items()
                if found.get(key) != value
            ]
            if other:
                raise InputError(
                    f"features must be made with the settings of this run, got {', '.join(other)} in {name} ({part}); "
                    "run `kedro run --pipelines=features,evaluate`, or give the settings that they were made with"
                )


def _check_copies(labels_train: pd.DataFrame, features: FeaturesSettings) -> None:
    if (found := labels_train.attrs.get(COPIES, features.copies)) != features.copies:
        raise InputError(
            f"labels must be made with the settings of this run, got features.copies {found} for {features.copies} in "
            "labels_train; run `kedro run --pipelines=features,evaluate`, or give the setting that they were made with"
        )


def _pictures(labels_train: pd.DataFrame) -> NDArray[np.int64]:
    if "picture" not in labels_train:
        raise InputError(
            "labels_train must say which images are copies of test images, and were made before they did; "
            "run `kedro run --pipelines=features,evaluate` again"
        )
    return np.where(labels_train["held_out"], -1, labels_train["picture"]).astype(np.int64)


def _check_finite(kinds: FeatureSets) -> None:
    for name, pair in kinds.items():
        for part, array in zip(("train", "test"), pair, strict=True):
            if (row := first_not_finite(array)) is not None:
                raise InputError(
                    f"features must be finite numbers, got NaN or infinity in row {row} of {name} ({part}); "
                    "run `kedro run --pipeline=features` again"
                )


def _as_features(array: ShardedArray) -> ShardedArray | _Pixels:
    return _Pixels(array) if array.dtype == np.uint8 else array


def _shared_classes(labels_train: pd.DataFrame, labels_test: pd.DataFrame) -> list[str]:
    check_same_classes(set(labels_train["class"]), set(labels_test["class"]))
    # In the order of their numbers, which a conditional G was trained with: names as text would put 10 before 2.
    return list(labels_train.sort_values("label", kind="stable")["class"].unique())


def _warn(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        if outcome.at_edge:
            logger.warning("evaluate: the best C of %s is %g, at the edge of evaluate.C; widen it", name, outcome.C)
        if outcome.unconverged:
            logger.warning("evaluate: %d fits of %s stopped before they converged", outcome.unconverged, name)
