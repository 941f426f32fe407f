"""Nodes of ``sample``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from dcgan_pipeline.arrays import ShardFiles
    from dcgan_pipeline.weights import Weights


def draw_images(gan: Weights, work: Path, sample: dict[str, Any], seed: int, device: str) -> ShardFiles:
    """Draw samples as files; see :mod:`dcgan_pipeline.visualize.sample_files`."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize.sample_files import write_samples
    from dcgan_pipeline.visualize.settings import SampleSettings

    settings = SampleSettings.parse(sample, "sample")
    chosen = seed if settings.seed is None else settings.seed
    return write_samples(gan, settings, chosen, resolve_device(device), work)
