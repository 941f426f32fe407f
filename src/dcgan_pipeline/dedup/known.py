"""New images against sets that were hashed before: the old ones are neither read nor hashed again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcgan_pipeline.arrays import PLACE
from dcgan_pipeline.dedup.groups import Hashed, Rows, agree
from dcgan_pipeline.dedup.neighbours import code_tables
from dcgan_pipeline.dedup.settings import DedupSettings


def find_known(new: Hashed, known: Hashed, settings: DedupSettings, elsewhere: bool = False) -> pd.DataFrame:
    """Look new images up among known ones.

    Both must be hashed by the same encoder. Candidates and their check are those of
    :func:`~dcgan_pipeline.dedup.groups.find_duplicates`.

    Parameters
    ----------
    elsewhere
        Leave out known images that are among the new ones, at the same place and of the same name: a folder that has
        grown would be known from itself. An image whose file became another picture is no longer there.

    Returns
    -------
    DataFrame
        One row a new image that is known, ordered by row: row, known_row, distance (int64). Of several known images
        the nearest code is named, and of equals the earliest.
    """
    found = [np.empty((0, 3), np.int64)]
    with code_tables(new.codes.shape[1], settings.memory) as tables:
        tables.add("new", new.codes)
        tables.add("known", known.codes)
        for a, b, distance in tables.near_codes("new", "known", settings.radius, settings.probes):
            same = agree(new, known, a, b, settings)
            found.append(np.stack([a[same], b[same], distance[same]], axis=1))
    table = pd.DataFrame(np.concatenate(found), columns=["row", "known_row", "distance"])
    if elsewhere and new.records.attrs.get(PLACE, "here") == known.records.attrs.get(PLACE, "unknown"):
        names = (side.records["source"].to_numpy() for side in (new, known))
        ours, theirs = (side[table[key]] for side, key in zip(names, ("row", "known_row"), strict=True))
        table = table[~table["known_row"].isin(table.loc[ours == theirs, "known_row"])]
    table = table.sort_values(["row", "distance", "known_row"])
    return table.drop_duplicates("row").reset_index(drop=True)


def drop_known(
    duplicates: pd.DataFrame, known: pd.DataFrame, sources: pd.Series, name: str, always: Rows
) -> pd.DataFrame:
    """Add to the duplicates among new images those that are known; a group with a known member goes as a whole.

    Parameters
    ----------
    duplicates
        As :func:`~dcgan_pipeline.dedup.groups.find_duplicates` made it, or as this function did for another set.
    known
        As :func:`find_known` made it.
    sources
        Where the images of the known set came from, by their rows.
    name
        The known set's own name; it precedes its sources in the column ``known``.
    always
        Rows that stay all the same.
    """
    table = duplicates.copy()
    if "known" not in table:
        table["known"] = ""
    named = pd.Series([f"{name}: {source}" for source in sources.iloc[known["known_row"]]], known["row"], dtype="str")
    alone = known[~known["row"].isin(table["row"])]
    first = int(table["group"].max()) + 1 if len(table) else 0
    rows = alone["row"].to_numpy()
    added = pd.DataFrame(
        {
            "row": rows,
            "group": np.arange(first, first + len(rows)),
            "representative": rows,
            "distance": alone["distance"].to_numpy(),
            "similarity": np.nan,
            "kept": False,
            "known": named.loc[rows].to_numpy(),
        }
    )
    listed = table["row"].isin(named.index) & (table["known"] == "")
    table.loc[listed, "known"] = named.loc[table.loc[listed, "row"]].to_numpy()
    table = pd.concat([table, added], ignore_index=True).astype({"known": "str", "kept": "bool", "group": "int64"})
    gone = table["group"].isin(table.loc[table["known"] != "", "group"])
    table.loc[gone, "kept"] = table.loc[gone, "row"].isin(always)
    table.attrs = dict(duplicates.attrs)
    return table
