"""Regions of interest: what to cut out of each photograph, as a table of choices.

The table has one row a region, and at least one row an image:

| column | dtype | meaning |
|---|---|---|
| source_row | int64 | row of the image in its source |
| source | str | the source's name for it |
| left, top, width, height | int64 | pixels of the upright image; zeros where there is no region |
| score | float64 | the detector's; NaN where it has none |
| kept | bool | whether ``preprocess`` cuts it out |
| reason | str | why not; empty where it is kept |
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import Box, centred_square, overlap, with_margin
from dcgan_pipeline.imaging.decode import decode_small, image_size
from dcgan_pipeline.imaging.detectors import detect_faces, load_detector
from dcgan_pipeline.imaging.settings import FacesSettings
from dcgan_pipeline.imaging.sources import ImageError, ImageSource
from dcgan_pipeline.progress import track

SOURCE = "source_fingerprint"  # the attribute by which regions say which images they are of
NO_BOX, NO_FACE = Box(0, 0, 0, 0), "no face found"


def find_regions(source: ImageSource, settings: FacesSettings, engine: EngineSettings) -> pd.DataFrame:
    """Choose the regions of every image of a source.

    Returns
    -------
    DataFrame
        As in the module's docstring, ordered by ``source_row`` and, within an image, from the best score down.

    Raises
    ------
    InputError
        Where the detector cannot be loaded, or no region at all is kept; the text counts the reasons.
    """
    if settings.detector != "none":
        load_detector(settings)  # a wrong one is said before the work starts
    source.say_what_is_passed_over()
    step = settings.images_per_task
    tasks = [range(start, min(start + step, len(source))) for start in range(0, len(source), step)]
    found = run_tasks(partial(_regions_of_rows, source, settings), tasks, engine, source.describe_rows)
    regions = pd.concat(track(found, "faces: regions", len(tasks)), ignore_index=True)
    regions.attrs[SOURCE] = source.fingerprint()
    if not regions["kept"].any():
        raise InputError(
            f"at least one region must be kept, and of the {len(source)} images of {source.location} none was "
            f"({count_reasons(regions)}); {_advice(regions)}"
        )
    return regions


def _advice(regions: pd.DataFrame) -> str:
    """Say what to change, by the rules that rejected the most."""
    names = {"too small": "faces.min_side", "too uncertain": "faces.min_score", NO_FACE: "faces.detector"}
    reasons = regions["reason"].str.split(":").str[0].value_counts().index[:3]
    wrong = [name for reason in reasons if (name := names.get(reason))]
    return " and ".join(f"change {name}" for name in wrong) if wrong else "check the source"


def choose_faces(faces: list[Box], settings: FacesSettings, width: int, height: int) -> list[tuple[Box, str]]:
    """Decide which faces of one image are kept.

    Those that break a rule go first, so that they suppress no other; then duplicates of one face (greedy
    non-maximum suppression, by the boxes without their margins); then all but one, where one is asked for.

    Parameters
    ----------
    faces
        What a detector found, the best score first.
    width, height
        Of the image.

    Returns
    -------
    list
        A region and the reason why it is not kept, empty where it is, for every face and in the same order.
    """
    regions = [with_margin(face, settings.margin, width, height) for face in faces]
    reasons = [_why_not(region, settings) for region in regions]
    kept: list[int] = []
    for k, face in enumerate(faces):
        if reasons[k]:
            continue
        shared = max((overlap(face, faces[j]) for j in kept), default=0.0)
        if shared >= settings.suppress_iou:
            reasons[k] = f"duplicate: IoU {shared:.2f} with a better one, and suppress_iou is {settings.suppress_iou}"
        else:
            kept.append(k)
    if kept and settings.faces_per_image != "all":
        areas = {k: faces[k].width * faces[k].height for k in kept}
        chosen = max(kept, key=areas.__getitem__) if settings.faces_per_image == "largest" else kept[0]
        for k in kept:
            if k != chosen:
                reasons[k] = f"not the {settings.faces_per_image}: one face an image is kept"
    return list(zip(regions, reasons, strict=True))


def kept_boxes(regions: pd.DataFrame) -> NDArray[np.int64]:
    """Rows of kept regions as (source_row, left, top, width, height), int64 of shape (kept, 5)."""
    columns = ["source_row", "left", "top", "width", "height"]
    return regions.loc[regions["kept"], columns].to_numpy(np.int64)


def count_reasons(table: pd.DataFrame) -> str:
    """Name the three most frequent reasons of a table, with their numbers, for a message."""
    reasons = table["reason"].str.split(":").str[0].value_counts().head(3)
    return ", ".join(f"{count} x {reason}" for reason, count in reasons.items())


def _regions_of_rows(source: ImageSource, settings: FacesSettings, rows: range) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        name: [] for name in ("source_row", "source", "left", "top", "width", "height", "score", "kept", "reason")
    }
    for row in rows:
        for box, reason in _regions_of_image(source, row, settings):
            values = (row, source.names[row], *box, not reason, reason)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    table = pd.DataFrame(columns)
    numbers = ["source_row", "left", "top", "width", "height"]
    return table.astype(dict.fromkeys(numbers, "int64") | {"score": "float64", "kept": "bool"})


def _regions_of_image(source: ImageSource, row: int, settings: FacesSettings) -> list[tuple[Box, str]]:
    try:
        data = source.read(row)
        if settings.detector == "none":  # the header is enough
            square = centred_square(*image_size(data, source.limits))
            return [(square, _why_not(square, settings))]
        picture, (width, height) = decode_small(data, source.limits, settings.detect_max_side)
    except ImageError as error:
        return [(NO_BOX, str(error))]
    faces = detect_faces(picture, settings, (width, height))
    return choose_faces(faces, settings, width, height) or [(NO_BOX, NO_FACE)]


def _why_not(box: Box, settings: FacesSettings) -> str:
    if box.width < settings.min_side:
        return f"too small: {box.width} pixels, and min_side is {settings.min_side}"
    if settings.min_score is not None and box.score < settings.min_score:  # NaN, no score, is never below
        return f"too uncertain: score {box.score:.2f}, and min_score is {settings.min_score}"
    return ""
