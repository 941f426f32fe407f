"""Nodes of ``dedup``, ``dedup_new`` and ``dedup_apart``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, ShardFiles
    from dcgan_pipeline.datasets.known_images import KnownImagesDataset
    from dcgan_pipeline.imaging.sources import ImageSource
    from dcgan_pipeline.weights import Weights


def train_hash_encoder(
    thumbnails: ShardedArray, dedup: dict[str, Any], seed: int, device: str
) -> tuple[Weights, pd.DataFrame]:
    """Fit the autoencoder; see :mod:`dcgan_pipeline.dedup.autoencoder`."""
    from dcgan_pipeline.dedup.autoencoder import train_autoencoder
    from dcgan_pipeline.dedup.settings import DedupSettings
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.tracking import log_metrics

    settings = DedupSettings.parse(dedup, "dedup").autoencoder
    return train_autoencoder(thumbnails, settings, seed, resolve_device(device), log_metrics)


def hash_images(
    thumbnails: ShardedArray, hash_encoder: Weights, dedup: dict[str, Any], engine: dict[str, Any], device: str
) -> ArrayChunks:
    """Turn thumbnails into binary codes; see :mod:`dcgan_pipeline.dedup.codes`."""
    from dcgan_pipeline.dedup.codes import compute_codes
    from dcgan_pipeline.dedup.settings import DedupSettings
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.engine import EngineSettings

    settings = DedupSettings.parse(dedup, "dedup")
    where = EngineSettings.parse(engine, "engine")
    return compute_codes(thumbnails, hash_encoder, settings.encode_batch, resolve_device(device), where)


def group_duplicates(
    hash_codes: ShardedArray,
    thumbnails: ShardedArray,
    images: ShardedArray,
    records: pd.DataFrame,
    dedup: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Group duplicates and keep one image of each group; see :mod:`dcgan_pipeline.dedup.groups`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import Hashed, find_duplicates
    from dcgan_pipeline.dedup.settings import DedupSettings

    check_same_images(hash_codes=hash_codes, thumbnails=thumbnails, images=images, records=records)
    settings = DedupSettings.parse(dedup, "dedup")
    duplicates = find_duplicates(Hashed(hash_codes, thumbnails, records, images), settings)
    return duplicates, *_reported(duplicates, records, hash_codes)


def _reported(
    duplicates: pd.DataFrame, records: pd.DataFrame, hash_codes: ShardedArray
) -> tuple[pd.DataFrame, dict[str, float]]:
    from dcgan_pipeline.dedup.groups import describe_groups, measure_groups, warn_of_conflicts

    report = describe_groups(duplicates, records)
    warn_of_conflicts(report)
    return report, measure_groups(duplicates, report, hash_codes)


def group_new_duplicates(
    hash_codes: ShardedArray,
    thumbnails: ShardedArray,
    images: ShardedArray,
    records: pd.DataFrame,
    known_images: KnownImagesDataset,
    dedup: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Group duplicates among new images, and drop those that are known; see :mod:`dcgan_pipeline.dedup.known`."""
    import logging

    import pandas as pd

    from dcgan_pipeline.arrays import ID, check_same_images
    from dcgan_pipeline.dedup.codes import ENCODER
    from dcgan_pipeline.dedup.groups import Hashed, find_duplicates, rows_of
    from dcgan_pipeline.dedup.known import drop_known, find_known
    from dcgan_pipeline.dedup.settings import DedupSettings
    from dcgan_pipeline.errors import InputError

    check_same_images(hash_codes=hash_codes, thumbnails=thumbnails, images=images, records=records)
    settings = DedupSettings.parse(dedup, "dedup")
    new = Hashed(hash_codes, thumbnails, records, images)
    sets = known_images.sets(hash_codes.attrs[ID], hash_codes.attrs[ENCODER])
    if not sets:
        raise InputError(
            "dedup_new compares with sets that this hash_encoder has hashed before, and there is none; "
            "run `kedro run --pipeline=dedup` on the first set"
        )
    every = pd.concat([records["source"], *(known.records["source"] for known in sets)], ignore_index=True)
    rows_of(settings.always_keep, every.to_frame())  # a name may be of an image of an older set
    here = tuple(name for name in settings.always_keep if name in set(records["source"]))
    settings = settings.model_copy(update={"always_keep": here})
    always = rows_of(here, records)
    duplicates, logger = find_duplicates(new, settings), logging.getLogger(__name__)
    for known in sets:
        logger.info("compared with %d images hashed at %s", len(known.codes), known.name)
        old = Hashed(known.codes, known.thumbnails, known.records, known.images)
        found = find_known(new, old, settings, elsewhere=True)
        duplicates = drop_known(duplicates, found, known.records["source"], known.name, always)
    report, metrics = _reported(duplicates, records, hash_codes)
    metrics["dedup.known"] = float((duplicates["known"] != "").sum())
    if 2 * metrics["dedup.known"] > len(records):
        logger.warning(
            "%d of %d images are known from older sets; where these take the place of such a set, run "
            "`kedro run --pipeline=dedup`",
            metrics["dedup.known"],
            len(records),
        )
    return duplicates, report, metrics


