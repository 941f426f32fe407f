"""The stage ``train``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.train.nodes import draw_diagnostics, draw_losses, train_dcgan


def create_pipeline() -> Pipeline:
    """images, records, duplicates -> gan, training_history, training_samples, train_metrics and two figures."""
    return Pipeline(
        [
            Node(
                train_dcgan,
                [
                    *("images", "records", "duplicates", "checkpoints", "earlier_gans"),
                    *("params:train", "params:seed", "params:device", "params:engine"),
                ],
                ["gan", "training_history", "training_samples", "train_metrics"],
                name="train_dcgan",
            ),
            Node(draw_losses, "training_history", "loss_curves", name="draw_losses"),
            Node(draw_diagnostics, "training_history", "diagnostic_curves", name="draw_diagnostics"),
        ],
        namespace="train",
        prefix_datasets_with_namespace=False,
        tags="train",
    )
