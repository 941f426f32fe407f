"""The L2-SVM beside scikit-learn's LinearSVC: time, memory, and how near each comes to the minimum.

    python benchmarks/svm.py                                  # the sizes of both; minutes to hours
    python benchmarks/svm.py --sizes 1000x28672 --rounds 3
    python benchmarks/svm.py --sizes 50000x28672 --ours       # 6 GB of disk, where --folder is

The features are an untrained discriminator's (preset `imagenet32`, or `svhn32` for 7 168) of made images of ten
classes, max-pooled as the features stage does it. A fit is the whole path of C, from the smallest; LinearSVC has its
defaults, dual="auto". Each fit runs in a process of its own, in turns; its peak is that process's. The gap is of the
sum of the objectives of all classes and C, in float64, to the lowest value found: that of ours with a duality gap of
1e-9, and with --converge LinearSVC's with a tolerance of 1e-7, which takes it long. Predictions are of 10 000 others,
beside those of the converged fit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.svm import LinearSVC
from torch.nn import functional as F

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.evaluation.svm import LinearModel, fit_path, predict
from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture, presets

PRESETS = {28_672: "imagenet32", 7_168: "svhn32"}
CLASSES, TEST, BATCH = 10, 10_000, 250
SIZES = ("1000x28672", "4000x28672", "10000x7168")


# ---- features


def draw_images(count: int, generator: torch.Generator) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Smooth images in [-1, 1] of ten classes, each with twelve patterns that hide in noise of several scales."""
    patterns = torch.randn(CLASSES, 12, 3, 4, 4, generator=torch.Generator().manual_seed(9))
    y = torch.randint(CLASSES, (count,), generator=generator)
    x = 0.9 * patterns[y, torch.randint(12, (count,), generator=generator)]
    for side, amount in ((4, 1.0), (8, 0.4), (16, 0.3), (32, 0.15)):
        x = F.interpolate(x, size=side, mode="bilinear")
        x = x + amount * torch.randn(count, 3, side, side, generator=generator)
    return torch.tanh(0.7 * x), y.numpy()


def write_features(count: int, columns: int, folder: Path) -> tuple[ShardedArray, NDArray[np.int64]]:
    """Write the features of so many images in shards, unless they are there; and their labels."""
    place = folder / f"{count}x{columns}"
    if not place.exists():
        settings = presets()[PRESETS[columns]]
        network = Discriminator(settings if isinstance(settings, Architecture) else Architecture(**settings))
        generator = torch.Generator().manual_seed(0)
        initialise(network, generator)
        batch_norm_statistics.recompute(network, [draw_images(128, generator)[0] for _ in range(4)])
        network.to(memory_format=torch.channels_last)
        labels = []

        def chunks() -> Iterator[NDArray[np.float32]]:
            for _ in range(0, count, BATCH):
                images, y = draw_images(BATCH, generator)
                labels.append(y)
                with torch.no_grad():
                    maps = network.activations(images.to(memory_format=torch.channels_last))
                yield torch.cat([F.adaptive_max_pool2d(m, 4).flatten(1) for m in maps], 1).numpy()

        write_shards(ArrayChunks(chunks()), place, BATCH * 4)
        np.save(place / "labels.npy", np.concatenate(labels))
    return ShardedArray(place), np.load(place / "labels.npy")


# ---- contenders


def ours(X: Any, y: NDArray[np.int64], Cs: list[float]) -> list[LinearModel]:
    """Fit the path with its defaults."""
    return fit_path(X, y, Cs)


def ours_converged(X: Any, y: NDArray[np.int64], Cs: list[float]) -> list[LinearModel]:
    """Fit the path as far as it goes."""
    return fit_path(X, y, Cs, tol=1e-9)


def linear_svc(X: Any, y: NDArray[np.int64], Cs: list[float], tol: float = 1e-4) -> list[LinearModel]:
    """Fit each C alone."""
    fits = [LinearSVC(C=C, dual="auto", tol=tol, max_iter=10_000, random_state=0).fit(X, y) for C in Cs]
    return [LinearModel(fit.coef_, fit.intercept_, fit.classes_, fit.n_iter_ < 10_000) for fit in fits]


def linear_svc_converged(X: Any, y: NDArray[np.int64], Cs: list[float]) -> list[LinearModel]:
    """Fit each C to a far smaller tolerance."""
    return linear_svc(X, y, Cs, tol=1e-7)


