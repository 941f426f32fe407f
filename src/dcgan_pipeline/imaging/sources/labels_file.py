"""The labels of a ``dataset.json``, as StyleGAN2-ADA and StyleGAN3 pack image sets.

``{"labels": [["00000/img00000000.png", 6], ...]}``, or ``{"labels": null}`` where there are none. The folders of such a
set are chunks of so many files, and no classes.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np

from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.imaging.sources.array_source import SubsetSource
from dcgan_pipeline.imaging.sources.base import FileSource, ImageError, ImageSource
from dcgan_pipeline.imaging.sources.names import Classes
from dcgan_pipeline.imaging.sources.sieve import (
    LABELS_FILE,
    LABELS_NAME,
    NO_CLASSES,
    NO_PAIRS,
    NOT_NAMED,
    TWO_LABELS,
    UNKNOWN_NAMES,
    Reason,
    looks_like_an_image,
)

NAME = LABELS_NAME


def with_labels_of_file(source: FileSource) -> ImageSource:
    """Give the files below each ``dataset.json`` its labels; the source as it is where there is no such file.

    Raises
    ------
    InputError
        Where a ``dataset.json`` cannot be read.
    """
    if not source.has_folder_labels:
        return source
    tables = {row: table for row in source.names.rows_of_file(NAME) if (table := _read_table(source, row)) is not None}
    if not tables:
        return source
    known: dict[str, str] = {}
    counts: Counter[Reason] = Counter({LABELS_FILE: len(tables)})
    for row, table in tables.items():
        _take(known, table, source.names[row].removesuffix(NAME), counts)
    rows = np.setdiff1d(np.arange(len(source)), list(tables), assume_unique=True)
    classes, left = Classes(), set(known)
    for row in rows.tolist():
        name = source.names[row]
        classes.append(known.get(name, ""))  # two files of one name are two images, of one label
        left.discard(name)
        counts[NOT_NAMED] += bool(known) and name not in known and looks_like_an_image(name)
    counts[UNKNOWN_NAMES] = len(left)
    return SubsetSource(source, rows, counts, classes.numbered())


def _take(known: dict[str, str], table: list[Any], folder: str, counts: Counter[Reason]) -> None:
    """Add the labels of a file, by name and ``""`` for what is no class, and count those that cannot be used."""
    for pair in table:
        if not _is_pair(pair):
            counts[NO_PAIRS] += 1
            continue
        name, label = folder + pair[0].replace("\\", "/"), _class_name(pair[1])
        counts[TWO_LABELS] += known.get(name, label) != label
        counts[NO_CLASSES] += not label
        known[name] = label


def _read_table(source: FileSource, row: int) -> list[Any] | None:
    """Pairs of a name and a label, and perhaps others; None where the file is of another kind."""
    where = f"{source.names[row]} of {source.location}"
    try:
        data = source.read(row)
        document: Any = json.loads(bytes(data))
    except (ImageError, ValueError, RecursionError) as error:
        raise InputError(
            f"a {NAME} must be JSON that can be read, and {where} is not ({first_line(error)}); mend it, or rename it "
            "if it holds no labels"
        ) from None
    if not isinstance(document, dict) or "labels" not in document:
        return None
    pairs = document["labels"] or []
    if not isinstance(pairs, list) or (pairs and not any(_is_pair(pair) for pair in pairs)):
        return None
    return pairs


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)


def _class_name(label: Any) -> str:
    return str(label) if isinstance(label, int | str) and not isinstance(label, bool) else ""
