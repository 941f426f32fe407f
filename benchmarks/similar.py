"""Different pictures that look alike, and altered copies: how many of each does the check of `dedup` call copies?

    OMP_NUM_THREADS=1 python benchmarks/similar.py

Pictures are drawn here, 256 pixels a side, and stored at 64 and at 32. Pairs of different ones, and seven altered
copies of each of 20, the alterations of the audit, are checked as candidates are with the settings of `conf/photos`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from bare import settings_of
from leak import scene
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.dedup.audit import ALTERATIONS
from dcgan_pipeline.dedup.groups import Hashed, agree
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.imaging.crop import channels_first

SIDE, COUNT, COPIED = 256, 40, 20
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghmnqrt23456789"
Draw = Callable[[int], Image.Image]


def sheet(part: int, colour: str = "white") -> Draw:
    """A scene in the middle of a plain sheet; its side is that of the sheet, divided."""

    def draw(seed: int) -> Image.Image:
        image, size = Image.new("RGB", (SIDE, SIDE), colour), SIDE // part
        image.paste(scene(np.random.default_rng(seed), size), ((SIDE - size) // 2,) * 2)
        return image

    return draw


def letter(seed: int) -> Image.Image:
    """A black letter on white, an eighth of the side."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    font = ImageFont.load_default(SIDE // 8)
    ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), LETTERS[seed], fill="black", anchor="mm", font=font)
    return image


def page(seed: int) -> Image.Image:
    """A page of text."""
    generator = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), "white")
    for line in range(20):
        text = "".join(chr(97 + int(k)) for k in generator.integers(0, 26, 38))
        ImageDraw.Draw(image).text((8, 4 + 12 * line), text, fill="black")
    return image


def flag(seed: int) -> Image.Image:
    """Three stripes of random colours."""
    colours = np.random.default_rng(seed).integers(0, 256, (1, 3, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def shirt(seed: int) -> Image.Image:
    """One shirt before one scene, of a random colour."""
    image = scene(np.random.default_rng(0), SIDE)
    colour = tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist())
    outline = [(60, 60), (100, 40), (156, 40), (196, 60), (230, 120), (184, 230), (72, 230), (26, 120)]
    ImageDraw.Draw(image).polygon(outline, fill=colour)
    return image


def lines(seed: int) -> Image.Image:
    """A page of words in lines that begin at one margin."""
    generator = np.random.default_rng(seed)
    image, words = Image.new("RGB", (SIDE, SIDE), "white"), ["the", "of", "and", "to", "in", "is", "you", "that"]
    for top in range(10, 245, 16):
        text = " ".join(generator.choice(words, 12))[:38]
        ImageDraw.Draw(image).text((10, top), text, fill="black", font=ImageFont.load_default(13))
    return image


def sky(seed: int) -> Image.Image:
    """A small scene before a sky from light to dark."""
    image = Image.linear_gradient("L").convert("RGB").resize((SIDE, SIDE))
    image.paste(scene(np.random.default_rng(seed), SIDE // 8), (7 * SIDE // 16,) * 2)
    return image


def caption(seed: int) -> Image.Image:
    """One scene, and below it a line of text."""
    image = scene(np.random.default_rng(0), SIDE)
    draw, words = ImageDraw.Draw(image), np.random.default_rng(seed).integers(0, 26, 14)
    draw.rectangle((0, 216, SIDE, SIDE), fill="black")
    text = "".join(chr(97 + int(k)) for k in words)
    draw.text((8, 222), text, fill="white", font=ImageFont.load_default(24))
    return image


KINDS: dict[str, Draw] = {
    "scenes": lambda seed: scene(np.random.default_rng(seed), SIDE),
    "scenes on a quarter of the side of a white sheet": sheet(4),
    "an eighth": sheet(8),
    "an eighth, on black": sheet(8, "black"),
    "a sixteenth": sheet(16),
    "letters, an eighth": letter,
    "pages of text": page,
    "pages of text, wide lines": lines,
    "flags": flag,
    "one shirt, other colours": shirt,
    "an eighth, before a sky": sky,
    "one scene, other captions": caption,
}


def stored(pictures: list[Image.Image], size: int, folder: Path) -> Hashed:
    """As `preprocess` stores them."""
    arrays = []
    for side in (size, 32):
        shrunk = [image.resize((side, side), Image.Resampling.BICUBIC) for image in pictures]
        write_shards(np.stack([channels_first(image, 3) for image in shrunk]), folder / str(side), 4096)
        arrays.append(ShardedArray(folder / str(side)))
    return Hashed(arrays[1], arrays[1], pd.DataFrame(), arrays[0])  # codes are not asked here


def called_copies(first: list[Image.Image], second: list[Image.Image], size: int) -> NDArray[np.bool_]:
    """Check pairs."""
    settings, rows = DedupSettings.parse(settings_of("photos", "dedup"), "dedup"), np.arange(len(first))
    with tempfile.TemporaryDirectory() as folder:
        sides = [stored(part, size, Path(folder) / name) for name, part in (("a", first), ("b", second))]
        return agree(sides[0], sides[1], rows, rows, settings)


def main() -> None:
    """Print the table."""
    heads = ["pictures", "stored at", "different, called copies", *ALTERATIONS]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    a, b = np.triu_indices(COUNT, 1)
    chosen = np.random.default_rng(0).permutation(len(a))[:300]
    for kind, draw in KINDS.items():
        pictures = [draw(seed) for seed in range(COUNT)]
        for size in (64, 32):
            pairs = called_copies([pictures[k] for k in a[chosen]], [pictures[k] for k in b[chosen]], size)
            shown = [picture.resize((size, size), Image.Resampling.BICUBIC) for picture in pictures[:COPIED]]
            cells = []
            for _, alter in ALTERATIONS.values():
                generator = np.random.default_rng(0)
                copies = [alter(picture, generator) for picture in shown]
                cells.append(f"{100 * called_copies(shown, copies, size).mean():.0f}")
            print(f"| {kind} | {size} | {100 * pairs.mean():.0f} % | {' | '.join(cells)} |", flush=True)
    scenes = [KINDS["scenes"](seed) for seed in range(COUNT)]
    changes = {"mirrored": ImageOps.mirror, "turned": lambda image: image.rotate(90), "grey": ImageOps.grayscale}
    for name, change in changes.items():
        changed = [change(image).convert("RGB") for image in scenes]
        print(f"{name} scenes that are called copies: {100 * called_copies(scenes, changed, 64).mean():.0f} %")


if __name__ == "__main__":
    main()
