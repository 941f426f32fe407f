"""Nodes of ``dedup``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
    from dcgan_pipeline.weights import Weights


def train_hash_encoder(
    thumbnails: ShardedArray, dedup: dict[str, Any], seed: int, device: str
) -> tuple[Weights, pd.DataFrame]:
    """Fit the autoencoder; see :mod:`dcgan_pipeline.hashing.autoencoder`."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.hashing.autoencoder import train_autoencoder
    from dcgan_pipeline.hashing.settings import DedupSettings
    from dcgan_pipeline.tracking import log_metrics

    settings = DedupSettings.parse(dedup, "dedup").autoencoder
    return train_autoencoder(thumbnails, settings, seed, resolve_device(device), log_metrics)


def hash_images(thumbnails: ShardedArray, hash_encoder: Weights, dedup: dict[str, Any], device: str) -> ArrayChunks:
    """Turn thumbnails into binary codes; see :mod:`dcgan_pipeline.hashing.codes`."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.hashing.codes import compute_codes
    from dcgan_pipeline.hashing.settings import DedupSettings

    settings = DedupSettings.parse(dedup, "dedup")
    return compute_codes(thumbnails, hash_encoder, settings.encode_batch, resolve_device(device))


def group_duplicates(
    hash_codes: ShardedArray, records: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Group equal codes and keep one image of each group; see :mod:`dcgan_pipeline.hashing.groups`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.hashing.groups import describe_groups, group_equal_codes, measure_groups

    check_same_images(hash_codes=hash_codes, records=records)
    duplicates = group_equal_codes(hash_codes)
    return duplicates, describe_groups(duplicates, records), measure_groups(duplicates, hash_codes)


def draw_collisions(thumbnails: ShardedArray, duplicates: pd.DataFrame, dedup: dict[str, Any]) -> Figure:
    """Draw the largest groups."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.hashing.settings import DedupSettings
    from dcgan_pipeline.inspection.data_figures import collision_gallery

    check_same_images(thumbnails=thumbnails, duplicates=duplicates)
    settings = DedupSettings.parse(dedup, "dedup")
    return collision_gallery(thumbnails, duplicates, settings.gallery_groups, settings.gallery_members)
