"""Cut the kept regions out, resize them once from the original pixels, and store them as shards.

Workers write their shards themselves, into a work folder, each under a temporary name that is then replaced: pixels
never travel through the parent, a task that is run twice gives the same file, and a run that was killed goes on from
the shards that are whole (:mod:`dcgan_pipeline.imaging.work_folder`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from filelock import BaseFileLock
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.arrays import ID, PLACE, ShardFiles
from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.files import replacing
from dcgan_pipeline.imaging.boxes import Box, about_centre
from dcgan_pipeline.imaging.colour.conversion import OUTCOMES
from dcgan_pipeline.imaging.decode import Decoded, decode_reduced
from dcgan_pipeline.imaging.regions import SOURCE, count_reasons, kept_boxes
from dcgan_pipeline.imaging.settings import Colours, PreprocessSettings
from dcgan_pipeline.imaging.sources import ImageError, ImageSource
from dcgan_pipeline.imaging.work_folder import LockedFiles, lock_folder, remove_leftovers
from dcgan_pipeline.progress import track

THUMBNAIL = 32  # pixels; what the paper hashes (paper 4.1.1)
_SPARE = 2.5  # decoded pixels for one of the result, at least, where the decoder leaves pixels out
BOX_COLUMNS = ["left", "top", "width", "height"]


@dataclass(frozen=True)
class ImageSet:
    """What ``preprocess`` makes of a source.

    ``images`` is uint8 (N, C, S, S), ``thumbnails`` uint8 (N, 3, 32, 32), and row i of ``records`` says where image i
    came from: row, source_row, source, label (-1 without), class (its name, categorical in the order of the labels),
    left, top, width, height, colours (what became of them, categorical: ``colour.conversion.OUTCOMES``). ``rejected``
    has one row a failure: source_row, source, stage, reason and the box.
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
        runs side by side leave each other alone; one that was killed goes on from the shards that are whole. What
        killed runs of other settings left stays, and is named when these images are made.

    Raises
    ------
    InputError
        Where the regions are of another source, another process is making the same images, or no image at all could
        be cut out.
    """
    _check_regions(source, regions)
    boxes = kept_boxes(regions)
    images_id = _identity(source, boxes, settings)
    step = settings.images_per_shard
    folder = work / f"{images_id[:16]}-{step}"
    lock = lock_folder(folder)
    shards = [_Shard(folder, k) for k in range(max(1, -(-len(boxes) // step)))]
    tasks = [(shard, boxes[shard.number * step : (shard.number + 1) * step]) for shard in shards]
    todo = [task for task in tasks if not task[0].whole()]
    done = run_tasks(
        partial(_make_shard, source, settings), todo, engine, lambda task: source.describe_rows(task[1][:, 0])
    )
    for _ in track(done, "preprocess: crop and resize", len(todo)):
        pass
    made = _collect(source, regions, shards, images_id, lock)
    remove_leftovers(work, unfinished="images-*.npy")
    return made


def jpeg_reduction(side: float, target: int, resample: str) -> int:
    """Choose the fraction, 1/1, 1/2 or 1/4, at which a JPEG is decoded when a region of it is wanted smaller.

    The largest step at which 2.5 decoded pixels are left for one of the result. The resampling after it then weighs
    frequencies that the decoder has kept: on 117 photographs of ImageNet, reduced by each step to the smallest size
    that it is used for, the result differs from that of the whole decode with a PSNR of 48 dB or more in the median
    and 42 dB at worst (bilinear, bicubic and Lanczos), under the 40 dB at which differences begin to be seen. 1/8 is
    left out: it keeps only the mean of a block, as it was before clipping to 0..255, and came to 31 dB. So is
    Pillow's box filter, which rounds to whole pixels and so depends on the grid (32 dB).

    Parameters
    ----------
    side
        Of the region, in pixels of the photograph.
    target
        Of the result.
    resample
        A filter of :class:`~dcgan_pipeline.imaging.settings.PreprocessSettings`.
    """
    if resample == "box":
        return 1
    return next((step for step in (4, 2) if side >= _SPARE * step * target), 1)


def resize_region(decoded: Decoded, box: Box, size: int, resample: str, fraction: float = 1.0) -> Image.Image:
    """Cut a box, or the centre of it, out of an image and resize it to a square, in one antialiased resampling.

    Parameters
    ----------
    size
        Pixels a side of the result.
    fraction
        Of the box's sides. The centre of a box is the centre of the box's own resized image, to the pixel.
    """
    edges = about_centre(decoded.edges(box), fraction)
    return decoded.image.resize((size, size), Image.Resampling[resample.upper()], box=edges)


def channels_first(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Pixels of an image as uint8 of shape (channels, height, width); one channel is the luma of three."""
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _check_regions(source: ImageSource, regions: pd.DataFrame) -> None:
    """A source whose files changed since is another source."""
    if regions.attrs.get(SOURCE) != source.fingerprint():
        raise InputError(
            f"regions must be of the images of {source.location} as they are now, and were made of others, or before "
            "files changed; run `kedro run --pipeline=faces` again"
        )


def _identity(source: ImageSource, boxes: NDArray[np.int64], settings: PreprocessSettings) -> str:
    digest = hashlib.sha256(source.fingerprint().encode())
    digest.update(settings.model_dump_json(exclude={"images_per_shard"}).encode())  # it changes no image
    digest.update(boxes.tobytes())
    return digest.hexdigest()


