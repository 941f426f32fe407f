"""The paper's protocol for MNIST: samples as the reference set of a 1-nearest-neighbour classifier (paper A.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.evaluation.compare import LabelledRows
from dcgan_pipeline.evaluation.features import learned_from
from dcgan_pipeline.evaluation.nearest import Labelled, nearest_labels, samples_with_labels
from dcgan_pipeline.evaluation.report import TYPES, row_of
from dcgan_pipeline.gan.conditional import class_names
from dcgan_pipeline.gan.sampling import BATCH
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.weights import Weights

SAMPLES, REAL = "samples of the generator", "real images"
_BATCH = 4096  # real images at once


def judge_references(
    gan: Weights,
    real_train: ShardedArray,
    real_test: ShardedArray,
    labels: LabelledRows,
    sizes: Sequence[int],
    seed: int,
    device: torch.device,
) -> pd.DataFrame:
    """Classify the real test images by their nearest neighbour, among samples and among real training images.

    Parameters
    ----------
    gan
        Conditional: a sample's label is what it was drawn for.
    real_train, real_test
        uint8 of shape (N, C, S, S) and (M, C, S, S).
    sizes
        Numbers of samples, ascending. Real images are all, and as many as each size that there are.

    Returns
    -------
    DataFrame
        As :func:`dcgan_pipeline.evaluation.report.tabulate`; ``labels`` is the size of the reference set.

    Raises
    ------
    InputError
        Where the GAN is not conditional, or knows other classes or another shape than those of the images.
    """
    named = _numbered(gan, labels.classes)
    queries, truth = real_test[:], labels.test
    shape = gan.settings["architecture"]
    if queries.shape[1:] != (shape["channels"], shape["image_size"], shape["image_size"]):
        raise InputError(
            f"real images must be {shape['channels']} x {shape['image_size']} x {shape['image_size']}, as the samples "
            f"are, got {' x '.join(map(str, queries.shape[1:]))}; set preprocess as it was in training"
        )
    drawn = samples_with_labels(gan, sizes[-1], seed, device, named)
    drawn = track(drawn, "1-NN: samples", -(-sizes[-1] // BATCH))
    by_samples = nearest_labels(queries, drawn, sizes, device)
    order = numpy_stream(seed, "real references").permutation(len(real_train))  # piles lie sorted by class
    if labels.pictures is not None:
        order = order[labels.pictures[order] >= 0]
    real_sizes = sorted({*(size for size in sizes if size < len(order)), len(order)})
    by_real = nearest_labels(queries, _real(real_train, labels.train, order), real_sizes, device)
    rows = [
        row_of(name, trained_on, size, float((called == truth).mean() * 100))
        for name, trained_on, found in ((SAMPLES, learned_from(gan), by_samples), (REAL, "nothing", by_real))
        for size, called in found.items()
    ]
    return pd.DataFrame(rows).astype(TYPES)


def _numbered(gan: Weights, classes: Sequence[str]) -> NDArray[np.int64]:
    """Number the classes that the GAN knows as the labelled images do, int64 (its classes,): by their names.

    A GAN without names counts as the images do.
    """
    known = class_names(gan.settings)
    if known and not gan.settings.get("classes") and len(known) == len(classes):
        return np.arange(len(known))
    if known and set(known) != set(classes):
        alone = [
            f"{shortened(sorted(names))} {what}"
            for names, what in ((set(known) - set(classes), "only it"), (set(classes) - set(known), "only they"))
            if names
        ]
        raise InputError(
            f"the generator must know the classes of the labelled images, and these are known to one of them: "
            f"{'; '.join(alone)}; use the images that it was trained on"
        )
    return np.array([classes.index(name) for name in known], np.int64)


def _real(images: ShardedArray, labels: NDArray[np.int64], order: NDArray[np.int64]) -> Iterator[Labelled]:
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        yield images[rows], labels[rows]
