"""The stage ``visualize``."""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.visualize.feature_nodes import draw_activation_maximisation, draw_guided_backpropagation
from dcgan_pipeline.pipelines.visualize.memory_nodes import draw_nearest_images, draw_projection
from dcgan_pipeline.pipelines.visualize.nodes import animate_training, draw_samples
from dcgan_pipeline.pipelines.visualize.walk_nodes import film_latent_walk, walk_latent_space, write_gan_report
from dcgan_pipeline.visualize.sections import SECTIONS

SHARED = ["params:seed", "params:device"]
IMAGES = ["gan", "images", "records", "duplicates"]
HELD_OUT = ["params:visualize.held_out"]


def create_pipeline() -> Pipeline:
    """gan, images, records, duplicates, training_samples -> the figures, their tables and metrics."""
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
            _measured(draw_nearest_images, "nearest_images", HELD_OUT),
            _measured(draw_guided_backpropagation, "guided_backpropagation"),
            _measured(draw_activation_maximisation, "activation_maximisation"),
            _measured(draw_projection, "projection", HELD_OUT),
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


def _measured(draw: Callable, entry: str, more: list[str] | None = None) -> Node:
    """A figure with its table and its metrics, all named after the entry, which is the node's tag, too."""
    inputs = [*IMAGES, f"params:visualize.{entry}", *(more or []), *SHARED]
    outputs = [entry, f"{entry}_table", f"{entry}_metrics"]
    return Node(draw, inputs, outputs, name=draw.__name__, tags=entry)
