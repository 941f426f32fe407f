"""What a minibatch takes in one thread and in more, for small and large networks.

    python benchmarks/threads.py [--threads 1 2] [--steps 5] [--rounds 7]

The numbers of threads take turns, a few minibatches each, so that other work on the machine meets all alike; the table
has the median of the rounds, in milliseconds of wall time. Threads that wait for one another show on a busy machine.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch

from dcgan_pipeline.devices import resolve_threads, using_threads
from dcgan_pipeline.gan.settings import Architecture, TrainSettings, presets
from dcgan_pipeline.gan.trainer import Trainer

NETWORKS = {
    "digits (conf/base)": ({"image_size": 32, "channels": 1, "width": 32}, 64),
    "svhn32": (presets()["svhn32"], 128),
    "faces64": (presets()["faces64"], 128),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, 2, resolve_threads("auto")}))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    chosen = parser.parse_args()
    print(f"| network, batch | {' | '.join(f'{n} threads, ms' for n in chosen.threads)} |")
    print("|---" * (1 + len(chosen.threads)) + "|")
    for name in chosen.networks:
        found = _measure(*NETWORKS[name], chosen.threads, chosen.steps, chosen.rounds)
        print(f"| {name}, {NETWORKS[name][1]} | {' | '.join(f'{1000 * found[n]:,.0f}' for n in chosen.threads)} |")


def _measure(shape: dict, batch: int, threads: list[int], steps: int, rounds: int) -> dict[int, float]:
    architecture = Architecture.parse(shape, "architecture")
    settings = TrainSettings(steps=1, batch_size=batch, schedule="both")
    trainer = Trainer(architecture, settings, 0, torch.device("cpu"))
    side = architecture.image_size
    real = torch.rand(batch, architecture.channels, side, side).mul(2).sub(1).to(memory_format=torch.channels_last)
    trainer.update(real)
    found: dict[int, list[float]] = {count: [] for count in threads}
    for _ in range(rounds):
        for count in threads:
            with using_threads(count):
                start = time.perf_counter()
                for _ in range(steps):
                    trainer.update(real)
                found[count].append((time.perf_counter() - start) / steps)
    return {count: median(times) for count, times in found.items()}


if __name__ == "__main__":
    main()
