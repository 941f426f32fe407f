"""Copies on both sides of a split: what recognising them is worth, and what is left of it.

    OMP_NUM_THREADS=1 python benchmarks/leak.py

Scenes of random shapes with labels drawn at random, so that nothing can be learned: what is above guessing has been
recognised. Each is stored once, or three times as JPEGs of other quality. A small DCGAN is trained on what `dedup`
keeps (settings of `conf/photos`), the L2-SVM on 10 labels a class. The table has means over some piles, with two
standard errors of that mean.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from bare import settings_of
from PIL import Image, ImageDraw
from rich import reconfigure

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, ShardFiles, write_shards
from dcgan_pipeline.dedup.autoencoder import train_autoencoder
from dcgan_pipeline.dedup.codes import compute_codes
from dcgan_pipeline.dedup.groups import Hashed, find_duplicates, kept_rows
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.evaluation.compare import PIXELS, compare_features
from dcgan_pipeline.evaluation.copies import Parts, keep_groups_together, mark_copies
from dcgan_pipeline.evaluation.features import discriminator_features
from dcgan_pipeline.evaluation.report import OURS
from dcgan_pipeline.evaluation.settings import EvaluateSettings, FeaturesSettings
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import Split, open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
from dcgan_pipeline.imaging.sources import ImageSource

CPU = torch.device("cpu")
SMALL = {"steps": 40, "epochs": None, "batch_size": 16, "architecture": {"width": 8}, "precision": "float32"}
QUIET = {"checkpoint_every": 40, "sample_every": 40, "log_every": 40, "quality": {"samples": 16, "every": 40}}
JUDGED = EvaluateSettings(labels_per_class=10, validation=8, selection_draws=3, report_draws=20)
QUALITIES = (95, 80, 60)


def scene(generator: np.random.Generator, side: int = 64) -> Image.Image:
    """Eight shapes of random places, sizes and colours."""

    def colour() -> tuple[int, ...]:
        return tuple(int(v) for v in generator.integers(0, 256, 3))

    image = Image.new("RGB", (side, side), colour())
    draw = ImageDraw.Draw(image)
    for _ in range(8):
        x, y, width, height = (int(v) for v in generator.uniform([-0.15, -0.15, 0.08, 0.08], [1, 1, 0.6, 0.6]) * side)
        shape = draw.ellipse if generator.random() < 0.5 else draw.rectangle
        shape([x, y, x + width, y + height], fill=colour())
    return image


def write_pile(folder: Path, pictures: int, copies: int, seed: int) -> None:
    """Write class folders; the label of a picture is drawn at random."""
    for k in range(pictures):
        generator = np.random.default_rng([seed, k])
        place = folder / "ab"[int(generator.integers(2))]
        place.mkdir(parents=True, exist_ok=True)
        image = scene(generator)
        for quality in QUALITIES[:copies]:
            image.save(place / f"{k:03d}_{quality}.jpg", quality=quality)


class Pile:
    """A pile of images after `dedup`, and the GAN that learned from it."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.location, self.work = str(folder), work
        self.dedup = DedupSettings.parse(settings_of("photos", "dedup"), "dedup")
        images, thumbnails, self.records = self._prepared("images", open_source(self.location))
        steps = self.dedup.autoencoder.model_copy(update={"steps": 300})
        self.encoder, _ = train_autoencoder(thumbnails, steps, 0, CPU, lambda numbers, step: None)
        self.duplicates = find_duplicates(self._hashed("images", images, thumbnails, self.records), self.dedup)
        train = TrainSettings.parse(settings_of("photos", "train") | SMALL | QUIET, "train")
        rows = kept_rows(self.duplicates)
        self.gan = train_gan(images, rows, train, 0, CPU, work / "checkpoints", lambda numbers, step: None).gan

    def judge(self, name: str, split: Parts, hold_out: bool) -> tuple[dict[str, float], dict[str, float]]:
        """Judge the trained D and pixels on a split: accuracies in per cent, and the numbers of copies."""
        sets = []
        for part in ("train", "test"):
            images, thumbnails, records = self._prepared(f"{name} {part}", getattr(split, part))
            sets.append(self._hashed(f"{name} {part}", images, thumbnails, records))
        labels_train, labels_test, found = mark_copies(sets[0], sets[1], self.dedup, hold_out)
        pixels = sets[0].images, sets[1].images
        features = [self._stored(f"{name} {k}", self._features(images)) for k, images in enumerate(pixels)]
        kinds = {PIXELS: pixels, OURS: (features[0], features[1])}
        outcomes = compare_features(kinds, labels_train, labels_test, JUDGED, 0).outcomes
        counts = labels_test["class"].value_counts()
        accuracies = {kind: outcome.mean for kind, outcome in outcomes.items()}
        return {**accuracies, "largest class": 100 * counts.max() / counts.sum()}, found

    def _prepared(self, name: str, source: ImageSource) -> tuple[ShardedArray, ShardedArray, pd.DataFrame]:
        engine, faces = EngineSettings(), FacesSettings()
        settings = PreprocessSettings(image_size=32, channels=3)
        made = crop_and_resize(
            source, find_regions(source, faces, engine), settings, engine, self.work / f"{name} work"
        )
        return self._stored(f"{name} i", made.images), self._stored(f"{name} t", made.thumbnails), made.records

    def _hashed(self, name: str, images: ShardedArray, thumbnails: ShardedArray, records: pd.DataFrame) -> Hashed:
        codes = self._stored(f"{name} c", compute_codes(thumbnails, self.encoder, 4096, CPU))
        return Hashed(codes, thumbnails, records, images)

    def _features(self, images: ShardedArray) -> ArrayChunks:
        return discriminator_features(self.gan, images, FeaturesSettings(), CPU, "trained D")

    def _stored(self, name: str, data: ArrayChunks | ShardFiles) -> ShardedArray:
        write_shards(data, self.work / name, 4096)
        return ShardedArray(self.work / name)


