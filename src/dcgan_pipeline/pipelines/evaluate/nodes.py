"""Nodes of ``evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ShardedArray
    from dcgan_pipeline.evaluation.settings import EvaluateSettings
    from dcgan_pipeline.weights import Weights


def judge_features(
    trained_train: ShardedArray,
    trained_test: ShardedArray,
    untrained_train: ShardedArray,
    untrained_test: ShardedArray,
    pixels_train: ShardedArray,
    pixels_test: ShardedArray,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    features: dict[str, Any],
    evaluate: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Judge the trained D's features and the baselines by one protocol; see :mod:`dcgan_pipeline.evaluation`."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.evaluation import report
    from dcgan_pipeline.evaluation.compare import compare_features
    from dcgan_pipeline.evaluation.features import GAN
    from dcgan_pipeline.evaluation.settings import FeaturesSettings

    settings = _settings(evaluate)
    kinds = _kinds(trained_train, trained_test, untrained_train, untrained_test, pixels_train, pixels_test)
    made = FeaturesSettings.parse(features, "features")
    found = compare_features(kinds, labels_train, labels_test, settings, seed, resolve_device(device), made)
    table = report.tabulate(found.outcomes, report.trained_on_text(kinds))
    return (
        report.with_published(table, settings, len(labels_test)),
        report.draw_by_draw(found.outcomes, found.draws, settings, trained_train.attrs.get(GAN)),
        report.confusion_table(found.outcomes[report.OURS], found.classes),
        report.measure(found.outcomes),
    )


def trace_label_curve(
    trained_train: ShardedArray,
    trained_test: ShardedArray,
    untrained_train: ShardedArray,
    untrained_test: ShardedArray,
    pixels_train: ShardedArray,
    pixels_test: ShardedArray,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    images: ShardedArray,
    duplicates: pd.DataFrame,
    work: Path,
    features: dict[str, Any],
    evaluate: dict[str, Any],
    baselines: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Judge the same, and the features of baselines that need no labels, with few to all labels.

    See :mod:`dcgan_pipeline.evaluation.curve`.
    """
    from contextlib import ExitStack

    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.evaluation.baselines import UNSUPERVISED, BaselinesSettings, learned_features
    from dcgan_pipeline.evaluation.compare import check_kinds
    from dcgan_pipeline.evaluation.curve import curve_metrics, label_curve
    from dcgan_pipeline.evaluation.settings import FeaturesSettings

    check_same_images(images=images, duplicates=duplicates)
    judged, made, on = _settings(evaluate), FeaturesSettings.parse(features, "features"), resolve_device(device)
    kinds = _kinds(trained_train, trained_test, untrained_train, untrained_test, pixels_train, pixels_test)
    check_kinds(kinds, labels_train, labels_test, made)
    more, rows = BaselinesSettings.parse(baselines, "baselines"), kept_rows(duplicates)
    with ExitStack() as stack:
        for kind in (kind for kind in more.kinds if kind in UNSUPERVISED):
            found = learned_features(kind, images, rows, (pixels_train, pixels_test), more, seed, on, work)
            name, pair = stack.enter_context(found)
            kinds[name] = pair
        curve = label_curve(kinds, labels_train, labels_test, judged, seed, on)
    return curve, curve_metrics(curve)


def _settings(evaluate: dict[str, Any], classifier: str = "svm") -> EvaluateSettings:
    from dcgan_pipeline.evaluation.settings import EvaluateSettings

    settings = EvaluateSettings.parse(evaluate, "evaluate")
    settings.require_classifier(classifier)
    return settings


def _kinds(*arrays: ShardedArray) -> dict[str, tuple[ShardedArray, ShardedArray]]:
    from dcgan_pipeline.evaluation.compare import PIXELS
    from dcgan_pipeline.evaluation.report import OURS, UNTRAINED

    return dict(zip((OURS, UNTRAINED, PIXELS), zip(arrays[::2], arrays[1::2], strict=True), strict=True))


def write_evaluation(evaluation: pd.DataFrame) -> tuple[str, str]:
    """Write the table as Markdown and as CSV."""
    from dcgan_pipeline.evaluation.report import to_markdown

    return to_markdown(evaluation), evaluation.to_csv(index=False)


def judge_samples(
    gan: Weights,
    real_train: ShardedArray,
    real_test: ShardedArray,
    labels_train: pd.DataFrame,
    labels_test: pd.DataFrame,
    evaluate: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Let samples, and real images, be the reference of a 1-nearest-neighbour classifier (paper A.1)."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.evaluation import report
    from dcgan_pipeline.evaluation.compare import PIXELS, check_kinds
    from dcgan_pipeline.evaluation.sample_protocol import judge_references

    settings = _settings(evaluate, "nearest")
    labels = check_kinds({PIXELS: (real_train, real_test)}, labels_train, labels_test)
    table = judge_references(gan, real_train, real_test, labels, settings.samples, seed, resolve_device(device))
    metrics = {
        f"evaluate_samples.{row.features.split()[0]}.accuracy_{row.labels}": row.accuracy for row in table.itertuples()
    }
    return report.with_published(table, settings, len(labels_test)), metrics


def draw_sample_accuracies(sample_evaluation: pd.DataFrame) -> Figure:
    """Draw errors against the number of samples."""
    from dcgan_pipeline.figures.evaluation import sample_figure

    return sample_figure(sample_evaluation)


def draw_accuracies(evaluation: pd.DataFrame) -> Figure:
    """Draw our accuracy beside the baselines'."""
    from dcgan_pipeline.figures.evaluation import accuracy_figure

    return accuracy_figure(evaluation)


def draw_label_curve(label_curve: pd.DataFrame) -> Figure:
    """Draw accuracy against the number of labels."""
    from dcgan_pipeline.figures.evaluation import label_curve_figure

    return label_curve_figure(label_curve)


def draw_confusion(confusion: pd.DataFrame) -> Figure:
    """Draw the confusion matrix."""
    from dcgan_pipeline.figures.evaluation import confusion_figure

    return confusion_figure(confusion)
