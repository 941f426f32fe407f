"""The same pile on every engine: SHA-256 of each output of `faces`, `preprocess` and `dedup`.

    python benchmarks/engines.py

The pile has good images and broken ones (see fuzz.py), and tasks and shards of odd sizes. The script ends with an
error where a digest differs.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from dataclasses import fields
from pathlib import Path

import fuzz
import odd_images
import pandas as pd
from rich import reconfigure

from dcgan_pipeline.arrays import PLACE, ShardedArray
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.settings import FacesSettings

ENGINES = {
    "local": EngineSettings(name="local"),
    **{f"processes, {n}": EngineSettings(name="processes", workers=n) for n in (1, 2, 3)},
    "ray, 2": EngineSettings(name="ray", workers=2),
}


def digest(data: ShardedArray | pd.DataFrame) -> str:
    """SHA-256 of an array, or of a table, with what they say of themselves."""
    if isinstance(data, ShardedArray):
        content = str((data.shape, data.dtype, data.attrs)).encode() + data[:].tobytes()
    else:
        table = data.copy()
        table.attrs.pop(PLACE, None)  # a temporary folder here
        content = table.to_parquet()
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="broken and odd ones; 40 good ones are added")
    count = parser.parse_args().images
    reconfigure(quiet=True)
    faces, preprocess = FacesSettings(images_per_task=97), fuzz.SETTINGS.model_copy(update={"images_per_shard": 53})
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pile = fuzz.write_pile([*odd_images.good_images(), *odd_images.images(count, 0)], Path(folder) / "pile")
        for name, engine in ENGINES.items():
            outcome = fuzz.through_the_stages(pile, Path(folder) / name, engine, faces, preprocess)
            found[name] = {field.name: digest(getattr(outcome, field.name)) for field in fields(outcome)}
    table = pd.DataFrame(found).map(lambda text: f"`{text[:12]}`")
    print(f"| output | {' | '.join(table.columns)} |\n|---|{'---|' * len(table.columns)}")
    for output, row in table.iterrows():
        print(f"| {output} | {' | '.join(row)} |")
    assert table.nunique(axis=1).eq(1).all(), "the outputs of the engines differ"


if __name__ == "__main__":
    main()
