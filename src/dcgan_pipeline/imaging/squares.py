"""A few images as uint8 squares, without a run of ``preprocess``: the centre of each, resized once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import centred_square
from dcgan_pipeline.imaging.crop import channels_first, resize_region
from dcgan_pipeline.imaging.decode import decode_reduced
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError, ImageSource


def read_squares(
    source: ImageSource, rows: Iterable[int], channels: int, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read some rows of a source: as ``preprocess`` stores them by its defaults, where no faces are looked for.

    Returns
    -------
    images
        uint8 of shape (n, channels, size, size).
    rows
        Those that could be read, int64 (n,).
    """
    images, read = [], []
    for row in rows:
        try:
            images.append(_square(source.read(row), source.limits, channels, size))
            read.append(row)
        except ImageError:
            continue
    return _stacked(images, channels, size), np.array(read, np.int64)


def read_square_files(files: Sequence[str], channels: int, size: int) -> NDArray[np.uint8]:
    """Read files likewise: uint8 of shape (n, channels, size, size).

    Raises
    ------
    InputError
        Where one is not there, or is no image.
    """
    images = []
    for file in files:
        try:
            images.append(_square(Path(file).read_bytes(), Limits(), channels, size))
        except (ImageError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"a file must be an image that can be read, got {file} ({reason}); correct it") from None
    return _stacked(images, channels, size)


def _square(data: bytes | NDArray[np.uint8], limits: Limits, channels: int, size: int) -> NDArray[np.uint8]:
    decoded = decode_reduced(data, limits, 1)
    return channels_first(resize_region(decoded, centred_square(*decoded.size), size, "bicubic"), channels)


def _stacked(images: list[NDArray[np.uint8]], channels: int, size: int) -> NDArray[np.uint8]:
    return np.stack(images) if images else np.empty((0, channels, size, size), np.uint8)
