"""De-duplication of a set of small images, beside imagededup's hashes: time, memory, recall.

    pip install imagededup
    python benchmarks/dedup.py data/01_raw/cifar10_train.zip

Time and memory: from a folder of files to groups. Ours is `faces` and `preprocess` to thumbnails, codes and groups; the
encoder's training is told apart. Hashing is timed in turns; PHash's retrieval takes minutes, so that both retrievals
are timed once and those of the other hashes, the same search, not at all.

Recall: altered copies of a random sample, looked up among all images, against the number of pairs of the set itself
that the same threshold flags; and the share found of the set's own near-duplicates, which an exhaustive search over
all pairs with our thumbnail correlation defines (>= 0.75: a definition that favours the check in ours, not its codes).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from PIL import Image

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.dedup import similarity as pictures
from dcgan_pipeline.dedup.audit import ALTERATIONS
from dcgan_pipeline.dedup.autoencoder import train_autoencoder
from dcgan_pipeline.dedup.codes import Encoder, compute_codes
from dcgan_pipeline.dedup.groups import Hashed, compare, find_duplicates
from dcgan_pipeline.dedup.neighbours import code_tables
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
ALTERED = {"shift": 1, "zoom": 0.05, "brightness": 12, "contrast": 0.12, "blur": 0.3}
OURS = DedupSettings.model_validate(
    {"autoencoder": {"alterations": ALTERED}, "radius": 28, "min_similarity": 0.65, "keep": "earliest"}
)
PLAIN = DedupSettings.model_validate({"autoencoder": {"normalise": "none", "noise": 0.3, "dropout": 0.5}})
FLAGGED = (300, 1000, 2000, 5000, 20_000, 100_000)
TRUE = 0.75


class Peak(threading.Thread):
    """Watch the memory of this process and its children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes, self._done = 0, threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._done.wait(0.05):
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.bytes = max(self.bytes, total)

    def stop(self) -> int:
        """Return the peak."""
        self._done.set()
        self.join()
        return self.bytes


