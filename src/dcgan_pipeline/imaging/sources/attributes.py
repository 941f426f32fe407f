"""What a source knows of its images: their attributes, and where in them objects are."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError, shortened

logger = logging.getLogger(__name__)
Kind = Literal["binary", "continuous"]
Rows = NDArray[np.int64]


class KnownAttributes(ABC):
    """What is known of the images of a source, by their rows in it; it can be pickled, and is asked by workers.

    Attributes
    ----------
    names
        Of the attributes; there may be none.
    kinds
        Of each: ``binary`` or ``continuous``.
    objects
        Names of the objects whose pixels are known.
    map_scale
        Pixels of an object map for one of the picture.
    """

    names: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    objects: tuple[str, ...] = ()
    map_scale: int = 1

    @abstractmethod
    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Give the attributes of some rows, float32 (n, attributes): 0 or 1 where binary, and NaN where unknown."""

    def object_map(self, row: int) -> NDArray[np.uint8]:
        """Give the objects of an image, uint8 (H, W) over the whole picture: 0 nothing, k the k-th object."""
        raise NotImplementedError


class ClassAttributes(KnownAttributes):
    """Every class of a labelled source is a binary attribute."""

    def __init__(self, labels: Rows, classes: Sequence[str]) -> None:
        self.labels = labels
        self.names = tuple(classes)
        self.kinds = tuple("binary" for _ in classes)

    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Give 1 for the class of an image and 0 for the others; NaN where it has none."""
        labels = self.labels[rows]
        found = (labels[:, None] == np.arange(len(self.names))).astype(np.float32)
        found[labels < 0] = np.nan
        return found


class MatrixAttributes(KnownAttributes):
    """Binary attributes that lie in memory, int8 (rows, attributes)."""

    def __init__(self, matrix: NDArray[np.int8], names: Sequence[str]) -> None:
        self.matrix = matrix
        self.names = tuple(names)
        self.kinds = tuple("binary" for _ in names)

    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Give rows of the matrix."""
        return self.matrix[rows].astype(np.float32)


class SubsetAttributes(KnownAttributes):
    """Those of some rows of another source."""

    def __init__(self, known: KnownAttributes, rows: Rows) -> None:
        self.known, self.rows = known, rows
        self.names, self.kinds, self.objects = known.names, known.kinds, known.objects
        self.map_scale = known.map_scale

    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Ask the other source."""
        return self.known.values(self.rows[rows])

    def object_map(self, row: int) -> NDArray[np.uint8]:
        """Ask the other source."""
        return self.known.object_map(int(self.rows[row]))


class TableAttributes(KnownAttributes):
    """A user's CSV: a header, and a line an image: its name as the source calls it, and its attributes.

    A column of 0 and 1, -1 and 1, or true and false is a binary attribute, one of other numbers a continuous one. An
    empty cell is unknown, and so is an image without a line.

    Raises
    ------
    InputError
        Where the file is no such table, or has no line for any of the images.
    """

    def __init__(self, path: str, images: Sequence[str], location: str) -> None:
        self._images = images
        table = _read_csv(path)
        names, columns = table.iloc[:, 0].astype(str), table.iloc[:, 1:]
        if (twice := names[names.duplicated()]).size:
            raise InputError(
                f"{path} must have one line an image, got several for {twice.iloc[0]}; take the others out"
            )
        self._lines = {name: k for k, name in enumerate(names)}
        found = [_column(columns[name], f"column {name} of {path}") for name in columns]
        self.names = tuple(str(name) for name in columns)
        self.kinds = tuple(kind for kind, _ in found)
        self._values = np.stack([values for _, values in found], 1)  # (lines, attributes)
        met = sum(name in self._lines for name in images)
        if not met:
            raise InputError(
                f"the first column of {path} must name images of {location} as the source calls them, such as "
                f"{images[0]}, got {shortened(names, 2)}; correct the names"
            )
        logger.info("%s: attributes of %d of the %d images of %s", path, met, len(images), location)

    def values(self, rows: Rows) -> NDArray[np.float32]:
        """Look images up by their names."""
        found = np.full((len(rows), len(self.names)), np.nan, np.float32)
        lines = np.array([self._lines.get(self._images[int(row)], -1) for row in rows], np.int64)
        found[lines >= 0] = self._values[lines[lines >= 0]]
        return found


def _read_csv(path: str) -> pd.DataFrame:
    if not Path(path).is_file():
        raise InputError(f"a table of attributes must be a CSV file, and there is none at {path}; correct the path")
    try:
        table = pd.read_csv(path, dtype={0: str}, skipinitialspace=True)
    except (ValueError, pd.errors.ParserError) as error:  # of which a wrong encoding is one
        reason = str(error).partition("\n")[0]
        raise InputError(f"a table of attributes must be a CSV file, and {path} is none ({reason}); mend it") from None
    if table.shape[1] < 2 or not len(table):
        raise InputError(
            f"a table of attributes needs a column of names, one of an attribute, and a line an image, and {path} has "
            f"{table.shape[1]} columns and {len(table)} lines; separate columns by commas"
        )
    return table


def _column(column: pd.Series, where: str) -> tuple[Kind, NDArray[np.float32]]:
    """Kind and values of an attribute."""
    truths = column.astype(str).str.lower().map({"true": 1.0, "false": 0.0})
    numbers = pd.to_numeric(column, errors="coerce") if column.dtype != bool else truths
    if truths.notna().any():
        numbers = truths
    if (wrong := column[column.notna() & numbers.isna()]).size:
        raise InputError(f"{where} must hold numbers, or true and false, got {wrong.iloc[0]!r}; mend it")
    values = numbers.to_numpy(np.float32)
    known = set(np.unique(values[~np.isnan(values)]).tolist())
    if not np.isfinite(list(known)).all():
        raise InputError(f"{where} must hold finite numbers, got {sorted(known)[-1]}; mend it")
    if known <= {-1.0, 1.0} and -1.0 in known:
        return "binary", np.where(values == -1, np.float32(0), values)
    return ("binary" if known <= {0.0, 1.0} else "continuous"), values
