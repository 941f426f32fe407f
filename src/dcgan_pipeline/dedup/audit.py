"""How good is the de-duplication? Recall from planted copies, precision from a random sample of collisions.

The paper looked at collisions by eye and gives no recall. Here altered copies of a sample of images are looked up as
new images would be, and a random sample of what was removed is laid side by side for a person (``audit_page``).
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.dedup.codes import Encoder
from dcgan_pipeline.dedup.groups import Hashed, agree
from dcgan_pipeline.dedup.inputs import SIDE
from dcgan_pipeline.dedup.neighbours import code_tables, hamming
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.weights import Weights

Alteration = Callable[[Image.Image, np.random.Generator], Image.Image]


def _reencoded(image: Image.Image, _: np.random.Generator) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file).convert("RGB")


def _resized(image: Image.Image, _: np.random.Generator) -> Image.Image:
    small = image.resize([max(1, round(0.75 * side)) for side in image.size], Image.Resampling.BICUBIC)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _brightened(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.2)


def _shifted(image: Image.Image, _: np.random.Generator) -> Image.Image:
    step = max(1, round(0.04 * image.width))
    pixels = np.pad(np.asarray(image), ((step, 0), (step, 0), (0, 0)), mode="edge")  # its last pixels fill the edge
    return Image.fromarray(pixels[: image.height, : image.width])


def _cropped(image: Image.Image, _: np.random.Generator) -> Image.Image:
    dx, dy = 0.05 * image.width, 0.05 * image.height
    return image.resize(image.size, Image.Resampling.BICUBIC, box=(dx, dy, image.width - dx, image.height - dy))


def _blurred(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(0.025 * image.width))


def _noised(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    noise = generator.normal(0, 8, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).round().clip(0, 255).astype(np.uint8))


ALTERATIONS: dict[str, tuple[str, Alteration]] = {
    "re-encoded": ("JPEG at quality 60", _reencoded),
    "resized": ("to 75 % of its side and back", _resized),
    "brightened": ("by 20 %", _brightened),
    "shifted": ("by 4 % of its side, across and down", _shifted),
    "cropped": ("5 % off every side", _cropped),
    "blurred": ("Gaussian, 2.5 % of its side", _blurred),
    "noised": ("Gaussian, 8 levels", _noised),
}
"""What is planted: its name, what it is, and the function."""


def measure_recall(
    hashed: Hashed,
    weights: Weights,
    settings: DedupSettings,
    seed: int,
    device: torch.device,
) -> pd.DataFrame:
    """Plant altered copies of a random sample and count how many are called duplicates of their originals.

    Returns
    -------
    DataFrame
        One row a kind of alteration: alteration, what, planted, caught (int64), recall, low and high (its 95 % Wilson
        interval), median_distance (Hamming).
    """
    generator = numpy_stream(seed, "audit", "planted")
    count = min(settings.audit.planted, len(hashed.records))
    rows = np.sort(generator.choice(len(hashed.records), count, replace=False))
    pictures = _pictures(hashed, rows)
    encoder = Encoder(weights, device)
    lines = []
    for name, (what, function) in ALTERATIONS.items():
        altered = [function(picture, generator) for picture in pictures]
        copies = np.stack([_channels_first(picture) for picture in altered])
        thumbnails = np.stack([_thumbnail(picture) for picture in altered])
        codes = encoder(thumbnails)
        caught = _caught({"codes": codes, "thumbnails": thumbnails, "images": copies}, rows, hashed, settings)
        low, high = wilson(int(caught.sum()), len(caught))
        median = float(np.median(hamming(codes, hashed.codes[rows])))
        lines.append((name, what, len(caught), int(caught.sum()), caught.mean(), low, high, median))
    columns = ["alteration", "what", "planted", "caught", "recall", "low", "high", "median_distance"]
    table = pd.DataFrame(lines, columns=columns)
    table.attrs = dict(hashed.codes.attrs)
    return table


def sample_collisions(duplicates: pd.DataFrame, settings: DedupSettings, seed: int) -> pd.DataFrame:
    """Draw removed images at random, each beside the one that stays: rows of ``duplicates``, in random order."""
    removed = duplicates[~duplicates["kept"] & (duplicates["row"] != duplicates["representative"])]
    count = min(settings.audit.pairs, len(removed))
    generator = numpy_stream(seed, "audit", "collisions")
    sample = removed.iloc[generator.permutation(len(removed))[:count]].reset_index(drop=True)
    sample.attrs = dict(duplicates.attrs)
    return sample


def wilson(count: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a proportion; (0, 1) without observations."""
    if not total:
        return 0.0, 1.0
    share, spread = count / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _pictures(hashed: Hashed, rows: NDArray[np.int64]) -> list[Image.Image]:
    """What is altered: the stored images where they show more than the thumbnails, else the thumbnails."""
    images = hashed.images
    shows_more = images.shape[1] == 3 and images.shape[-1] > SIDE
    pixels = (images if shows_more else hashed.thumbnails)[rows]
    return [Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))) for picture in pixels]


def _thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    return _channels_first(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _channels_first(image: Image.Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _caught(
    copies: dict[str, NDArray[np.uint8]],
    originals: NDArray[np.int64],
    hashed: Hashed,
    settings: DedupSettings,
) -> NDArray[np.bool_]:
    """Look copies up as new images would be; say which find their originals."""
    codes = copies["codes"]
    caught = np.zeros(len(codes), bool)
    with tempfile.TemporaryDirectory() as folder:
        for name, array in copies.items():
            write_shards(ArrayChunks([array]), Path(folder) / name, len(array))
        stored = {name: ShardedArray(Path(folder) / name) for name in copies}
        planted = Hashed(**stored, records=hashed.records.iloc[originals])
        with code_tables(codes.shape[1], settings.memory) as tables:
            tables.add("copies", planted.codes)
            tables.add_rows("originals", originals, hashed.codes)
            size = len(hashed.codes)  # as hard to find as among all
            for copy, row, _ in tables.near_codes("copies", "originals", settings.radius, settings.probes, size):
                pair = originals[copy] == row
                copy, row = copy[pair], row[pair]
                caught[copy] = agree(planted, hashed, copy, row, settings)
    return caught
