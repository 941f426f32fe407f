"""Nodes of ``visualize`` that ask what the generator remembers of its training images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ShardedArray
    from dcgan_pipeline.weights import Weights


def draw_nearest_images(
    gan: Weights,
    images: ShardedArray,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    nearest: dict[str, Any],
    held_out: str | None,
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Draw samples beside the training images that are nearest to them; see :mod:`dcgan_pipeline.visualize`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize.nearest_figure import find_nearest, measure_nearest, nearest_figure
    from dcgan_pipeline.visualize.training_images import called, held_out_pictures, split_by_training
    from dcgan_pipeline.visualize.view_settings import NearestImagesSettings

    check_same_images(gan=gan, images=images, records=records, duplicates=duplicates)
    settings = NearestImagesSettings.parse(nearest, "visualize.nearest_images")
    training, held = split_by_training(gan, images, records, duplicates)
    beside = held_out_pictures(held, records, held_out, settings.samples, seed)
    found = find_nearest(gan, training, beside, settings, seed, resolve_device(device))
    numbers = measure_nearest(found.table)
    return nearest_figure(found, numbers, settings.shown, called(gan)), found.table, numbers


def draw_projection(
    gan: Weights,
    images: ShardedArray,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    projection: dict[str, Any],
    held_out: str | None,
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Draw images beside the nearest that G can draw; see :mod:`dcgan_pipeline.visualize.projection_figure`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize.projection_figure import measure_projection, project_images, projection_figure
    from dcgan_pipeline.visualize.training_images import called, held_out_pictures, split_by_training
    from dcgan_pipeline.visualize.view_settings import ProjectionSettings

    check_same_images(gan=gan, images=images, records=records, duplicates=duplicates)
    settings = ProjectionSettings.parse(projection, "visualize.projection")
    training, held = split_by_training(gan, images, records, duplicates)
    beside = held_out_pictures(held, records, held_out, settings.images, seed)
    found = project_images(gan, training, beside, settings, seed, resolve_device(device))
    numbers = measure_projection(found.table)
    return projection_figure(found, numbers, settings, called(gan)), found.table, numbers
