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

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.decode import decode_image, image_size
from dcgan_pipeline.imaging.settings import FacesSettings, HaarSettings
from dcgan_pipeline.imaging.sources import ImageError, ImageSource
from dcgan_pipeline.progress import track

SOURCE = "source_fingerprint"  # the attribute by which regions say which images they are of
NO_FACE = "no face found"


class Box(NamedTuple):
    """A square in pixels of the upright image."""

    left: int
    top: int
    width: int
    height: int
    score: float = float("nan")


NO_BOX = Box(0, 0, 0, 0)


def find_regions(source: ImageSource, settings: FacesSettings, engine: EngineSettings) -> pd.DataFrame:
    """Choose the regions of every image of a source.

    Returns
    -------
    DataFrame
        As in the module's docstring, ordered by ``source_row`` and, within an image, from the best score down.

    Raises
    ------
    InputError
        Where no region at all is kept; the text counts the reasons.
    """
    if settings.detector == "haar":
        _cascade(_cascade_file(settings.haar))  # a wrong one is said before the work starts
    step = settings.images_per_task
    tasks = [range(start, min(start + step, len(source))) for start in range(0, len(source), step)]
    found = run_tasks(partial(_regions_of_rows, source, settings), tasks, engine, source.describe_rows)
    regions = pd.concat(track(found, "faces: regions", len(tasks)), ignore_index=True)
    regions.attrs[SOURCE] = source.fingerprint()
    if not regions["kept"].any():
        reasons = regions["reason"].str.split(":").str[0].value_counts().head(3)
        counted = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        raise InputError(
            f"at least one region must be kept, and of the {len(source)} images of {source.location} none was "
            f"({counted}); check the source, and min_side, min_score and detector in params:faces"
        )
    return regions


def centred_square(width: int, height: int) -> Box:
    """The largest centred square of an image: the crop that a min-resize leaves (paper 4.3)."""
    side = min(width, height)
    return Box((width - side) // 2, (height - side) // 2, side, side)


def detect_faces(image: Image.Image, settings: HaarSettings) -> list[Box]:
    """Find faces with OpenCV's Haar cascade, the best level weight first."""
    import cv2

    cv2.setNumThreads(1)  # the engine's processes are the parallelism; and the result must not depend on it
    grey = np.asarray(image.convert("L"))
    boxes, _, weights = _cascade(_cascade_file(settings)).detectMultiScale3(
        grey,
        scaleFactor=settings.scale_factor,
        minNeighbors=settings.min_neighbors,
        minSize=(settings.search_min_side, settings.search_min_side),
        outputRejectLevels=True,
    )
    found = [
        Box(int(x), int(y), int(w), int(h), float(weight)) for (x, y, w, h), weight in zip(boxes, weights, strict=True)
    ]
    return sorted(found, key=lambda box: (-box.score, box.left, box.top))


def with_margin(box: Box, margin: float, width: int, height: int) -> Box:
    """Widen a box on every side by a part of its side; it stays square and inside the image.

    Near an edge the square is moved, not cut; it is only made smaller where the image itself is.
    """
    side = min(round(max(box.width, box.height) * (1 + 2 * margin)), width, height)
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    return Box(min(max(left, 0), width - side), min(max(top, 0), height - side), side, side, box.score)


def match_boxes(found: Sequence[Box], truth: Sequence[Box], threshold: float) -> int:
    """Count detections that are true: one-to-one pairs with at least this intersection over union, best first."""
    pairs = [(_overlap(a, b), i, j) for i, a in enumerate(found) for j, b in enumerate(truth)]
    used_found: set[int] = set()
    used_truth: set[int] = set()
    for overlap, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if overlap >= threshold and i not in used_found and j not in used_truth:
            used_found.add(i)
            used_truth.add(j)
    return len(used_found)


def _overlap(a: Box, b: Box) -> float:
    across = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    down = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    shared = max(across, 0) * max(down, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


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
            boxes = [centred_square(*image_size(data, source.limits))]
        else:
            image = decode_image(data, source.limits)
            boxes = detect_faces(image, settings.haar)
            boxes = [with_margin(box, settings.margin, image.width, image.height) for box in boxes]
    except ImageError as error:
        return [(NO_BOX, str(error))]
    return [(box, _why_not(box, settings)) for box in boxes] or [(NO_BOX, NO_FACE)]


def _why_not(box: Box, settings: FacesSettings) -> str:
    if box.width < settings.min_side:
        return f"too small: {box.width} pixels, and min_side is {settings.min_side}"
    if settings.min_score is not None and box.score < settings.min_score:  # NaN, no score, is never below
        return f"too uncertain: score {box.score:.2f}, and min_score is {settings.min_score}"
    return ""


def _cascade_file(settings: HaarSettings) -> str:
    import cv2

    own, given = Path(cv2.__file__).parent / "data" / settings.cascade, Path(settings.cascade)
    for path in (own, given):
        if path.is_file():
            return str(path)
    names = ", ".join(sorted(path.stem for path in own.parent.glob("*face*.xml")))
    raise InputError(
        f"faces.haar.cascade must be a file or one of OpenCV's cascades, got {settings.cascade!r}; OpenCV has {names}"
    )


@lru_cache(maxsize=1)
def _cascade(file: str) -> Any:
    import cv2

    try:
        return cv2.CascadeClassifier(file)
    except SystemError:  # OpenCV's constructor, on a file of another kind
        raise InputError(
            f"faces.haar.cascade must be a cascade that OpenCV can read, and {file} is none; use one of OpenCV's"
        ) from None


def keep_best(regions: pd.DataFrame) -> pd.DataFrame:
    """Keep the first kept region of each image, which is the one of the best score, and say so of the others."""
    kept = regions[regions["kept"]]
    others = kept.index[kept.duplicated("source_row")]
    regions = regions.copy()
    regions.loc[others, "kept"] = False
    regions.loc[others, "reason"] = "not the best region of its image"
    return regions


def kept_boxes(regions: pd.DataFrame) -> NDArray[np.int64]:
    """Rows of kept regions as (source_row, left, top, width, height), int64 of shape (kept, 5)."""
    columns = ["source_row", "left", "top", "width", "height"]
    return regions.loc[regions["kept"], columns].to_numpy(np.int64)
