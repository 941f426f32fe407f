"""The stage ``evaluate``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.evaluate.nodes import draw_accuracies, draw_confusion, judge_features


def create_pipeline() -> Pipeline:
    """features_*, labels_* -> evaluation, confusion, and their figures."""
    features = [f"{kind}_{part}" for kind in ("features_trained", "features_untrained") for part in ("train", "test")]
    pixels = ["labelled_images_train", "labelled_images_test"]
    labels = ["labels_train", "labels_test"]
    return Pipeline(
        [
            Node(
                judge_features,
                [*features, *pixels, *labels, "params:evaluate", "params:seed"],
                ["evaluation", "confusion", "evaluate_metrics"],
                name="judge_features",
            ),
            Node(draw_accuracies, "evaluation", "accuracies", name="draw_accuracies"),
            Node(draw_confusion, "confusion", "confusion_matrix", name="draw_confusion"),
        ],
        namespace="evaluate",
        prefix_datasets_with_namespace=False,
        tags="evaluate",
    )
