"""Nodes of ``baselines``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from dcgan_pipeline.arrays import ShardedArray
    from dcgan_pipeline.weights import Weights


def compare_baselines(
    gan: Weights,
    images: ShardedArray,
    duplicates: pd.DataFrame,
    labelled_train: ShardedArray,
    labelled_test: ShardedArray,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    evaluation: pd.DataFrame,
    evaluation_draws: pd.DataFrame,
    work: Path,
    baselines: dict[str, Any],
    evaluate: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Judge baselines on the draws of ``evaluate``; see :mod:`dcgan_pipeline.evaluation.baselines`.

    The trials of searches become runs of their own in MLflow, below this one.
    """
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.evaluation import report
    from dcgan_pipeline.evaluation.baselines import BaselinesSettings, Task, judge_baselines
    from dcgan_pipeline.evaluation.compare import PIXELS, check_kinds
    from dcgan_pipeline.evaluation.protocol import draw_labels
    from dcgan_pipeline.evaluation.settings import EvaluateSettings
    from dcgan_pipeline.tracking import log_trial

    check_same_images(gan=gan, images=images, duplicates=duplicates)
    judged = EvaluateSettings.parse(evaluate, "evaluate")
    judged.require_classifier("svm")
    labels = check_kinds({PIXELS: (labelled_train, labelled_test)}, labels_train, labels_test)
    draws = draw_labels(labels.train, judged, seed, labels.classes, labels.pictures)
    report.check_same_judging(evaluation_draws, draws, judged, gan.digest())
    on = resolve_device(device)
    task = Task(labelled_train, labelled_test, labels, draws, judged, seed, on, work)
    settings = BaselinesSettings.parse(baselines, "baselines")
    found = judge_baselines(gan, images, kept_rows(duplicates), task, settings, log_trial)
    ours = evaluation_draws.loc[evaluation_draws["features"] == report.OURS, "accuracy"].to_numpy()
    mine = report.tabulate(found.outcomes, found.trained_on, ours, draws.report.shape[1])
    table = report.joined(evaluation, mine, judged, len(labels_test))
    return table, found.trials, report.measure(found.outcomes, "baselines")
