"""Training speed, images a second end to end: ours beside the loop of PyTorch's DCGAN example.

    python benchmarks/training.py                                   # made-up photographs, on the GPU or the CPU
    python benchmarks/training.py data/01_raw/faces --network faces64 --batch 128 --schedule alternate

The peer is written out below after pytorch/examples: images decoded by PIL in two loader processes, resized, scaled;
width 64, 4 x 4 kernels, batch 64, 64 x 64; both networks on every minibatch; float32; losses read after each network.
Ours trains from the shards that `preprocess` made once: the same layers (`--network example`, but that every unit of
G's projection has its own batch norm and D's first batch norm is as the paper's), at several settings. All take a few
minibatches in turn; the table has medians of rounds, and the ratio to the peer. On a GPU the clock is the wall's; on a
CPU it is the CPU seconds of one thread, which others on the machine disturb least (the peer's loader processes are not
counted).

FLOP are those of convolutions and matrix products, counted by PyTorch. The ceilings are what large matrix products of
the device reach in the same run.
"""

from __future__ import annotations

import argparse
import io
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.gan.data import TrainingImages
from dcgan_pipeline.gan.settings import Architecture, TrainSettings, presets
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings

Step = Callable[[], None]
NETWORKS = {"example": {"width": 64, "kernel": 4}, **{name: presets()[name] for name in ("faces64", "lsun64")}}


class ExampleLoop:
    """The networks and the loop of pytorch/examples' DCGAN, with its defaults."""

    def __init__(self, folder: Path, batch: int, device: torch.device) -> None:
        from torchvision import transforms
        from torchvision.datasets import ImageFolder

        scale = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        steps = [transforms.Resize(64), transforms.CenterCrop(64), transforms.ToTensor(), scale]
        files = ImageFolder(str(folder), transforms.Compose(steps))
        self.loader = DataLoader(files, batch, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)
        self.images = self._for_ever()
        self.device, self.loss = device, nn.BCELoss()
        self.generator, self.discriminator = (network.to(device) for network in _example_networks(100, 64))
        self.adams = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.discriminator, self.generator)
        ]

    def _for_ever(self) -> Iterator[Tensor]:
        while True:
            yield from (images for images, _ in self.loader)

    def step(self) -> None:
        """One minibatch: D on real and on generated images, then G against the new D."""
        real = next(self.images).to(self.device)
        update_d, update_g = self.adams
        self.discriminator.zero_grad()
        on_real = self.discriminator(real).view(-1)
        loss_real = self.loss(on_real, torch.ones_like(on_real))
        loss_real.backward()
        on_real.mean().item()
        fake = self.generator(torch.randn(len(real), 100, 1, 1, device=self.device))
        on_fake = self.discriminator(fake.detach()).view(-1)
        loss_fake = self.loss(on_fake, torch.zeros_like(on_fake))
        loss_fake.backward()
        on_fake.mean().item()
        update_d.step()
        self.generator.zero_grad()
        judged = self.discriminator(fake).view(-1)
        loss = self.loss(judged, torch.ones_like(judged))
        loss.backward()
        judged.mean().item()
        update_g.step()
        (loss_real + loss_fake).item(), loss.item()  # printed by the example on every minibatch