def drawn(location: str, seed: int) -> Parts:
    """The split of the catalog: 30 % of the files, at random."""
    parts = (open_source(location, split=Split(part=part, seed=seed)) for part in ("train", "test"))
    return Parts(*parts)


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--piles", type=int, default=8)
    arguments = parser.parse_args()
    reconfigure(quiet=True)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in range(arguments.piles):
        with tempfile.TemporaryDirectory() as folder:
            piles = {}
            for copies in (1, 3):
                write_pile(Path(folder) / str(copies), arguments.pictures, copies, seed)
                piles[copies] = Pile(Path(folder) / str(copies), Path(folder) / f"work {copies}")
            one, three = piles[1], piles[3]
            split = drawn(three.location, seed)
            together = keep_groups_together(split, three.records, three.duplicates)
            for name, pile, parts, hold_out in (
                ("one file a picture", one, drawn(one.location, seed), True),
                ("three; `copies: keep`", three, split, False),
                ("three; a test source of its own, copies held out", three, split, True),
                ("three; one source, groups on one side", three, together, True),
            ):
                accuracies, numbers = pile.judge(name.partition(";")[2] or name, parts, hold_out)
                found[name].append(accuracies | numbers | {"moved": parts.moved})
    columns = [PIXELS, OURS, "largest class", "features.copies", "features.copies_held_out", "moved"]
    heads = [PIXELS, OURS, "largest class", "copies of test images", "held out", "moved"]
    print(f"| files | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    for name, rows in found.items():
        table = pd.DataFrame(rows)
        error = 2 * table.std() / np.sqrt(len(table))
        spread = {c: f" ± {error[c]:.1f}" if len(table) > 1 else "" for c in columns[:2]}
        cells = [f"{table[c].mean():.1f}{spread[c]} %" for c in columns[:2]]
        cells += [f"{table[columns[2]].mean():.1f} %", *(f"{table[c].mean():.0f}" for c in columns[3:])]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
