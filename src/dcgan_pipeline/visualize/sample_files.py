"""Samples as files: one grid, or any number of PNGs, drawn in parts so that a killed run can go on."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dcgan_pipeline.arrays import ShardFiles
from dcgan_pipeline.figures.canvas import tile
from dcgan_pipeline.gan.conditional import class_names, class_numbers
from dcgan_pipeline.gan.sampling import sample_batches
from dcgan_pipeline.imaging.work_folder import LockedFiles, lock_folder, remove_leftovers
from dcgan_pipeline.progress import Advance, progress_bar
from dcgan_pipeline.visualize.settings import SampleSettings
from dcgan_pipeline.weights import Weights

PART = 10_000  # samples of one folder or zip: file managers and zip readers cope with so many
_UNFINISHED = "unfinished-"  # not .partial-, which is for files
_GRID_PIXELS = 480  # a smaller grid is enlarged by a whole factor
_ODD = re.compile(r'[\x00-\x1f/\\:*?"<>|%]|^\.+|[. ]+$')  # what a folder's name had better not have


@dataclass(frozen=True)
class _Sampler:
    """What is drawn, and how it is named."""

    gan: Weights
    settings: SampleSettings
    seed: int
    device: torch.device
    labels: Tensor | None
    """Of a conditional GAN, in turn: sample k is of the class ``labels[k % len(labels)]``."""

    @property
    def classes(self) -> list[str] | None:
        """Names of these labels."""
        names = class_names(self.gan.settings)
        return None if self.labels is None else [names[label] for label in self.labels.tolist()]

    def stream(self, start: int, advance: Advance) -> Iterator[NDArray[np.uint8]]:
        """Draw the samples from number ``start`` to the last, a batch at a time."""
        s = self.settings
        drawn = sample_batches(
            self.gan, s.count, self.seed, self.device, s.batch_norm, s.batch_size, start, self.labels
        )
        for batch in drawn:
            yield batch
            advance(len(batch))

    def pictures(self, start: int, advance: Advance) -> Iterator[tuple[str, bytes]]:
        """Name and encode the samples from number ``start`` on."""
        numbers = itertools.count(start)
        folders = [f"{class_folder(name)}/" for name in self.classes] if self.classes else [""]
        for image in itertools.chain.from_iterable(self.stream(start, advance)):
            buffer, k = io.BytesIO(), next(numbers)
            Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(buffer, "PNG")
            yield f"{folders[k % len(folders)]}{k:09d}.png", buffer.getvalue()


def class_folder(name: str) -> str:
    """Name the folder of a class after it; characters that no folder's name should have are written %XX, in hex."""
    return _ODD.sub(lambda found: "".join(f"%{ord(character):02X}" for character in found[0]), name) or "%"


def write_samples(gan: Weights, settings: SampleSettings, seed: int, device: torch.device, work: Path) -> ShardFiles:
    """Draw samples and write them as files, in constant memory.

    Parameters
    ----------
    seed
        What sample k is, is decided by it and k: see :func:`~dcgan_pipeline.gan.sampling.sample_batches`.
    work
        A folder on the same disk as the result. Samples of one GAN and settings have a folder of their own in it; a
        run that was killed goes on from the parts that are whole. What killed runs of others left stays, and is named.

    Returns
    -------
    ShardFiles
        ``grid``: one file, samples.png. ``folder``: folders 00000, 00001, ... of 10 000 PNGs each, the last of fewer;
        ``zip``: the same PNGs in 00000.zip, 00001.zip, ..., stored, in order and without dates, so that equal samples
        make equal files. Sample k is ``<k // 10000>/<k>.png``, its number with nine digits; one of a conditional GAN
        ``<k // 10000>/<class>/<k>.png``, so that the folder, or the zip, is a labelled set.

    Raises
    ------
    InputError
        Where another process draws the same samples, or the GAN does not know the classes that are asked for.
    """
    sampler = _Sampler(gan, settings, seed, device, class_numbers(gan.settings, settings.classes))
    about = {
        "gan": gan.digest(),
        "latent": gan.settings["train"]["latent"],
        "seed": seed,
        "device": device.type,
        **settings.model_dump(mode="json", exclude={"seed"}),
        "classes": sampler.classes,
    }
    folder = work / f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]}-{settings.count}"
    lock = lock_folder(folder)
    with progress_bar(f"sample: {settings.format}", settings.count) as advance:
        if settings.format == "grid":
            files = [_write_grid(folder, sampler.stream(0, advance))]
        else:
            files = _write_parts(folder, sampler, advance)
    remove_leftovers(work, unfinished="[0-9]*")
    return LockedFiles(files, about, lock)


def sample_sheet(images: NDArray[np.uint8]) -> Image.Image:
    """Lay samples, uint8 (n, C, S, S), out in a grid of about as many rows as columns."""
    sheet = Image.fromarray(tile(images, math.ceil(math.sqrt(len(images)))))
    scale = max(1, round(_GRID_PIXELS / max(sheet.size)))
    return sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST)


def _write_grid(folder: Path, batches: Iterator[NDArray[np.uint8]]) -> Path:
    file = folder / "samples.png"
    sample_sheet(np.concatenate(list(batches))).save(file)
    return file


def _write_parts(folder: Path, sampler: _Sampler, advance: Advance) -> list[Path]:
    files, settings = [], sampler.settings
    pictures = None  # one stream for all parts in a row, so that nothing before them is drawn again
    for start in range(0, settings.count, PART):
        end = min(start + PART, settings.count)
        name = f"{start // PART:05d}"
        part = folder / (f"{name}.zip" if settings.format == "zip" else name)
        if part.exists():  # whole: it got its name when it was
            advance(end - start)
            pictures = None
        else:
            unfinished = folder / f"{_UNFINISHED}{part.name}"
            pictures = pictures or sampler.pictures(start, advance)
            write = _write_zip if settings.format == "zip" else _write_folder
            write(unfinished, itertools.islice(pictures, end - start))
            os.replace(unfinished, part)
        files.append(part)
    return files


def _write_folder(path: Path, pictures: Iterator[tuple[str, bytes]]) -> None:
    shutil.rmtree(path, ignore_errors=True)  # of a run that was killed
    path.mkdir()
    for name, data in pictures:
        (path / name).parent.mkdir(exist_ok=True)  # of a class
        (path / name).write_bytes(data)


def _write_zip(path: Path, pictures: Iterator[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # stored: PNGs do not get smaller
        for name, data in pictures:
            entry = zipfile.ZipInfo(name)  # of the earliest date that a zip can have
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # a Unix file, wherever it is made
            archive.writestr(entry, data)
