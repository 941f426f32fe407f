"""Nodes of ``import_weights``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from dcgan_pipeline.arrays import ShardedArray
    from dcgan_pipeline.weights import Weights


def import_arrays(import_weights: dict[str, Any], seed: int, device: str) -> Weights:
    """Read the arrays; D's statistics are of samples. See :mod:`dcgan_pipeline.gan.authors_weights`."""
    from pathlib import Path

    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.gan.authors_weights import load_authors_weights
    from dcgan_pipeline.gan.settings import ImportSettings

    settings = ImportSettings.parse(import_weights, "import_weights")
    assert settings.folder  # the settings see to it
    given = Path(settings.folder), settings.latent, seed, resolve_device(device)
    return load_authors_weights(*given, latent_batches=settings.latent_batches)


def import_arrays_with_images(
    images: ShardedArray, duplicates: pd.DataFrame, import_weights: dict[str, Any], seed: int, device: str
) -> Weights:
    """Read the arrays; D's statistics are of the images that ``dedup`` kept."""
    from pathlib import Path

    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.gan.authors_weights import load_authors_weights
    from dcgan_pipeline.gan.settings import ImportSettings

    check_same_images(images=images, duplicates=duplicates)
    settings = ImportSettings.parse(import_weights, "import_weights")
    assert settings.folder  # the settings see to it
    given = Path(settings.folder), settings.latent, seed, resolve_device(device)
    return load_authors_weights(*given, images, kept_rows(duplicates), settings.latent_batches)
