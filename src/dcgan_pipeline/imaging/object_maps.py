"""The attributes of images as they were cut out, and where their objects are in them (`attributes`, `object_maps`)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.arrays import ID, PLACE, ArrayChunks
from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.imaging.boxes import Box, about_centre
from dcgan_pipeline.imaging.crop import BOX_COLUMNS
from dcgan_pipeline.imaging.sources.attributes import KnownAttributes
from dcgan_pipeline.progress import track

KINDS, OBJECTS = "kinds", "objects"  # attributes of the table and of the maps
_ROWS_PER_TASK = 256
_ROWS_LOOKED_AT = 2000  # to tell frequent attributes from rare ones


def attribute_table(
    known: KnownAttributes, place: str, records: pd.DataFrame, names: tuple[str, ...] | None, most: int
) -> pd.DataFrame:
    """Give what is known of images, row by row of `records`.

    Parameters
    ----------
    known
        Of the source that the images were cut out of.
    place
        Of that source, as :func:`dcgan_pipeline.imaging.crop.place_of` gives it.
    names
        The attributes to take; none: all, and of more than ``most`` those that images have most often.

    Returns
    -------
    DataFrame
        A float32 column an attribute: 0 or 1 where binary, NaN where unknown. ``attrs["kinds"]`` has their kinds.

    Raises
    ------
    InputError
        Where the images are of another source, nothing is known of them, or an attribute is not known.
    """
    if records.attrs.get(PLACE) != place:
        raise InputError(
            "raw_attributes must be of the source that the images were cut out of, and are of another one; run "
            "`kedro run --pipelines=faces,preprocess,attributes` on this source, or give the source of the images"
        )
    check_known(known, names)
    rows = records["source_row"].to_numpy(np.int64)
    chosen = [known.names.index(name) for name in names] if names is not None else _frequent(known, rows, most)
    table = pd.DataFrame(known.values(rows)[:, chosen], columns=[known.names[k] for k in chosen])
    table.attrs = {ID: records.attrs[ID], KINDS: [known.kinds[k] for k in chosen]}
    return table


def check_known(known: KnownAttributes, names: tuple[str, ...] | None) -> None:
    """Refuse attributes of which nothing is known.

    Raises
    ------
    InputError
        Where a source knows none of its images, or not those that are asked for.
    """
    if not known.names and not known.objects:
        raise InputError(
            "attributes must be known of the images, and their source gives none; put the images of each class in a "
            "folder of its own, give a CSV of names and attributes (--params=attributes_source=/path/to/table.csv), or "
            "run `kedro run --pipelines=unsupervised,features,evaluate`"
        )
    if unknown := [name for name in names or () if name not in known.names]:
        raise InputError(
            f"attributes.names must be of {shortened(known.names, 50)}, got {shortened(unknown)}; correct them"
        )


def _frequent(known: KnownAttributes, rows: NDArray[np.int64], most: int) -> list[int]:
    """Numbers of the attributes to take, ascending."""
    if len(known.names) <= most:
        return list(range(len(known.names)))
    looked_at = rows[:: -(-len(rows) // _ROWS_LOOKED_AT)]
    shares = np.nan_to_num(known.values(looked_at)).mean(axis=0)
    return sorted(np.argsort(-shares, kind="stable")[:most].tolist())


def object_maps(
    known: KnownAttributes, records: pd.DataFrame, size: int, fraction: float, engine: EngineSettings
) -> ArrayChunks:
    """Cut the objects out as the images were: uint8 (N, 1, S, S), 0 nothing, k the k-th of ``attrs["objects"]``.

    Where no objects are known there is one pixel an image, of nothing.

    Parameters
    ----------
    size, fraction
        ``image_size`` and ``crop_fraction`` of the images.
    """
    attrs = {ID: records.attrs[ID], OBJECTS: list(known.objects)}
    starts = range(0, len(records), _ROWS_PER_TASK)
    if not known.objects:
        counts = (min(_ROWS_PER_TASK, len(records) - start) for start in starts)
        return ArrayChunks((np.zeros((count, 1, 1, 1), np.uint8) for count in counts), attrs)
    boxes = records[["source_row", *BOX_COLUMNS]].to_numpy(np.int64)
    tasks = [boxes[start : start + _ROWS_PER_TASK] for start in starts]
    made = run_tasks(partial(_maps_of_rows, known, size, fraction), tasks, engine, lambda task: f"{len(task)} maps")
    return ArrayChunks(track(made, "attributes: objects", len(tasks)), attrs)


def _maps_of_rows(known: KnownAttributes, size: int, fraction: float, boxes: NDArray[np.int64]) -> NDArray[np.uint8]:
    maps = np.empty((len(boxes), 1, size, size), np.uint8)
    for k, (row, *box) in enumerate(boxes.tolist()):
        maps[k, 0] = cut_map(known.object_map(row), Box(*box), size, fraction, known.map_scale)
    return maps


def cut_map(whole: NDArray[np.uint8], box: Box, size: int, fraction: float = 1.0, scale: int = 1) -> NDArray[np.uint8]:
    """Cut a box, or the centre of it, out of a map of objects: each pixel is of the object that has most of its area.

    Parameters
    ----------
    whole
        uint8 (H, W), over the whole picture.
    box, size, fraction
        As in :func:`~dcgan_pipeline.imaging.crop.resize_region`, in pixels of the picture.
    scale
        Pixels of the map for one of the picture.

    Returns
    -------
    uint8 (size, size)
    """
    left, top = box.left * scale, box.top * scale
    edges = about_centre((left, top, left + box.width * scale, top + box.height * scale), fraction)
    here = np.flatnonzero(np.bincount(whole.ravel())).astype(np.uint8)  # quicker than sorting them
    layers = (Image.fromarray((whole == k).astype(np.uint8) * 255) for k in here)
    shares = [np.asarray(layer.resize((size, size), Image.Resampling.BOX, box=edges)) for layer in layers]
    return here[np.argmax(np.stack(shares), axis=0)]
