"""Nodes of ``faces``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.imaging.sources import ImageSource


def choose_regions(
    raw_images: ImageSource, faces: dict[str, Any], engine: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Find the regions of interest of every image; see :mod:`dcgan_pipeline.imaging.regions`."""
    from dcgan_pipeline.engine import EngineSettings
    from dcgan_pipeline.imaging.regions import find_regions
    from dcgan_pipeline.imaging.settings import FacesSettings

    regions = find_regions(raw_images, FacesSettings.parse(faces, "faces"), EngineSettings.parse(engine, "engine"))
    without = regions["source_row"].nunique() - regions.loc[regions["kept"], "source_row"].nunique()
    metrics = {
        "faces.images": float(len(raw_images)),
        "faces.regions_found": float((regions["width"] > 0).sum()),
        "faces.regions_kept": float(regions["kept"].sum()),
        "faces.images_without_region": float(without),
    }
    return regions, metrics


def draw_contact_sheet(raw_images: ImageSource, regions: pd.DataFrame, faces: dict[str, Any]) -> Figure:
    """Draw regions on their photographs."""
    from dcgan_pipeline.figures.data import contact_sheet
    from dcgan_pipeline.imaging.settings import FacesSettings

    return contact_sheet(raw_images, regions, FacesSettings.parse(faces, "faces").sheet_images)