def timed(function: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, GiB at the peak, and the result."""
    before = psutil.Process().memory_info().rss
    peak = Peak()
    peak.start()
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    return seconds, max(0, peak.stop() - before) / 2**30, result


def thumbnails_of(folder: Path, work: Path) -> tuple[Any, ShardedArray]:
    """`faces` and `preprocess`, over two processes."""
    engine = EngineSettings(name="processes", workers=2)
    source = open_source(str(folder))
    regions = find_regions(source, FacesSettings(), engine)
    made = crop_and_resize(source, regions, PreprocessSettings(image_size=32), engine, work)
    write_shards(made.thumbnails, work / "thumbnails", 4096)
    return made.records, ShardedArray(work / "thumbnails")


def encoder_of(thumbnails: ShardedArray, settings: DedupSettings) -> tuple[Weights, float]:
    """Train, and say how long it took."""
    start = time.perf_counter()
    weights, _ = train_autoencoder(thumbnails, settings.autoencoder, 0, CPU, lambda losses, step: None)
    return weights, time.perf_counter() - start


def hash_ours(folder: Path, weights: Weights) -> Hashed:
    """From files to codes."""
    work = Path(tempfile.mkdtemp())
    records, thumbnails = thumbnails_of(folder, work)
    write_shards(compute_codes(thumbnails, weights, 4096, CPU), work / "codes", 1 << 20)
    return Hashed(ShardedArray(work / "codes"), thumbnails, records, thumbnails)


def altered(thumbnails: ShardedArray, rows: NDArray[np.int64]) -> dict[str, NDArray[np.uint8]]:
    """Copies of a sample, a kind of alteration each: uint8 (n, 3, 32, 32)."""
    generator = np.random.default_rng(7)
    originals = [Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))) for picture in thumbnails[rows]]
    return {
        name: np.stack([np.asarray(change(image, generator)).transpose(2, 0, 1) for image in originals])
        for name, (_, change) in ALTERATIONS.items()
    }


def bits_of_hashes(hashes: list[str]) -> NDArray[np.bool_]:
    """Hexadecimal hashes as bits."""
    return np.unpackbits(np.array([list(bytes.fromhex(text)) for text in hashes], np.uint8), axis=1).astype(bool)


def flagged_within(codes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many pairs of the set are within each distance: all pairs, as a product of signs."""
    signs = torch.from_numpy(codes).to(torch.bfloat16) * 2 - 1  # whole sums up to 128: exact
    count, width = signs.shape
    histogram = torch.zeros(width + 1, dtype=torch.int64)
    for start in range(0, count, 2500):
        product = signs[start : start + 2500] @ signs[start:].T
        distance = ((width - product.float()) / 2).round().long()
        later = torch.ones_like(distance, dtype=torch.bool).triu(1)
        histogram += torch.bincount(distance[later], minlength=width + 1)
    return histogram.cumsum(0).numpy()


def true_pairs(thumbnails: ShardedArray) -> NDArray[np.int64]:
    """All pairs whose thumbnails correlate at ``TRUE`` or more, by an exhaustive search: (n, 2)."""
    features = []
    for batch in thumbnails.batches(2500):
        coarse = pictures._coarse(pictures._edges(torch.from_numpy(np.ascontiguousarray(batch)))).float()
        features.append(torch.nn.functional.normalize(coarse - coarse.mean(1, keepdim=True)))
    every = torch.cat(features).to(torch.bfloat16)
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(every), 2500):
        near = torch.nonzero((every[start : start + 2500] @ every[start:].T).float() >= 0.7).numpy() + start
        near = near[near[:, 0] < near[:, 1]]
        for part in np.array_split(near, max(1, len(near) // 8192)):
            keep = pictures.similarity(thumbnails[part[:, 0]], thumbnails[part[:, 1]]) >= TRUE
            found.append(part[keep])
    return np.concatenate(found)


def curve(name: str, codes: NDArray[np.bool_], copies: dict[str, NDArray[np.bool_]], rows: Any, true: Any) -> None:
    """Print recall at every number of flagged pairs, codes alone."""
    within = flagged_within(codes)
    apart = (codes[true[:, 0]] != codes[true[:, 1]]).sum(1)
    planted = {kind: (bits != codes[rows]).sum(1) for kind, bits in copies.items()}
    for radius in sorted({int(np.searchsorted(within, limit, side="right")) - 1 for limit in FLAGGED} - {-1}):
        shares = " | ".join(f"{100 * np.mean(value <= radius):.0f}" for value in planted.values())
        print(f"| {name} | {radius} | {within[radius]:,} | {100 * np.mean(apart <= radius):.0f} | {shares} |")


def checked_curve(hashed: Hashed, copies: Any, coded: Any, rows: Any, true: NDArray[np.int64]) -> None:
    """Print the same for codes within the radius that the thumbnails confirm, at several thresholds."""
    found = []
    with code_tables(hashed.codes.shape[1], OURS.memory) as tables:
        tables.add("codes", hashed.codes)
        for a, b, _ in tables.near_codes("codes", "codes", OURS.radius, OURS.probes):
            found.append(np.stack([a, b, 1e6 * compare(hashed, hashed, a, b)], axis=1))
    pairs = np.concatenate(found).astype(np.int64)
    known = dict(zip(pairs[:, 0] * len(hashed.codes) + pairs[:, 1], pairs[:, 2] / 1e6, strict=True))
    own = np.array([known.get(a * len(hashed.codes) + b, -1.0) for a, b in np.sort(true, axis=1)])
    bits = np.unpackbits(hashed.codes[:], axis=1).astype(bool)
    planted = {}
    for kind, copy in copies.items():
        near = (coded[kind] != bits[rows]).sum(1) <= OURS.radius
        altered_set = replace(hashed, thumbnails=copy, images=copy)  # type: ignore[arg-type]  # arrays in memory
        planted[kind] = np.where(near, compare(hashed, altered_set, rows, np.arange(len(rows))), -1)
    for threshold in (0.9, 0.8, 0.75, 0.65, 0.55, 0.5, 0.4):
        shares = " | ".join(f"{100 * np.mean(value >= threshold):.0f}" for value in planted.values())
        flagged = int((pairs[:, 2] / 1e6 >= threshold).sum())
        name = f"ours, checked at {threshold}"
        print(
            f"| {name} | {OURS.radius} | {flagged:,} | {100 * np.mean(own >= threshold):.0f} | {shares} |", flush=True
        )


def main() -> None:
    """Print the tables."""
    from imagededup.methods import AHash, DHash, PHash, WHash

    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--limit", type=int, default=None, help="use only so many images")
    parser.add_argument("--planted", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3, help="of hashing")
    parser.add_argument("--no-retrieval", action="store_true", help="leave imagededup's minutes of retrieval out")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp()) / "files"
    folder.mkdir()
    source = open_source(arguments.source)
    chosen = np.arange(len(source))[:: max(1, len(source) // (arguments.limit or len(source)))]
    for row in chosen:  # one flat folder: what imagededup reads
        (folder / source.names[int(row)].replace("/", "_")).write_bytes(source.read(int(row)))
    print(f"{len(chosen):,} images, {os.cpu_count()} cores\n")
    _, thumbnails = thumbnails_of(folder, Path(tempfile.mkdtemp()))
    weights, seconds = encoder_of(thumbnails, OURS)
    peers = {method.__name__: method(verbose=False) for method in (PHash, DHash, AHash, WHash)}
    times: dict[str, list[float]] = {"ours": [], **{name: [] for name in peers}}
    memory: dict[str, float] = {}
    hashes: dict[str, dict[str, str]] = {}
    for _ in range(arguments.rounds):
        took, memory["ours"], hashed = timed(lambda: hash_ours(folder, weights))
        times["ours"].append(took)
        for name, method in peers.items():
            took, memory[name], hashes[name] = timed(lambda method=method: method.encode_images(image_dir=str(folder)))
            times[name].append(took)
    took, used, _ = timed(lambda: find_duplicates(hashed, OURS))
    grouping = {"ours": took}
    memory["ours"] = max(memory["ours"], used)
    if not arguments.no_retrieval:
        took, used, _ = timed(lambda: peers["PHash"].find_duplicates(encoding_map=hashes["PHash"]))
        grouping["PHash"] = took
        memory["PHash"] = max(memory["PHash"], used)
    print("| method | hashing / ours | grouping / ours | both / ours | peak GiB |\n|---|---|---|---|---|")
    base = statistics.median(times["ours"])
    for name, values in times.items():
        middle = statistics.median(values)
        group = f"{grouping[name] / grouping['ours']:.1f}" if name in grouping else "not run"
        both = f"{(middle + grouping[name]) / (base + grouping['ours']):.1f}" if name in grouping else "not run"
        print(f"| {name} | {middle / base:.2f} | {group} | {both} | {memory[name]:.2f} |")
    print(
        f"\nours: hashing {base:.1f} s, grouping {grouping['ours']:.1f} s; training the encoder once {seconds:.0f} s\n"
    )
    recall_tables(hashed, weights, peers, arguments.planted)


def recall_tables(hashed: Hashed, weights: Weights, peers: dict[str, Any], planted: int) -> None:
    """Train the plain recipe as well, and print recall of all."""
    thumbnails = hashed.thumbnails
    rows = np.sort(np.random.default_rng(3).choice(len(thumbnails), min(planted, len(thumbnails)), replace=False))
    copies = altered(thumbnails, rows)
    true = true_pairs(thumbnails)
    print(f"{len(true):,} true pairs; {len(rows):,} copies of each alteration; recall in %\n")
    print(f"| method | radius | pairs flagged | true | {' | '.join(copies)} |\n|{'---|' * (4 + len(copies))}")
    for name, method in peers.items():

        def encode(array: NDArray[np.uint8], method: Any = method) -> NDArray[np.bool_]:
            return bits_of_hashes([method.encode_image(image_array=picture.transpose(1, 2, 0)) for picture in array])

        coded = {kind: encode(array) for kind, array in copies.items()}
        curve(name, encode(thumbnails[:]), coded, rows, true)
    for name, settings in {"plain recipe": PLAIN, "ours, codes alone": OURS}.items():
        encoder = Encoder(weights if settings is OURS else encoder_of(thumbnails, PLAIN)[0], CPU)

        def bits(array: NDArray[np.uint8], encoder: Encoder = encoder) -> NDArray[np.bool_]:
            return np.unpackbits(encoder(array), axis=1).astype(bool)

        coded = {kind: bits(array) for kind, array in copies.items()}
        every = np.concatenate([bits(batch) for batch in thumbnails.batches(4096)])
        curve(name, every, coded, rows, true)
        if settings is OURS:
            checked_curve(hashed, copies, coded, rows, true)


if __name__ == "__main__":
    main()
