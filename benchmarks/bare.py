"""Train a recipe on a machine without Kedro and MLflow, such as a bare GPU machine, and draw what came out.

    python benchmarks/bare.py cifar10 cifar10_train.zip OUT --set preset=imagenet32 epochs=25
    python benchmarks/bare.py cifar10 cifar10_train.zip OUT --set preset=imagenet32 epochs=50 resume=true

Settings are those of `conf/base` under those of the environment, and then --set. Images are cut out as `preprocess`
does it, and near-duplicates are not removed. OUT gets the checkpoints, `gan.safetensors`, `history.csv` and the figures
of `train` and `visualize`; the table that is printed has the images a second, reports and checkpoints included.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.devices import resolve_device
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.figures import training as gan_figures
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import TrainedGan, train_gan
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings

CONF = Path(__file__).parents[1] / "conf"


def settings_of(environment: str, stage: str) -> dict[str, Any]:
    """The settings of a stage in an environment, laid over those of `base`."""
    found: dict[str, Any] = {}
    for folder in ("base", environment):
        file = CONF / folder / f"parameters_{stage}.yml"
        if file.exists():
            found = laid_over(found, yaml.safe_load(file.read_text())[stage])
    return found


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two trees of settings; of values that both have, those above."""
    both = {name: laid_over(below[name], value) for name, value in above.items() if isinstance(below.get(name), dict)}
    return below | above | both


def prepared(source: str, environment: str, out: Path) -> ShardedArray:
    """`faces` and `preprocess`, once."""
    folder = out / "images"
    if not (folder / "manifest.json").exists():
        images, engine = open_source(source), EngineSettings(name="processes")
        regions = find_regions(images, FacesSettings.parse(settings_of(environment, "faces"), "faces"), engine)
        wanted = PreprocessSettings.parse(settings_of(environment, "preprocess"), "preprocess")
        write_shards(crop_and_resize(images, regions, wanted, engine, out / "work").images, folder, 4096)
    return ShardedArray(folder)


def draw(trained: TrainedGan, images: ShardedArray, out: Path, device: torch.device) -> None:
    """Write what a run of `train` and `visualize` writes."""
    trained.gan.save(out / "gan.safetensors")
    trained.history.to_csv(out / "history.csv", index=False)
    drawn, real = sample(trained.gan, 100, 0, device), images[np.arange(0, len(images), len(images) // 100)[:100]]
    figures = {
        "loss_curves": gan_figures.loss_curves(trained.history),
        "diagnostic_curves": gan_figures.diagnostic_curves(trained.history),
        "sample_grid": gan_figures.sample_grid(drawn, real, trained.gan.settings["step"]),
    }
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png")


def main() -> None:
    """Train, draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment")
    parser.add_argument("source", help="a folder or an archive of images")
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of `train`")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    changed = dict(part.split("=", 1) for part in arguments.set)
    values = settings_of(arguments.environment, "train")
    values = laid_over(values, {name: yaml.safe_load(value) for name, value in changed.items()})
    device, settings = resolve_device(arguments.device), TrainSettings.parse(values, "train")
    images = prepared(arguments.source, arguments.environment, arguments.out)
    rates: list[float] = []
    trained = train_gan(
        images,
        np.arange(len(images)),
        settings,
        0,
        device,
        arguments.out / "checkpoints",
        lambda numbers, step: rates.extend(v for name, v in numbers.items() if name == "train.images_per_second"),
    )
    draw(trained, images, arguments.out, device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"\n| {name}, PyTorch {torch.__version__} | |\n|---|---|\n| training images | {len(images):,} |")
    print(f"| minibatches of {settings.batch_size} | {settings.total_steps(len(images)):,} |")
    print(f"| images a second, median of rows | {statistics.median(rates):,.0f} |")
    for column, value in trained.history.drop(columns=["step", "event"]).ffill().iloc[-1].items():
        print(f"| {column}, last | {value:.4g} |")


if __name__ == "__main__":
    main()
