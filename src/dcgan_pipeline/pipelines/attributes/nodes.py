"""Nodes of ``attributes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
    from dcgan_pipeline.datasets.raw_attributes import RawAttributes
    from dcgan_pipeline.weights import Weights


def read_attributes(
    raw_attributes: RawAttributes,
    images: ShardedArray,
    records: pd.DataFrame,
    preprocess: dict[str, Any],
    attributes: dict[str, Any],
    engine: dict[str, Any],
) -> tuple[pd.DataFrame, ArrayChunks]:
    """Take over what the source knows of its images, cut out as they were."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.attributes.settings import AttributesSettings
    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.imaging.object_maps import attribute_table, object_maps
    from dcgan_pipeline.imaging.settings import PreprocessSettings

    check_same_images(images=images, records=records)
    settings = AttributesSettings.parse(attributes, "attributes")
    fraction = PreprocessSettings.parse(preprocess, "preprocess").crop_fraction
    table = attribute_table(raw_attributes.known, raw_attributes.place, records, settings.names, settings.most)
    at_work = EngineSettings.parse(engine, "engine")
    return table, object_maps(raw_attributes.known, records, images.shape[-1], fraction, at_work)


def learn_attributes(
    images: ShardedArray,
    table: pd.DataFrame,
    object_maps: ShardedArray,
    duplicates: pd.DataFrame,
    attributes: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Weights, pd.DataFrame, dict[str, float]]:
    """Train the model that judges samples, on images without near-duplicates, and measure it on those held out."""
    from dcgan_pipeline.arrays import ID, check_same_images
    from dcgan_pipeline.attributes.settings import AttributesSettings
    from dcgan_pipeline.attributes.training import KnownImages, summarise, train_attribute_model
    from dcgan_pipeline.dedup.groups import kept_rows
    from dcgan_pipeline.devices import resolve_device

    check_same_images(images=images, attributes=table, object_maps=object_maps, duplicates=duplicates)
    settings = AttributesSettings.parse(attributes, "attributes").model
    known = KnownImages(images, table, object_maps)
    weights, accuracy = train_attribute_model(known, kept_rows(duplicates), settings, seed, resolve_device(device))
    weights.settings[ID] = images.attrs[ID]
    return weights, accuracy, summarise(weights, accuracy)