def fit_apart(fit: Callable[..., list[LinearModel]], rows: int, place: Path, Cs: list[float], answer: Any) -> None:
    """Fit in this process; say how long it took, how much it needed, and what came out."""
    stored = ShardedArray(place)
    y = np.load(place / "labels.npy")[:rows]
    # Both get an array where it is small; one that is not stays in its shards, which only ours can read.
    small = rows * stored.shape[1] < 1 << 28
    X: Any = stored[:rows] if small or fit in (linear_svc, linear_svc_converged) else _First(stored, rows)
    warnings.simplefilter("ignore")
    start, cpu = time.perf_counter(), time.process_time()
    models = fit(X, y, Cs)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory, too
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))  # KiB
    answer.put((seconds, cpu, peak / 2**20, models))


class _First:
    """The first rows of an array in shards."""

    def __init__(self, stored: ShardedArray, rows: int) -> None:
        self._stored, self._rows = stored, rows
        self.shape = (rows, stored.shape[1])

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        return self._stored[slice(*rows.indices(self._rows)) if isinstance(rows, slice) else rows]


def run_apart(*arguments: Any) -> tuple[float, float, float, list[LinearModel]]:
    """Fit in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=fit_apart, args=(*arguments, answer))
    process.start()
    found = answer.get()
    process.join()
    return found


# ---- measures


def objective(models: list[LinearModel], X: Any, y: NDArray[np.int64], Cs: list[float]) -> float:
    """Sum of the objectives of all classes and C, in float64."""
    total = sum(float(np.square(m.weight).sum() + np.square(m.bias).sum()) / 2 for m in models)
    signs = np.where(y[:, None] == np.arange(CLASSES), 1.0, -1.0)
    for a in range(0, len(X), 1000):
        part = X[a : a + 1000].astype(np.float64)
        for C, model in zip(Cs, models, strict=True):
            slack = np.maximum(0, 1 - signs[a : a + 1000] * (part @ model.weight.T + model.bias))
            total += C * float(np.square(slack).sum())
    return total


def measure(size: str, options: argparse.Namespace, folder: Path) -> None:
    """Print the rows of one size."""
    rows, columns = map(int, size.split("x"))
    stored, y = write_features(rows + TEST, columns, folder)
    X, y, test = _First(stored, rows), y[:rows], stored[rows:]
    contenders = {"L2SVM": ours} | ({} if options.ours else {"LinearSVC": linear_svc})
    found: dict[str, list[tuple[float, float, float, list[LinearModel]]]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, fit in contenders.items():
            found[name].append(run_apart(fit, rows, stored.folder, options.C))
    references = [] if options.no_reference else [ours_converged, *([linear_svc_converged] if options.converge else [])]
    exact = [run_apart(fit, rows, stored.folder, options.C)[3] for fit in references]
    best = min((objective(models, X, y, options.C) for models in exact), default=float("nan"))
    slowest = [statistics.median(run[k] for run in list(found.values())[-1]) for k in range(2)]
    for name, runs in found.items():
        models = runs[0][3]
        seconds, cpu = (statistics.median(run[k] for run in runs) for k in range(2))
        faster = "- | -" if options.ours else f"{slowest[0] / seconds:.1f} | {slowest[1] / cpu:.1f}"
        gap = f"{objective(models, X, y, options.C) / best - 1:.0e}" if exact else "-"
        same = f"{(predict(models, test) == predict(exact[0], test)).mean() * 100:.2f} %" if exact else "-"
        print(
            f"| {rows:,} x {columns:,} | {name} | {seconds:.0f} | {faster} | {max(run[2] for run in runs):.1f} | {gap} "
            f"| {same} | {'yes' if all(np.all(model.converged) for model in models) else 'no'} |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES)
    parser.add_argument("--C", type=float, nargs="+", default=[1e-4, 1e-3, 1e-2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ours", action="store_true", help="leave LinearSVC out")
    parser.add_argument("--no-reference", action="store_true", help="leave the converged fits out")
    parser.add_argument("--converge", action="store_true", help="also run LinearSVC to convergence")
    parser.add_argument("--folder", type=Path, help="where to keep the features")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, C {options.C}\n")
    print("| rows x columns | | seconds | times faster | in CPU time | peak GiB | gap | same predictions | converged |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for size in options.sizes:
            measure(size, options, options.folder or Path(temporary))


if __name__ == "__main__":
    main()
