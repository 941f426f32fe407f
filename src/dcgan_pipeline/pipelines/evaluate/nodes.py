"""Nodes of ``evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ShardedArray


def judge_features(
    trained_train: ShardedArray,
    trained_test: ShardedArray,
    untrained_train: ShardedArray,
    untrained_test: ShardedArray,
    pixels_train: ShardedArray,
    pixels_test: ShardedArray,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    evaluate: dict[str, Any],
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Judge the trained D's features and the baselines by one protocol; see :mod:`dcgan_pipeline.representation`."""
    from dcgan_pipeline.representation import report
    from dcgan_pipeline.representation.compare import compare_features
    from dcgan_pipeline.representation.settings import EvaluateSettings

    settings = EvaluateSettings.parse(evaluate, "evaluate")
    kinds = {
        report.OURS: (trained_train, trained_test),
        "untrained discriminator": (untrained_train, untrained_test),
        "raw pixels": (pixels_train, pixels_test),
    }
    outcomes, classes = compare_features(kinds, labels_train, labels_test, settings, seed)
    table = report.tabulate(outcomes, settings, len(classes))
    confusion = report.confusion_table(outcomes[report.OURS], classes)
    return table, confusion, report.measure(outcomes, settings, len(classes))


def draw_accuracies(evaluation: pd.DataFrame) -> Figure:
    """Draw our accuracy beside the baselines'."""
    from dcgan_pipeline.inspection.evaluation_figures import accuracy_figure

    return accuracy_figure(evaluation)


def draw_confusion(confusion: pd.DataFrame) -> Figure:
    """Draw the confusion matrix."""
    from dcgan_pipeline.inspection.evaluation_figures import confusion_figure

    return confusion_figure(confusion)
