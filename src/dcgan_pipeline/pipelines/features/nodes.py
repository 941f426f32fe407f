"""Nodes of ``features``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, ShardFiles
    from dcgan_pipeline.imaging.sources import ImageSource
    from dcgan_pipeline.weights import Weights


def read_labelled(
    source: ImageSource, work: Path, faces: dict[str, Any], preprocess: dict[str, Any], engine: dict[str, Any]
) -> tuple[ShardFiles, pd.DataFrame, pd.DataFrame]:
    """Crop and resize a labelled set as the training images were; see :mod:`dcgan_pipeline.representation.labelled`."""
    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
    from dcgan_pipeline.representation.labelled import prepare_labelled

    settings = FacesSettings.parse(faces, "faces"), PreprocessSettings.parse(preprocess, "preprocess")
    return prepare_labelled(source, *settings, EngineSettings.parse(engine, "engine"), work)


def make_untrained(gan: Weights, images: ShardedArray, duplicates: pd.DataFrame, seed: int, device: str) -> Weights:
    """Make the untrained discriminator that the trained one is compared with."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.hashing.groups import kept_rows
    from dcgan_pipeline.representation.features import untrained_discriminator

    check_same_images(gan=gan, images=images, duplicates=duplicates)
    return untrained_discriminator(gan, images, kept_rows(duplicates), seed, resolve_device(device))


def extract_features(weights: Weights, images: ShardedArray, features: dict[str, Any], device: str) -> ArrayChunks:
    """Pool and concatenate the discriminator's convolutions; see :mod:`dcgan_pipeline.representation.features`."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.representation.features import discriminator_features
    from dcgan_pipeline.representation.settings import FeaturesSettings

    settings = FeaturesSettings.parse(features, "features")
    kind = "trained D" if weights.settings["kind"] == "gan" else "untrained D"
    return discriminator_features(weights, images, settings, resolve_device(device), kind)
