"""The tool ``baselines``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.baselines.nodes import compare_baselines
from dcgan_pipeline.pipelines.evaluate.nodes import draw_accuracies, write_evaluation


def create_pipeline() -> Pipeline:
    """gan, images, labelled_*, evaluation -> comparison: the table of ``evaluate`` with more rows."""
    return Pipeline(
        [
            Node(
                compare_baselines,
                [
                    *("gan", "images", "duplicates", "labelled_images_train", "labelled_images_test"),
                    *("labels_train", "labels_test", "evaluation", "evaluation_draws", "baselines_work"),
                    *("params:baselines", "params:evaluate", "params:seed", "params:device"),
                ],
                ["comparison", "trials", "baselines_metrics"],
                name="compare_baselines",
            ),
            Node(write_evaluation, "comparison", ["comparison_markdown", "comparison_csv"], name="write_comparison"),
            Node(draw_accuracies, "comparison", "comparison_figure", name="draw_comparison"),
        ],
        namespace="baselines",
        prefix_datasets_with_namespace=False,
        tags="baselines",
    )
