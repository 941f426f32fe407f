"""Nodes of ``visualize``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ShardedArray
    from dcgan_pipeline.visualize.film import Film
    from dcgan_pipeline.weights import Weights


def draw_samples(
    gan: Weights,
    images: ShardedArray,
    duplicates: pd.DataFrame,
    sample_grid: dict[str, Any],
    seed: int,
    device: str,
) -> Figure:
    """Draw fresh samples beside training images."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.figures import training as gan_figures
    from dcgan_pipeline.gan.sampling import sample
    from dcgan_pipeline.randomness import numpy_stream
    from dcgan_pipeline.visualize.settings import SampleGridSettings

    check_same_images(gan=gan, images=images, duplicates=duplicates)
    count = SampleGridSettings.parse(sample_grid, "visualize.sample_grid").side ** 2
    rows = kept_rows(duplicates)
    real = images[numpy_stream(seed, "real images").choice(rows, min(count, len(rows)), replace=False)]
    drawn = sample(gan, count, seed, resolve_device(device))
    return gan_figures.sample_grid(drawn, real, gan.settings["step"], gan.settings["architecture"].get("labels", 0))


def animate_training(training_samples: ShardedArray, training_animation: dict[str, Any]) -> Film:
    """Animate the samples of one fixed z through training."""
    from dcgan_pipeline.figures import training as gan_figures
    from dcgan_pipeline.visualize.settings import AnimationSettings

    settings = AnimationSettings.parse(training_animation, "visualize.training_animation")
    steps = training_samples.attrs["steps"]
    return gan_figures.training_animation(training_samples, steps, settings.frame_seconds, settings.most_frames)
