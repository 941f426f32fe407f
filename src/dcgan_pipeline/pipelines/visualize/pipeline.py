"""The stage ``visualize``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.visualize.nodes import animate_training, draw_samples, walk_latent_space

SHARED = ["params:seed", "params:device"]


def create_pipeline() -> Pipeline:
    """gan, images, training_samples -> sample_grid, training_animation, latent_walk."""
    return Pipeline(
        [
            Node(
                draw_samples,
                ["gan", "images", "duplicates", "params:visualize.sample_grid", *SHARED],
                "sample_grid",
                name="draw_samples",
            ),
            Node(
                animate_training,
                ["training_samples", "params:visualize.training_animation"],
                "training_animation",
                name="animate_training",
            ),
            Node(
                walk_latent_space,
                ["gan", "params:visualize.latent_walk", *SHARED],
                "latent_walk",
                name="walk_latent_space",
            ),
        ],
        namespace="visualize",
        prefix_datasets_with_namespace=False,
        tags="visualize",
    )