def _make_shard(source: ImageSource, settings: PreprocessSettings, task: tuple[_Shard, NDArray[np.int64]]) -> None:
    shard, boxes = task
    size, channels = settings.image_size, settings.channels
    images = np.empty((len(boxes), channels, size, size), np.uint8)
    same = (size, channels) == (THUMBNAIL, 3)
    thumbnails = images if same else np.empty((len(boxes), 3, THUMBNAIL, THUMBNAIL), np.uint8)
    made: list[list[int]] = []
    outcomes: list[int] = []
    failed: list[tuple[list[int], str]] = []
    for row, regions in groupby(boxes.tolist(), key=itemgetter(0)):
        photograph = _Photograph(source, row, settings.colour)
        for values in regions:
            try:
                image, thumbnail, colours = _cut_out(photograph, Box(*values[1:]), settings)
            except ImageError as error:
                failed.append((values, str(error)))
                continue
            images[len(made)] = channels_first(image, channels)
            if not same:
                thumbnails[len(made)] = channels_first(thumbnail, 3)
            made.append(values)
            outcomes.append(OUTCOMES.index(colours))
    records = pd.DataFrame(made, columns=["source_row", *BOX_COLUMNS], dtype="int64")
    records["colours"] = np.array(outcomes, np.int8)
    _save(shard, images[: len(made)], thumbnails[: len(made)], records, failed)


class _Photograph:
    """One image of a source, decoded once at each fraction of its size that its regions ask for."""

    def __init__(self, source: ImageSource, row: int, colours: Colours) -> None:
        self._source, self._row, self._colours = source, row, colours
        self._decoded: dict[int, Decoded] = {}

    def decoded(self, reduction: int) -> Decoded:
        if reduction not in self._decoded:
            data = self._source.read(self._row)
            self._decoded[reduction] = decode_reduced(data, self._source.limits, reduction, self._colours)
        return self._decoded[reduction]


def _cut_out(
    photograph: _Photograph, region: Box, settings: PreprocessSettings
) -> tuple[Image.Image, Image.Image, str]:
    """The image and the thumbnail of one region, which depend on nothing else, and what became of their colours."""
    size, resample, fraction = settings.image_size, settings.resample, settings.crop_fraction
    side, target = min(region.width, region.height) * fraction, max(size, THUMBNAIL)
    decoded = photograph.decoded(jpeg_reduction(side, target, resample) if settings.fast_decode else 1)
    width, height = decoded.size
    if region.left + region.width > width or region.top + region.height > height:
        raise ImageError(f"not as its header says: decoded to {width} x {height}")
    image = resize_region(decoded, region, size, resample, fraction)
    thumbnail = image if size == THUMBNAIL else resize_region(decoded, region, THUMBNAIL, resample, fraction)
    return image, thumbnail, decoded.colours


def _save(
    shard: _Shard,
    images: NDArray[np.uint8],
    thumbnails: NDArray[np.uint8],
    records: pd.DataFrame,
    failed: list[tuple[list[int], str]],
) -> None:
    columns = ["source_row", *BOX_COLUMNS]
    rejected = pd.DataFrame([values for values, _ in failed], columns=columns, dtype="int64")
    rejected["reason"] = pd.Series([reason for _, reason in failed], dtype="str")
    _replace(shard.file("images"), images)
    _replace(shard.file("thumbnails"), thumbnails)
    _replace(shard.file("rejected"), rejected)
    _replace(shard.file("records"), records)


def _replace(path: Path, data: NDArray[np.uint8] | pd.DataFrame) -> None:
    with replacing(path) as partial_path:
        if isinstance(data, pd.DataFrame):
            data.to_parquet(partial_path)
        else:
            np.save(partial_path, data, allow_pickle=False)  # the name ends in .npy, so that NumPy adds nothing


def _collect(
    source: ImageSource, regions: pd.DataFrame, shards: list[_Shard], images_id: str, lock: BaseFileLock
) -> ImageSet:
    tables = [pd.read_parquet(shard.file("records")) for shard in shards]
    counts = [len(table) for table in tables]
    records = pd.concat(tables, ignore_index=True)
    failed = pd.concat([pd.read_parquet(shard.file("rejected")) for shard in shards], ignore_index=True)
    passed_over = regions[~regions["kept"]].assign(stage="faces")
    rejected = pd.concat([passed_over, failed.assign(stage="preprocess")], ignore_index=True)
    rejected["source"] = _names(source, rejected)
    if not len(records):
        raise InputError(
            f"at least one image must be usable, and of the {len(regions)} regions of {source.location} none was "
            f"({count_reasons(rejected)}); check the source"
        )
    records.insert(0, "row", np.arange(len(records)))
    records.insert(2, "source", _names(source, records))
    labels = source.labels[records["source_row"].to_numpy()]
    records.insert(3, "label", labels)
    records.insert(4, "class", pd.Categorical.from_codes(labels, pd.Index(source.classes, dtype="str")))
    records["colours"] = pd.Categorical.from_codes(records["colours"].to_numpy(), pd.Index(OUTCOMES, dtype="str"))
    order = ["source_row", "source", "stage", "reason", *BOX_COLUMNS]
    rejected = rejected[order].sort_values(["source_row", "stage"], kind="stable", ignore_index=True)
    attrs = {ID: images_id}
    records.attrs, rejected.attrs = {**attrs, PLACE: place_of(source)}, dict(attrs)
    whole = [shard for shard, count in zip(shards, counts, strict=True) if count]
    images, thumbnails = (
        LockedFiles([shard.file(kind) for shard in whole], attrs, lock) for kind in ("images", "thumbnails")
    )
    return ImageSet(images, thumbnails, records, rejected)


def place_of(source: ImageSource) -> str:
    """Tell where a source lies from elsewhere, by a digest: an address may hold a password."""
    return hashlib.sha256(source.location.encode(errors="surrogateescape")).hexdigest()[:16]


def _names(source: ImageSource, table: pd.DataFrame) -> Any:
    return pd.Series([source.names[int(row)] for row in table["source_row"]], dtype="str", index=table.index)
