"""Nodes of ``features``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, ShardFiles
    from dcgan_pipeline.imaging.sources import ImageSource
    from dcgan_pipeline.weights import Weights


def read_labelled_train(*inputs: Any) -> tuple[ShardFiles, ShardFiles, pd.DataFrame, pd.DataFrame]:
    """Crop and resize the labelled training set as the training images were; inputs as :func:`_read_part`'s."""
    return _read_part("train", *inputs)


def read_labelled_test(*inputs: Any) -> tuple[ShardFiles, ShardFiles, pd.DataFrame, pd.DataFrame]:
    """Crop and resize the labelled test set as the training images were; inputs as :func:`_read_part`'s."""
    return _read_part("test", *inputs)


def _read_part(
    part: str,
    train: ImageSource,
    test: ImageSource,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    work: Path,
    faces: dict[str, Any],
    preprocess: dict[str, Any],
    features: dict[str, Any],
    engine: dict[str, Any],
) -> tuple[ShardFiles, ShardFiles, pd.DataFrame, pd.DataFrame]:
    """Read one part of a split, copies on one side; see :mod:`dcgan_pipeline.evaluation.labelled`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.evaluation.copies import MOVED, Parts, keep_groups_together
    from dcgan_pipeline.evaluation.labelled import prepare_labelled
    from dcgan_pipeline.evaluation.settings import FeaturesSettings
    from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings

    check_same_images(records=records, duplicates=duplicates)
    split = Parts(train, test)
    if FeaturesSettings.parse(features, "features").copies == "hold_out":
        split = keep_groups_together(split, records, duplicates)
    settings = FacesSettings.parse(faces, "faces"), PreprocessSettings.parse(preprocess, "preprocess")
    made = prepare_labelled(getattr(split, part), *settings, EngineSettings.parse(engine, "engine"), work)
    made[2].attrs[MOVED] = split.moved
    return made


def label_images(
    codes_train: ShardedArray,
    codes_test: ShardedArray,
    thumbnails_train: ShardedArray,
    thumbnails_test: ShardedArray,
    images_train: ShardedArray,
    images_test: ShardedArray,
    records_train: pd.DataFrame,
    records_test: pd.DataFrame,
    features: dict[str, Any],
    dedup: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Make the tables of labels, and mark copies of test images; see :mod:`dcgan_pipeline.evaluation.copies`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import Hashed
    from dcgan_pipeline.dedup.settings import DedupSettings
    from dcgan_pipeline.evaluation.copies import mark_copies
    from dcgan_pipeline.evaluation.settings import FeaturesSettings

    train = Hashed(codes_train, thumbnails_train, records_train, images_train)
    test = Hashed(codes_test, thumbnails_test, records_test, images_test)
    for part, hashed in (("train", train), ("test", test)):
        same = {f"labelled_{name}_{part}": value for name, value in vars(hashed).items()}
        check_same_images(**same)
    hold_out = FeaturesSettings.parse(features, "features").copies == "hold_out"
    return mark_copies(train, test, DedupSettings.parse(dedup, "dedup"), hold_out)


def make_untrained(gan: Weights, images: ShardedArray, duplicates: pd.DataFrame, seed: int, device: str) -> Weights:
    """Make the untrained discriminator that the trained one is compared with."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.evaluation.features import untrained_discriminator

    check_same_images(gan=gan, images=images, duplicates=duplicates)
    return untrained_discriminator(gan, images, kept_rows(duplicates), seed, resolve_device(device))


def extract_features(weights: Weights, images: ShardedArray, features: dict[str, Any], device: str) -> ArrayChunks:
    """Pool and concatenate the discriminator's convolutions; see :mod:`dcgan_pipeline.evaluation.features`."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.evaluation.features import discriminator_features
    from dcgan_pipeline.evaluation.settings import FeaturesSettings

    settings = FeaturesSettings.parse(features, "features")
    kind = "trained D" if weights.settings["kind"] == "gan" else "untrained D"
    return discriminator_features(weights, images, settings, resolve_device(device), kind)
