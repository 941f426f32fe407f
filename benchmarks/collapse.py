"""What the diagnostics say of trainings that go well, and of some that are spoilt by their learning rate.

    python benchmarks/collapse.py
    python benchmarks/collapse.py --steps 2000

The digits of scikit-learn at 32 x 32, the default networks and settings, both networks updated by every minibatch
where nothing else is said. A row is one training; least and most are over the rows of its history after the warm-up.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import train_gan

RUNS: dict[str, dict[str, Any]] = {
    "default": {},
    "`schedule: alternate`": {"schedule": "alternate"},
    "learning rate x 10": {"learning_rate": 2e-3},
    "learning rate x 100": {"learning_rate": 2e-2},
    "learning rate x 1000": {"learning_rate": 2e-1},
}
HEADER = "| run | diversity / contrast, least | contrast | both accuracies, most | G's loss, most | saturation, most |"


def main() -> None:
    """Print one row a training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    steps = parser.parse_args().steps
    logging.disable(logging.WARNING)  # the table has them
    torch.set_flush_denormal(True)  # a D that is certain has gradients of 1e-40, which are slow
    print(f"{HEADER} warnings (step) |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        images = digits(Path(folder) / "images")
        for name, values in RUNS.items():
            print(row(name, images, {"steps": steps} | values, Path(folder) / name.replace(" ", "-")), flush=True)


def digits(folder: Path) -> ShardedArray:
    """Write the digits as `preprocess` makes them: uint8 (1797, 1, 32, 32)."""
    small = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
    large = [np.asarray(Image.fromarray(x).resize((32, 32), Image.Resampling.BICUBIC))[None] for x in small]
    write_shards(ArrayChunks([np.stack(large)], {"images_id": "digits"}), folder, 4096)
    return ShardedArray(folder)


def row(name: str, images: ShardedArray, values: dict[str, Any], folder: Path) -> str:
    """Train once, and put the extremes of its history into a row of the table."""
    base = {"schedule": "both", "batch_size": 64, "architecture": {"width": 32}}
    settings = TrainSettings.parse(base | values, "train")
    trained = train_gan(images, np.arange(len(images)), settings, 0, torch.device("cpu"), folder, lambda *_: None)
    events = trained.history[trained.history["event"] != ""]
    said = [
        f"{text.split(':')[0]} ({step})"
        for step, event in zip(events["step"], events["event"], strict=True)
        for text in event.split("; ")
    ]
    table = trained.history[trained.history["step"] > settings.diagnostics.warm_up]
    contrast, right = table["contrast"], table[["accuracy_real", "accuracy_fake"]].min(axis=1)
    return (
        f"| {name} | {(table['diversity'] / contrast).min():.2f} | {contrast.min():.2f} to {contrast.max():.2f} | "
        f"{right.max():.3f} | {table['loss_g'].max():.3g} | {table['saturation'].max():.2f} | "
        f"{', '.join(said) or 'none'} |"
    )


if __name__ == "__main__":
    main()
