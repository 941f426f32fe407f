"""Equal and near codes, found by DuckDB: hashed joins that spill to disk, and never all pairs.

Near codes by bands: of two codes of 128 bits that differ in at most 7, cut into 8 bands, one band is equal. So only
codes with a band in common are compared. Looking each band up with up to ``probes`` of its bits flipped finds codes
that differ in more (Norouzi, Punjani & Fleet 2012, multi-index hashing). Bands have log2(N) bits, so that few codes
share one.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.progress import track

logger = logging.getLogger(__name__)

WORD = 64
_CHUNK = 1 << 20  # rows at once


@dataclass(frozen=True)
class Band:
    """Some neighbouring bits of a code."""

    word: int
    shift: int
    width: int

    def of(self, table: str) -> str:
        """SQL of its value."""
        return f"(({table}.w{self.word} >> {self.shift}) & {2**self.width - 1})"


class CodeTables:
    """Codes in DuckDB, one row a code: ``row`` and the words ``w0``, ``w1``... of 64 bits."""

    def __init__(self, connection: Any, code_bytes: int) -> None:
        self.connection, self.bits = connection, 8 * code_bytes
        self.words = [f"w{k}" for k in range(-(-code_bytes // 8))]

    def add(self, name: str, codes: ShardedArray) -> None:
        """Load codes, shard by shard, as a table of this name."""
        columns = ", ".join(f"{word} UBIGINT" for word in self.words)
        self.connection.execute(f"CREATE TABLE {name} (row BIGINT, {columns})")
        start = 0
        for chunk in copy.copy(codes).batches(_CHUNK):  # a copy has maps of its own, and what they hold goes with it
            self._append(name, np.arange(start, start + len(chunk)), chunk)
            start += len(chunk)

    def add_rows(self, name: str, rows: NDArray[np.int64], codes: ShardedArray) -> None:
        """Load the codes of some rows."""
        self.connection.execute(f"CREATE TABLE {name} (row BIGINT, {', '.join(w + ' UBIGINT' for w in self.words)})")
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            self._append(name, part, codes[part])

    def _append(self, name: str, rows: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
        import pyarrow

        words = as_words(codes)
        columns = {"row": rows, **{word: np.ascontiguousarray(words[:, k]) for k, word in enumerate(self.words)}}
        self.connection.register("chunk", pyarrow.table(columns))
        self.connection.execute(f"INSERT INTO {name} SELECT * FROM chunk")
        self.connection.unregister("chunk")

    def equal_codes(self, table: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows whose code is not theirs alone, and the first row of that code; ordered by both."""
        words = ", ".join(self.words)
        found = self.connection.execute(
            f"WITH shared AS (SELECT {words}, min(row) AS first FROM {table} GROUP BY {words} HAVING count(*) > 1) "
            f"SELECT row, first FROM {table} JOIN shared USING ({words})"
        ).fetchnumpy()
        rows, first = (np.asarray(found[key], dtype=np.int64) for key in ("row", "first"))
        order = np.lexsort((rows, first))
        return rows[order], first[order]

    def near_codes(
        self, left: str, right: str, radius: int, probes: int, rows: int | None = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs of rows whose codes differ in at most ``radius`` bits, each once: (left, right, distance).

        Within one table a pair comes once, the lower row first. All pairs of at most :func:`sure_radius` bits are
        found, and most of the farther ones. ``rows`` is the size that the bands are cut for: that of the larger table,
        or of the one that it stands for.
        """
        rows = rows or max(self.connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in (left, right))
        bands = cut_into_bands(self.bits, rows)
        flips = min(probes, radius // len(bands))
        sure = sure_radius(len(bands), flips)
        if sure < radius:
            logger.debug("all pairs of codes within %d bits are found, and most of those within %d", sure, radius)
        once = " AND a.row < b.row" if left == right else ""
        # DuckDB counts bits in one byte, and two words may differ in 128.
        distance = " + ".join(f"bit_count(xor(a.{w}, b.{w}))::INTEGER" for w in self.words)
        for k, band in enumerate(track(bands, f"dedup: near codes of {left}", len(bands))):
            self._load_masks(band.width, flips)
            earlier = "".join(f" AND bit_count(xor({e.of('a')}, {e.of('b')})) > {flips}" for e in bands[:k])
            probing = f"SELECT c.*, xor({band.of('c')}, masks.mask) AS probe FROM {left} c, masks"
            keyed = f"SELECT c.*, {band.of('c')} AS key FROM {right} c"
            result = self.connection.sql(
                f"SELECT a.row AS a, b.row AS b, {distance} AS distance FROM ({probing}) a JOIN ({keyed}) b "
                f"ON a.probe = b.key{once} WHERE {distance} <= {radius}{earlier}"
            )
            for part in result.to_arrow_reader(_CHUNK):
                a, b, bits = (column.to_numpy(zero_copy_only=False).astype(np.int64) for column in part.columns)
                yield a, b, bits

    def _load_masks(self, width: int, flips: int) -> None:
        masks = [sum(1 << bit for bit in bits) for k in range(flips + 1) for bits in combinations(range(width), k)]
        values = ", ".join(f"({mask}::UBIGINT)" for mask in masks)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE masks AS SELECT * FROM (VALUES {values}) AS t(mask)")


@contextmanager
def code_tables(code_bytes: int, memory: str, folder: Path | None = None) -> Iterator[CodeTables]:
    """Open an empty database in a temporary folder that goes with the block.

    Raises
    ------
    InputError
        Where the disk is full.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="dedup-", dir=folder) as place:
        settings: dict[str, Any] = {
            "memory_limit": memory,
            "temp_directory": place,
            "threads": len(os.sched_getaffinity(0)),
        }
        connection = duckdb.connect(f"{place}/codes.duckdb", config=settings)
        connection.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        try:
            yield CodeTables(connection, code_bytes)
        except duckdb.OutOfMemoryException as error:
            raise InputError(
                f"dedup.memory must be enough to group the codes, and {memory} is not "
                f"({first_line(error)}); raise it, or free disk space in {tempfile.gettempdir()}"
            ) from None
        finally:
            connection.close()


def cut_into_bands(bits: int, rows: int) -> list[Band]:
    """Cut a code into as many bands as have log2(rows) bits, and not across words of 64."""
    wanted = max(1, math.ceil(math.log2(max(rows, 2))))
    bands = []
    for word, start in enumerate(range(0, bits, WORD)):
        size = min(WORD, bits - start)
        count = max(1, size // wanted)
        edges = [size * k // count for k in range(count + 1)]
        bands += [Band(word, low, high - low) for low, high in pairwise(edges)]
    return bands


def sure_radius(bands: int, flips: int) -> int:
    """The distance up to which every pair has a band with at most ``flips`` differences (pigeonhole)."""
    return bands * (flips + 1) - 1


def as_words(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """View (n, bytes) uint8 as (n, words) uint64, padded with zeros to whole words."""
    padded = np.zeros((len(codes), -(-codes.shape[1] // 8) * 8), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded.view("<u8").astype(np.uint64)


def hamming(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count differing bits of packed codes, row by row."""
    return np.bitwise_count(first ^ second).sum(axis=1, dtype=np.int64)
