"""Groups of duplicates: equal codes (paper 4.1.1), near codes where a radius is set, both checked on request.

A node is a set of rows with one code that are the same picture; an edge joins two near nodes whose pictures agree; a
group is a connected component. The ends of a chain may be different pictures, so a group keeps as many images as it
takes for every removed one to be a duplicate of one that stays. Nothing depends on the order of the images but which
of equals stays.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.dedup.colours import colour_similarity
from dcgan_pipeline.dedup.neighbours import code_tables, hamming
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.dedup.similarity import mostly_plain, similarity
from dcgan_pipeline.dedup.subjects import subject_similarity
from dcgan_pipeline.errors import InputError, shortened

logger = logging.getLogger(__name__)

Rows = NDArray[np.int64]

_PAIRS = 1 << 14  # compared at once
_CENTRES = 32  # pictures of one code that others are compared with; what is like none of them stays


@dataclass(frozen=True)
class Hashed:
    """A set of images as ``dedup`` sees it; row i of each is the same image."""

    codes: ShardedArray
    thumbnails: ShardedArray
    records: pd.DataFrame
    images: ShardedArray
    """uint8 (N, C, S, S), the finest pixels that are stored; the thumbnails where there are no others."""


def find_duplicates(hashed: Hashed, settings: DedupSettings) -> pd.DataFrame:
    """Group the images that are the same picture, and keep of each group as many as it takes.

    Returns
    -------
    DataFrame
        One row a member of a group of two or more, ordered by group and row: row, group (int64, numbered from 0 in
        the order of their first rows), representative (the row that stays for it, or itself), distance (int64,
        Hamming, from the representative's code), similarity (float64, as :func:`compare`), kept (bool). All images
        that are not listed stay; ``attrs["images"]`` is the number of all.

    Raises
    ------
    InputError
        Where ``always_keep`` names an image that is not there.
    """
    first, second = _edges(hashed, settings)
    members, group = components(first, second)
    score = _scores(members, hashed, settings.keep)
    table = pd.DataFrame({"row": members, "group": pd.factorize(group)[0].astype(np.int64)})
    table["representative"] = _representatives(members, group, score, hashed, settings)
    table = table.sort_values(["group", "row"], ignore_index=True)
    rows, kept = table["row"].to_numpy(), table["representative"].to_numpy()
    table["distance"] = _by_chunks(lambda a, b: hamming(hashed.codes[a], hashed.codes[b]), rows, kept, np.int64)
    table["similarity"] = compare(hashed, hashed, rows, kept)
    table["kept"] = (rows == kept) | np.isin(rows, rows_of(settings.always_keep, hashed.records))
    table.attrs = {**hashed.codes.attrs, "images": len(hashed.codes)}
    return table


def _edges(hashed: Hashed, settings: DedupSettings) -> tuple[Rows, Rows]:
    """Pairs of rows that are duplicates; their components are the groups."""
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    with code_tables(hashed.codes.shape[1], settings.memory) as tables:
        tables.add("codes", hashed.codes)
        rows, code = tables.equal_codes("codes")
        centre, single = code, rows[:0]
        if settings.min_similarity is not None:
            centre, single = _agreeing(rows, code, hashed, settings)
        firsts.append(rows)
        seconds.append(centre)
        if settings.radius:
            others = np.concatenate([rows[rows != centre], single])  # a node is known by its centre
            tables.connection.register("others", pd.DataFrame({"row": others}))
            tables.connection.execute("CREATE TABLE nodes AS SELECT * FROM codes ANTI JOIN others USING (row)")
            for a, b, _ in tables.near_codes("nodes", "nodes", settings.radius, settings.probes):
                same = agree(hashed, hashed, a, b, settings)
                firsts.append(a[same])
                seconds.append(b[same])
    return np.concatenate(firsts), np.concatenate(seconds)


def _agreeing(rows: Rows, code: Rows, hashed: Hashed, settings: DedupSettings) -> tuple[Rows, Rows]:
    """Split images of one code into sets of one picture.

    Returns each row's centre, itself where it is alone, and the rows of codes of too many pictures that were given up:
    looking for what is near to them would be all pairs. The centre is the picture of the lowest digest, not of the
    lowest row: the order of the images must not matter.
    """
    centre = rows.copy()
    digest = np.array([hashlib.blake2b(hashed.thumbnails[row].tobytes(), digest_size=8).digest() for row in rows], "S8")
    left = np.lexsort((rows, digest, code))
    for _ in range(_CENTRES):
        if not len(left):
            break
        head = np.repeat(*_heads(left, code))
        same = agree(hashed, hashed, rows[left], rows[head], settings) | (left == head)
        centre[left[same]] = rows[head[same]]
        left = left[~same]
    if len(left):
        logger.warning("%d images share codes with more than %d different pictures, and stay", len(left), _CENTRES)
    return centre, rows[left]


def agree(a: Hashed, b: Hashed, rows_a: Rows, rows_b: Rows, settings: DedupSettings) -> NDArray[np.bool_]:
    """Say which candidates are duplicates: all of them, or those that are like enough."""
    if settings.min_similarity is None:
        return np.ones(len(rows_a), bool)
    return compare(a, b, rows_a, rows_b) >= settings.min_similarity


def compare(a: Hashed, b: Hashed, rows_a: Rows, rows_b: Rows) -> NDArray[np.float64]:
    """Correlate the thumbnails of pairs, float64 (n,).

    Their colours have a say, too; where both are mostly plain, so have their subjects.
    """
    finer = a.images.shape[1:] == b.images.shape[1:] and a.images.shape[-1] > a.thumbnails.shape[-1]
    pixels = (a.images, b.images) if finer else (a.thumbnails, b.thumbnails)

    def look(i: Rows, j: Rows) -> NDArray[np.float64]:
        first, second = a.thumbnails[i], b.thumbnails[j]
        found = similarity(first, second)
        alike = np.flatnonzero(found > 0)
        found[alike] = np.minimum(found[alike], colour_similarity(first[alike], second[alike]))
        close = np.flatnonzero((found > 0) & mostly_plain(first) & mostly_plain(second))
        found[close] = np.minimum(found[close], subject_similarity(pixels[0][i[close]], pixels[1][j[close]]))
        return found

    return _by_chunks(look, rows_a, rows_b, np.float64)


def _by_chunks(function, first: Rows, second: Rows, dtype: type) -> np.ndarray:  # type: ignore[no-untyped-def]
    found: np.ndarray = np.empty(len(first), dtype)
    for start in range(0, len(first), _PAIRS):
        part = slice(start, start + _PAIRS)
        found[part] = function(first[part], second[part])
    return found


def components(first: Rows, second: Rows) -> tuple[Rows, Rows]:
    """Find the rows that edges join, ascending, and the number of the component of each."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    apart = first != second
    first, second = first[apart], second[apart]
    rows, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    shape = (len(rows), len(rows))
    ones = np.ones(len(first), np.int8)
    graph = coo_array((ones, (places[: len(first)], places[len(first) :])), shape=shape)
    group = connected_components(graph, directed=False)[1] if len(rows) else np.empty(0)
    return rows.astype(np.int64), group.astype(np.int64)


def _scores(rows: Rows, hashed: Hashed, keep: str) -> NDArray[np.float64]:
    """How much each row deserves to stay; of equals the earliest does."""
    if keep == "largest":
        sides = hashed.records[["width", "height"]].to_numpy(np.float64)
        size = sides[:, 0] * sides[:, 1]
        return size[rows]
    return sharpness(hashed.images, rows) if keep == "sharpest" else np.zeros(len(rows))


def _representatives(
    rows: Rows, group: Rows, score: NDArray[np.float64], hashed: Hashed, settings: DedupSettings
) -> Rows:
    """Let the best of each group stay, with it go its duplicates; then the best of the rest, until none is left."""
    representative = rows.copy()
    left = np.lexsort((rows, -score, group))
    while len(left):
        best = np.repeat(*_heads(left, group))
        gone = _duplicate_of(rows[left], rows[best], hashed, settings)
        representative[left[gone]] = rows[best[gone]]
        left = left[~gone & (left != best)]
    return representative


def _heads(left: Rows, key: Rows) -> tuple[Rows, Rows]:
    """The first place of each run of equal keys, and the lengths of the runs."""
    starts = np.flatnonzero(np.r_[True, key[left][1:] != key[left][:-1]])
    return left[starts], np.diff(np.r_[starts, len(left)])


def _duplicate_of(rows: Rows, others: Rows, hashed: Hashed, settings: DedupSettings) -> NDArray[np.bool_]:
    if settings.min_similarity is not None:
        return agree(hashed, hashed, rows, others, settings)
    return _by_chunks(lambda a, b: hamming(hashed.codes[a], hashed.codes[b]), rows, others, np.int64) <= settings.radius


def sharpness(images: ShardedArray, rows: Rows) -> NDArray[np.float64]:
    """Variance of the Laplacian of the grey image (Pech-Pacheco et al. 2000), float64 (rows,)."""
    import cv2

    found = np.empty(len(rows))
    for k, row in enumerate(rows):
        grey = images[int(row)].mean(axis=0, dtype=np.float64)  # (C, S, S) -> (S, S)
        found[k] = cv2.Laplacian(grey, cv2.CV_64F).var()
    return found


def rows_of(sources: tuple[str, ...], records: pd.DataFrame) -> Rows:
    """Rows of the images of these names.

    Raises
    ------
    InputError
        Where a name is of no image.
    """
    rows = np.flatnonzero(records["source"].isin(sources).to_numpy())
    missing = set(sources) - set(records["source"].iloc[rows])
    if missing:
        raise InputError(
            f"dedup.always_keep must name images that are there, and {sorted(missing)[0]!r} is not one; "
            "take the names from dedup_report"
        )
    return rows


def describe_groups(duplicates: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """List the groups, the largest first, so that a person can look each one up, and undo it by ``always_keep``.

    Returns
    -------
    DataFrame
        group, size, kept and removed (their sources, one a line, or empty), conflict (as :func:`label_conflicts`); and
        of new images among known ones ``known``, the known images that they repeat.
    """
    sources = duplicates.assign(source=records["source"].to_numpy()[duplicates["row"]])
    report = pd.DataFrame({"size": duplicates.groupby("group")["row"].count()})
    parts = {"kept": sources[sources["kept"]], "removed": sources[~sources["kept"]]}
    for name, part in parts.items():
        report[name] = part.groupby("group")["source"].agg("\n".join).reindex(report.index, fill_value="")
    report["conflict"] = label_conflicts(duplicates, records).reindex(report.index, fill_value="").astype("str")
    if "known" in sources:
        named = sources[sources["known"] != ""].groupby("group")["known"].agg(lambda names: "\n".join(names.unique()))
        report["known"] = named.reindex(report.index, fill_value="").astype("str")
    report = report.reset_index(names="group").astype({"kept": "str", "removed": "str", "group": "int64"})
    return report.sort_values(["size", "group"], ascending=[False, True], ignore_index=True)


def label_conflicts(duplicates: pd.DataFrame, records: pd.DataFrame) -> pd.Series:
    """Find the groups whose images lie in folders of different classes: their classes, one a line, by group."""
    if "class" not in records:  # of an older version
        return pd.Series(dtype="str")
    named = duplicates[["group"]].assign(name=records["class"].astype("str").to_numpy()[duplicates["row"]])
    names = named[records["label"].to_numpy()[duplicates["row"]] >= 0].drop_duplicates()
    several = names[names.duplicated("group", keep=False)].sort_values(["group", "name"])
    return several.groupby("group")["name"].agg("\n".join)


def warn_of_conflicts(report: pd.DataFrame) -> None:
    """Say that the same picture has several labels: they contradict each other."""
    conflicts = report[report["conflict"] != ""]
    if len(conflicts):
        first = conflicts.iloc[0]
        sources = [name for name in "\n".join((first["kept"], first["removed"])).splitlines() if name]
        logger.warning(
            "%d groups of duplicates lie in folders of different classes, such as %s (%s); see the column conflict of "
            "dedup_report",
            len(conflicts),
            shortened(sources),
            ", ".join(first["conflict"].splitlines()),
        )


def measure_groups(duplicates: pd.DataFrame, report: pd.DataFrame, codes: ShardedArray) -> dict[str, float]:
    """Numbers of the report: how many stay, how many labels contradict, and how well the code's bits are used."""
    sizes = report["size"]
    removed = int((~duplicates["kept"]).sum())
    on: NDArray[np.float64] = sum(_bits_on(codes)) / len(codes)  # type: ignore[assignment]
    return {
        "dedup.images": float(len(codes)),
        "dedup.kept": float(len(codes) - removed),
        "dedup.removed": float(removed),
        "dedup.groups": float(len(sizes)),
        "dedup.largest_group": float(sizes.max()) if len(sizes) else 1.0,
        "dedup.label_conflicts": float((report["conflict"] != "").sum()),
        "dedup.mean_bits_on": float(np.sum(on)),
        "dedup.constant_bits": float(np.sum((on == 0) | (on == 1))),
    }


def _bits_on(codes: ShardedArray) -> Iterator[NDArray[np.int64]]:
    return (np.unpackbits(chunk, axis=1).sum(axis=0, dtype=np.int64) for chunk in codes.batches(1 << 18))


def kept_rows(duplicates: pd.DataFrame) -> Rows:
    """Rows of the images that stay, int64, ascending: the training set."""
    stay = np.ones(duplicates.attrs["images"], bool)
    stay[duplicates.loc[~duplicates["kept"], "row"].to_numpy()] = False
    return np.flatnonzero(stay)