def read_test_thumbnails(
    source: ImageSource, work: Path, faces: dict[str, Any], preprocess: dict[str, Any], engine: dict[str, Any]
) -> tuple[ShardFiles, pd.DataFrame]:
    """Make thumbnails of the labelled test set, as of the training images."""
    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.evaluation.labelled import labelled_thumbnails
    from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings

    settings = FacesSettings.parse(faces, "faces"), PreprocessSettings.parse(preprocess, "preprocess")
    return labelled_thumbnails(source, *settings, EngineSettings.parse(engine, "engine"), work)


def group_apart(
    hash_codes: ShardedArray,
    thumbnails: ShardedArray,
    images: ShardedArray,
    records: pd.DataFrame,
    test_codes: ShardedArray,
    test_thumbnails: ShardedArray,
    test_records: pd.DataFrame,
    dedup: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Group duplicates, and drop every image that is one of a test image: a GAN trained on the rest never saw those."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import Hashed, find_duplicates, rows_of
    from dcgan_pipeline.dedup.known import drop_known, find_known
    from dcgan_pipeline.dedup.settings import DedupSettings

    check_same_images(hash_codes=hash_codes, thumbnails=thumbnails, images=images, records=records)
    check_same_images(test_codes=test_codes, test_thumbnails=test_thumbnails, test_records=test_records)
    settings = DedupSettings.parse(dedup, "dedup")
    here = Hashed(hash_codes, thumbnails, records, images)
    duplicates = find_duplicates(here, settings)
    found = find_known(here, Hashed(test_codes, test_thumbnails, test_records, test_thumbnails), settings)
    always = rows_of(settings.always_keep, records)
    duplicates = drop_known(duplicates, found, test_records["source"], "labelled_test", always)
    report, metrics = _reported(duplicates, records, hash_codes)
    metrics["dedup.near_test_images"] = float((duplicates["known"] != "").sum())
    return duplicates, report, metrics


def audit_duplicates(
    hash_codes: ShardedArray,
    thumbnails: ShardedArray,
    images: ShardedArray,
    records: pd.DataFrame,
    duplicates: pd.DataFrame,
    hash_encoder: Weights,
    dedup: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[pd.DataFrame, str, dict[str, float]]:
    """Measure recall and draw pairs to judge; see :mod:`dcgan_pipeline.dedup.audit`."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.audit import measure_recall, sample_collisions
    from dcgan_pipeline.dedup.audit_page import audit_page
    from dcgan_pipeline.dedup.groups import Hashed
    from dcgan_pipeline.dedup.settings import DedupSettings
    from dcgan_pipeline.devices import resolve_device

    same = {"hash_codes": hash_codes, "thumbnails": thumbnails, "images": images, "records": records}
    check_same_images(**same, duplicates=duplicates)
    settings = DedupSettings.parse(dedup, "dedup")
    hashed = Hashed(hash_codes, thumbnails, records, images)
    recall = measure_recall(hashed, hash_encoder, settings, seed, resolve_device(device))
    sample = sample_collisions(duplicates, settings, seed)
    page = audit_page(recall, sample, duplicates, images, records, settings)
    metrics = {f"dedup.recall.{line.alteration.replace('-', '_')}": float(line.recall) for line in recall.itertuples()}
    return recall, page, metrics


def draw_collisions(
    thumbnails: ShardedArray, records: pd.DataFrame, duplicates: pd.DataFrame, dedup: dict[str, Any]
) -> Figure:
    """Draw the largest groups."""
    from dcgan_pipeline.arrays import check_same_images
    from dcgan_pipeline.dedup.groups import label_conflicts
    from dcgan_pipeline.dedup.settings import DedupSettings
    from dcgan_pipeline.figures.data import collision_gallery

    check_same_images(thumbnails=thumbnails, records=records, duplicates=duplicates)
    settings, conflicts = DedupSettings.parse(dedup, "dedup"), label_conflicts(duplicates, records)
    return collision_gallery(thumbnails, duplicates, settings.gallery_groups, settings.gallery_members, conflicts)
