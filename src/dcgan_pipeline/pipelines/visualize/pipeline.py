"""The stage ``visualize``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.inspection.sections import SECTIONS
from dcgan_pipeline.pipelines.visualize.nodes import animate_training, draw_samples
from dcgan_pipeline.pipelines.visualize.walk_nodes import film_latent_walk, walk_latent_space, write_gan_report

SHARED = ["params:seed", "params:device"]


def create_pipeline() -> Pipeline:
    """gan, images, training_samples -> sample_grid, training_animation, latent_walk and its film, metrics."""
    return Pipeline(
        [
            Node(
                draw_samples,
                ["gan", "images", "duplicates", "params:visualize.sample_grid", *SHARED],
                "sample_grid",
                name="draw_samples",
                tags="sample_grid",
            ),
            Node(
                animate_training,
                ["training_samples", "params:visualize.training_animation"],
                "training_animation",
                name="animate_training",
                tags="training_animation",
            ),
            Node(
                walk_latent_space,
                ["gan", "gan_annotations", "params:visualize.latent_walk", *SHARED],
                ["latent_walk", "latent_walk_metrics"],
                name="walk_latent_space",
                tags="latent_walk",
            ),
            Node(
                film_latent_walk,
                [
                    *("gan", "gan_annotations", "params:visualize.latent_walk", "params:visualize.latent_walk_film"),
                    *SHARED,
                ],
                "latent_walk_film",
                name="film_latent_walk",
                tags="latent_walk_film",
            ),
        ],
        namespace="visualize",
        prefix_datasets_with_namespace=False,
        tags="visualize",
    )


def create_report_pipeline(made: set[str]) -> Pipeline:
    """gan, gan_results -> gan_report; after those figures that a page can show and that the same run makes.

    Parameters
    ----------
    made
        All that the run makes.
    """
    drawn = [name for names in SECTIONS.values() for name in names if name in made]
    return Pipeline(
        [
            Node(
                write_gan_report,
                ["gan", "gan_results", "params:visualize.gan_report", *drawn],
                "gan_report",
                name="write_gan_report",
                tags="gan_report",
            )
        ],
        namespace="visualize",
        prefix_datasets_with_namespace=False,
        tags="visualize",
    )
