"""Nodes of ``preprocess``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from dcgan_pipeline.arrays import ShardFiles
    from dcgan_pipeline.imaging.sources import ImageSource


def crop_images(
    raw_images: ImageSource,
    regions: pd.DataFrame,
    work: Path,
    preprocess: dict[str, Any],
    engine: dict[str, Any],
) -> tuple[ShardFiles, ShardFiles, pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Cut the kept regions out and resize them; see :mod:`dcgan_pipeline.imaging.crop`."""
    import logging

    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.imaging.colour.conversion import CONVERTED, UNUSABLE
    from dcgan_pipeline.imaging.crop import crop_and_resize
    from dcgan_pipeline.imaging.settings import PreprocessSettings

    made = crop_and_resize(
        raw_images,
        regions,
        PreprocessSettings.parse(preprocess, "preprocess"),
        EngineSettings.parse(engine, "engine"),
        work,
    )
    unusable = int((made.records["colours"] == UNUSABLE).sum())
    if unusable:
        logging.getLogger(__name__).warning(
            "%d images have a colour profile that is broken or does not fit them; their numbers were taken as they are "
            "stored (`colours` in records)",
            unusable,
        )
    metrics = {
        "preprocess.files_passed_over": float(raw_images.files_passed_over),
        "preprocess.images_in": float(len(raw_images)),
        "preprocess.images_out": float(len(made.records)),
        "preprocess.images_rejected": float(len(raw_images) - made.records["source_row"].nunique()),
        "preprocess.regions_rejected": float(len(made.rejected)),
        "preprocess.colours_converted": float((made.records["colours"] == CONVERTED).sum()),
        "preprocess.unusable_profiles": float(unusable),
    }
    return made.images, made.thumbnails, made.records, made.rejected, metrics
