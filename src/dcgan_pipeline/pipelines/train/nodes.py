"""Nodes of ``train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
    from dcgan_pipeline.weights import Weights


def train_dcgan(
    images: ShardedArray,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    checkpoints: Path,
    train: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Weights, pd.DataFrame, ArrayChunks, dict[str, float]]:
    """Train both networks on the images that ``dedup`` kept; see :mod:`dcgan_pipeline.gan.train`.

    The labels in ``records`` are for conditional networks alone.
    """
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.gan.settings import TrainSettings
    from dcgan_pipeline.gan.train import train_gan
    from dcgan_pipeline.hashing.groups import kept_rows
    from dcgan_pipeline.tracking import log_metrics

    check_same_images(images=images, records=records, duplicates=duplicates)
    rows = kept_rows(duplicates)
    settings = TrainSettings.parse(train, "train")
    labels = records["label"].to_numpy()
    trained = train_gan(images, rows, settings, seed, resolve_device(device), checkpoints, log_metrics, labels)
    last = trained.history.drop(columns="step").ffill().iloc[-1].dropna()  # the schedule may leave gaps
    metrics = {f"train.final_{name}": float(value) for name, value in last.items()}
    metrics |= {"train.images": float(len(rows)), "train.steps": float(trained.gan.settings["step"])}
    return trained.gan, trained.history, trained.samples, metrics


def draw_losses(training_history: pd.DataFrame) -> Figure:
    """Draw the losses by step."""
    from dcgan_pipeline.inspection.gan_figures import loss_curves

    return loss_curves(training_history)
