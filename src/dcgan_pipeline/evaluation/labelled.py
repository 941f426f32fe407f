"""Labelled sets: prepared exactly as the training images, with a table of labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from dcgan_pipeline.arrays import ShardFiles
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.protocol import draw_labels
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.imaging.crop import ImageSet, crop_and_resize
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
from dcgan_pipeline.imaging.sources import NO_LABEL, FileSource, ImageSource, SubsetSource


def check_labelled(train: ImageSource, test: ImageSource, settings: EvaluateSettings, seed: int) -> None:
    """Refuse labelled sets that cannot be judged, from their listings alone, before anything long starts.

    The labels are drawn as they will be, if no image is rejected.

    Raises
    ------
    InputError
        Where a set has no labels, both are the same images, the two have different classes, or there are too few
        images of a class.
    """
    if _are_the_same(train, test):
        raise InputError(
            f"test images must be others than the training images, and both are all of {train.location}; leave "
            "test_source out, and they are drawn, or name another place"
        )
    for source in (train, test):
        _check_has_labels(source)
    check_same_classes(_classes_with_images(train), _classes_with_images(test))
    if settings.classifier == "nearest":
        return
    draw_labels(train.labels[train.labels != NO_LABEL], settings, seed, train.classes)


def _are_the_same(train: ImageSource, test: ImageSource) -> bool:
    if isinstance(train, SubsetSource) and isinstance(test, SubsetSource):
        return _are_the_same(train.source, test.source) and np.array_equal(train.rows, test.rows)
    both = isinstance(train, FileSource) and isinstance(test, FileSource)
    return both and _place_of(train) == _place_of(test)


def _place_of(source: ImageSource) -> str:
    """Where a source is, whatever it was called: ``photos/`` and a link to it are ``photos``."""
    return source.location if "://" in source.location else os.path.realpath(os.path.expanduser(source.location))


def _check_has_labels(source: ImageSource) -> None:
    if not source.classes:
        raise InputError(
            f"a labelled set needs images in two or more folders, one a class, and {source.location} has none; put "
            "each class in a folder of its own, or run `kedro run --pipeline=unsupervised`"
        )


def check_same_classes(train: set[str], test: set[str]) -> None:
    """Refuse labelled sets of different classes, by their names.

    Raises
    ------
    InputError
        Naming the classes that one of the two lacks.
    """
    if train != test:
        only = f"only in train: {sorted(train - test)}; only in test: {sorted(test - train)}"
        raise InputError(f"the labelled sets must have the same classes, got {only}; name their folders alike")


def _classes_with_images(source: ImageSource) -> set[str]:
    return {source.classes[k] for k in np.unique(source.labels) if k != NO_LABEL}


def prepare_labelled(
    source: ImageSource, faces: FacesSettings, settings: PreprocessSettings, engine: EngineSettings, work: Path
) -> tuple[ShardFiles, ShardFiles, pd.DataFrame, pd.DataFrame]:
    """Cut the best region out of every labelled image and resize it.

    Parameters
    ----------
    source
        Images with labels; those without one are left out and listed as rejected.
    faces, settings
        ``params:faces`` and ``params:preprocess``, as for the training images; but an image gives one region at most,
        so that it counts once.

    Returns
    -------
    images
        uint8 of shape (N, C, S, S).
    thumbnails
        uint8 of shape (N, 3, 32, 32), as ``preprocess`` makes them of the training images.
    records
        One row an image: row, source, label (int64), class, and where it was cut out.
    rejected
        One row a failure: source, reason.

    Raises
    ------
    InputError
        Where there are no labels at all.
    """
    made = _cut_out(source, faces, settings, engine, work)
    unlabelled = [source.names[int(row)] for row in np.flatnonzero(source.labels == NO_LABEL)]
    without = pd.DataFrame({"source": unlabelled, "reason": "no label"}, dtype="str")
    rejected = pd.concat([made.rejected[["source", "reason"]], without], ignore_index=True)
    return made.images, made.thumbnails, made.records, rejected


def labelled_thumbnails(
    source: ImageSource, faces: FacesSettings, settings: PreprocessSettings, engine: EngineSettings, work: Path
) -> tuple[ShardFiles, pd.DataFrame]:
    """Make the thumbnails of a labelled set, for its codes; parameters and errors are :func:`prepare_labelled`'s.

    Returns
    -------
    thumbnails
        uint8 of shape (N, 3, 32, 32), as ``preprocess`` makes them of the training images.
    records
        One row a thumbnail: where it came from.
    """
    made = _cut_out(source, faces, settings, engine, work)
    for images in made.images.files:
        images.unlink()
    return made.thumbnails, made.records


def _cut_out(
    source: ImageSource, faces: FacesSettings, settings: PreprocessSettings, engine: EngineSettings, work: Path
) -> ImageSet:
    _check_has_labels(source)
    labelled = SubsetSource(source, np.flatnonzero(source.labels != NO_LABEL))
    one = faces.model_copy(update={"faces_per_image": "best"}) if faces.faces_per_image == "all" else faces
    return crop_and_resize(labelled, find_regions(labelled, one, engine), settings, engine, work)
