"""Cut the kept regions out, resize them once from the original pixels, and store them as shards.

Workers write their shards themselves, into a work folder, each under a temporary name that is then replaced: pixels
never travel through the parent, a task that is run twice gives the same file, and a run that was killed goes on from
the shards that are whole.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.arrays import ID, ShardFiles
from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.regions import SOURCE, Box, kept_boxes
from dcgan_pipeline.imaging.settings import PreprocessSettings
from dcgan_pipeline.imaging.sources import ImageError, ImageSource
from dcgan_pipeline.progress import track

THUMBNAIL = 32  # pixels; what the paper hashes (paper 4.1.1)
BOX_COLUMNS = ["left", "top", "width", "height"]


@dataclass(frozen=True)
class ImageSet:
    """What ``preprocess`` makes of a source.

    ``images`` is uint8 (N, C, S, S), ``thumbnails`` uint8 (N, 3, 32, 32), and row i of ``records`` says where image i
    came from: row, source_row, source, label (-1 without), left, top, width, height. ``rejected`` has one row a
    failure: source_row, source, stage, reason and the box.
    """

    images: ShardFiles
    thumbnails: ShardFiles
    records: pd.DataFrame
    rejected: pd.DataFrame


class _Shard(NamedTuple):
    """Where a worker leaves a shard; the records are written last, so they mark it as whole."""

    folder: Path
    number: int

    def file(self, kind: str) -> Path:
        return self.folder / f"{kind}-{self.number:05d}{'.npy' if kind in ('images', 'thumbnails') else '.parquet'}"

    def whole(self) -> bool:
        return all(self.file(kind).exists() for kind in ("images", "thumbnails", "rejected", "records"))


def crop_and_resize(
    source: ImageSource,
    regions: pd.DataFrame,
    settings: PreprocessSettings,
    engine: EngineSettings,
    work: Path,
) -> ImageSet:
    """Make the training arrays of a source.

    Parameters
    ----------
    source, regions
        The images, and the table that :func:`~dcgan_pipeline.imaging.regions.find_regions` made of them.
    work
        A folder on the same disk as the results. Each source and settings have a folder of their own in it, so that
        runs side by side leave each other alone; one that was killed goes on from the shards that are whole.

    Raises
    ------
    InputError
        Where the regions are of another source, or no image at all could be cut out.
    """
    _check_regions(source, regions)
    boxes = kept_boxes(regions)
    images_id = _identity(source, boxes, settings)
    folder = _work_folder(work, images_id)
    step = settings.images_per_shard
    shards = [_Shard(folder, k) for k in range(max(1, -(-len(boxes) // step)))]
    tasks = [(shard, boxes[shard.number * step : (shard.number + 1) * step]) for shard in shards]
    todo = [task for task in tasks if not task[0].whole()]
    done = run_tasks(
        partial(_make_shard, source, settings), todo, engine, lambda task: source.describe_rows(task[1][:, 0])
    )
    for _ in track(done, "preprocess: crop and resize", len(todo)):
        pass
    return _collect(source, regions, shards, images_id)


def resize_region(image: Image.Image, box: Box, size: int, channels: int, resample: str) -> NDArray[np.uint8]:
    """Cut a box out of an image and resize it in one antialiased resampling.

    Returns
    -------
    uint8 of shape (channels, size, size)
    """
    edges = (box.left, box.top, box.left + box.width, box.top + box.height)
    part = image.convert("L" if channels == 1 else "RGB")
    small = part.resize((size, size), Image.Resampling[resample.upper()], box=edges)
    pixels = np.asarray(small)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def crop_about_centre(box: Box, fraction: float) -> Box:
    """The centred part of a box whose side is this fraction of the box's."""
    width, height = max(1, round(box.width * fraction)), max(1, round(box.height * fraction))
    return Box(box.left + (box.width - width) // 2, box.top + (box.height - height) // 2, width, height)


def _check_regions(source: ImageSource, regions: pd.DataFrame) -> None:
    """A source whose files changed since is another source."""
    if regions.attrs.get(SOURCE) != source.fingerprint():
        raise InputError(
            f"regions must be of the images of {source.location} as they are now, and were made of others, or before "
            "files changed; run `kedro run --pipeline=faces` again"
        )


def _identity(source: ImageSource, boxes: NDArray[np.int64], settings: PreprocessSettings) -> str:
    digest = hashlib.sha256(source.fingerprint().encode())
    digest.update(settings.model_dump_json().encode())
    digest.update(boxes.tobytes())
    return digest.hexdigest()


def _work_folder(work: Path, images_id: str) -> Path:
    folder = work / images_id[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _make_shard(source: ImageSource, settings: PreprocessSettings, task: tuple[_Shard, NDArray[np.int64]]) -> None:
    shard, boxes = task
    images: list[NDArray[np.uint8]] = []
    thumbnails: list[NDArray[np.uint8]] = []
    made: list[NDArray[np.int64]] = []
    failed: list[tuple[NDArray[np.int64], str]] = []
    opened: tuple[int, Image.Image | ImageError] = (-1, ImageError("not opened"))
    for values in boxes:
        row = int(values[0])
        if opened[0] != row:  # the faces of one photograph follow one another
            opened = (row, _decode(source, row))
        image = opened[1]
        if isinstance(image, ImageError):
            failed.append((values, str(image)))
            continue
        region = Box(*(int(v) for v in values[1:]))
        if region.left + region.width > image.width or region.top + region.height > image.height:
            failed.append((values, f"not as its header says: decoded to {image.width} x {image.height}"))
            continue
        box = crop_about_centre(region, settings.crop_fraction)
        images.append(resize_region(image, box, settings.image_size, settings.channels, settings.resample))
        thumbnails.append(resize_region(image, box, THUMBNAIL, 3, settings.resample))
        made.append(values)
    _save(shard, images, thumbnails, made, failed, settings)


def _decode(source: ImageSource, row: int) -> Image.Image | ImageError:
    try:
        return decode_image(source.read(row), source.limits)
    except ImageError as error:
        return error


def _save(
    shard: _Shard,
    images: list[NDArray[np.uint8]],
    thumbnails: list[NDArray[np.uint8]],
    made: list[NDArray[np.int64]],
    failed: list[tuple[NDArray[np.int64], str]],
    settings: PreprocessSettings,
) -> None:
    size, channels = settings.image_size, settings.channels
    columns = ["source_row", *BOX_COLUMNS]
    rejected = pd.DataFrame([values for values, _ in failed], columns=columns, dtype="int64")
    rejected["reason"] = pd.Series([reason for _, reason in failed], dtype="str")
    _replace(shard.file("images"), _stacked(images, (channels, size, size)))
    _replace(shard.file("thumbnails"), _stacked(thumbnails, (3, THUMBNAIL, THUMBNAIL)))
    _replace(shard.file("rejected"), rejected)
    _replace(shard.file("records"), pd.DataFrame(made, columns=columns, dtype="int64"))


def _stacked(arrays: list[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.stack(arrays) if arrays else np.empty((0, *shape), np.uint8)


def _replace(path: Path, data: NDArray[np.uint8] | pd.DataFrame) -> None:
    partial_path = path.with_name(f".partial-{os.getpid()}-{path.name}")
    if isinstance(data, pd.DataFrame):
        data.to_parquet(partial_path)
    else:
        np.save(partial_path, data, allow_pickle=False)  # the name ends in .npy, so numpy adds nothing
    os.replace(partial_path, path)


def _collect(source: ImageSource, regions: pd.DataFrame, shards: list[_Shard], images_id: str) -> ImageSet:
    tables = [pd.read_parquet(shard.file("records")) for shard in shards]
    counts = [len(table) for table in tables]
    records = pd.concat(tables, ignore_index=True)
    failed = pd.concat([pd.read_parquet(shard.file("rejected")) for shard in shards], ignore_index=True)
    passed_over = regions[~regions["kept"]].assign(stage="faces")
    rejected = pd.concat([passed_over, failed.assign(stage="preprocess")], ignore_index=True)
    rejected["source"] = _names(source, rejected)
    if not len(records):
        reasons = rejected["reason"].str.split(":").str[0].value_counts().head(3)
        counted = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        raise InputError(
            f"at least one image must be usable, and of the {len(regions)} regions of {source.location} none was "
            f"({counted}); check the source"
        )
    records.insert(0, "row", np.arange(len(records)))
    records.insert(2, "source", _names(source, records))
    records.insert(3, "label", source.labels[records["source_row"].to_numpy()])
    order = ["source_row", "source", "stage", "reason", *BOX_COLUMNS]
    rejected = rejected[order].sort_values(["source_row", "stage"], kind="stable", ignore_index=True)
    attrs = {ID: images_id}
    records.attrs, rejected.attrs = dict(attrs), dict(attrs)
    whole = [shard for shard, count in zip(shards, counts, strict=True) if count]
    images = ShardFiles([shard.file("images") for shard in whole], attrs)
    return ImageSet(images, ShardFiles([shard.file("thumbnails") for shard in whole], attrs), records, rejected)


def _names(source: ImageSource, table: pd.DataFrame) -> Any:
    return pd.Series([source.names[int(row)] for row in table["source_row"]], dtype="str", index=table.index)
