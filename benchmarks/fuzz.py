"""Broken and odd images and archives through `faces`, `preprocess` and `dedup`: what becomes of each kind.

    python benchmarks/fuzz.py 20000

Everything is made here, from one seed. Each file must end in `records` or in `rejected` with a reason, each archive
must be read in place or refused in one line, and the good images among them must come out bit for bit as they do
alone. The script ends with an error where one of them does not.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from odd_archives import archives
from odd_images import Made, good_images, images
from rich import reconfigure

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.dedup.autoencoder import train_autoencoder
from dcgan_pipeline.dedup.codes import compute_codes
from dcgan_pipeline.dedup.groups import Hashed, find_duplicates, kept_rows
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, Limits, PreprocessSettings

LIMITS = Limits(max_pixels=1_000_000, max_bytes=4 * 1024**2)
SETTINGS = PreprocessSettings(image_size=16, channels=3, images_per_shard=500)


@dataclass(frozen=True)
class CutOut:
    """What `faces` and `preprocess` make of a source, under the names of the catalog."""

    regions: pd.DataFrame
    images: ShardedArray
    thumbnails: ShardedArray
    records: pd.DataFrame
    rejected: pd.DataFrame

    def made(self) -> list[tuple[str, NDArray[np.uint8]]]:
        """(name, pixels) of each image."""
        return list(zip(self.records["source"], self.images[:], strict=True))

    def reasons(self) -> list[tuple[str, str]]:
        """(name, reason) of each file that is not among the images."""
        return list(zip(self.rejected["source"], self.rejected["reason"], strict=True))


@dataclass(frozen=True)
class Outcome(CutOut):
    """And `dedup`."""

    hash_codes: ShardedArray
    duplicates: pd.DataFrame


def cut_out(
    location: Path,
    work: Path,
    engine: EngineSettings | None = None,
    faces: FacesSettings | None = None,
    preprocess: PreprocessSettings = SETTINGS,
) -> CutOut:
    """Run the functions of `faces` and `preprocess` on a source, and check that every file is in one table or counted.

    Raises
    ------
    InputError
        Where the source is refused as a whole.
    AssertionError
        Where a file of a folder is lost, or a file is in no table, in both, or without a reason.
    """
    engine = engine or EngineSettings()
    source = open_source(str(location), LIMITS)
    if location.is_dir():
        met = sum(len(files) for _, _, files in os.walk(location))
        assert len(source) + source.files_passed_over == met
    regions = find_regions(source, faces or FacesSettings(), engine)
    found = crop_and_resize(source, regions, preprocess, engine, work)
    images, thumbnails = _stored(found.images, work / "images"), _stored(found.thumbnails, work / "thumbnails")
    records, rejected = found.records, found.rejected
    assert len(images) == len(records)
    assert sorted([*records["source_row"], *rejected["source_row"]]) == list(range(len(source)))
    assert rejected["reason"].str.len().gt(0).all()
    return CutOut(regions, images, thumbnails, records, rejected)


def through_the_stages(location: Path, work: Path, *settings: Any) -> Outcome:
    """Run the functions of `faces`, `preprocess` and `dedup` on a source; parameters and errors are `cut_out`'s."""
    found = cut_out(location, work, *settings)
    device = torch.device("cpu")
    dedup = DedupSettings.model_validate({"autoencoder": {"steps": 20}, "radius": 8, "min_similarity": 0.65})
    weights, _ = train_autoencoder(found.thumbnails, dedup.autoencoder, 0, device, lambda *_: None)
    codes = _stored(compute_codes(found.thumbnails, weights, 4096, device), work / "codes")
    duplicates = find_duplicates(Hashed(codes, found.thumbnails, found.records, found.images), dedup)
    assert duplicates.attrs["images"] == len(found.images)
    assert set(duplicates["representative"]) <= set(kept_rows(duplicates))
    return Outcome(**vars(found), hash_codes=codes, duplicates=duplicates)


def _stored(data: Any, folder: Path) -> ShardedArray:
    write_shards(data, folder, 4096)
    return ShardedArray(folder)


def write_pile(files: Iterable[Made], folder: Path) -> Path:
    """Write files below a folder, all of one time of change, which is part of what a source's fingerprint digests."""
    for made in files:
        path = folder / made.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.data)
        os.utime(path, (0, 0))
    return folder


def pixels_alone(folder: Path, count: int = 40) -> dict[str, NDArray[np.uint8]]:
    """Pixels of the good images when there is nothing else."""
    return dict(cut_out(write_pile(good_images(count), folder / "alone"), folder / "alone_work").made())


def check_good(outcome: CutOut, alone: dict[str, NDArray[np.uint8]]) -> None:
    """Check that all good images are there, bit for bit as they are alone."""
    found = [(name, pixels) for name, pixels in outcome.made() if name in alone]
    assert {name for name, _ in found} == set(alone)
    assert all(np.array_equal(pixels, alone[name]) for name, pixels in found)


def read_or_refused(location: Path, work: Path) -> CutOut | None:
    """Run `faces` and `preprocess`; None where they refuse a source, in one line."""
    try:
        return cut_out(location, work)
    except InputError as error:
        if len(str(error).splitlines()) != 1:
            raise
        return None


def leaves_good_images_alone(made: Made) -> bool:
    """Whether an archive that can be read must hold all its good images: changed bytes may be theirs."""
    return made.kind.split()[-1] not in ("damaged", "overlapping")


def main() -> None:
    """Make files and archives, run the stages, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, help="images; and a tenth as many archives")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    reconfigure(quiet=True)  # no progress bars between the tables
    logging.getLogger("dcgan_pipeline").setLevel(logging.ERROR)  # and no warnings of what is passed over
    engine = EngineSettings(name="processes", workers=options.workers)  # a crash of a decoder would be an InputError
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = pixels_alone(folder)
        pile = write_pile([*good_images(), *images(options.count, options.seed)], folder / "pile")
        outcome = through_the_stages(pile, folder / "work", engine)
        check_good(outcome, alone)
        kinds = [(made.split("/")[0], "") for made, _ in outcome.made()]
        kinds += [(name.split("/")[0], reason.split(":")[0]) for name, reason in outcome.reasons()]
        _print_table(("kind", "files", "made", "rejected", "reasons, the commonest first"), kinds)
        fates = list(_archive_fates(options.count // 10, options.seed, folder))
        _print_table(("kind", "archives", "read in place", "refused"), fates)


def _archive_fates(count: int, seed: int, folder: Path) -> Iterator[tuple[str, str]]:
    alone = pixels_alone(folder / "six", 6)
    for made in archives(count, seed):
        path, work = folder / made.name, folder / "archive_work"
        path.write_bytes(made.data)
        outcome = read_or_refused(path, work)
        if outcome and leaves_good_images_alone(made):
            check_good(outcome, alone)
        yield made.kind, "" if outcome else "refused"
        path.unlink()
        shutil.rmtree(work, ignore_errors=True)


def _print_table(columns: tuple[str, ...], fates: list[tuple[str, str]]) -> None:
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    table = pd.DataFrame(fates, columns=["kind", "reason"])
    for kind, rows in [*table.groupby("kind"), ("**all**", table)]:
        bad = rows.loc[rows["reason"] != "", "reason"].value_counts()
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in bad.head(3).items())
        cells = (str(kind).replace("_", " "), f"{len(rows):,}", f"{len(rows) - bad.sum():,}", f"{bad.sum():,}", reasons)
        print(f"| {' | '.join(cells[: len(columns)])} |")


if __name__ == "__main__":
    main()
