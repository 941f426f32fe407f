"""Pixels of every depth and layout against their closed form: the greatest and the mean error, in levels of 255.

    python benchmarks/depths.py                the kinds by format
    python benchmarks/depths.py --all          each kind
    python benchmarks/depths.py --bare         the same files by Pillow alone, converted and laid on white

A file that is refused has its reason; one that must be refused and is not counts as wrong.
"""

from __future__ import annotations

import argparse
import io
import warnings

import numpy as np
import pandas as pd
from deep_images import every_kind
from deep_samples import Deep
from PIL import Image

from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError


def by_pillow(data: bytes) -> Image.Image:
    """Decode as most loaders do."""
    try:
        with warnings.catch_warnings(action="ignore"):
            image = Image.open(io.BytesIO(data)).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    except Exception as error:
        raise ImageError(f"{type(error).__name__}") from None


def errors(deep: Deep, bare: bool) -> tuple[float, float, str]:
    """Return the greatest and the mean error, and what is wrong."""
    try:
        found = np.asarray(by_pillow(deep.data) if bare else decode_image(deep.data, Limits()), float)
    except ImageError as error:
        if deep.expected is None:
            return np.nan, np.nan, "" if deep.reason in str(error) else f"refused: {error}"
        return np.nan, np.nan, f"refused: {error}"
    if deep.expected is None:
        return np.nan, np.nan, "not refused"
    expected = deep.expected
    if found.ndim > expected.ndim:
        expected = np.repeat(expected[..., None], 3, axis=2)
    if found.shape != expected.shape:
        return np.nan, np.nan, f"of shape {found.shape}, not {expected.shape}"
    apart = np.abs(found - expected)
    return apart.max(), apart.mean(), "" if apart.max() <= deep.tolerance + 1e-9 else "wrong"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    rows = [(deep.ending, deep.kind, *errors(deep, options.bare)) for deep in every_kind()]
    table = pd.DataFrame(rows, columns=["format", "kind", "greatest", "mean", "fault"])
    if options.all:
        for row in table.itertuples():
            print(f"| {row.format} | {row.kind} | {row.greatest:.2f} | {row.mean:.3f} | {row.fault} |")
    print("\n| format | kinds | as meant | refused | greatest error | mean error |\n|---|---|---|---|---|---|")
    for name, part in [*table.groupby("format", sort=False), ("**all**", table)]:
        right, refused = (part["fault"] == "").sum(), part["greatest"].isna().sum()
        print(
            f"| {name} | {len(part)} | {right} | {refused} | {part['greatest'].max():.1f} | {part['mean'].mean():.3f} |"
        )


if __name__ == "__main__":
    main()
