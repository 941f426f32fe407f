"""Nodes of ``train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
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
    earlier_gans: Callable[[str], Weights],
    train: dict[str, Any],
    seed: int,
    device: str,
    engine: dict[str, Any],
) -> tuple[Weights, pd.DataFrame, ArrayChunks, dict[str, float]]:
    """Train both networks on the images that ``dedup`` kept; see :mod:`dcgan_pipeline.gan.train`.

    The labels in ``records``, and their names, are for conditional networks alone.
    """
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.gan.record import is_warning
    from dcgan_pipeline.gan.settings import TrainSettings
    from dcgan_pipeline.gan.train import train_gan
    from dcgan_pipeline.tracking import log_metrics, log_samples

    check_same_images(images=images, records=records, duplicates=duplicates)
    rows = kept_rows(duplicates)
    settings = TrainSettings.parse(train, "train")
    labels, classes = records["label"].to_numpy(), _classes(records)
    trained = train_gan(
        images,
        rows,
        settings,
        seed,
        resolve_device(device),
        checkpoints,
        log_metrics,
        labels,
        log_samples,
        EngineSettings.parse(engine, "engine"),
        classes,
        earlier_gans,
    )
    numbers = trained.history.drop(columns=["step", "event"])
    last = numbers.ffill().iloc[-1].dropna()  # the schedule may leave gaps, and quality is measured now and then
    metrics = {f"train.final_{name}": float(value) for name, value in last.items()}
    made = trained.gan.settings
    metrics |= {"train.images": float(made["training_images"]), "train.steps": float(made["step"])}
    events = [said for event in trained.history["event"] for said in event.split("; ")]
    metrics |= {"train.warnings": float(sum(map(is_warning, events)))}
    metrics |= {f"train.{name}": float(len(made[name])) for name in ("rollbacks", "changes")}
    return trained.gan, trained.history, trained.samples, metrics


def _classes(records: pd.DataFrame) -> list[str]:
    """Names of the labels; records of an older version have none."""
    return list(records["class"].cat.categories) if "class" in records else []


def draw_diagnostics(training_history: pd.DataFrame) -> Figure:
    """Draw what happened beside the losses, by step."""
    from dcgan_pipeline.figures.training import diagnostic_curves

    return diagnostic_curves(training_history)


def draw_losses(training_history: pd.DataFrame) -> Figure:
    """Draw the losses by step."""
    from dcgan_pipeline.figures.training import loss_curves

    return loss_curves(training_history)
