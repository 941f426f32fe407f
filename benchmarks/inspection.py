"""What looking into the networks takes, beside plain passes through them over the same images.

    OMP_NUM_THREADS=1 python benchmarks/inspection.py guided [--images 10000] [--width 32] [--rounds 3]
    OMP_NUM_THREADS=1 python benchmarks/inspection.py forgetting [--samples 1000] [--width 32] [--points 8] [--draws 3]

Each round takes its turn with the plain passes, so that other work on the machine meets both alike. The table has the
medians of the rounds, in seconds of wall time and of the processor, and their ratios.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from inspection_forgetting import add_forgetting

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.visualize.exciting import AnyDiscriminator
from dcgan_pipeline.visualize.guided import trace
from dcgan_pipeline.visualize.guided_figure import look_into_discriminator
from dcgan_pipeline.visualize.training_images import Pile
from dcgan_pipeline.visualize.view_settings import GuidedBackpropagationSettings

SIDE, CPU = 64, torch.device("cpu")


def main() -> None:
    """Run the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    add_guided(parts)
    add_forgetting(parts)
    chosen = parser.parse_args()
    if compared := chosen.run(chosen):
        _print(_interleaved(compared, chosen.rounds))


def add_guided(parts: argparse._SubParsersAction) -> None:
    """Guided backpropagation over many images."""
    parser = parts.add_parser("guided", help=add_guided.__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=32, help="maps of the first convolution; 128 in the paper")
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(run=guided)


def guided(chosen: argparse.Namespace) -> None:
    """Measure the figure, and guided gradients of every image, beside the plain gradient of every image.

    The plain pass goes forward through D and back to the image, with the weights held: the cheapest that there is.
    """
    shape = Architecture(image_size=SIDE, channels=3, width=chosen.width)
    gan = Trainer(shape, TrainSettings(steps=1, sample_count=2), 0, CPU).state()
    network = load_discriminator(gan, CPU).requires_grad_(False)
    records = pd.DataFrame({"label": np.full(chosen.images, -1)})
    with tempfile.TemporaryDirectory() as folder:
        pile = _pile(Path(folder) / "images", chosen.images)
        settings = GuidedBackpropagationSettings(images=chosen.images)
        last = len(network.convs) - 1
        times = _interleaved(
            {
                "plain forward and backward": lambda: _plain(network, pile),
                "figure guided_backpropagation": lambda: look_into_discriminator(gan, pile, records, settings, 0, CPU),
                "guided gradient of every image": lambda: _every(network, last, pile),
            },
            chosen.rounds,
        )
    print(f"{chosen.images} images of {SIDE} px, width {chosen.width}, {torch.get_num_threads()} thread")
    _print(times)


def _pile(folder: Path, count: int) -> Pile:
    rng = np.random.default_rng(0)
    parts = (rng.integers(0, 256, (min(500, count - k), 3, SIDE, SIDE), np.uint8) for k in range(0, count, 500))
    write_shards(ArrayChunks(parts), folder, 4096)
    return Pile(ShardedArray(folder), np.arange(count))


def _plain(network: AnyDiscriminator, pile: Pile) -> None:
    for _, x, _ in pile.batches(CPU, "plain"):
        x.requires_grad_()
        torch.autograd.grad(network(x).sum(), x)


def _every(network: AnyDiscriminator, layer: int, pile: Pile) -> None:
    for _, x, labels in pile.batches(CPU, "guided"):
        trace(network, layer, torch.zeros(len(x), dtype=torch.int64), x, labels, "guided")


def _interleaved(parts: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, run in parts.items():
            start = time.perf_counter(), time.process_time()
            run()
            found[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return found


def _print(times: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, and ratios to the first."""
    medians = {name: [median(values) for values in zip(*found, strict=True)] for name, found in times.items()}
    first = next(iter(medians.values()))
    print("| | wall, s | processor, s | ratio, wall | ratio, processor |\n|---|---|---|---|---|")
    for name, (wall, cpu) in medians.items():
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {wall / first[0]:.2f} | {cpu / first[1]:.2f} |")


if __name__ == "__main__":
    main()
