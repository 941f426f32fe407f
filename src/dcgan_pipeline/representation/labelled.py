"""Labelled sets: prepared exactly as the training images, with a table of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dcgan_pipeline.arrays import ShardFiles
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings
from dcgan_pipeline.imaging.sources import NO_LABEL, ImageSource, SubsetSource


def prepare_labelled(
    source: ImageSource, faces: FacesSettings, settings: PreprocessSettings, engine: EngineSettings, work: Path
) -> tuple[ShardFiles, pd.DataFrame, pd.DataFrame]:
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
    labels
        One row an image: row, source, label (int64), class (its name).
    rejected
        One row a failure: source, reason.

    Raises
    ------
    InputError
        Where there are no labels at all.
    """
    if not source.classes:
        raise InputError(
            f"a labelled set needs images in two or more folders, one a class, and {source.location} has none; put "
            "each class in a folder of its own, or run `kedro run --pipeline=unsupervised`"
        )
    labelled = SubsetSource(source, np.flatnonzero(source.labels != NO_LABEL))
    one = faces.model_copy(update={"faces_per_image": "best"}) if faces.faces_per_image == "all" else faces
    regions = find_regions(labelled, one, engine)
    made = crop_and_resize(labelled, regions, settings, engine, work)
    for thumbnails in made.thumbnails.files:  # only the training images are hashed
        thumbnails.unlink()
    labels = made.records[["row", "source", "label"]].assign(
        **{"class": [source.classes[k] for k in made.records["label"]]}
    )
    labels.attrs = dict(made.records.attrs)
    unlabelled = [source.names[int(row)] for row in np.flatnonzero(source.labels == NO_LABEL)]
    without = pd.DataFrame({"source": unlabelled, "reason": "no label"}, dtype="str")
    rejected = pd.concat([made.rejected[["source", "reason"]], without], ignore_index=True)
    return made.images, labels, rejected
