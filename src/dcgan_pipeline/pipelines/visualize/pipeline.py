"""The stage ``visualize``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.visualize.nodes import animate_training, draw_samples, walk_latent_space


def create_pipeline() -> Pipeline:
    """gan, images, training_samples -> sample_grid, training_animation, latent_walk."""
    settings = ["params:visualize", "params:seed", "params:device"]
    return Pipeline(
        [
            Node(draw_samples, ["gan", "images", "duplicates", *settings], "sample_grid", name="draw_samples"),
            Node(
                animate_training,
                ["training_samples", "params:visualize"],
                "training_animation",
                name="animate_training",
            ),
            Node(walk_latent_space, ["gan", *settings], "latent_walk", name="walk_latent_space"),
        ],
        namespace="visualize",
        prefix_datasets_with_namespace=False,
        tags="visualize",
    )
