"""The training and the test images of a source: in two places, in folders ``train`` and ``test``, or drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.imaging.sources import NO_LABEL, ImageSource, SubsetSource
from dcgan_pipeline.imaging.sources.names import Classes, folders_of
from dcgan_pipeline.imaging.sources.sieve import Reason, looks_like_an_image
from dcgan_pipeline.schema import Settings

# Folders that hold the parts of a source. Validation images are the test images only where there are no others.
_TRAIN, _TEST, _VALIDATION = {"train", "training"}, {"test", "testing"}, {"val", "valid", "validation"}
_LIBRARIES = ("torchvision://", "sklearn://", "scenes://")  # their sets have no folders, and are slow to open
_NO_PART = Reason("files in neither the training nor the test folder")
_NO_PART_IMAGES = Reason(f"{_NO_PART.text}, with the endings of images", is_loss=True)


class Split(Settings):
    """One part of a source: a folder ``train`` or ``test`` where it has both, else drawn, stratified by class."""

    part: Literal["train", "test"]
    test_fraction: float | None = Field(default=0.3, gt=0, lt=1)
    """Of the labelled images; None draws nothing: a source without such folders is the part as it is."""
    seed: int = 0


class PartLocation(Settings):
    """Where test images are, in the catalog."""

    filepath: str | None = None


class Folders(NamedTuple):
    """The folders of a source that hold its parts."""

    train: set[str]
    test: set[str]
    level: int
    """How far down they are."""


def open_part(
    open_at: Callable[[str, Split | None], ImageSource],
    location: str,
    split: Split,
    test: str | None,
    test_by_default: str | None,
) -> ImageSource:
    """Open the training or the test images.

    The test images are at ``test``; else in a folder of the source; else at ``test_by_default``; else drawn.

    Parameters
    ----------
    open_at
        Opens a part of what is at a location; the whole of it where the part is None.
    """
    undrawn = split.model_copy(update={"test_fraction": None})
    if split.part == "train":
        return open_at(location, undrawn if test or test_by_default else split)
    if test:
        return open_at(test, undrawn)
    if test_by_default and not _has_folders(open_at, location):
        return open_at(test_by_default, undrawn)
    return open_at(location, split)


def _has_folders(open_at: Callable[[str, Split | None], ImageSource], location: str) -> bool:
    if location.startswith(_LIBRARIES):
        return False
    try:
        return find_folders(open_at(location, None)) is not None
    except InputError:  # nothing there: the test images do not need it
        return False


def take_part(source: ImageSource, split: Split) -> ImageSource:
    """Take a part of a source.

    Raises
    ------
    InputError
        Where the part is to be drawn, and there are no labels or too few images of a class.
    """
    folders = find_folders(source)
    if folders:
        return _take_folder(source, folders, split.part)
    return source if split.test_fraction is None else _draw(source, split, split.test_fraction)


def find_folders(source: ImageSource) -> Folders | None:
    """Find the folders of the parts, at the top or in the one folder that holds all; None unless there are both."""
    if not source.names.contain(rb"(?i)train(ing)?/"):  # quick, for sources of millions of other names
        return None
    for level in (0, 1):
        # A README beside the folders is no image that would lie outside of them.
        placed = ((_folder_at(name, source.above + level), name) for name in source.names)
        tops = {top for top, name in placed if top or looks_like_an_image(name)}
        train = {top for top in tops if top.lower() in _TRAIN}
        test = {top for top in tops if top.lower() in _TEST} or {top for top in tops if top.lower() in _VALIDATION}
        if train and test:
            return Folders(train, test, source.above + level)
        if len(tops) > 1:
            return None
    return None


def _folder_at(name: str, level: int) -> str:
    folders = folders_of(name)
    return folders[level] if len(folders) > level else ""


def _take_folder(source: ImageSource, folders: Folders, part: Literal["train", "test"]) -> ImageSource:
    """Classes are numbered over both parts, so that a number is the same class in both."""
    rows: dict[str, list[int]] = {"train": [], "test": []}
    classes, numbers = Classes(), []
    counts: Counter[Reason] = Counter()
    for row, name in enumerate(source.names):
        path = folders_of(name)
        top = path[folders.level] if len(path) > folders.level else ""
        if top in folders.train or top in folders.test:
            rows["train" if top in folders.train else "test"].append(row)
            below = path[folders.level + 1 :]
            classes.append(below[-1] if below else "")
            numbers.append(row)
        else:
            counts[_NO_PART_IMAGES if looks_like_an_image(name) else _NO_PART] += 1
    chosen = np.array(rows[part], dtype=np.int64)
    counts[_other_part(folders, part)] = len(numbers) - len(chosen)
    labelled = None
    if source.has_folder_labels:
        labels, names = classes.numbered()
        labelled = labels[np.searchsorted(numbers, chosen)], names
    return SubsetSource(source, chosen, counts, labelled)


def _other_part(folders: Folders, part: str) -> Reason:
    train, test = (", ".join(f"{name}/" for name in sorted(names)) for names in (folders.train, folders.test))
    if part == "train":
        return Reason(f"files in {test}, which is only judged on (learned from: {train})")
    return Reason(f"files in {train}, which is learned from (judged on: {test})")


def _draw(source: ImageSource, split: Split, test_fraction: float) -> SubsetSource:
    rows = _draw_rows(source, split, test_fraction)
    other = Reason(f"images drawn for the {'test' if split.part == 'train' else 'training'} part")
    return SubsetSource(source, rows, {other: len(source) - len(rows)})


def _draw_rows(source: ImageSource, split: Split, test_fraction: float) -> NDArray[np.int64]:
    from sklearn.model_selection import train_test_split

    if not source.classes:
        raise InputError(
            f"a split needs labels, and the images of {source.location} are not in two or more folders of classes; "
            "put each class in a folder of its own, or run `kedro run --pipeline=unsupervised`"
        )
    labelled, unlabelled = np.flatnonzero(source.labels != NO_LABEL), np.flatnonzero(source.labels == NO_LABEL)
    counts = np.bincount(source.labels[labelled], minlength=len(source.classes))
    if (alone := np.flatnonzero(counts == 1)).size:
        raise InputError(
            f"a split needs at least two images a class, and of {shortened(source.classes[k] for k in alone)} there is "
            f"one in {source.location}; add images of it, or take the class out"
        )
    try:
        train, test = train_test_split(
            labelled,
            test_size=test_fraction,
            random_state=split.seed,
            stratify=source.labels[labelled],
        )
    except ValueError:
        raise InputError(
            f"both parts of a split need an image of every class, got {len(labelled)} images of "
            f"{np.count_nonzero(counts)} classes in {source.location} and split.test_fraction {test_fraction:g}; "
            "add images, or change split.test_fraction in the catalog"
        ) from None
    # What has no label is listed as rejected with the training part.
    return np.sort(np.concatenate([train, unlabelled]) if split.part == "train" else test)
