"""Nodes of ``visualize`` that look into the features of the discriminator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ShardedArray
    from dcgan_pipeline.weights import Weights


def draw_guided_backpropagation(
    gan: Weights,
    images: ShardedArray,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    guided: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Draw what excites D's features, and where (paper 6.2); see :mod:`dcgan_pipeline.visualize.guided_figure`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize.guided_figure import guided_figure, look_into_discriminator, measure_guided
    from dcgan_pipeline.visualize.training_images import split_by_training
    from dcgan_pipeline.visualize.view_settings import GuidedBackpropagationSettings

    check_same_images(gan=gan, images=images, records=records, duplicates=duplicates)
    settings = GuidedBackpropagationSettings.parse(guided, "visualize.guided_backpropagation")
    training, _ = split_by_training(gan, images, records, duplicates)
    found = look_into_discriminator(gan, training, records, settings, seed, resolve_device(device))
    numbers = measure_guided(found.table)
    return guided_figure(found, numbers, settings), found.table, numbers


def draw_activation_maximisation(
    gan: Weights,
    images: ShardedArray,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    maximisation: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Draw the inputs that excite D's features most; see :mod:`dcgan_pipeline.visualize.maximisation`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize.maximisation import (
        maximisation_figure,
        maximise_features,
        measure_maximisation,
    )
    from dcgan_pipeline.visualize.training_images import split_by_training
    from dcgan_pipeline.visualize.view_settings import ActivationMaximisationSettings

    check_same_images(gan=gan, images=images, records=records, duplicates=duplicates)
    settings = ActivationMaximisationSettings.parse(maximisation, "visualize.activation_maximisation")
    training, _ = split_by_training(gan, images, records, duplicates)
    found = maximise_features(gan, training, settings, seed, resolve_device(device))
    numbers = measure_maximisation(found.table)
    return maximisation_figure(found, numbers, settings), found.table, numbers
