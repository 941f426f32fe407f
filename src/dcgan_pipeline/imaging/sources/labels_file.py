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
from dcgan_pipeline.imaging.sources.sieve import LABELS_FILE, NO_CLASSES, UNKNOWN_NAMES, Reason

NAME = "dataset.json"


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
        folder = source.names[row].removesuffix(NAME)
        for name, label in table.items():
            known[folder + name] = label
            counts[NO_CLASSES] += not label
    rows = np.setdiff1d(np.arange(len(source)), list(tables), assume_unique=True)
    labelled = Classes(known.pop(source.names[row], "") for row in rows.tolist()).numbered()
    counts[UNKNOWN_NAMES] = len(known)
    return SubsetSource(source, rows, counts, labelled)


def _read_table(source: FileSource, row: int) -> dict[str, str] | None:
    """Labels by name, ``""`` for what is no class; None where the file is of another kind."""
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
    if not (isinstance(pairs, list) and all(_is_pair(pair) for pair in pairs)):
        return None
    return {name.replace("\\", "/"): _class_name(label) for name, label in pairs}


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)


def _class_name(label: Any) -> str:
    return str(label) if isinstance(label, int | str) and not isinstance(label, bool) else ""
