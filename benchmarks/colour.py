"""Colours with a profile: how far stored numbers, and what is made of them, are from the picture that is meant.

    python benchmarks/colour.py                              Display P3, Adobe RGB, ProPhoto; and a cut JPEG
    python benchmarks/colour.py --profile SWOP.icc           also a profile of a file, of RGB, greys or CMYK

Two photographs that come with scikit-learn are stored in each space, by LittleCMS, as lossless PNG or TIFF, and read
with `preprocess.colour: stored` and `srgb`: the mean and the largest difference in grey levels from the photograph, for
CMYK and greys from what LittleCMS itself makes of the stored numbers without its shortcuts. The second table is of
milliseconds of CPU time a megapixel, the third of JPEGs that are cut and closed with the marker of the end.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageCms, features
from sklearn.datasets import load_sample_image

from dcgan_pipeline.imaging.colour.matrix_profile import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, matrix_profile
from dcgan_pipeline.imaging.decode import decode_reduced
from dcgan_pipeline.imaging.settings import Colours, Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()
PROFILES = {
    "sRGB": matrix_profile(SRGB, None),
    "Display P3": matrix_profile(DISPLAY_P3, None),
    "Adobe RGB": matrix_profile(ADOBE_RGB, 563 / 256),
    "ProPhoto": matrix_profile(PROPHOTO, 1.8),
}
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
READERS: tuple[Colours, ...] = ("stored", "srgb")
EXACT = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    """Return an image's file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def convert(image: Image.Image, source: bytes, target: bytes, mode: str) -> Image.Image:
    """Convert between two profiles, relative to white and with the black point compensated."""
    profiles = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (source, target))
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(image, *profiles, relative, mode, flags=EXACT)
    assert converted is not None
    converted.info.clear()
    return converted


def difference(found: Image.Image, meant: Image.Image) -> tuple[float, int]:
    """Mean and largest difference in levels."""
    apart = np.abs(np.asarray(found.convert("RGB")).astype(int) - np.asarray(meant.convert("RGB")))
    return float(apart.mean()), int(apart.max())


def print_differences(photographs: dict[str, Image.Image], profiles: dict[str, bytes]) -> None:
    """Print how far each reader is from the photograph, a row a profile and photograph."""
    print("| profile | photograph | stored: mean, largest | srgb: mean, largest |\n|---|---|---|---|")
    for name, profile in profiles.items():
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
        for photograph, image in photographs.items():
            stored = convert(image, PROFILES["sRGB"], profile, MODES[space])
            meant = image if space == "RGB" else convert(stored, profile, PROFILES["sRGB"], "RGB")
            data = encode(stored, "TIFF" if space == "CMYK" else "PNG", icc_profile=profile)
            cells = []
            for reader in READERS:
                mean, largest = difference(decode_reduced(data, LIMITS, 1, reader).image, meant)
                cells.append(f"{mean:.2f}, {largest}")
            print(f"| {name} | {photograph} | {' | '.join(cells)} |")


def milliseconds(call: Callable[[], object], rounds: int = 9) -> float:
    """Median of CPU time."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def print_times(image: Image.Image) -> None:
    """Print what a conversion costs beside the decoding, at 1/1 and 1/4."""
    size = image.resize((2048, 1536), Image.Resampling.BICUBIC)
    megapixels = size.width * size.height / 1e6
    plain = encode(size, "JPEG", quality=90)
    files = {"none": plain} | {name: encode(size, "JPEG", quality=90, icc_profile=p) for name, p in PROFILES.items()}
    print("\n| profile of a JPEG, 3 megapixels | ms a megapixel at 1/1 | at 1/4 |\n|---|---|---|")
    for name, data in files.items():
        cells = [milliseconds(lambda d=data, r=r: decode_reduced(d, LIMITS, r)) / megapixels for r in (1, 4)]
        print(f"| {name} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")


def print_cuts(photographs: dict[str, Image.Image]) -> None:
    """Print what becomes of JPEGs that are cut at a share of their bytes and closed with the marker of the end."""
    print("\n| cut and closed | refused | taken, though more than 20 levels off in |\n|---|---|---|")
    kinds = {"whole": {}, "sequential": {}, "sequential, with restarts": {"restart_marker_rows": 1}}
    for kind, options in (kinds | {"progressive": {"progressive": True}}).items():
        shares, refused, files = [], 0, 0
        for image in photographs.values():
            data = encode(image, "JPEG", quality=90, **options)
            whole = np.asarray(Image.open(io.BytesIO(data))).astype(int)
            for share in (1.0,) if kind == "whole" else SHARES:
                files += 1
                try:
                    found = np.asarray(
                        decode_reduced(data[: int(share * (len(data) - 2))] + b"\xff\xd9", LIMITS, 1).image
                    )
                except ImageError:
                    refused += 1
                    continue
                shares.append((np.abs(found - whole).max(axis=2) > 20).mean())
        wrong = f"{100 * min(shares):.0f} to {100 * max(shares):.0f} % of the pixels" if shares else ""
        print(f"| {kind} | {refused} of {files} | {wrong} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, action="append", default=[], help="an ICC file")
    arguments = parser.parse_args()
    photographs = {name: Image.fromarray(load_sample_image(f"{name}.jpg")) for name in ("china", "flower")}
    print(f"Pillow {PIL.__version__}, LittleCMS {features.version('littlecms2')}\n")
    print_differences(photographs, PROFILES | {path.name: path.read_bytes() for path in arguments.profile})
    print_times(photographs["china"])
    print_cuts(photographs)


if __name__ == "__main__":
    main()
