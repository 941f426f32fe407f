"""The stage ``evaluate``, and the tools ``label_curve`` and ``evaluate_samples``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.evaluate.nodes import (
    draw_accuracies,
    draw_confusion,
    draw_label_curve,
    draw_sample_accuracies,
    judge_features,
    judge_samples,
    trace_label_curve,
    write_evaluation,
)
from dcgan_pipeline.pipelines.features.pipeline import create_labelled_pipeline

_FEATURES = [f"{kind}_{part}" for kind in ("features_trained", "features_untrained") for part in ("train", "test")]
_JUDGED = [*_FEATURES, "labelled_images_train", "labelled_images_test", "labels_train", "labels_test"]


def create_pipeline() -> Pipeline:
    """features_*, labels_* -> evaluation, confusion, and their figures."""
    return Pipeline(
        [
            Node(
                judge_features,
                [*_JUDGED, "params:features", "params:evaluate", "params:seed", "params:device"],
                ["evaluation", "evaluation_draws", "confusion", "evaluate_metrics"],
                name="judge_features",
            ),
            Node(write_evaluation, "evaluation", ["evaluation_markdown", "evaluation_csv"], name="write_evaluation"),
            Node(draw_accuracies, "evaluation", "accuracies", name="draw_accuracies"),
            Node(draw_confusion, "confusion", "confusion_matrix", name="draw_confusion"),
        ],
        namespace="evaluate",
        prefix_datasets_with_namespace=False,
        tags="evaluate",
    )


def create_curve_pipeline() -> Pipeline:
    """features_*, labels_*, images -> label_curve, and its figure."""
    return Pipeline(
        [
            Node(
                trace_label_curve,
                [
                    *(*_JUDGED, "images", "duplicates", "baselines_work", "params:features", "params:evaluate"),
                    *("params:baselines", "params:seed", "params:device"),
                ],
                ["label_curve", "label_curve_metrics"],
                name="trace_label_curve",
            ),
            Node(draw_label_curve, "label_curve", "label_curve_figure", name="draw_label_curve"),
        ],
        namespace="label_curve",
        prefix_datasets_with_namespace=False,
        tags="label_curve",
    )


def create_samples_pipeline() -> Pipeline:
    """gan, labelled_* -> sample_evaluation: the paper's protocol for MNIST, for conditional networks."""
    judging = Pipeline(
        [
            Node(
                judge_samples,
                [
                    *("gan", "labelled_images_train", "labelled_images_test", "labels_train", "labels_test"),
                    *("params:evaluate", "params:seed", "params:device"),
                ],
                ["sample_evaluation", "sample_evaluation_metrics"],
                name="judge_samples",
            ),
            Node(
                write_evaluation,
                "sample_evaluation",
                ["sample_evaluation_markdown", "sample_evaluation_csv"],
                name="write_sample_evaluation",
            ),
            Node(
                draw_sample_accuracies, "sample_evaluation", "sample_evaluation_figure", name="draw_sample_accuracies"
            ),
        ],
        namespace="evaluate_samples",
        prefix_datasets_with_namespace=False,
        tags="evaluate_samples",
    )
    return create_labelled_pipeline() + judging
