"""Label efficiency: accuracy against the number of labels, from few to all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import FeatureSets, check_kinds, judge_kinds
from dcgan_pipeline.evaluation.protocol import draw_labels, most_labels
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.progress import progress_bar


def label_curve(
    kinds: FeatureSets,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    settings: EvaluateSettings,
    seed: int,
    device: torch.device | str = "cpu",
) -> pd.DataFrame:
    """Judge each kind of features by the protocol with each number of labels in ``settings.curve``.

    C is chosen anew for every number, on the same validation set; ``curve_draws`` draws of labels are reported. Numbers
    that the rarest class does not have are left out.

    Returns
    -------
    DataFrame
        features, labels (in all), accuracy (per cent, mean over draws), low and high (the 2.5th and 97.5th percentile
        of the draws), C.

    Raises
    ------
    InputError
        As :func:`~dcgan_pipeline.evaluation.compare.compare_features`; where no number of labels is left.
    """
    labels = check_kinds(kinds, labels_train, labels_test)
    most, draws_each = most_labels(labels.train, settings, seed, labels.pictures), settings.curve_draws
    few = {"selection_draws": min(settings.selection_draws, draws_each), "report_draws": draws_each}
    points = [
        settings.model_copy(update=few | {"labels_per_class": count})
        for count in settings.curve
        if count == "all" or count <= most
    ]
    if not points:
        raise InputError(
            f"evaluate.curve needs a number of labels that every class has outside the validation set, got "
            f"{list(settings.curve)}; lower one, or evaluate.validation"
        )
    draws = [draw_labels(labels.train, point, seed, labels.classes, labels.pictures) for point in points]
    fits = sum(len(settings.C) * len(draw.selection) + len(draw.report) for draw in draws)
    rows = []
    with progress_bar("label curve: L2-SVM", fits * len(kinds)) as advance:
        for point, draw in zip(points, draws, strict=True):
            for name, found in judge_kinds(kinds, labels, draw, point, advance, device).items():
                low, high = np.percentile(found.accuracies, [2.5, 97.5])
                rows.append(
                    {
                        "features": name,
                        "labels": found.labels,
                        "accuracy": found.mean,
                        "low": low,
                        "high": high,
                        "C": found.C,
                    }
                )
    return pd.DataFrame(rows)


def curve_metrics(curve: pd.DataFrame) -> dict[str, float]:
    """Say the accuracies as flat metrics, in per cent, for the comparison of two runs."""
    return {
        f"label_curve.{row.features.replace(' ', '_')}.accuracy_{row.labels}": float(row.accuracy)
        for row in curve.itertuples()
    }
