"""Copies of a picture must not lie on both sides of a split: recognising them is no recognition.

Where a source is split in two, the groups that ``dedup`` found in it go to one side as a whole, and no image is lost.
What is left, or came from elsewhere, is told by the same rule: labelled training images that repeat a test image are
held out of all draws of labels, and copies among the training images are drawn for the same purpose.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ID, PLACE
from dcgan_pipeline.dedup.groups import Hashed, components, find_duplicates
from dcgan_pipeline.dedup.known import find_known
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.crop import place_of
from dcgan_pipeline.imaging.sources import NO_LABEL, ImageSource, SubsetSource

logger = logging.getLogger(__name__)

MOVED = "moved"  # the attribute of labelled records that says how many images are not where the split drew them
COPIES = "copies"  # the attribute by which labels say whether copies are held out of the draws or kept


@dataclass(frozen=True)
class Parts:
    """Both parts of a labelled source, or two sources."""

    train: ImageSource
    test: ImageSource
    moved: int = 0
    """Images that are where their copies are, and not where they were drawn."""


def keep_groups_together(split: Parts, records: pd.DataFrame, duplicates: pd.DataFrame) -> Parts:
    """Move every copy to the side to which the split drew the one that stays for its group.

    Two sources, or a source that is not the one whose images were grouped, stay as they are.

    Parameters
    ----------
    records, duplicates
        Of the training images of the GAN: what ``preprocess`` and ``dedup`` made of the same source.

    Raises
    ------
    InputError
        Where all images of a class are copies of one picture.
    """
    train, test = split.train, split.test
    if not (isinstance(train, SubsetSource) and isinstance(test, SubsetSource)):
        return split
    if train.source.fingerprint() != test.source.fingerprint() or records.attrs.get(PLACE) != place_of(train):
        return split
    source = train.source
    side = np.full(len(source), -1)  # 0: train, 1: test
    side[train.rows], side[test.rows] = 0, 1
    side[source.labels == NO_LABEL] = -1
    rows, first = _groups_of(source, records, duplicates)
    drawn = side >= 0
    rows, first = rows[drawn[rows] & drawn[first]], first[drawn[rows] & drawn[first]]
    moved = rows[side[rows] != side[first]]
    if not len(moved):
        return split
    side[rows] = side[first]
    _check_classes(source, side)
    unlabelled = train.rows[source.labels[train.rows] == NO_LABEL]
    parts = np.union1d(np.flatnonzero(side == 0), unlabelled), np.flatnonzero(side == 1)
    train, test = (SubsetSource(source, part.astype(np.int64)) for part in parts)
    return Parts(train, test, len(moved))


def _groups_of(
    source: ImageSource, records: pd.DataFrame, duplicates: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a source whose pictures are in a group, and for each the labelled row that decides for the group.

    An image with several regions joins their groups.
    """
    members = duplicates.sort_values(["kept", "row"], ascending=[False, True])
    names = records["source"].to_numpy()[members["row"]]
    wanted = set(names)
    places = {name: row for row, name in enumerate(source.names) if name in wanted}
    here = np.array([name in places for name in names], bool)
    at = np.array([places[name] for name in names[here]], np.int64)
    groups = len(source) + members["group"].to_numpy()[here]  # numbers of their own beside the rows
    joined, component = components(at, groups)
    of_row = dict(zip(joined.tolist(), component.tolist(), strict=True))
    labelled = at[source.labels[at] != NO_LABEL]
    first: dict[int, int] = {}
    for row in labelled.tolist():  # what stays comes first
        first.setdefault(of_row[row], row)
    rows = np.unique(labelled)
    return rows, np.array([first[of_row[row]] for row in rows.tolist()], np.int64)


def _check_classes(source: ImageSource, side: NDArray[np.int64]) -> None:
    both = [set(source.labels[side == part].tolist()) for part in (0, 1)]
    if alone := both[0] ^ both[1]:
        name = source.classes[min(alone)]
        raise InputError(
            f"a split needs two different pictures a class, and all images of class {name} in {source.location} are "
            "copies of one another; add others, remove the class, or set features.copies: keep"
        )


def mark_copies(
    train: Hashed, test: Hashed, settings: DedupSettings, hold_out: bool
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Find the labelled training images that repeat a test image, and those that repeat one another.

    Parameters
    ----------
    train, test
        Both labelled sets, hashed by one encoder; their records have row, source, label and class.
    hold_out
        Whether copies change the draws of labels, or are counted only.

    Returns
    -------
    labels_train, labels_test
        row, source, label, class; for training images also ``picture`` (int64: copies have the same number, and are
        drawn for the same purpose), ``copy_of`` (the test image that it repeats, or empty) and ``held_out`` (bool).
    metrics
        How many images were moved to their copies' side of the split (as the records say), how many training images
        repeat a test image, how many of them were held out, and how many of them have another label.
    """
    rule = settings.model_copy(update={"always_keep": (), "keep": "earliest"})
    labels_train, labels_test = (_labels(side.records, hold_out) for side in (train, test))
    known = find_known(train, test, rule)
    rows, others = known["row"].to_numpy(), known["known_row"].to_numpy()
    picture, copy_of, held_out = np.arange(len(labels_train)), np.full(len(labels_train), "", object), np.zeros(1, bool)
    copy_of[rows] = labels_test["source"].to_numpy()[others]
    if hold_out:
        duplicates = find_duplicates(train, rule)
        first = duplicates.groupby("group")["row"].transform("min")
        picture[duplicates["row"]] = first
        held_out = copy_of != ""
    labels_train["picture"] = picture.astype(np.int64)
    labels_train["copy_of"] = pd.Series(copy_of, dtype="str")
    labels_train["held_out"] = np.broadcast_to(held_out, len(labels_train))
    conflicts = labels_train["class"].to_numpy()[rows] != labels_test["class"].to_numpy()[others]
    moved = train.records.attrs.get(MOVED, 0)
    _say(labels_train, moved, len(rows), int(conflicts.sum()), hold_out)
    return (
        labels_train,
        labels_test,
        {
            "features.copies_moved": float(moved),
            "features.copies": float(len(rows)),
            "features.copies_held_out": float(labels_train["held_out"].sum()),
            "features.label_conflicts": float(conflicts.sum()),
        },
    )


def _labels(records: pd.DataFrame, hold_out: bool) -> pd.DataFrame:
    labels = records[["row", "source", "label", "class"]].astype({"class": "str"})
    labels.attrs = {ID: records.attrs[ID], COPIES: "hold_out" if hold_out else "keep"}
    return labels


def _say(labels: pd.DataFrame, moved: int, copies: int, conflicts: int, hold_out: bool) -> None:
    if moved:
        logger.info("%d labelled images went to the side of the split on which their copies are", moved)
    logger.info(
        "%d of %d labelled training images repeat a test image, and %s",
        copies,
        len(labels),
        "are held out of all draws of labels" if hold_out else "stay (features.copies: keep)",
    )
    if conflicts:
        logger.warning("%d of them have another label than the test image (column copy_of of labels_train)", conflicts)