def _example_networks(latent: int, width: int) -> tuple[nn.Sequential, nn.Sequential]:
    up: list[nn.Module] = [nn.ConvTranspose2d(latent, 8 * width, 4, 1, 0, bias=False)]
    for maps in (8 * width, 4 * width, 2 * width):
        up += [nn.BatchNorm2d(maps), nn.ReLU(True), nn.ConvTranspose2d(maps, maps // 2, 4, 2, 1, bias=False)]
    up += [nn.BatchNorm2d(width), nn.ReLU(True), nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
    down: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for maps in (width, 2 * width, 4 * width):
        down += [nn.Conv2d(maps, 2 * maps, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * maps), nn.LeakyReLU(0.2, True)]
    down += [nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Sigmoid()]
    return nn.Sequential(*up), nn.Sequential(*down)


def photographs(folder: Path, count: int) -> Path:
    """Make JPEGs of 96 x 96, smooth and seeded: a folder of one class, as ImageFolder wants it."""
    (folder / "all").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        small = Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"all/{number:05d}.jpg", quality=90)
    return folder


def shards(folder: Path, work: Path) -> ShardedArray:
    """`faces` and `preprocess`: done once, not on every epoch."""
    engine, source = EngineSettings(), open_source(str(folder))
    regions = find_regions(source, FacesSettings(), engine)
    made = crop_and_resize(source, regions, PreprocessSettings(image_size=64, channels=3), engine, work / "work")
    write_shards(made.images, work / "images", 4096)
    return ShardedArray(work / "images")


def ours(images: ShardedArray, arguments: argparse.Namespace, device: torch.device, **changed: Any) -> Step:
    """Our loop with some settings: a minibatch a call, without reading losses."""
    architecture = Architecture(image_size=64, channels=3, **NETWORKS[arguments.network])
    values = {"steps": 1, "batch_size": arguments.batch, "schedule": arguments.schedule}
    settings = TrainSettings.model_validate(values | changed)
    trainer = Trainer(architecture, settings, 0, device)
    rows = np.arange(len(images))
    batches = TrainingImages(images, rows, None, device, settings.data).batches(arguments.batch, 0, 0)
    return lambda: void(trainer.update(*next(batches)))


def void(_: Any) -> None:
    """Throw a result away."""


def contenders(folder: Path, images: ShardedArray, arguments: argparse.Namespace, device: torch.device) -> Any:
    """Each by name, as a function that makes its step."""
    variants: dict[str, dict[str, Any]] = {
        "ours, float32": {"data": "stream", "fused_adam": False},
        "ours, fused Adam": {"data": "stream"},
        "ours, bfloat16": {"precision": "bfloat16"},
        "ours, auto": {"precision": "auto", "compile": "auto" if arguments.compile else "none"},
    }
    if device.type == "cuda" and arguments.compile:
        variants["ours, CUDA graphs"] = {"precision": "auto", "compile": "graphs"}
    return {
        "pytorch/examples": lambda: ExampleLoop(folder, 64, device).step,
        **{name: partial(ours, images, arguments, device, **changed) for name, changed in variants.items()},
    }


def timed(step: Step, steps: int, device: torch.device) -> float:
    """Seconds of some steps, until the device has done them."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def ceiling(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP a second of a large matrix product, the best of five."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / min(timed(lambda: void(a @ b), 2, device) / 2 for _ in range(5))


def peak_memory(name: str, arguments: argparse.Namespace) -> float:
    """GiB at the peak of a process that makes three steps of one contender."""
    command = [sys.executable, __file__, *([arguments.source] if arguments.source else []), "--only", name]
    command += [f"--{key}={getattr(arguments, key)}" for key in ("network", "schedule", "batch", "device")]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", help="a folder of class folders; none: photographs made here")
    parser.add_argument("--network", choices=[*NETWORKS], default="example")
    parser.add_argument("--schedule", choices=["both", "alternate"], default="both")
    parser.add_argument("--batch", type=int, default=64, help="of ours; the example's is 64")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=None, help="minibatches of a round; 2 on a CPU, 50 on a GPU")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    device = torch.device(arguments.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        folder = Path(arguments.source) if arguments.source else photographs(work / "files", 512)
        sys.stderr = io.StringIO() if arguments.only else sys.stderr
        images = shards(folder, work)
        everyone = contenders(folder, images, arguments, device)
        if arguments.only:
            print(memory_of(everyone[arguments.only](), device))
        else:
            compare(everyone, arguments, device)


def memory_of(step: Step, device: torch.device) -> float:
    """GiB at the peak after three steps: of the GPU, or of this process."""
    timed(step, 3, device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    status = Path("/proc/self/status").read_text()  # not ru_maxrss: a child begins with its parent's
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 2**20  # type: ignore[index]


def compare(everyone: Any, arguments: argparse.Namespace, device: torch.device) -> None:
    """Time all in turn, and print."""
    cuda = device.type == "cuda"
    steps = arguments.steps or (50 if cuda else 2)
    made = {name: make() for name, make in everyone.items()}
    flop = {}
    for name, step in made.items():
        with FlopCounterMode(display=False) as counter:
            step()
        # Compiled networks hide theirs: all of ours do the same work.
        flop[name] = flop.get("ours, float32") or counter.get_total_flops()
        timed(step, 3 if cuda else 1, device)  # warm: compiling, choice of algorithms
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(arguments.rounds):
        for name, step in made.items():
            seconds[name].append(timed(step, steps, device) / steps)
    best = {dtype: ceiling(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    where = torch.cuda.get_device_name(device) if cuda else f"CPU, {torch.get_num_threads()} thread"
    print(f"\n{where}; PyTorch {torch.__version__}; network {arguments.network}, batch {arguments.batch}")
    print(f"ceilings: float32 {best[torch.float32] / 1e12:.2f}, bfloat16 {best[torch.bfloat16] / 1e12:.2f} TFLOP/s\n")
    print("| | of the example | images a second | of the bfloat16 ceiling | peak GiB |\n|---|---|---|---|---|")
    base = statistics.median(seconds["pytorch/examples"]) / 64
    for name, values in seconds.items():
        batch = 64 if name == "pytorch/examples" else arguments.batch
        each = statistics.median(values) / batch
        share = flop[name] / statistics.median(values) / best[torch.bfloat16]
        print(f"| {name} | {base / each:.2f} | {1 / each:,.0f} | {share:.1%} | {peak_memory(name, arguments):.2f} |")


if __name__ == "__main__":
    main()
