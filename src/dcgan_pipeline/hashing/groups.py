"""Groups of equal codes, in linear time (paper 4.1.1)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcgan_pipeline.arrays import ShardedArray


def group_equal_codes(codes: ShardedArray) -> pd.DataFrame:
    """Call images with equal codes duplicates, and keep the first of each group.

    Hashing finds the groups, so time grows with the number of images, and nothing depends on their order but which
    one is the first: the lowest row, always.

    Parameters
    ----------
    codes
        uint8 of shape (N, bytes).

    Returns
    -------
    DataFrame
        One row an image: row, group (int64, numbered in the order of their representatives), representative (its
        row), distance (int64, Hamming, from the representative: 0 here), kept (bool).
    """
    packed = np.concatenate([_as_words(shard) for shard in codes.shards()])  # (N, words) uint64
    keys = pd.DataFrame({k: packed[:, k] for k in range(packed.shape[1])})
    group = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy(np.int64)
    rows = np.arange(len(codes), dtype=np.int64)
    first = np.flatnonzero(~keys.duplicated())  # in the order of the groups, which are numbered as they appear
    representative = rows[first][group]
    table = pd.DataFrame(
        {
            "row": rows,
            "group": group,
            "representative": representative,
            "distance": np.zeros(len(rows), np.int64),
            "kept": representative == rows,
        }
    )
    table.attrs = dict(codes.attrs)
    return table


def _as_words(codes: np.ndarray) -> np.ndarray:
    """View (n, bytes) uint8 as (n, words) uint64, padded with zeros to whole words."""
    padded = np.zeros((len(codes), -(-codes.shape[1] // 8) * 8), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded.view(np.uint64)


def describe_groups(duplicates: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """List the groups of two or more, the largest first, so that a person can look each one up.

    Returns
    -------
    DataFrame
        group, size, kept (the source of the representative), removed (the other sources, one a line).
    """
    sizes = duplicates["group"].value_counts()
    shared = duplicates[duplicates["group"].isin(sizes.index[sizes > 1])]
    sources = shared.assign(source=records["source"].to_numpy()[shared["row"]])
    kept = sources[sources["kept"]].set_index("group")["source"]
    removed = sources[~sources["kept"]].groupby("group")["source"].agg("\n".join)
    report = pd.DataFrame({"size": sizes[kept.index], "kept": kept, "removed": removed.astype("str")})
    report = report.reset_index(names="group").sort_values(["size", "group"], ascending=[False, True])
    return report.reset_index(drop=True)


def measure_groups(duplicates: pd.DataFrame, codes: ShardedArray) -> dict[str, float]:
    """Numbers of the report: how many stay, and how well the code's bits are used."""
    sizes = duplicates["group"].value_counts()
    on = sum(np.unpackbits(shard, axis=1).sum(axis=0, dtype=np.int64) for shard in codes.shards()) / len(codes)
    return {
        "dedup.images": float(len(duplicates)),
        "dedup.kept": float(duplicates["kept"].sum()),
        "dedup.removed": float((~duplicates["kept"]).sum()),
        "dedup.groups": float((sizes > 1).sum()),
        "dedup.largest_group": float(sizes.max()),
        "dedup.mean_bits_on": float(np.sum(on)),
        "dedup.constant_bits": float(np.sum((on == 0) | (on == 1))),
    }


def kept_rows(duplicates: pd.DataFrame) -> np.ndarray:
    """Rows of the images that stay, int64, ascending: the training set."""
    return duplicates.loc[duplicates["kept"], "row"].to_numpy(np.int64)
