"""From files to shards: images a second of the `preprocess` stage, beside PIL and torchvision in plain loops.

    python benchmarks/images.py                                    photographs made here
    python benchmarks/images.py PHOTOS
    python benchmarks/images.py cifar10_train.zip --size 32 --images 5000

All read the same files and write the same two arrays to `.npy` files in a temporary folder: the centred squares at
--size pixels, and at 32 for the hashing of `dedup` (once where that is the size). The stage also checks, lists and
names every image. The first table is of one core, in turn: CPU seconds, medians over the rounds; a ratio is the median
of the rounds' ratios. The second is of the stage in a pool of processes, in wall time with the start of the pool: its
files are read --repeat times over, so that the pool has something to do.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import Image
from rich import get_console

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.boxes import centred_square
from dcgan_pipeline.imaging.crop import THUMBNAIL, crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
from dcgan_pipeline.imaging.sources import ImageSource, SubsetSource

MADE = {(500, 375): 48, (2048, 1536): 12}  # how many photographs of which size


def make_photographs(folder: Path) -> None:
    """Write JPEGs with the spectrum of photographs, 1/f, seeded."""
    rng = np.random.default_rng(0)
    for (width, height), count in MADE.items():
        frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(width), np.fft.fftfreq(height)))
        falling = 1 / np.maximum(frequency, 1 / width)
        for k in range(count):
            noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(3, height, width))) * falling, s=(height, width))
            noise = noise.mean(axis=0) + 0.3 * noise
            pixels = (128 + 50 * noise / noise.std()).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
            Image.fromarray(pixels).save(folder / f"{width}-{k:02d}.jpg", quality=90)


def plain_pil(source: ImageSource, sizes: list[int], folder: Path) -> None:
    """PIL in a plain loop."""
    arrays: dict[int, list[np.ndarray]] = {size: [] for size in sizes}
    for row in range(len(source)):
        image = Image.open(io.BytesIO(source.read(row))).convert("RGB")
        left, top, side, _, _ = centred_square(*image.size)
        for size, made in arrays.items():
            square = image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
            made.append(np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1)))
    for size, made in arrays.items():
        np.save(folder / f"{size}.npy", np.stack(made))


def plain_torchvision(source: ImageSource, sizes: list[int], folder: Path) -> None:
    """torchvision's decoder and resize in a plain loop."""
    import torch
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import resized_crop

    arrays: dict[int, list[torch.Tensor]] = {size: [] for size in sizes}
    for row in range(len(source)):
        data = torch.frombuffer(bytearray(source.read(row)), dtype=torch.uint8)
        image = decode_image(data, ImageReadMode.RGB)
        left, top, side, _, _ = centred_square(image.shape[2], image.shape[1])
        for size, made in arrays.items():
            made.append(resized_crop(image, top, left, side, side, [size, size], InterpolationMode.BICUBIC, True))
    for size, made in arrays.items():
        np.save(folder / f"{size}.npy", torch.stack(made).numpy())


def stage(source: ImageSource, settings: PreprocessSettings, engine: EngineSettings) -> Callable[[Path], object]:
    """The stage `preprocess`, with its regions found beforehand."""
    regions = find_regions(source, FacesSettings(), EngineSettings())
    return lambda folder: crop_and_resize(source, regions, settings, engine, folder)


def seconds(call: Callable[[Path], object], clock: Callable[[], float]) -> float:
    """Time one call, with a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        start = clock()
        call(Path(folder))
        return clock() - start


def print_table(calls: dict[str, Callable[[Path], object]], images: int, rounds: int, wall: bool, base: str) -> None:
    """Print images a second, and how many times that of one of the rows."""
    clock = time.perf_counter if wall else time.process_time
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(seconds(call, clock))
    print(f"| | images a second{'' if wall else ' and core'} | of {base} |\n|---|---|---|")
    for name, taken in times.items():
        ratio = statistics.median(b / a for a, b in zip(taken, times[base], strict=True))
        print(f"| {name} | {images / statistics.median(taken):,.0f} | {ratio:.2f} |")


def usable(source: ImageSource, count: int | None) -> ImageSource:
    """Keep files that every one of the three decodes, spread over the source."""
    import torch
    from torchvision.io import ImageReadMode, decode_image

    rows = []
    for row in range(len(source)) if count is None else np.linspace(0, len(source) - 1, count).astype(int):
        data = source.read(int(row))
        try:
            Image.open(io.BytesIO(data)).load()
            decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
        except (OSError, RuntimeError):
            continue
        rows.append(int(row))
    return SubsetSource(source, np.array(rows))


def main() -> None:
    """Print the tables."""
    import torch  # here, because the workers of a pool import this module
    import torchvision

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", help="a folder, zip or tar of images")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, help="use so many, spread over the source")
    parser.add_argument("--repeat", type=int, default=20, help="times that the pool reads the files")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    logging.disable()
    get_console().quiet = True  # no progress bars
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        if arguments.source is None:
            make_photographs(Path(made))
        source = usable(open_source(arguments.source or made), arguments.images)
        fast = PreprocessSettings(image_size=arguments.size)
        whole = fast.model_copy(update={"fast_decode": False})
        sizes = sorted({arguments.size, THUMBNAIL})
        versions = f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}, NumPy {np.__version__}"
        print(f"{len(source):,} images to {arguments.size} x {arguments.size}; 1 core; {versions}\n")
        calls: dict[str, Callable[[Path], object]] = {
            "PIL, plain loop": lambda folder: plain_pil(source, sizes, folder),
            "torchvision, plain loop": lambda folder: plain_torchvision(source, sizes, folder),
            "preprocess, fast_decode: false": stage(source, whole, EngineSettings()),
            "preprocess": stage(source, fast, EngineSettings()),
        }
        print_table(calls, len(source), arguments.rounds, wall=False, base="PIL, plain loop")

        many = SubsetSource(source, np.tile(np.arange(len(source)), arguments.repeat))
        print(f"\n{len(many):,} images in 16 shards; {os.cpu_count()} cores; wall time\n")
        shards = fast.model_copy(update={"images_per_shard": -(-len(many) // 16)})
        pools = {
            f"{workers} worker{'s' if workers > 1 else ''}": stage(
                many, shards, EngineSettings(name="processes", workers=workers)
            )
            for workers in (1, 2)
        }
        print_table(pools, len(many), 3, wall=True, base="1 worker")


if __name__ == "__main__":
    main()
