"""Time and memory of grouping codes, from a million to a hundred million.

    python benchmarks/grouping.py                 # 10^6, 10^7, 10^8 codes; 10^8 need about 5 GB of disk
    python benchmarks/grouping.py 1e6 --radius 3

Codes of 128 bits drawn at random, a tenth of them copies of others, and a tenth of those two bits away. Each size
runs in a process of its own, limited to 2 GB for DuckDB; the peak is the whole process's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.dedup.neighbours import code_tables

SHARD = 1 << 20


def write_codes(count: int, folder: Path) -> ShardedArray:
    """Random codes, shard by shard; in each a tenth are copies of the shard's own first rows."""

    def chunks() -> Any:
        for number, start in enumerate(range(0, count, SHARD)):
            generator = np.random.default_rng(number)
            codes = generator.integers(0, 256, (min(SHARD, count - start), 16), dtype=np.uint8)
            copies = len(codes) // 10
            codes[-copies:] = codes[:copies]
            codes[-(copies // 10) :, 0] ^= 3  # two bits
            yield codes[generator.permutation(len(codes))]

    write_shards(ArrayChunks(chunks()), folder, SHARD)
    return ShardedArray(folder)


def measure(count: int, radius: int, memory: str, answer: Any) -> None:
    """Group once, in this process."""
    with tempfile.TemporaryDirectory() as place:
        codes = write_codes(count, Path(place) / "codes")
        start = time.perf_counter()
        with code_tables(16, memory, Path(place)) as tables:
            tables.add("codes", codes)
            found = len(tables.equal_codes("codes")[0])
            pairs = 0
            if radius:
                pairs = sum(len(part[0]) for part in tables.near_codes("codes", "codes", radius, 0))
        answer.put(
            (time.perf_counter() - start, found, pairs, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=float, nargs="*", default=[1e6, 1e7, 1e8])
    parser.add_argument("--radius", type=int, default=0)
    parser.add_argument("--memory", default="2GB")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, radius {arguments.radius}, DuckDB limited to {arguments.memory}\n")
    print("| codes | in shared codes | near pairs | time / first | per code / first | peak GiB |")
    print("|---|---|---|---|---|---|")
    first: tuple[float, int] | None = None
    for size in arguments.sizes:
        count = int(size)
        context = multiprocessing.get_context("spawn")
        answer = context.Queue()
        process = context.Process(target=measure, args=(count, arguments.radius, arguments.memory, answer))
        process.start()
        seconds, found, pairs, peak = answer.get()
        process.join()
        first = first or (seconds, count)
        ratio = seconds / first[0]
        print(
            f"| {count:,} | {found:,} | {pairs:,} | {ratio:.1f} | {ratio * first[1] / count:.2f} | {peak:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
